"""The notice "Starting NAME …", which covers the old page until the page of the new run is drawn.

A press on Train takes a second to reach the page of the new run. The browser covers the old page
at the press itself; the server then sends the notice before anything slow, and later the name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import streamlit as st

_NAME = "starting_run"  # in the session: a new run whose page has not been drawn
_COVERED = Path(__file__).with_name("covered.css").read_text("utf-8")
_NOTICE = Path(__file__).with_name("starting.css").read_text("utf-8")
_STYLE = f"<style>{_NOTICE}body[data-starting] {{ {_COVERED} }}</style>"
_SCRIPT = "<script>" + Path(__file__).with_name("starting.js").read_text("utf-8") + "</script>"


def watch_presses() -> None:
    """Let the browser cover the page at a press on Train; for the sidebar."""
    st.html(_SCRIPT, unsafe_allow_javascript=True)


def announce(name: str) -> None:
    """Show the notice in the next run of the script, until the page of this run is drawn."""
    st.session_state[_NAME] = name


@contextmanager
def notice(is_pressed: bool) -> Iterator[None]:
    """Show the notice while the block creates or draws a new run: after a press, or announced."""
    st.html(_STYLE)
    place, name = st.empty(), st.session_state.pop(_NAME, None)
    if is_pressed or name:
        words = f"Starting {escape(name)} …" if name else "Starting a new run …"
        cover = f"<style>{_COVERED}</style>"  # it goes with the notice
        place.html(f'{cover}<div class="vae-starting" role="status">{words}</div>')
    try:
        yield
    finally:
        if _NAME not in st.session_state:
            place.empty()
