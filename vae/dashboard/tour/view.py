"""The banner above a page: the present step of the tour, or a greeting on the first visit."""

from pathlib import Path

import streamlit as st

from vae.base import visitors
from vae.dashboard import server
from vae.dashboard.tour import step_number
from vae.dashboard.tour.steps import STEPS

_STYLE = Path(__file__).with_name("tour.css")
# The browser remembers that the greeting was dismissed, over sessions and restarts.
_REMEMBER = "<script>" + Path(__file__).with_name("tour.js").read_text("utf-8") + "</script>"
GREETING = (
    "**VAE Lab trains variational autoencoders before your eyes.** Press Train in the sidebar, or "
    "take the tour: five minutes, eight steps."
)
EXPLORE = (
    "**VAE Lab shows variational autoencoders from the inside.** Choose a run below and open the "
    "pages above, or begin with Learn: one idea a page."
)


def banner() -> None:
    """Show the present step of the tour, else the greeting unless it was dismissed."""
    st.html(_STYLE)
    number = step_number.current()
    if number is None:
        _greeting()
    else:
        _step(number)


def _greeting() -> None:
    with st.container(key="tour_greeting"):
        with st.container(horizontal=True, vertical_alignment="center"):
            closed = visitors.is_read_only()  # the tour trains
            st.markdown(EXPLORE if closed else GREETING, width="stretch")
            start = not closed and st.button("Take the tour", key="tour_start")
            st.button("Dismiss", key="tour_dismiss", type="tertiary")
        st.html(_REMEMBER, unsafe_allow_javascript=True)
    if start:
        _go(1)


def _step(number: int) -> None:
    step = STEPS[number - 1]
    is_last = number == len(STEPS)
    with st.container(key="tour_step", horizontal=True, vertical_alignment="center"):
        place = f"Step {number} of {len(STEPS)}"
        st.markdown(f":small[{place}] &nbsp; **{step.title}.** {step.text}", width="stretch")
        pressed = {
            number - 1: st.button("Back", key="tour_back", disabled=number == 1),
            number + 1: st.button("Finish" if is_last else "Next", key="tour_next"),
            None: not is_last and st.button("End tour", key="tour_end", type="tertiary"),
        }
    for target, is_pressed in pressed.items():
        if is_pressed:
            _go(target)


def _go(number: int | None) -> None:
    """Show a step on its page; None, or a number after the last, ends the tour."""
    if number is None or number > len(STEPS):
        step_number.show(None)
        st.rerun()
    step_number.show(number)
    st.switch_page(server.PAGES / STEPS[number - 1].page)
