"""Sweep: a grid over one or two settings, with several seeds for each combination."""

import streamlit as st

from vae.dashboard.sidebar import choice
from vae.dashboard.sweep import chosen
from vae.dashboard.sweep.form import form
from vae.dashboard.sweep.view import FOLLOW, STYLE, choose, moving, view

st.html(STYLE)
sweep = choose()
if sweep == chosen.NEW:
    sidebar = choice.current()
    form(sidebar.config, sidebar.problem)
else:
    live = moving(sweep)

    @st.fragment(run_every=FOLLOW if live else None)
    def follow() -> None:
        """The sweep, drawn again every two seconds while a run is queued or training."""
        view(sweep)
        if live and not moving(sweep):
            st.rerun()

    follow()
