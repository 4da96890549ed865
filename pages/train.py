"""Train: the bound comes apart live, and the latent space organises itself."""

import streamlit as st

from vae.dashboard.shared import html_grid
from vae.dashboard.shared.run_picker import pick_run
from vae.dashboard.train.view import live_view

st.html(html_grid.STYLE)
live_view(pick_run(link=False))
