"""Reconstructions: what comes back of an example after the way through latent space."""

import streamlit as st

from vae.dashboard.reconstructions.custom import own
from vae.dashboard.reconstructions.denoising import corruption
from vae.dashboard.reconstructions.examples import examples
from vae.dashboard.shared import html_grid
from vae.dashboard.shared.run_picker import guard_weights, pick_run

VIEWS = {"Examples": examples, "Your own": own, "Corruption": corruption}
HELP = (
    "Examples of the data, ranked by how surprising they are; an example of your own, drawn or "
    "from a file; or what the model restores of corrupted examples."
)

st.html(html_grid.STYLE)
run = pick_run()
guard_weights(run)
choice, line = st.columns([5, 11], vertical_alignment="center")
view = choice.segmented_control(
    "View",
    list(VIEWS),
    default="Examples",
    required=True,
    key="reconstruct_of",
    help=HELP,
    label_visibility="collapsed",
    persist_state="session",
)
VIEWS[view or "Examples"](run, line)
