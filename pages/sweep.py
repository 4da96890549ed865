"""Sweep: one configuration with one or two settings at several values, times several seeds."""

import streamlit as st

from vae.dashboard.sweep.form import form
from vae.dashboard.sweep.view import FOLLOW, NEW, STYLE, choose, moving, view

st.html(STYLE)
sweep = choose()
if sweep == NEW:
    asked = st.session_state.chosen
    form(asked.config, asked.problem)
    st.stop()
live = moving(sweep)


@st.fragment(run_every=FOLLOW if live else None)
def follow() -> None:
    """The sweep, looked at again while any of its runs waits or trains."""
    view(sweep)
    if live and not moving(sweep):
        st.rerun()


follow()
