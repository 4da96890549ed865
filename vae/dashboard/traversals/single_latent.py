"""Traversals of single latents: one latent varies, all others are fixed; a row for each latent."""

from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import information_text
from vae.analysis.interpolation import Traversal, at_quantiles, change, even, traversal
from vae.analysis.loaded_run import LoadedRun
from vae.base.foreign import markdown
from vae.base.numbers import evenly, fixed, percent, plural
from vae.base.records import Floats
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache, widgets
from vae.dashboard.shared.latent_place import chosen
from vae.dashboard.shared.latent_scale import latent_scale
from vae.dashboard.shared.run_choices import load_checkpoint
from vae.dashboard.traversals.common import (
    LatentOrder,
    aggregate_samples,
    choose_class,
    choose_example,
    choose_steps,
    class_of,
    control_columns,
    decode_path,
    example_name,
    latent_order,
    posterior_mean,
)
from vae.dashboard.traversals.html_strips import Strip, strips, tile_scale
from vae.figures.paths import feature_curves, path_panels, path_plane
from vae.figures.quantities import distance_units
from vae.imaging import tiles
from vae.runs import Run
from vae.runs.result_keys import run_key

FOLD = 16  # most latents on the page before "All latents"
WIDTHS = [8.5, 10, 7, 8.5, 7.5, 5.5, 10, 6.5, 6.5]  # of the controls
ROOM = (768, 600)  # px for the tiles, at 1440×900 and at 1280×720
CHART, ROW = 520, 72  # px, of the chart and of a row of panels
LABEL = "Traversals"
BAR = " · bar: the start"
STARTS = {"example": "an example", "mean": "mean of the data", "origin": "origin"}
CHOSEN = {"sliders": "the sliders' place"}  # only after the sliders have moved
RANGES = {"prior": "prior", "start": "around the start", "quantiles": "encoded data"}
REACHES = {k: f"±{k} SD" for k in (1, 2, 3, 4)}
HELP = {
    "start": "The start of each row: the mean of q(z|x) of an example, the mean of the aggregate "
    "posterior (the mean z of the training data), z = 0, or the sliders' place on the Latent "
    "space page, once they have moved.",
    "range": (
        "The values of a latent along its row. **Prior**: the mean of the prior ± a number of "
        "its standard deviations (of a posterior without density: those of the encoded training "
        "data). **Around the start**: the start ± the same number of standard deviations. "
        "**Encoded data**: "
        "quantiles of the aggregate posterior q(z) from 1 % to 99 %, so that each step passes an "
        "equal share of the data."
    ),
    "reach": "Standard deviations on either side. Beyond 3 there is almost no training data.",
    "all": (
        "Also show latents beyond the first 16, and inactive ones: mean KL below 0.01 nats or, "
        "where the KL is not a sum over latents, variance below 0.01."
    ),
    "latent": "The latent whose traversal is plotted. The number is its mean KL in nats per "
    "example (of a posterior without density: its variance).",
}
ABOUT = (
    "Each row varies one latent and fixes all others at the start, which the bar marks. Rows are "
    "ordered by the mean KL of the latent over training examples in nats (where the KL is not a "
    "sum over latents, by the variance of the mean of q(z|x)). **Change**: mean absolute change "
    "of an element of x along the row, in units of x (pictures: black 0, white 1; standardised "
    "columns: in SD) per unit of z."
)


class TraversalRequest(NamedTuple):
    """The chosen start, range and steps of the traversals."""

    start: str  # a key of STARTS or CHOSEN
    row: int  # the example at the start
    range: str  # a key of RANGES
    reach: int  # standard deviations
    steps: int
    label: int  # class given to a conditional model


