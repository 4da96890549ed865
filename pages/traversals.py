"""Traversals: decoded paths through latent space."""

import streamlit as st

from vae.dashboard.shared import widgets
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
HELP = (
    "Vary one latent at a time, interpolate between two examples, or add the difference of two "
    "class means to z."
)

st.html(html_strips.STYLE)
run = pick_run("traverse_paths", "ways", "measured")
guard_weights(run)
VIEWS[widgets.segments(st, "Path", "traverse_view", list(VIEWS), HELP, "view")](run)
