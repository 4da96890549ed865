"""Traversals: how what the decoder makes changes along paths through latent space."""

import streamlit as st

from vae.dashboard.shared.run_picker import guard_weights, pick_run
from vae.dashboard.traversals import html_strips
from vae.dashboard.traversals.arithmetic import arithmetic
from vae.dashboard.traversals.interpolation import interpolation
from vae.dashboard.traversals.single_latent import rows

VIEWS = {"One latent at a time": rows, "Between two": interpolation, "Arithmetic": arithmetic}
HELP = (
    "Move along one latent at a time; go from one example to another; or add the difference "
    "between the means of two classes."
)

st.html(html_strips.STYLE)
run = pick_run()
guard_weights(run)
view = st.segmented_control(
    "Path",
    list(VIEWS),
    default=next(iter(VIEWS)),
    required=True,
    key="traverse_view",
    help=HELP,
    label_visibility="collapsed",
    persist_state="session",
)
VIEWS[view or next(iter(VIEWS))](run)