def single_latent(run: Run) -> None:
    """The view: controls, a sentence, the rows and the downloads."""
    loaded, request = _controls(run)
    ranked = latent_order(loaded)
    line, toggle, files = st.columns([11, 3.2, 4], vertical_alignment="center")
    latents = _latents(loaded, ranked, toggle)
    line.markdown(
        _summary(loaded, request, latents, ranked.inactive),
        help=ABOUT + lesson_link("gaussian_kl"),
    )
    paths = traversals(loaded, request, latents)
    z = np.concatenate([path.z for path in paths])
    x = decode_path(loaded, z, request.label)
    with files.container(horizontal=True, horizontal_alignment="right"):
        _downloads(loaded, x, z, request.steps)
    if loaded.data.is_image:
        with st.container(key="traverse_paths"):
            st.html(_strips(loaded, request, paths, x))
    else:
        _vectors(loaded, request, paths, x)


def _controls(run: Run) -> tuple[LoadedRun, TraversalRequest]:
    at = control_columns(run, WIDTHS)
    loaded = load_checkpoint(run, at[0], "traverse_checkpoint")
    starts = STARTS if chosen(run) is None else STARTS | CHOSEN
    start = widgets.choose(
        at[1], "Start", "traverse_start", starts, "example", HELP["start"], link="start"
    )
    row = choose_example(loaded, "start", at[2:6], "Row") if start == "example" else 0
    span = widgets.choose(
        at[6], "Range", "traverse_range", RANGES, "prior", HELP["range"], link="range"
    )
    reach = 3
    if span != "quantiles":
        reach = widgets.choose(
            at[7], "Reach", "traverse_reach", REACHES, 3, HELP["reach"], link="reach"
        )
    steps = choose_steps(at[8])
    label = choose_class(loaded, at[-1], class_of(loaded, row) if start == "example" else None)
    return loaded, TraversalRequest(start, row, span, reach, steps, label)


def _latents(loaded: LoadedRun, ranked: LatentOrder, place: DeltaGenerator) -> list[int]:
    """The latents on the page: the first active ones, or all if the toggle is on."""
    order = ranked.order
    first = [d for d in order if d not in ranked.inactive][:FOLD] or order[:1]
    if len(first) == len(order):
        return order
    title, key = f"All {plural(len(order), 'latent')}", widgets.key_of("traverse_all", loaded.run)
    everything = widgets.switch(place, title, key, False, HELP["all"], "all_latents")
    return order if everything else first


def start_of(loaded: LoadedRun, request: TraversalRequest) -> Floats:
    """The start of every row, (Z,)."""
    if request.start == "example":
        return posterior_mean(loaded, request.row)
    place = chosen(loaded.run)
    if request.start in CHOSEN and place is not None:
        return place
    if request.start == "mean":
        return np.asarray(aggregate_samples(loaded).mean(0), np.float32)
    return np.zeros(loaded.run.config.latent_dim, np.float32)


def traversals(
    loaded: LoadedRun, request: TraversalRequest, latents: list[int]
) -> list[Traversal]:
    """The traversal of each of the latents."""
    start = start_of(loaded, request)
    if request.range == "quantiles":
        values = at_quantiles(aggregate_samples(loaded), request.steps)
    else:
        scale = latent_scale(loaded)
        centre = start if request.range == "start" else scale.centre
        values = even(centre, scale.unit, request.reach, request.steps)
    return [traversal(start, d, values[:, d]) for d in latents]


def _summary(
    loaded: LoadedRun, request: TraversalRequest, latents: list[int], inactive: set[int]
) -> str:
    """Number of latents and start, as Markdown."""
    start = (STARTS | CHOSEN)[request.start]
    if request.start == "example":
        start = example_name(loaded, request.row)
    total = loaded.run.config.latent_dim
    part = "All " if len(latents) == total else f"{len(latents)} of "
    hidden = len(inactive - set(latents))
    rest = f" · {hidden} inactive left out" if hidden else ""
    return (
        f"**{part}{plural(total, 'latent')}**, one at a time, starting from "
        f"{markdown(start)}{rest}"
    )


def _downloads(loaded: LoadedRun, x: Floats, z: Floats, steps: int) -> None:
    name = f"{loaded.run.name}-traversals"
    if loaded.data.is_image:
        about = "All rows as one picture, at the model's resolution."
        widgets.download("PNG", lambda: tiles.grid_png(x, steps), f"{name}.png", about)
    about = f"x and z of every tile, row by row, {steps} a row; --data can read it."
    widgets.download("NPZ", lambda: widgets.npz(x, z), f"{name}.npz", about)


