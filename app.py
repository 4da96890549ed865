"""VAE Lab: `streamlit run app.py`."""

import os

os.environ.setdefault(
    "OMP_WAIT_POLICY", "PASSIVE"
)  # before torch loads: see vae/worker/launcher.py

import streamlit as st

from vae.dashboard import first_paint, gate, login, navigation, nested_address, plot, uploads
from vae.dashboard.server import MAIN, lifespan
from vae.dashboard.shared import tile_route

app = st.App(
    MAIN,
    routes=[*plot.routes(), *tile_route.routes(), *navigation.routes()],
    middleware=[
        *gate.middleware(),
        *login.middleware(),
        *uploads.middleware(),
        *first_paint.middleware(),
        *nested_address.middleware(),
    ],
    lifespan=lifespan,
)
