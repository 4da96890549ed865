"""Reconstructions: examples of the data, custom and corrupted examples, and missing values."""

import streamlit as st

from vae.dashboard.reconstructions.custom import custom
from vae.dashboard.reconstructions.denoising import denoising
from vae.dashboard.reconstructions.examples import examples
from vae.dashboard.reconstructions.missing import has_missing, missing
from vae.dashboard.reconstructions.recorded import recorded_reconstructions
from vae.dashboard.shared import html_grid, widgets
from vae.dashboard.shared.run_picker import guard_weights, pick_run

VIEWS = {"Examples": examples, "Custom example": custom, "Corruption": denoising}
MISSING = {"Missing values": missing}  # for data with values that were not observed
HELP = (
    "Examples of the data in a chosen order; a custom example, drawn, uploaded or typed; "
    "corrupted examples beside their reconstructions; or missing values filled in."
)

st.html(html_grid.STYLE)
run = pick_run()
guard_weights(run, recorded_reconstructions)
choice, line = st.columns([5, 11], vertical_alignment="center")
views = VIEWS | (MISSING if has_missing(run) else {})
view = widgets.segments(choice, "View", "reconstruct_of", list(views), HELP, "view")
views[view](run, line)
