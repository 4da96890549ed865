"""The button that downloads a published data set missing on this machine, with progress.

Any click cancels: it reruns the script, which ends the download at its next report of progress.
The part already downloaded stays, and the next attempt continues from there.
"""

import streamlit as st

from vae.base import visitors
from vae.base.foreign import markdown
from vae.data import SOURCES, DataError, download, is_missing

MEGA = 1e6


def offer(name: str) -> None:
    """Show the button if the data are missing. A press downloads them and reruns the page."""
    if not is_missing(name):
        return
    size = SOURCES[name].size
    pressed = st.button(
        f"Download {size / MEGA:,.0f} MB",
        key=f"download_{name}",
        disabled=visitors.is_read_only(),
        width="stretch",
        help=f"{SOURCES[name].about}. Downloaded once, checked by its hash, and used by every "
        "run. Without a network, python -m vae data lists the alternatives.",
    )
    if not pressed:
        return
    bar = st.progress(0.0, text=f"Downloading {name}…")
    st.button("Cancel", key=f"cancel_{name}", width="stretch")

    def show(done: int, whole: int) -> None:
        words = f"{done / MEGA:,.0f} of {whole / MEGA:,.0f} MB"
        bar.progress(min(done / whole, 1.0), text=words)

    try:
        download(name, show)
    except DataError as error:
        st.error(markdown(error))
        return
    st.rerun()
