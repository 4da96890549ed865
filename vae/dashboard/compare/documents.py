"""Downloads that need no VAE Lab: a report of the selected runs, and the script of one run.

Each is built when its button is pressed, because a report loads every run. If a download is not
possible, a sentence takes the place of its button.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from vae.dashboard import server
from vae.experiments.configurations import Entry
from vae.runs import Run

MOST = 60  # runs of a report
HELP = {
    "report": "One HTML file that opens without a network: data, settings, curves, the "
    "rate–distortion plane, verdicts; and of each run its latent map, KL per dimension, "
    "reconstructions, samples and saved evaluations. About 5 MB, one or two seconds per run.",
    "script": "One Python file that trains the run again with torch and NumPy only: same split, "
    "weights, batches and noise, so on the same kind of machine the same results.",
    "data": "The examples in the form that the script reads. Keep the file beside the script.",
}


def documents(selected: Sequence[Entry]) -> None:
    """Two downloads: a report of the selected runs, and the script of one."""
    runs = [Run(server.ROOT / entry.name) for entry in selected if entry.settings]
    if not runs:
        st.caption("Tick runs with readable settings to export a report or a script.")
        return
    if len(runs) <= MOST:
        name = f"{runs[0].name}-report" if len(runs) == 1 else f"report-of-{len(runs)}-runs"
        what = "Report of 1 run" if len(runs) == 1 else f"Report of {len(runs)} runs"
        _download(f"{what} (.html)", "report", lambda: _report(runs), f"{name}.html", "text/html")
    else:
        st.caption(f"A report contains up to {MOST} runs, but {len(runs)} are selected.")
    if len(runs) == 1:
        _script(runs[0])
    else:
        st.caption("A script trains one run: tick a single one to export it.")


def _script(run: Run) -> None:
    """The downloads of a run's script and, if the script cannot obtain them, of its data."""
    _download(
        "Script of the run (.py)",
        "script",
        lambda: _text(run),
        f"{run.name}.py",
        "text/x-python",
    )
    if beside := _beside(run):
        _download(
            "Data of the script (.npz)",
            "data",
            lambda: _data(run),
            beside,
            "application/octet-stream",
        )


def _download(label: str, name: str, make: Callable[[], bytes], file_name: str, mime: str) -> None:
    st.download_button(
        label,
        make,
        file_name,
        mime,
        key=f"compare_{name}_file",
        on_click="ignore",
        help=HELP[name],
        width="stretch",
    )


def _report(runs: Sequence[Run]) -> bytes:
    from vae.report import report

    return report(runs).encode()


def _text(run: Run) -> bytes:
    from vae.script import script

    return script(run).encode()


def _beside(run: Run) -> str:
    from vae.script import file_name

    return file_name(run)


def _data(run: Run) -> bytes:
    from vae.script import data_file

    return data_file(run)
