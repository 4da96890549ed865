"""Traversals: decoded paths through latent space."""

import streamlit as st

from vae.dashboard.shared.run_picker import guard_weights, pick_run
from vae.dashboard.traversals import html_strips
from vae.dashboard.traversals.arithmetic import arithmetic
from vae.dashboard.traversals.interpolation import interpolation
from vae.dashboard.traversals.single_latent import single_latent

VIEWS = {
    "One latent at a time": single_latent,
    "Interpolation": interpolation,
    "Arithmetic": arithmetic,
}
FIRST = next(iter(VIEWS))
HELP = (
    "Vary one latent at a time, interpolate between two examples, or add the difference of two "
    "class means to z."
)

st.html(html_strips.STYLE)
run = pick_run()
guard_weights(run)
view = st.segmented_control(
    "Path",
    list(VIEWS),
    default=FIRST,
    required=True,
    key="traverse_view",
    help=HELP,
    label_visibility="collapsed",
    persist_state="session",
)
VIEWS[view or FIRST](run)
