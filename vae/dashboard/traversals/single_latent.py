"""Traversals: one latent moves and all others stay, a row a latent, the most informative first."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.interpolation import Traversal, at_quantiles, change, even, traversal
from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Floats
from vae.dashboard.plot import plot
from vae.dashboard.shared import html_grid, widgets
from vae.dashboard.traversals.common import (
    aggregate,
    class_of,
    example,
    held,
    name_of,
    open_run,
    ordered,
    row_of_controls,
    said,
    span_of,
    steps_control,
    through,
    z_of,
)
from vae.dashboard.traversals.html_strips import Row, strips, tile_scale
from vae.figures.paths import feature_curves, path_plane
from vae.imaging import tiles
from vae.runs import Run

FOLD = 16  # latents shown at first
WIDTHS = [8.5, 10, 7, 8.5, 7.5, 5.5, 10, 6.5, 6.5]  # of the controls
TOLD = 8  # and of that of the class, for a model that is told one
ROOM = (768, 600)  # pixels for the tiles, at 1440×900 and at 1280×720
CHART = 520
BAR = " · bar: the start"
STARTS = {"example": "an example", "mean": "mean of the data", "origin": "origin"}
RANGES = {"prior": "prior", "start": "about the start", "quantiles": "encoded data"}
REACHES = {k: f"±{k} SD" for k in (1, 2, 3, 4)}
HELP = {
    "start": "Where each row starts: at the mean of q(z|x) of an example, at the mean of the "
    "aggregate posterior (the mean z of the training data), or at z = 0.",
    "range": "How far a latent moves. **Prior**: mean ± so many standard deviations of the prior "
    "(for a point posterior, of the encoded training data). **About the start**: the start ± so "
    "many of these, with the start in the middle. **Encoded data**: quantiles of the aggregate "
    "posterior q(z) from 1 % to 99 %, so that each step passes an equal share of the data.",
    "reach": "Standard deviations to either side. Beyond 3 the model has seen next to nothing.",
    "all": "Also the latents that carry nothing (mean KL below 0.01 nats; where a latent has no "
    "KL of its own, a variance below 0.01), and those beyond the first 16.",
    "latent": "Whose path is drawn: the number is its mean KL in nats per example (for a point "
    "posterior its variance).",
}
ABOUT = (
    "Each row moves one latent and keeps all others at the start, whose own place has the bar. "
    "Rows are ordered by the mean KL of the latent over training examples in nats (where latents "
    "have no KL of their own, by the variance of the mean of q(z|x)). **Change**: mean absolute "
    "change of an element of x along the row, in units of x (pictures: black 0, white 1) per "
    "unit of z."
)


class Asked(NamedTuple):
    """What the controls ask for."""

    start: str
    row: int  # the example, where the start is one
    range: str
    reach: int
    steps: int
    label: int  # the class of a conditional model


def rows(run: Run) -> None:
    """The view: controls, what they mean, the rows and their files."""
    loaded, asked = _controls(run)
    order, _, idle = ordered(loaded)
    first = [d for d in order if d not in idle][:FOLD] or order[:1]
    line, toggle, kept = st.columns([11, 3.2, 4], vertical_alignment="center")
    everything = len(first) < len(order) and toggle.toggle(
        f"All {len(order)} latents",
        key=f"traverse_all_{run.name}",
        help=HELP["all"],
        persist_state="session",
    )
    shown = order if everything else first
    line.markdown(_told(loaded, asked, shown, idle), help=ABOUT)
    paths = traversals(loaded, asked, shown)
    z = np.concatenate([path.z for path in paths])
    x = through(loaded, z, asked.label)
    with kept.container(horizontal=True, horizontal_alignment="right"):
        _files(loaded, x, z, asked.steps)
    if loaded.data.is_image:
        st.html(_pictures(loaded, asked, paths, x))
    else:
        _vectors(loaded, paths, x)


def _controls(run: Run) -> tuple[LoadedRun, Asked]:
    at = row_of_controls(run, WIDTHS, TOLD)
    loaded = open_run(run, at[0])
    start = widgets.choose(at[1], "Start", "traverse_start", STARTS, "example", HELP["start"])
    row = example(loaded, "start", at[2:6], "Row") if start == "example" else 0
    span = widgets.choose(at[6], "Range", "traverse_range", RANGES, "prior", HELP["range"])
    reach = 3
    if span != "quantiles":
        reach = widgets.choose(at[7], "Reach", "traverse_reach", REACHES, 3, HELP["reach"])
    steps = steps_control(at[8])
    own = class_of(loaded, row) if start == "example" else None
    return loaded, Asked(start, row, span, reach, steps, held(loaded, at[-1], own))


def start_of(loaded: LoadedRun, asked: Asked) -> Floats:
    """Where every row starts, (Z,)."""
    if asked.start == "example":
        return z_of(loaded, asked.row)
    if asked.start == "mean":
        return np.asarray(aggregate(loaded).mean(0), np.float32)
    return np.zeros(loaded.run.config.latent_dim, np.float32)


def traversals(loaded: LoadedRun, asked: Asked, shown: list[int]) -> list[Traversal]:
    """The path of each latent that is shown."""
    start = start_of(loaded, asked)
    if asked.range == "quantiles":
        places = at_quantiles(aggregate(loaded), asked.steps)
    else:
        span = span_of(loaded)
        centre = start if asked.range == "start" else span.centre
        places = even(centre, span.unit, asked.reach, asked.steps)
    return [traversal(start, d, places[:, d]) for d in shown]


def _told(loaded: LoadedRun, asked: Asked, shown: list[int], idle: set[int]) -> str:
    """What is shown, in a line."""
    start = name_of(loaded, asked.row) if asked.start == "example" else STARTS[asked.start]
    total = loaded.run.config.latent_dim
    count = f"All {total}" if len(shown) == total else f"{len(shown)} of {total}"
    folded = len(idle - set(shown))
    rest = f" · {folded} that carry nothing left out" if folded else ""
    return f"**{count} latents**, one at a time, starting from {start}{rest}"


def _files(loaded: LoadedRun, x: Floats, z: Floats, steps: int) -> None:
    name = f"{loaded.run.name}-traversals"
    if loaded.data.is_image:
        widgets.download(
            "PNG",
            lambda: tiles.grid_png(x, steps),
            f"{name}.png",
            "All rows in one picture, a pixel for a pixel of the model.",
        )
    about = f"x and z of every tile, row by row, {steps} a row; --data can read it."
    widgets.download("NPZ", lambda: widgets.npz(x, z), f"{name}.npz", about)


def _pictures(loaded: LoadedRun, asked: Asked, paths: list[Traversal], x: Floats) -> str:
    """HTML: the rows."""
    shape = loaded.data.event_shape
    x = x.reshape(len(paths), asked.steps, *shape)
    _, value, _ = ordered(loaded)
    made = [
        Row(
            f"z{path.dimension + 1}",
            said(loaded, float(value[path.dimension])),
            x[k],
            [f"z{path.dimension + 1} = {html_grid.number(place)}" for place in path.places],
            path.start,
            f"{change(x[k], path.z):.3f}",
        )
        for k, path in enumerate(paths)
    ]
    scale = tile_scale(shape, asked.steps, len(paths), ROOM)
    return strips(
        made,
        scale,
        *_axis(loaded, asked),
        ("KL, training data" if loaded.model.has_kl else "variance", "change of x per unit of z"),
    )


def _axis(loaded: LoadedRun, asked: Asked) -> tuple[list[str], str]:
    """What the columns are called, and the title below."""
    if asked.range == "quantiles":
        shares = np.linspace(1, 99, asked.steps)
        return [f"{s:.0f} %" for s in shares], f"quantiles of the aggregate posterior{BAR}"
    ticks = np.linspace(-asked.reach, asked.reach, asked.steps)
    words = [html_grid.number(t) for t in ticks]
    if asked.range == "start":
        return words, f"z − start, in standard deviations of {span_of(loaded).name}{BAR}"
    return words, f"standard deviations of {span_of(loaded).name} from its mean{BAR}"


def _vectors(loaded: LoadedRun, paths: list[Traversal], x: Floats) -> None:
    """Paths in the plane of the data, or features against one latent."""
    x = x.reshape(len(paths), -1, *loaded.data.event_shape)
    names = [f"z{path.dimension + 1}" for path in paths]
    _, value, _ = ordered(loaded)
    carried = [said(loaded, float(value[path.dimension])) for path in paths]
    moved = [change(own, path.z) for own, path in zip(x, paths, strict=True)]
    words = [f"{n} · {c} · change {m:.3f}" for n, c, m in zip(names, carried, moved, strict=True)]
    if loaded.data.event_shape == (2,):
        behind = loaded.inputs(loaded.subset("train", 2000))
        chart = path_plane(x, words, [path.start for path in paths], behind)
    else:
        titles = dict(enumerate(words))
        k = widgets.choose(
            st.columns([4, 8])[0], "Latent", "traverse_latent", titles, 0, HELP["latent"]
        )
        chart = feature_curves([x[k]], paths[k].places, names[k], paths[k].places[paths[k].start])
    plot(chart, key="traversals", revision=loaded.run.name, height=CHART, label="Traversals")
