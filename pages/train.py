"""Train: the bound comes apart live, and the latent space organises itself."""

import streamlit as st

from vae.dashboard import grids
from vae.dashboard.header import head
from vae.dashboard.live import live_view

st.html(grids.STYLE)
live_view(*head())
