"""The selected runs as files that need no VAE Lab: a report, and a script of one run.

Each is made when it is asked for, because a report opens every run. What is refused is told in a
sentence in place of the button.
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
    "reconstructions, samples and kept evaluations. About 5 MB, and a second or two a run.",
    "script": "One Python file that trains the run again with torch and NumPy alone, for reading "
    "and for the record: the same split, weights, batches and noise, so on such a machine the "
    "same figures.",
    "data": "The examples as the script reads them; keep the file beside it.",
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
        st.caption(f"A report holds up to {MOST} runs, and {len(runs)} are selected.")
    if len(runs) == 1:
        _script(runs[0])
    else:
        st.caption("A script trains one run: tick a single one to export it.")


def _script(run: Run) -> None:
    """The script of a run, and its data where it cannot make or find them itself."""
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
