"""The damaged files of a run: a sentence for each, and the button that mends them."""

import streamlit as st

from vae.base import files
from vae.base.foreign import markdown
from vae.dashboard.shared.widgets import key_of, press
from vae.runs import Run, mending

ABOUT = (
    "Write these files anew, without the damaged values. A copy of each damaged file stays in the "
    "run's folder under the name FILE.damaged-1."
)


def offer_mending(run: Run) -> None:
    """Show the damaged files of a run with the readings in their place, and a button."""
    found = mending.faults(run)
    if not found:
        return
    is_busy = run.status().active
    with st.container(horizontal=True, vertical_alignment="center", key="damaged_files"):
        words = " ".join(f"{f.file}: {f.problem}; {f.reading}." for f in found)
        st.warning(markdown(words))
        if any(fault.is_mendable for fault in found):
            press("Mend", key_of("mend", run), lambda: _mend(run), ABOUT, is_busy, changes=True)


def _mend(run: Run) -> None:
    try:
        copies = mending.mend(run)
    except ValueError as error:
        st.toast(markdown(error))
    except OSError as error:
        st.toast(markdown(files.sentence(error)))
    else:
        where = f" The damaged content is in {', '.join(p.name for p in copies)}."
        st.toast(f"Mended.{where if copies else ''}")
