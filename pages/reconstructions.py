"""Reconstructions: examples of the data, custom examples and corrupted examples, reconstructed."""

import streamlit as st

from vae.dashboard.reconstructions.custom import custom
from vae.dashboard.reconstructions.denoising import denoising
from vae.dashboard.reconstructions.examples import examples
from vae.dashboard.reconstructions.recorded import recorded_reconstructions
from vae.dashboard.shared import html_grid, widgets
from vae.dashboard.shared.run_picker import guard_weights, pick_run

VIEWS = {"Examples": examples, "Custom example": custom, "Corruption": denoising}
HELP = (
    "Examples of the data in a chosen order; a custom example, drawn, uploaded or typed; or "
    "corrupted examples beside their reconstructions."
)

st.html(html_grid.STYLE)
run = pick_run()
guard_weights(run, recorded_reconstructions)
choice, line = st.columns([5, 11], vertical_alignment="center")
view = widgets.segments(choice, "View", "reconstruct_of", list(VIEWS), HELP, "view")
VIEWS[view](run, line)
