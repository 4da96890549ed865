"""Runs that leave as files and runs that arrive as one, on the Compare page.

A file is made when it is asked for. What is wrong with one that is brought is told where it was
brought, until the next one; nothing else changes then.
"""

import io
from collections.abc import Sequence

import streamlit as st

from vae.base import files
from vae.dashboard import server
from vae.dashboard.compare.documents import documents
from vae.dashboard.shared import run_selection
from vae.experiments.configurations import Entry
from vae.runs import Run
from vae.runs.exporter import ENDING, GB, file_name, pack, size
from vae.runs.importer import Arrival, unpack

ARRIVED, REFUSED, TURN = "compare_arrived", "compare_import_refused", "compare_import_turn"
WIDTH = 440  # pixels of the popover where a file is brought
MOST = GB  # bytes that travel through a browser; the command line has no such end
HELP = {
    "export": "The ticked runs as a file to keep or to send, as a report, as a script.",
    "runs": "Settings, weights, curves, frames, evaluations and notes of each run, and the upload "
    "it was trained on. Import brings them in, here or elsewhere, and each resumes as if it had "
    "never left.",
    "import": "Runs that VAE Lab has exported, from a file. Every byte is checked first, and "
    "nothing in it can run.",
}


def export(selected: Sequence[Entry]) -> None:
    """The popover with what the selected runs can leave as."""
    none = not selected
    shown = st.popover(
        "Export", disabled=none, help=HELP["export"], key="compare_export", on_change="rerun"
    )
    if selected and shown.open:
        with shown:
            _runs([Run(server.ROOT / entry.name) for entry in selected if entry.settings])
            documents(selected)


def _runs(runs: Sequence[Run]) -> None:
    """The runs as one file."""
    if not runs:
        return
    what, bytes_ = "Run" if len(runs) == 1 else f"{len(runs)} runs", size(runs)
    if bytes_ > MOST:
        names = " ".join(run.name for run in runs[:3]) + " …" * (len(runs) > 3)
        st.caption(
            f"{what}, {bytes_ / GB:.1f} GB: more than a browser should carry. Use "
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


def bring() -> None:
    """The popover where a file is brought, and what became of the last one."""
    with (
        st.popover("Import", help=HELP["import"], key="compare_import"),
        st.container(width=WIDTH),
    ):
        key = f"compare_import_{st.session_state.get(TURN, 0)}"
        most = int(st.get_option("server.maxUploadSize"))
        st.file_uploader(
            f"Exported file ({ENDING})",
            type="zip",
            key=key,
            on_change=_bring,
            args=(key,),
            help=HELP["runs"],
        )
        st.caption(
            f"A file of more than {most} MB does not fit through the browser: use "
            f"`python -m vae import FILE{ENDING}`."
        )
        if refused := st.session_state.get(REFUSED):
            st.error(refused)
        if arrived := st.session_state.get(ARRIVED):
            st.success(arrived)


def _bring(key: str) -> None:
    """Take the file, select what has arrived, and make room for the next file."""
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    st.session_state[REFUSED] = st.session_state[ARRIVED] = ""
    try:
        arrivals = unpack(server.ROOT, file)
    except ValueError as error:
        st.session_state[REFUSED] = str(error)
    except OSError as error:
        st.session_state[REFUSED] = files.sentence(error)
    else:
        st.session_state[ARRIVED] = _told(arrivals)
        run_selection.select([arrival.run.name for arrival in arrivals])


def _told(arrivals: Sequence[Arrival]) -> str:
    """What arrived under which name."""
    parts = [
        run.name if run.name == name else f"{run.name} (exported as {name}, which is taken here)"
        for run, name in arrivals
    ]
    return f"Imported {', '.join(parts)}."
