"""Export and import of runs on the Compare page.

A file is built when its button is pressed. An import that fails changes nothing and shows its
error in the popover until the next import.
"""

import io
from collections.abc import Sequence
from typing import BinaryIO

import streamlit as st

from vae.base import files, visitors
from vae.base.foreign import markdown
from vae.dashboard import server, uploads
from vae.dashboard.compare.documents import documents
from vae.dashboard.shared import run_selection
from vae.dashboard.shared.widgets import act_first
from vae.experiments.configurations import Entry
from vae.runs import Run
from vae.runs.exporter import ENDING, GB, file_name, pack, size
from vae.runs.importer import Arrival, unpack

ARRIVED, REFUSED, TURN = "compare_arrived", "compare_import_refused", "compare_import_turn"
WIDTH = 440  # pixels, width of the import popover
MOST = GB  # bytes through a browser; the command line has no limit
HELP = {
    "export": "Save the selected runs as an archive, as a report or as a script.",
    "runs": "An archive with settings, weights, curves, frames, evaluations and notes of each "
    "run, and the upload it was trained on. Import it here or elsewhere; each run can resume.",
    "import": "Add the runs of an exported archive. All of its content is checked first, and none "
    "of it is executed.",
}


def export(selected: Sequence[Entry]) -> None:
    """The popover with the export formats of the selected runs."""
    none = not selected
    popover = st.popover(
        "Export", disabled=none, help=HELP["export"], key="compare_export", on_change="rerun"
    )
    if selected and popover.open:
        with popover:
            _runs([Run(server.ROOT / entry.name) for entry in selected if entry.settings])
            documents(selected)


def _runs(runs: Sequence[Run]) -> None:
    """The download of the runs as one archive."""
    if not runs:
        return
    what, bytes_ = "Run" if len(runs) == 1 else f"{len(runs)} runs", size(runs)
    if bytes_ > MOST:
        names = " ".join(run.name for run in runs[:3]) + " …" * (len(runs) > 3)
        st.caption(
            f"{what}, {bytes_ / GB:.1f} GB: too large for a browser. Use "
            f"`python -m vae export {names} --out runs{ENDING}`."
        )
        return
    st.download_button(
        f"{what} ({ENDING}), {_megabytes(bytes_)}",
        lambda: _packed(runs),
        file_name(runs),
        "application/zip",
        key="compare_runs_file",
        on_click="ignore",
        help=HELP["runs"],
        width="stretch",
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e8 else f"{count / 1e6:.0f} MB"


def _packed(runs: Sequence[Run]) -> bytes:
    file = io.BytesIO()
    pack(runs, file)
    return file.getvalue()


def import_menu() -> None:
    """The popover for importing a file, with the result of the last import."""
    with (
        st.popover(
            "Import",
            help=HELP["import"],
            key="compare_import",
            disabled=visitors.is_read_only(),
        ),
        st.container(width=WIDTH),
    ):
        most = uploads.most_mb()
        file = st.file_uploader(
            f"Exported file ({ENDING})",
            type="zip",
            key=f"compare_import_{st.session_state.get(TURN, 0)}",
            help=HELP["runs"],
            max_upload_size=most,
        )
        if file is not None:
            act_first(lambda: _import(file))
        st.caption(f"For a file of more than {most} MB use `python -m vae import FILE{ENDING}`.")
        if refused := st.session_state.get(REFUSED):
            st.error(markdown(refused))
        if arrived := st.session_state.get(ARRIVED):
            st.success(arrived)


def _import(file: BinaryIO) -> None:
    """Import the uploaded file, select its runs, and clear the uploader."""
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    st.session_state[REFUSED] = st.session_state[ARRIVED] = ""
    try:
        arrivals = unpack(server.ROOT, file)
    except ValueError as error:
        st.session_state[REFUSED] = str(error)
    except OSError as error:
        st.session_state[REFUSED] = files.sentence(error)
    else:
        st.session_state[ARRIVED] = _summary(arrivals)
        run_selection.select([arrival.run.name for arrival in arrivals])


def _summary(arrivals: Sequence[Arrival]) -> str:
    """Return the names of the imported runs as a sentence."""
    parts = [
        run.name if run.name == name else f"{run.name} (exported as {name}, which is taken here)"
        for run, name in arrivals
    ]
    return f"Imported {', '.join(parts)}."
