"""Latent arithmetic: add the difference of two class means to z."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.interpolation import Difference, class_mean, difference, shifted
from vae.analysis.loaded_run import LoadedRun
from vae.base.foreign import markdown
from vae.base.numbers import evenly, fixed, plural
from vae.base.records import Floats, Ints
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import address, cache, widgets
from vae.dashboard.shared.address_values import real
from vae.dashboard.shared.run_choices import load_checkpoint
from vae.dashboard.shared.run_picker import empty
from vae.dashboard.traversals.common import (
    choose_class,
    choose_example,
    choose_steps,
    class_of,
    control_columns,
    decode_path,
    example_name,
    posterior_mean,
)
from vae.dashboard.traversals.html_strips import GAP, NAME, Strip, captioned, strips, tile_scale
from vae.figures.paths import feature_curves, path_panels, path_plane
from vae.imaging import tiles
from vae.runs import Run
from vae.runs.result_keys import run_key

WIDTHS = [8.5, 10, 7, 8, 7.5, 5.5, 9, 9.5, 6.5]  # of the controls
ROOM = (768, 130)  # px for the tiles
REACH = 2.0  # greatest strength
EXAMPLE = -1  # the start is an example, not a class mean
LARGE = 224  # px, greatest width of a large picture
HELP = {
    "from": "The z to which the difference is added: that of an example, or the mean of a class.",
    "plus": "The class whose mean is added.",
    "minus": "The class whose mean is subtracted.",
    "strength": "Factor of the difference, without unit. 1 adds the whole difference, 0 leaves z "
    "unchanged, and a negative factor subtracts it.",
}
ABOUT = (
    "z + strength · (mean A − mean B), decoded. A **mean** is that of the z (means of q(z|x)) of "
    "the training examples of a class. The **distance** of the two means counts each latent in "
    "standard deviations of its z over the training examples of all classes."
)


class ArithmeticRequest(NamedTuple):
    """The chosen start, classes and steps of latent arithmetic."""

    start: int  # the class whose mean is the start, or EXAMPLE
    row: int  # the example at the start
    plus: int  # class A
    minus: int  # class B
    steps: int
    label: int  # class given to a conditional model


def arithmetic(run: Run) -> None:
    """The view: controls, the distance of the class means, the path and one strength enlarged."""
    at = control_columns(run, WIDTHS)
    loaded = load_checkpoint(run, at[0], "traverse_checkpoint")
    labels = training_labels(loaded)
    classes = {} if labels is None else present_classes(loaded, labels)
    if labels is None or len(classes) < 2:
        empty(
            "This data set has no two classes.",
            "Latent arithmetic adds the difference of two class means. Choose a run on labelled "
            "data, or another view above.",
            None,
        )
    request = _controls(loaded, classes, at)
    mean = cache.training_encoding(loaded).mean
    found = difference(mean, labels, request.plus, request.minus)
    start = start_of(loaded, labels, request)
    strengths = np.linspace(-REACH, REACH, request.steps).astype(np.float32)
    z = shifted(start, found.step, strengths)
    x = decode_path(loaded, z, request.label)
    line, files = st.columns([13, 5], vertical_alignment="center")
    line.markdown(_summary(loaded, request, found), help=ABOUT + lesson_link("goals"))
    with files.container(horizontal=True, horizontal_alignment="right"):
        _downloads(loaded, x, z)
    if loaded.data.is_image:
        _strip(loaded, request, x, strengths)
        _enlarged(loaded, request, start, found)
    else:
        _vectors(loaded, x, strengths)


def training_labels(loaded: LoadedRun) -> Ints | None:
    """The classes of the encoded training examples, (N,); None for data without classes."""
    labels = loaded.data.labels
    return None if labels is None else labels[cache.training_encoding(loaded).index]


def present_classes(loaded: LoadedRun, labels: Ints) -> dict[int, str]:
    """Number and name of the classes among `labels` (N,)."""
    names = loaded.data.classes
    return {int(k): names[k] for k in np.unique(labels) if 0 <= k < len(names)}


def _controls(
    loaded: LoadedRun, classes: dict[int, str], at: Sequence[DeltaGenerator]
) -> ArithmeticRequest:
    of_from, of_plus, of_minus = (
        widgets.key_of(f"traverse_{name}", loaded.run) for name in ("from", "plus", "minus")
    )
    first, second, *_ = classes
    starts = {EXAMPLE: "an example"} | {k: f"mean of {title}" for k, title in classes.items()}
    start = widgets.choose(at[1], "Start", of_from, starts, EXAMPLE, HELP["from"], link="start")
    row = int(loaded.rows(loaded.default_split())[0])
    if start == EXAMPLE:
        row = choose_example(loaded, "sum", at[2:6], "Row")
    plus = widgets.choose(at[6], "A, added", of_plus, classes, second, HELP["plus"], link="plus")
    minus = widgets.choose(
        at[7], "B, subtracted", of_minus, classes, first, HELP["minus"], link="minus"
    )
    steps = choose_steps(at[8])
    label = choose_class(loaded, at[-1], class_of(loaded, row) if start == EXAMPLE else start)
    return ArithmeticRequest(start, row, plus, minus, steps, label)


def start_of(loaded: LoadedRun, labels: Ints, request: ArithmeticRequest) -> Floats:
    """The z to which the difference is added, (Z,)."""
    if request.start == EXAMPLE:
        return posterior_mean(loaded, request.row)
    return class_mean(cache.training_encoding(loaded).mean, labels, request.start)[0]


def _start_name(loaded: LoadedRun, request: ArithmeticRequest) -> str:
    """The start as text."""
    if request.start == EXAMPLE:
        return example_name(loaded, request.row)
    return f"mean of {loaded.data.classes[request.start]}"


def _summary(loaded: LoadedRun, request: ArithmeticRequest, found: Difference) -> str:
    """The distance of the class means, as Markdown."""
    plus, minus = (markdown(loaded.data.classes[k]) for k in (request.plus, request.minus))
    many, others = found.examples
    return (
        f"**Mean of {plus}** ({plural(many, 'example')}) and **mean of {minus}** ({others:,}): "
        f"distance **{fixed(found.length)}** standard deviations of z"
    )


def _downloads(loaded: LoadedRun, x: Floats, z: Floats) -> None:
    name = f"{loaded.run.name}-arithmetic"
    if loaded.data.is_image:
        about = "The path as one picture, at the model's resolution."
        widgets.download("PNG", lambda: tiles.grid_png(x, len(x)), f"{name}.png", about)
    about = "x and z of the path, from strength −2 to 2; --data can read it."
    widgets.download("NPZ", lambda: widgets.npz(x, z), f"{name}.npz", about)


def _strip(loaded: LoadedRun, request: ArithmeticRequest, x: Floats, strengths: Floats) -> None:
    """The decoded pictures of all strengths, the start in the middle."""
    labels = evenly(strengths)
    scale = tile_scale(loaded.data.event_shape, request.steps, 1, ROOM)
    positions = [f"strength {label}" for label in labels]
    row = Strip("z + s · (A − B)", "", x, positions, len(x) // 2)
    with st.container(key="traverse_paths"):
        st.html(strips([row], scale, labels, "strength s"))


def _enlarged(
    loaded: LoadedRun, request: ArithmeticRequest, start: Floats, found: Difference
) -> None:
    """The start and one strength, enlarged side by side."""
    _, place, _ = st.columns([NAME, 420, 500])
    address.link("strength", "traverse_strength", real(-REACH, REACH), 1.0)
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
    x = decode_path(loaded, z, request.label)
    words = [
        (_start_name(loaded, request), "decoded, strength 0"),
        (f"strength {fixed(strength)}", ""),
    ]
    st.html(captioned(x, words, tiles.factor(x.shape[3], LARGE), NAME + GAP))


def _vectors(loaded: LoadedRun, x: Floats, strengths: Floats) -> None:
    """The path in the plane of two features, or features against the strength."""
    middle, columns, domain = len(x) // 2, loaded.data.columns, loaded.model.domain
    if loaded.data.event_shape == (2,):
        background, names = loaded.inputs(loaded.subset("train", 2000)), ["strength −2 to 2"]
        chart = path_plane(x[None], names, [middle], background, domain=domain, columns=columns)
    elif loaded.data.is_series:
        rows, places = ["z + s · (A − B)"], evenly(strengths)
        chart = path_panels(x[None], rows, places, "strength s", columns, domain)
    else:
        chart = feature_curves(
            [x], strengths, "strength", 0.0, ("",), domain, columns, loaded.data.entries
        )
    plot(chart, key="sum", revision=run_key(loaded.run), height=480, label="Latent arithmetic")
