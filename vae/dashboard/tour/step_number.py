"""The step of the tour that is shown, in the session and in the address: `?tour=3`."""

import streamlit as st

from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import whole
from vae.dashboard.tour.steps import STEPS

_NUMBER = "tour"  # of the session and of the address; 0 without a tour
_FORM = whole(1, len(STEPS))._replace(title=lambda step: f"step {step}" if step else "no tour")


def current() -> int | None:
    """Return the number of the step, from 1; None if no tour is under way.

    An address sets it; a number out of range becomes the nearest step.
    """
    address.link(_NUMBER, _NUMBER, _FORM, 0)
    return st.session_state[_NUMBER] or None


def show(number: int | None) -> None:
    """Show this step; None ends the tour."""
    st.session_state[_NUMBER] = number or 0
