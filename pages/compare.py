"""Compare: all runs in one table, and the selected ones side by side."""

import streamlit as st

from vae.dashboard import server
from vae.dashboard.compare.actions import restore_menu
from vae.dashboard.compare.archive import import_menu
from vae.dashboard.compare.view import FOLLOW, STYLE, moving, view
from vae.dashboard.shared import html_grid, remedies
from vae.dashboard.shared.run_picker import empty
from vae.runs import names

st.html(html_grid.STYLE)
st.html(STYLE)
if not names(server.ROOT):
    restore_menu()
    import_menu()
    empty(
        "There is no run yet.",
        "Press **Train** in the sidebar, or **Import** exported runs. This page compares them.",
        remedies.train,
    )
live = moving()


@st.fragment(run_every=FOLLOW if live else None)
def page() -> None:
    """The page, drawn again every two seconds while a run is queued or training."""
    view()
    if live != moving():
        st.rerun()


page()
