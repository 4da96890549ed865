"""The notice "Starting NAME …": it covers the page of the old run until that of the new one is
drawn.

A press on Train takes a second to reach the page of the new run. The notice is sent before
anything slow, so that the press has an answer at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st

_NAME = "starting_run"  # in the session: a new run whose page has not been drawn
# The old page keeps its room, so that nothing jumps and no chart is measured at width 0.
_STYLE = """<style>
[data-testid="stElementContainer"]:has(.vae-starting) { position: absolute; width: 100%; }
.vae-starting { padding-top: 32vh; text-align: center; font-size: 1.25rem; color: var(--muted); }
[data-testid="stElementContainer"]:has(.vae-starting)
  ~ *:not(.st-key-tour_greeting, .st-key-tour_step):not(
    :has(.st-key-tour_greeting, .st-key-tour_step)
  ) { opacity: 0 !important; pointer-events: none; }
</style>"""


def announce(name: str) -> None:
    """Show the notice in the next run of the script, until the page of this run is drawn."""
    st.session_state[_NAME] = name


@contextmanager
def notice(is_pressed: bool) -> Iterator[None]:
    """Show the notice while the block creates or draws a new run: after a press, or announced."""
    place, name = st.empty(), st.session_state.pop(_NAME, None)
    if is_pressed or name:
        words = f"Starting {escape(name)} …" if name else "Starting a new run …"
        place.html(f'<div class="vae-starting" role="status">{words}</div>{_STYLE}')
    try:
        yield
    finally:
        if _NAME not in st.session_state:
            place.empty()
