"""Compare: all runs in one table, and the selected ones side by side."""

import streamlit as st

from vae.dashboard import server
from vae.dashboard.compare.actions import bring_back
from vae.dashboard.compare.archive import bring
from vae.dashboard.compare.view import FOLLOW, STYLE, moving, view
from vae.dashboard.shared import html_grid
from vae.dashboard.shared.run_picker import empty
from vae.runs import listing

st.html(html_grid.STYLE)
st.html(STYLE)
if not listing(server.ROOT):
    bring_back()
    bring()
    empty(
        "There is no run yet.",
        "Press **Train** in the sidebar, or **Import** runs that were exported: here they are "
        "compared.",
    )
live = moving()


@st.fragment(run_every=FOLLOW if live else None)
def page() -> None:
    """All of it, looked at again while a run waits or trains."""
    view()
    if live != moving():
        st.rerun()


page()
