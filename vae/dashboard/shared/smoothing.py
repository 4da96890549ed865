"""The choice of smoothed curves, which Train and Compare share."""

import streamlit as st

from vae.dashboard.shared import widgets
from vae.figures.smoothing import epochs_of

KEY = "smooth"
SPANS = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)  # epochs; 0 draws the values alone
TITLES = {span: epochs_of(span) if span else "off" for span in SPANS}
HELP = (
    "Draw the exponential mean of each curve. A value that lies so many epochs back weighs 1/e of "
    "the present one; the weights sum to one, so the mean has no start value (it is debiased). "
    "More epochs: smoother, and later to follow a change. The values themselves stay visible "
    "faintly, and the pointer and every number show them, not the mean."
)


def smoothing(place: widgets.Place) -> float:
    """Return the span of the smoothed curves in epochs, 0 without smoothing; its parameter of the
    address is `smooth`."""
    return float(widgets.choose(place, "Smoothing", KEY, TITLES, 0, HELP, link="smooth"))


def span() -> float:
    """Return the chosen span in epochs, where another place shows the choice."""
    return float(st.session_state.get(KEY, 0))
