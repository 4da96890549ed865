"""Contents of runs for the pages, cached by the identity of the run and the state of its files."""

from typing import TYPE_CHECKING

import streamlit as st

from vae.base.records import Curves, Encoding, Examples, Frame
from vae.experiments.entries import best_report
from vae.runs import Run
from vae.runs.result_keys import run_key

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun
    from vae.analysis.sampling import Latents

CURVE_FILES = ("metrics.jsonl", "changes.jsonl", "best.safetensors")
FITTED = 5000  # training examples that planes, spreads and sources of z are computed from


def load_run(run: Run, checkpoint: str = "best") -> "LoadedRun":
    """Return a run with its model, data and splits.

    Raises ValueError if its weights or data are missing, unreadable or changed.
    """
    return _load_run(run, checkpoint, run_key(run, checkpoint))


@st.cache_resource(max_entries=4, show_spinner="Opening the run…")
def _load_run(_run: Run, checkpoint: str, key: str) -> "LoadedRun":
    from vae.analysis.loaded_run import LoadedRun

    return LoadedRun.of(_run, checkpoint)


def encoding(run: Run, checkpoint: str, split: str, points: int) -> Encoding:
    """Return the encoding of at most `points` examples of a split, a stratified sample."""
    return _encoding(run, checkpoint, run_key(run, checkpoint), split, points)


@st.cache_data(max_entries=8, show_spinner="Encoding examples…")
def _encoding(_run: Run, checkpoint: str, key: str, split: str, points: int) -> Encoding:
    loaded = load_run(_run, checkpoint)
    return loaded.encode(loaded.subset(split, points))


def training_encoding(loaded: "LoadedRun") -> Encoding:
    """Return the encoding of at most `FITTED` training examples."""
    return encoding(loaded.run, loaded.checkpoint, "train", FITTED)


def training_latents(loaded: "LoadedRun") -> "Latents":
    """Return the latents of the same training examples, from which the sources of z sample."""
    run, checkpoint = loaded.run, loaded.checkpoint
    return _training_latents(run, checkpoint, run_key(run, checkpoint))


@st.cache_resource(max_entries=4, show_spinner="Encoding examples…")
def _training_latents(_run: Run, checkpoint: str, key: str) -> "Latents":
    from vae.analysis.sampling import Latents

    loaded = load_run(_run, checkpoint)
    rows, data = loaded.subset("train", FITTED), loaded.data
    labels = None if data.labels is None else data.labels[rows]
    mean = training_encoding(loaded).mean
    return Latents(loaded.model, loaded.batches(rows), mean, loaded.seed, labels, data.classes)


def curves(run: Run) -> Curves:
    """Return the curves of a run, read again when it has new reports, changes or best weights.

    The best epoch is that of the best weights on disk, as in the header.
    """
    return _curves(run, run_key(run, files=CURVE_FILES))


@st.cache_data(max_entries=32, show_spinner=False)
def _curves(_run: Run, key: str) -> Curves:
    best = best_report(_run)
    return _run.curves()._replace(best_epoch=None if best is None else best["epoch"])


def latest(run: Run) -> tuple[Examples | None, Frame | None]:
    """Return the fixed examples of a run and its latest frame; None for each that cannot be
    read."""
    steps = run.frame_steps()
    return _latest(run, steps[-1] if steps else -1, run_key(run, files=("frames",)))


@st.cache_data(max_entries=16, show_spinner=False)
def _latest(_run: Run, step: int, key: str) -> tuple[Examples | None, Frame | None]:
    return _run.examples(), _run.frame(step)
