"""The text of a run's network file: shown as it is, whether or not its code may run."""

import streamlit as st

from vae.components.network_file import title
from vae.runs import Run
from vae.runs.manifest import network_file_of


def network_text(run: Run) -> None:
    """Show the network's file of a run in a box to open; nothing for a row of the table."""
    if file := network_file_of(run.header):
        with st.expander(f"Network: {title(file.value)}", key="network_text"):
            st.caption(f"SHA-256 {file.sha256}")
            st.code(file.text, language="python", line_numbers=True, height=480)
