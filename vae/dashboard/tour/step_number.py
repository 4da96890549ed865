"""The step of the tour that is shown, in the session and in the address: `?tour=3`."""

import streamlit as st

from vae.dashboard.tour.steps import STEPS

_NUMBER = "tour"  # of the session and of the address


def current() -> int | None:
    """Return the number of the step, from 1; None if no tour is under way.

    A new session takes it from the address; a number out of range becomes the nearest step.
    """
    if _NUMBER not in st.session_state:
        given = st.query_params.get(_NUMBER, "")
        is_number = given.isascii() and given.isdecimal() and len(given) < 9
        show(min(max(int(given), 1), len(STEPS)) if is_number else None)
    number: int | None = st.session_state[_NUMBER]
    if number is not None:  # a link of the navigation drops it from the address
        st.query_params[_NUMBER] = str(number)
    return number


def show(number: int | None) -> None:
    """Show this step; None ends the tour."""
    st.session_state[_NUMBER] = number
    if number is None:
        st.query_params.pop(_NUMBER, None)
