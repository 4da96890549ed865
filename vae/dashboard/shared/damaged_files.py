"""The damaged files of a run: one sentence, and the button Mend that it names."""

import streamlit as st

from vae.base import files
from vae.base.foreign import markdown
from vae.dashboard.shared.widgets import key_of, press
from vae.runs import Run, Status, mending
from vae.runs.status import UNREADABLE

SETTINGS, STATUS = "config.json", "status.json"
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
        what = "this file" if len(found) == 1 else "these files"
        when = ", once the run has ended" if is_busy else ""
        st.warning(f"{markdown(words)} **Mend** writes {what} anew{when}.")
        mend_button(run, is_busy)


def settings(run: Run, reason: str) -> tuple[str, bool]:
    """Return why the settings of a run cannot be used and the fix, as Markdown, and whether the
    button Mend is that fix; the `reason` alone for the file of a newer version."""
    fault = next((fault for fault in mending.faults(run) if fault.file == SETTINGS), None)
    if fault is None:
        return markdown(reason), False
    if run.status().state == "damaged":
        reason = f"{run.path / SETTINGS}: {fault.problem}."
    words = markdown(f"{reason} {fault.reading[:1].upper()}{fault.reading[1:]}.")
    end = f" **Mend** writes {SETTINGS} anew." if fault.is_mendable else ""
    return words + end, fault.is_mendable


def mend_button(run: Run, is_busy: bool = False, **looks: str) -> None:
    """Show the button that writes the damaged files of a run anew."""
    act = lambda: _mend(run)  # noqa: E731
    press("Mend", key_of("mend", run), act, ABOUT, is_busy, changes=True, **looks)


def status(run: Run) -> Status:
    """Return the status of a run without the message that its status cannot be read, if
    `offer_mending` shows that fault."""
    found = run.status()
    if found.message == UNREADABLE and any(f.file == STATUS for f in mending.faults(run)):
        return found._replace(message="")
    return found


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
