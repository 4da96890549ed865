"""Stage mode: the main picture of a page fills the window in large type; Esc leaves it.

The browser hides everything else, enlarges the charts (plot/stage.js) and zooms other pictures
(stage.js). The address says `stage=on`.
"""

import json
from pathlib import Path

import streamlit as st

from vae.dashboard.shared import address, widgets
from vae.dashboard.shared.address_values import SWITCH

STATE = "stage"  # in the session: whether the stage is on
_HIDE = Path(__file__).with_suffix(".css").read_text("utf-8")
_FIT = Path(__file__).with_suffix(".js").read_text("utf-8")
_PHONE = "@media (max-width: 640px) { .st-key-stage_off { display: none; } }"  # lacks the room
HELP = "Show the main picture alone over the whole window, in large type. Esc comes back."


def stage(pictures: tuple[str, ...]) -> None:
    """Offer the stage for the containers with the keys `pictures`, or show them on it."""
    address.link(STATE, STATE, SWITCH, False)
    is_on = bool(st.session_state[STATE])
    with st.container(key=f"stage_{'on' if is_on else 'off'}", width="content"):
        widgets.press("Leave (Esc)" if is_on else "Stage", "stage_button", _switch, HELP)
    selectors = ", ".join(f".st-key-{picture}" for picture in pictures)
    style = f"<style>{_HIDE.replace('PICTURES', selectors) if is_on else _PHONE}</style>"
    script = f"<script>{_FIT}({json.dumps([is_on, selectors])});</script>"
    st.html(style + script, unsafe_allow_javascript=True)


def _switch() -> None:
    st.session_state[STATE] = not st.session_state[STATE]
