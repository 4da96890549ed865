"""Latent arithmetic: the difference between the means of two classes, added to a place."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.interpolation import Difference, class_mean, difference, shifted
from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Floats, Ints
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache, html_grid, widgets
from vae.dashboard.shared.run_picker import empty
from vae.dashboard.traversals.common import (
    class_of,
    example,
    held,
    name_of,
    open_run,
    row_of_controls,
    steps_control,
    through,
    z_of,
)
from vae.dashboard.traversals.html_strips import GAP, NAME, Row, captioned, strips, tile_scale
from vae.figures.paths import feature_curves, path_plane
from vae.imaging import tiles
from vae.runs import Run

WIDTHS = [8.5, 10, 7, 8, 7.5, 5.5, 9, 9.5, 6.5]  # of the controls
TOLD = 8  # and of that of the class, for a model that is told one
ROOM = (768, 130)  # pixels for the tiles
REACH = 2.0
EXAMPLE = -1
LARGE = 224  # pixels of a large picture, at most
HELP = {
    "from": "Where the difference is added: to the z of an example, or to the mean of a class.",
    "plus": "The class whose mean is added.",
    "minus": "The class whose mean is subtracted.",
    "strength": "How often the difference is added, without unit: 1 is the whole of it, 0 leaves "
    "z as it is, below 0 it is subtracted.",
}
ABOUT = (
    "z + strength · (mean A − mean B), decoded. Each **mean** is taken of the z (means of q(z|x)) "
    "of training examples of a class. How far the two are **apart**: each latent is counted in "
    "standard deviations of its z over training examples of all classes."
)


class Asked(NamedTuple):
    """What the controls ask for."""

    start: int  # a class whose mean it is, or EXAMPLE
    row: int
    plus: int
    minus: int
    steps: int
    label: int


def arithmetic(run: Run) -> None:
    """The view: controls, the difference in numbers, the strip and one strength large."""
    at = row_of_controls(run, WIDTHS, TOLD)
    loaded = open_run(run, at[0])
    labels = known_labels(loaded)
    classes = {} if labels is None else present(loaded, labels)
    if labels is None or len(classes) < 2:
        empty(
            "These data have no two classes.",
            "Latent arithmetic goes by the means of classes: choose a run on labelled data, or "
            "another of the paths above.",
            link=False,
        )
    asked = _controls(loaded, classes, at)
    found = difference(cache.training_encoding(loaded).mean, labels, asked.plus, asked.minus)
    start = start_of(loaded, labels, asked)
    strengths = np.linspace(-REACH, REACH, asked.steps).astype(np.float32)
    z = shifted(start, found.step, strengths)
    x = through(loaded, z, asked.label)
    line, kept = st.columns([13, 5], vertical_alignment="center")
    line.markdown(_told(loaded, asked, found), help=ABOUT)
    with kept.container(horizontal=True, horizontal_alignment="right"):
        _files(loaded, x, z)
    if loaded.data.is_image:
        _pictures(loaded, asked, x, strengths)
        _large(loaded, asked, start, found)
    else:
        _vectors(loaded, x, strengths)


def known_labels(loaded: LoadedRun) -> Ints | None:
    """The classes of the encoded training examples, (N,)."""
    labels = loaded.data.labels
    return None if labels is None else labels[cache.training_encoding(loaded).index]


def present(loaded: LoadedRun, labels: Ints) -> dict[int, str]:
    """The classes that have encoded examples: class → name."""
    found = np.unique(labels)
    return {int(k): loaded.data.classes[k] for k in found if 0 <= k < len(loaded.data.classes)}


def _controls(loaded: LoadedRun, classes: dict[int, str], at: Sequence[DeltaGenerator]) -> Asked:
    name = loaded.run.name
    first, second, *_ = classes
    starts = {EXAMPLE: "an example"} | {k: f"mean of {title}" for k, title in classes.items()}
    start = widgets.choose(at[1], "From", f"traverse_from_{name}", starts, EXAMPLE, HELP["from"])
    row = int(loaded.rows(loaded.default_split())[0])
    if start == EXAMPLE:
        row = example(loaded, "sum", at[2:6], "Row")
    plus = widgets.choose(
        at[6], "A, added", f"traverse_plus_{name}", classes, second, HELP["plus"]
    )
    minus = widgets.choose(
        at[7], "B, subtracted", f"traverse_minus_{name}", classes, first, HELP["minus"]
    )
    own = class_of(loaded, row) if start == EXAMPLE else start
    steps = steps_control(at[8])
    return Asked(start, row, plus, minus, steps, held(loaded, at[-1], own))


def start_of(loaded: LoadedRun, labels: Ints, asked: Asked) -> Floats:
    """Where the difference is added, (Z,)."""
    if asked.start == EXAMPLE:
        return z_of(loaded, asked.row)
    return class_mean(cache.training_encoding(loaded).mean, labels, asked.start)[0]


def _start_name(loaded: LoadedRun, asked: Asked) -> str:
    if asked.start == EXAMPLE:
        return name_of(loaded, asked.row)
    return f"mean of {loaded.data.classes[asked.start]}"


def _told(loaded: LoadedRun, asked: Asked, found: Difference) -> str:
    """The difference in numbers."""
    plus, minus = (loaded.data.classes[k] for k in (asked.plus, asked.minus))
    many, others = found.examples
    return (
        f"**Mean of {plus}** ({many:,} examples) and **mean of {minus}** ({others:,}): "
        f"**{found.length:.2f}** standard deviations of z apart"
    )


def _files(loaded: LoadedRun, x: Floats, z: Floats) -> None:
    name = f"{loaded.run.name}-arithmetic"
    if loaded.data.is_image:
        about = "The strip, a pixel for a pixel of the model."
        widgets.download("PNG", lambda: tiles.grid_png(x, len(x)), f"{name}.png", about)
    about = "x and z of the strip, from strength −2 to 2; --data can read it."
    widgets.download("NPZ", lambda: widgets.npz(x, z), f"{name}.npz", about)


def _pictures(loaded: LoadedRun, asked: Asked, x: Floats, strengths: Floats) -> None:
    """The strip over all strengths; the start is in the middle."""
    words = [f"strength {html_grid.number(s)}" for s in strengths]
    scale = tile_scale(loaded.data.event_shape, asked.steps, 1, ROOM)
    row = Row("z + s · (A − B)", "", x, words, len(x) // 2)
    st.html(strips([row], scale, [html_grid.number(s) for s in strengths], "strength s"))


def _large(loaded: LoadedRun, asked: Asked, start: Floats, found: Difference) -> None:
    """Where it begins and one strength of it, large, side by side."""
    _, place, _ = st.columns([NAME, 420, 500])
    st.session_state.setdefault("traverse_strength", 1.0)
    strength = place.slider(
        "Strength",
        -REACH,
        REACH,
        key="traverse_strength",
        step=0.05,
        help=HELP["strength"],
        persist_state="session",
    )
    z = shifted(start, found.step, np.array([0, strength], np.float32))
    x = through(loaded, z, asked.label)
    words = [
        (_start_name(loaded, asked), "decoded as it is"),
        (f"strength {html_grid.number(strength)}", ""),
    ]
    st.html(captioned(x, words, tiles.factor(x.shape[3], LARGE), NAME + GAP))


def _vectors(loaded: LoadedRun, x: Floats, strengths: Floats) -> None:
    """The path in the plane of the data, or features against the strength."""
    middle = len(x) // 2
    if loaded.data.event_shape == (2,):
        behind = loaded.inputs(loaded.subset("train", 2000))
        chart = path_plane(x[None], ["strength −2 to 2"], [middle], behind)
    else:
        chart = feature_curves([x], strengths, "strength", 0.0)
    plot(chart, key="sum", revision=loaded.run.name, height=480, label="Latent arithmetic")
