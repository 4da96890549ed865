"""The place in latent space at which the sliders of the Latent space page stand, for all pages."""

import streamlit as st

from vae.base.records import Floats
from vae.runs import Run
from vae.runs.result_keys import run_key

_KEY = "chosen_place"  # (key of the run, z)


def choose(run: Run, z: Floats) -> None:
    """Store the place z (Z,) of a run; that of another run is dropped."""
    st.session_state[_KEY] = (run_key(run), z)


def chosen(run: Run) -> Floats | None:
    """Return the place (Z,) of a run, None without one."""
    owner, z = st.session_state.get(_KEY, (None, None))
    return z if owner == run_key(run) else None
