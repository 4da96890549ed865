"""Outcomes of demonstrations: arrays that the picture of a lesson shows of a trained model.

A step that trains shows the stored outcome of the same settings and seed until the reader starts
it. `stored/LESSON.npz` holds the arrays, and the settings as JSON; it is written by
`tests/store_outcomes.py`.
Pictures have 8 bits there, other arrays of two axes 16, numbers 32.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from vae.config import RunConfig
from vae.dashboard.learn.demonstration import Course

Arrays = Mapping[str, NDArray[Any]]

FOLDER = Path(__file__).with_name("stored")
SETTINGS = "settings"  # name of the text in a file: the settings of all of its outcomes, as JSON


class Outcome(NamedTuple):
    """A demonstration as its picture shows it."""

    config: RunConfig
    arrays: Arrays
    is_done: bool = True

    def number(self, name: str) -> float | None:
        """Return one of its numbers; None while it is undefined."""
        value = float(self.arrays[name])
        return None if np.isnan(value) else value


def key_of(config: RunConfig) -> str:
    """Return the settings as JSON, the same for equal settings."""
    return json.dumps(config.model_dump(), sort_keys=True)


def of_course(lesson: str, shows: Callable[[Course], Arrays], course: Course) -> Outcome:
    """Return the outcome of a demonstration of a lesson so far."""
    state = f"{lesson} {key_of(course.config)} {course.share} {course.is_done}"
    return Outcome(course.config, _arrays(state, shows, course), course.is_done)


@st.cache_resource(max_entries=64, show_spinner=False)
def _arrays(state: str, _shows: Callable[[Course], Arrays], _course: Course) -> Arrays:
    return _shows(_course)


def stored(lesson: str, configs: Sequence[RunConfig]) -> list[Outcome]:
    """Return the stored outcomes of these settings; none if one of them is missing."""
    known = _stored(FOLDER / f"{lesson}.npz")
    keys = [key_of(config) for config in configs]
    return [known[key] for key in keys] if set(keys) <= known.keys() else []


@cache
def _stored(path: Path) -> dict[str, Outcome]:
    """Return settings as JSON → outcome."""
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        settings = json.loads(str(file[SETTINGS]))
        arrays = {name: _unpacked(file[name]) for name in file.files if name != SETTINGS}
    found = {}
    for number, given in enumerate(settings):
        start, config = f"{number}.", RunConfig.of(**given)
        parts = {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
        found[key_of(config)] = Outcome(config, parts)
    return found


def save(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write outcomes to a file."""
    arrays: dict[str, Any] = {
        f"{number}.{name}": _packed(np.asarray(array))
        for number, outcome in enumerate(outcomes)
        for name, array in outcome.arrays.items()
    }
    settings = json.dumps([outcome.config.model_dump() for outcome in outcomes])
    arrays[SETTINGS] = np.array(settings)
    np.savez_compressed(path, **arrays)


def _packed(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 4:  # pictures in [0, 1]
        levels: NDArray[Any] = np.rint(255 * array.clip(0, 1)).astype(np.uint8)
        return levels
    if array.dtype.kind != "f":
        return array
    return array.astype(np.float16 if array.ndim > 1 else np.float32)


def _unpacked(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype == np.uint8:
        return (array / 255).astype(np.float32)
    return array.astype(np.float32) if array.dtype == np.float16 else array