def _strips(
    loaded: LoadedRun, request: TraversalRequest, paths: list[Traversal], x: Floats
) -> str:
    """HTML of the rows."""
    shape = loaded.data.event_shape
    x = x.reshape(len(paths), request.steps, *shape)
    information, encoding = latent_order(loaded).information, cache.training_encoding(loaded)
    rows = [
        Strip(
            f"z{path.dimension + 1}",
            information_text(encoding, float(information[path.dimension])),
            x[k],
            [f"z{path.dimension + 1} = {fixed(value)}" for value in path.places],
            path.start,
            fixed(change(loaded.model.domain.rescale(x[k]), path.z), 3),
        )
        for k, path in enumerate(paths)
    ]
    scale = tile_scale(shape, request.steps, len(paths), ROOM)
    heads = (
        "KL, training data" if loaded.model.has_kl else "variance",
        "change of x per unit of z",
    )
    return strips(rows, scale, *_axis(loaded, request), heads)


def _axis(loaded: LoadedRun, request: TraversalRequest) -> tuple[list[str], str]:
    """Labels of the columns and the title of their axis."""
    if request.range == "quantiles":
        shares = np.linspace(1, 99, request.steps)
        return [
            f"{percent(s / 100, 0)}" for s in shares
        ], f"quantiles of the aggregate posterior{BAR}"
    ticks = np.linspace(-request.reach, request.reach, request.steps)
    labels, scale = evenly(ticks), latent_scale(loaded).name
    if request.range == "start":
        return labels, f"z − start, in standard deviations of {scale}{BAR}"
    return labels, f"standard deviations of {scale} from its mean{BAR}"


def _vectors(
    loaded: LoadedRun, request: TraversalRequest, paths: list[Traversal], x: Floats
) -> None:
    """Paths in the plane of two features, or all features against one latent; of series a row of
    panels for each latent."""
    x = x.reshape(len(paths), -1, *loaded.data.event_shape)
    names, columns, domain = (
        _path_names(loaded, paths, x),
        loaded.data.columns,
        loaded.model.domain,
    )
    if loaded.data.is_series:
        places, words = _axis(loaded, request)
        rows = [f"z{path.dimension + 1}" for path in paths]
        chart = path_panels(x, rows, places, words.removesuffix(BAR), columns, domain)
        height = max(CHART, ROW * len(paths))
        plot(chart, key="traversals", revision=run_key(loaded.run), height=height, label=LABEL)
        st.caption("  \n".join(names))
        return
    if loaded.data.event_shape == (2,):
        background = loaded.inputs(loaded.subset("train", 2000))
        starts = [path.start for path in paths]
        chart = path_plane(x, names, starts, background, domain=domain, columns=columns)
    else:
        titles, place = dict(enumerate(names)), st.columns([4, 8])[0]
        k = widgets.choose(
            place, "Latent", "traverse_latent", titles, 0, HELP["latent"], link="latent"
        )
        path = paths[k]
        axis, start = f"z{path.dimension + 1}", path.places[path.start]
        chart = feature_curves(
            [x[k]], path.places, axis, start, ("",), domain, columns, loaded.data.entries
        )
    plot(chart, key="traversals", revision=run_key(loaded.run), height=CHART, label=LABEL)


def _path_names(loaded: LoadedRun, paths: list[Traversal], x: Floats) -> list[str]:
    """Name, information and change of x of each latent's path x (P, S, D)."""
    information, encoding = latent_order(loaded).information, cache.training_encoding(loaded)
    unit = f"{distance_units(loaded.model.domain)} per unit of z"
    return [
        f"z{path.dimension + 1} · "
        f"{information_text(encoding, float(information[path.dimension]))} · "
        f"change {fixed(change(loaded.model.domain.rescale(values), path.z), 3)} {unit}"
        for values, path in zip(x, paths, strict=True)
    ]
