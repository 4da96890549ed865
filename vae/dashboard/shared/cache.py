"""Runs opened for the pages, kept in memory as long as their weights on disk are the same."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vae.base.records import Curves, Encoding, Examples, Frame
from vae.runs import Run

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun
    from vae.analysis.sampling import Latents

FITTED = 5000  # training examples that planes, spreads and sources of z are computed from


def load_run(run: Run, checkpoint: str = "best") -> "LoadedRun":
    """A run with its model, data and splits; raises ValueError with a sentence if it cannot be."""
    path = run.weights_path(checkpoint)
    return _load_run(str(run.path), checkpoint, path.stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner="Opening the run…")
def _load_run(path: str, checkpoint: str, stamp: int) -> "LoadedRun":
    from vae.analysis.loaded_run import LoadedRun

    return LoadedRun.of(Run(path), checkpoint)


def encoding(run: Run, checkpoint: str, split: str, points: int) -> Encoding:
    """At most `points` examples of a split through the encoder, drawn stratified."""
    stamp = run.weights_path(checkpoint).stat().st_mtime_ns
    return _encoding(str(run.path), checkpoint, stamp, split, points)


@st.cache_data(max_entries=8, show_spinner="Encoding examples…")
def _encoding(path: str, checkpoint: str, stamp: int, split: str, points: int) -> Encoding:
    loaded = _load_run(path, checkpoint, stamp)
    return loaded.encode(loaded.subset(split, points))


def training_encoding(loaded: "LoadedRun") -> Encoding:
    """At most `FITTED` training examples through the encoder."""
    return encoding(loaded.run, loaded.checkpoint, "train", FITTED)


def training_latents(loaded: "LoadedRun") -> "Latents":
    """The latents of the same training examples, from which the sources of z sample."""
    stamp = loaded.run.weights_path(loaded.checkpoint).stat().st_mtime_ns
    return _training_latents(str(loaded.run.path), loaded.checkpoint, stamp)


@st.cache_resource(max_entries=4, show_spinner="Encoding examples…")
def _training_latents(path: str, checkpoint: str, stamp: int) -> "Latents":
    from vae.analysis.sampling import Latents

    loaded = _load_run(path, checkpoint, stamp)
    rows, data = loaded.subset("train", FITTED), loaded.data
    labels = None if data.labels is None else data.labels[rows]
    mean = training_encoding(loaded).mean
    return Latents(loaded.model, loaded.batches(rows), mean, loaded.seed, labels, data.classes)


def curves(run: Run) -> Curves:
    """The history of a run, read again only when it has grown."""
    return _curves(
        str(run.path), _stamp(run.path / "metrics.jsonl"), _stamp(run.path / "changes.jsonl")
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _curves(path: str, metrics: int, changes: int) -> Curves:
    return Run(path).curves()


def latest(run: Run) -> tuple[Examples | None, Frame | None]:
    """The fixed examples of a run and its latest frame."""
    steps = run.frame_steps()
    return _latest(str(run.path), steps[-1] if steps else -1, _stamp(run.path / "frames"))


@st.cache_data(max_entries=16, show_spinner=False)
def _latest(path: str, step: int, stamp: int) -> tuple[Examples | None, Frame | None]:
    run = Run(path)
    return run.examples(), run.frame(step)


def _stamp(path: Path) -> int:
    """Changes whenever the file does."""
    try:
        stat = path.stat()
    except OSError:
        return 0
    return stat.st_mtime_ns ^ stat.st_size
