"""Samples: decoded samples of a source of z, and a decoded grid of latent space."""

import streamlit as st

from vae.dashboard.samples.recorded import recorded_samples
from vae.dashboard.samples.view import samples_page
from vae.dashboard.shared import html_grid
from vae.dashboard.shared.run_picker import guard_weights, pick_run

st.html(html_grid.STYLE)
run = pick_run("samples_sheet", "samples")
guard_weights(run, recorded_samples)
samples_page(run)
