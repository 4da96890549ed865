"""Traversals: how what the decoder makes changes along paths through latent space."""

import streamlit as st

from vae.dashboard import traverse_strips
from vae.dashboard.shared.run_picker import guard_weights, pick_run
from vae.dashboard.traverse_between import interpolation
from vae.dashboard.traverse_rows import rows
from vae.dashboard.traverse_sums import arithmetic

VIEWS = {"One latent at a time": rows, "Between two": interpolation, "Arithmetic": arithmetic}
HELP = (
    "Move along one latent at a time; go from one example to another; or add the difference "
    "between the means of two classes."
)

st.html(traverse_strips.STYLE)
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
