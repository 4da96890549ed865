"""Train: the terms of the bound and the latent space, live during training."""

import streamlit as st

from vae.dashboard.shared import html_grid
from vae.dashboard.shared.network_text import network_text
from vae.dashboard.shared.run_picker import pick_run_and_place
from vae.dashboard.train.controls import PROGRESS
from vae.dashboard.train.view import live_view

st.html(html_grid.STYLE)
run, header = pick_run_and_place("curves", "live_map", PROGRESS)
live_view(run, header)
network_text(run)
