"""Stage mode: the main picture of a page fills the window in large type; Esc leaves it.

The browser hides everything else (stage.css and a style of the page), enlarges the charts
(plot/stage.js) and zooms other pictures (stage.js). The address says `stage=on`.
"""

import json
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from vae.dashboard.shared import address, widgets
from vae.dashboard.shared.address_values import SWITCH

STATE = "stage"  # in the session: whether the stage is on
_CSS = Path(__file__).with_suffix(".css").read_text("utf-8")
_PICTURES = Path(__file__).with_name("stage_pictures.css").read_text("utf-8")
_FIT = Path(__file__).with_suffix(".js").read_text("utf-8")
_PHONE = "@media (max-width: 640px) { .st-key-stage_off { display: none; } }"  # lacks the room


class Words(NamedTuple):
    """The words of the button."""

    enter: str = "Stage"
    leave: str = "Leave (Esc)"
    about: str = (
        "Show the main picture alone over the whole window, in large type. Esc comes back."
    )


_ENGLISH = Words()


def stage(pictures: tuple[str, ...], words: Words = _ENGLISH, style: str = _PICTURES) -> None:
    """Offer the stage for the containers with the keys `pictures`, or show them on it.

    `style` hides and arranges the rest of the page. An empty page (`run_picker.empty`) shows its
    sentence on the stage.
    """
    address.link(STATE, STATE, SWITCH, False)
    is_on = bool(st.session_state[STATE])
    with st.container(key=f"stage_{'on' if is_on else 'off'}", width="content"):
        label = words.leave if is_on else words.enter
        widgets.press(label, "stage_button", _switch, words.about)
    selectors = ", ".join(f".st-key-{picture}" for picture in (*pictures, "empty"))
    rules = _CSS + style.replace("PICTURES", selectors) if is_on else _PHONE
    script = f"<script>{_FIT}({json.dumps([is_on, selectors])});</script>"
    st.html(f"<style>{rules}</style>{script}", unsafe_allow_javascript=True)


def _switch() -> None:
    st.session_state[STATE] = not st.session_state[STATE]
