"""Charts of the data set: examples, mean and standard deviation, values, classes, factors.

Pictures of images are crisp and on fixed scales: black 0 and white 1, for a standard deviation
white 0.5, which none of values in [0, 1] exceeds; so that classes and data sets can be compared.
"""

from html import escape
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.dataset_summary import model_inputs, moments
from vae.analysis.entry_tables import as_rows
from vae.base.data_records import Moments
from vae.base.kinds import KINDS
from vae.base.numbers import compact, number, plural
from vae.base.records import Floats, Hue, Ints, LatentMap
from vae.config import RunConfig
from vae.dashboard.data.view import HELP, DataView
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import html_grid, row_names, row_search, widgets
from vae.dashboard.shared.number_table import SHARE, WHOLE, Column, styled
from vae.data import Dataset, split, stratified
from vae.data.column_kinds import most_common
from vae.figures.dataset import class_bars, feature_lines, feature_spread, value_bars
from vae.figures.latent_map import latent_scatter
from vae.figures.quantities import SPLITS
from vae.figures.vectors import feature_titles
from vae.imaging import tiles

EVERY = np.arange(0)  # for the names of columns alone
ANY = -1  # every class
ROOM = (540, 470)  # pixels for the examples at 1440×900
BESIDE = (184, 200)  # and for each of mean and spread
CHART = 232
LEGEND, NAME = 106, 16  # pixels above and below the bars of classes, and for the name of each
WIDEST = 0.5  # no spread of values in [0, 1] is larger
LINES = 48  # pixels for the words below an example and the gap
MOST_CLASSES = 64  # whose means are drawn
NUMBERS = {name: Column(number, "") for name in ("mean", "SD")}
NUMBERS |= {"names": Column(WHOLE, ""), "share": Column(SHARE, "")}
LINES_ABOUT = "Each line is an example over its features"


class ExamplesRequest(NamedTuple):
    """The class, number and seed of the examples on the page."""

    label: int  # a class, or ANY
    number: int
    seed: int
    condition: str  # "" for all examples


@st.cache_data(max_entries=200, show_spinner=False)
def _moments(_data: Dataset, _config: RunConfig, key: str, label: int) -> Moments:
    assert _data.labels is not None
    return moments(_data, _config, np.flatnonzero(_data.labels == label))


def controls(view: DataView) -> ExamplesRequest:
    """Show the controls of the examples and return their values."""
    at = st.columns([3, 4, 3, 3], vertical_alignment="bottom")
    data = view.data
    classes = {ANY: "all"}
    if data.labels is not None:
        found = np.unique(data.labels)
        classes |= {int(k): data.classes[k] for k in found if 0 <= k < len(data.classes)}
    key = f"data_class_{data.name}"
    label = widgets.choose(at[0], "Class", key, classes, ANY, HELP["class"], link="class")
    key = f"data_number_{data.name}_{data.event_shape}"
    bounds, about = _numbers(data), HELP["number"]
    count = widgets.whole(at[2], "Number", key, bounds, about, step=4, link="number")
    seed = widgets.seed(at[3], "data_seed", HELP["seed"])
    condition = row_search.field(at[1], "data_search", row_search.columns_of(data, EVERY))
    return ExamplesRequest(label, count, seed, condition)


def _numbers(data: Dataset) -> tuple[int, int, int]:
    """Return the lowest, highest and initial number of examples; the last fills the room."""
    if data.is_series:
        return 4, 120, 24
    if not data.is_image:
        return 4, 2000, 2000 if data.event_shape[0] == 2 else 200
    _, height, width = data.event_shape
    scale = -(-html_grid.LEAST // width)
    down = ROOM[1] // (height * scale + LINES)
    across = html_grid.columns(width * scale, ROOM[0], 64)
    return 4, 64, max(4, min(40, down * across // 4 * 4))


def _rows(data: Dataset, request: ExamplesRequest) -> Ints:
    """Return a sample of rows, balanced over the classes and sorted by class."""
    everything = np.arange(len(data.x))
    everything = row_search.passing(row_search.columns_of(data, everything), request.condition)
    if data.labels is None:
        return stratified(None, everything, request.number, request.seed)
    of_class = (
        everything
        if request.label == ANY
        else everything[data.labels[everything] == request.label]
    )
    rows = stratified(data.labels, of_class, request.number, request.seed)
    return rows[np.argsort(data.labels[rows], kind="stable")]


def examples(view: DataView, request: ExamplesRequest) -> None:
    """Show examples: pictures with their class, series as curves, or vectors as points or
    lines."""
    data = view.data
    if not data.is_image:
        _vectors(view, request)
        return
    rows = _rows(data, request)
    parts = _parts(view)
    words = [
        html_grid.Card(f"{name} · row {row} of {data.name} · {parts[row]}", name, ())
        for row, name in zip(
            rows, row_names.names_of(data.labels, data.classes, rows), strict=True
        )
    ]
    scale = html_grid.enlargement(data.event_shape, 1, words, ROOM)
    first = "class" if data.labels is not None else "row"
    layers = {"example": model_inputs(data, view.config, rows)}
    st.html(html_grid.cards(layers, words, ((first, "text"),), scale, ROOM[0]))


def _parts(view: DataView) -> Any:
    """Return the name of the split of each row, (N,)."""
    c = view.config
    names = np.full(len(view.data.x), "train", dtype="<U10")
    divided = split(view.data, c.val_share, c.test_share, c.seed)
    names[divided.val], names[divided.test] = SPLITS["val"], SPLITS["test"]
    return names


def _vectors(view: DataView, request: ExamplesRequest) -> None:
    """Show two features as a scatter plot, or all features of a few examples as lines, or series
    in panels."""
    data = view.data
    features = 0 if data.is_series else data.event_shape[0]
    rows = _rows(data, request)
    x = model_inputs(data, view.config, rows)
    labels = None if data.labels is None else data.labels[rows]
    if data.kinds:
        names = row_names.names_of(data.labels, data.classes, rows)
        head = {"row": rows.tolist()} | ({} if labels is None else {"class": names})
        st.dataframe(as_rows(x, data, head), hide_index=True, height=ROOM[1] + 24)
        st.caption(f"{len(rows):,} of {len(data.x):,} examples shown")
        return
    if features == 2:
        hue = None if labels is None else Hue("class", labels, data.classes)
        first, second = feature_titles(data.columns, 2)
        record = LatentMap(x, (first, second), rows, hue, len(data.x), False)
        chart, title = latent_scatter(record), "Two features against each other"
    else:
        names = row_names.names_of(data.labels, data.classes, rows)
        labelled = labels is not None
        pairs = zip(rows, names, strict=True)
        words = [f"{name} · #{row}" if labelled else name for row, name in pairs]
        domain = view.config.domain(data)
        chart = feature_lines(x, labels, data.classes, domain, data.columns, words)
        title = "Each panel is an example over time" if data.is_series else LINES_ABOUT
    revision = f"{view.key} {request.label}"
    plot(chart, key="data_vectors", revision=revision, height=ROOM[1] + 24, label=title)
    about = HELP["vectors"] + lesson_link("goals")
    st.caption(f"{title} · {len(rows):,} of {len(data.x):,} examples shown", help=about)


def average(view: DataView, request: ExamplesRequest) -> None:
    """Show mean and standard deviation: pictures with their scales, or a chart for vectors."""
    record = view.summary.moments
    if request.label != ANY:
        record = _moments(view.data, view.config, view.key, request.label)
    of = f"of {plural(record.examples, 'example')}"
    if view.data.kinds:
        st.markdown(f"**Columns** {of}", help=HELP["kinds"])
        st.dataframe(styled(_columns(view, record), NUMBERS), hide_index=True, height=CHART)
        return
    if not view.data.is_image:
        st.markdown(f"**Mean and SD** {of}", help=HELP["spread"] + lesson_link("linear", "exact"))
        revision = f"{view.key} {request.label}"
        chart = feature_spread(record, view.data.columns)
        plot(chart, key="data_spread", revision=revision, height=CHART, label="Mean and SD")
        return
    left, right = st.columns(2)
    with left:
        about = HELP["mean_image"] + lesson_link("terms")
        st.markdown(f"**Mean** {of.replace(' examples', '')}", help=about)
        st.html(_scaled(record.mean, 1.0, "mean"))
    with right:
        st.markdown("**SD**", help=HELP["sd_image"] + lesson_link("failures", "fails"))
        st.html(_scaled(_grey(record.sd), WIDEST, "standard deviation"))


def _columns(view: DataView, record: Moments) -> dict[str, Any]:
    """Return a table of the columns of a mixed table: kind, and mean and SD or the most common
    name."""
    data = view.data
    named = np.array([KINDS[kind].named for kind in data.kinds])
    found = [
        most_common(column, names) for column, names in zip(data.x.T, data.entries, strict=True)
    ]
    return {
        "column": list(data.columns),
        "kind": list(data.kinds),
        "mean": np.where(named, np.nan, record.mean),
        "SD": np.where(named, np.nan, record.sd),
        "names": [len(names) or None for names in data.entries],
        "most common": [name for name, _ in found],
        "share": [share for _, share in found],
    }


def _grey(sd: Floats) -> Floats:
    """Return the root of the mean variance over the channels, (…, C, H, W) → (…, 1, H, W)."""
    grey: Floats = np.sqrt(np.square(sd).mean(axis=-3, keepdims=True))
    return grey


def _scaled(values: Floats, limit: float, alt: str) -> str:
    """Return HTML of a picture (C, H, W), white at `limit`, with its scale below."""
    scale = html_grid.tile_scale(values.shape, 1, 1, BESIDE)
    picture = tiles.tile(values[None] / limit, 1, scale=scale)
    width = picture.shape[1]
    bar = tiles.tile(np.linspace(0, 1, width, dtype=np.float32)[None, None, None].repeat(8, 2), 1)
    end = compact(limit)
    ends = f'<div class="ends" style="width:{width}px"><span>0</span><span>{end}</span></div>'
    return (
        f'<div class="vae-scaled">{html_grid.sheet(picture, escape(alt))}'
        f"{html_grid.sheet(bar, escape(f'the scale of the {alt}, 0 to {end}'))}{ends}</div>"
    )


def has_classes(view: DataView) -> bool:
    """Whether there are pictures of several classes to compare."""
    return view.data.is_image and len(view.summary.classes) > 1


def each_class(view: DataView) -> None:
    """Show mean and standard deviation of every class."""
    data = view.data
    if data.labels is None or not has_classes(view):
        return
    present = [k for k in range(len(data.classes)) if (data.labels == k).any()][:MOST_CLASSES]
    found = [_moments(data, view.config, view.key, k) for k in present]
    words = [
        html_grid.Card(f"{data.classes[k]}: {plural(size, 'example')}", data.classes[k], ())
        for k in present
        if (size := int((data.labels == k).sum()))
    ]
    layers = {
        "mean": np.stack([m.mean for m in found]),
        "SD": _grey(np.stack([m.sd / WIDEST for m in found])),
    }
    scale = html_grid.enlargement(data.event_shape, 2, words, (ROOM[0], 150))
    st.markdown("**Each class**", help=HELP["each"] + lesson_link("goals", "mixture"))
    st.html(html_grid.cards(layers, words, (("class", "text"),), scale, ROOM[0]))


def histogram(view: DataView) -> None:
    """Show the histogram of all values; a mixed table has no common unit for one."""
    if view.data.kinds:
        return
    head, log = st.columns([2, 1], vertical_alignment="center")
    head.markdown("**Values**", help=HELP["histogram"] + lesson_link("goals", "mixture"))
    is_log = widgets.log_scale(log, "data_log", HELP["log"])
    chart = value_bars(view.summary, is_log)
    plot(
        chart,
        key="data_values",
        revision=f"{view.key} {is_log}",
        height=CHART,
        label="Histogram of all values",
    )


def balance(view: DataView) -> None:
    """Show the number of examples of each class in train, validation and test."""
    st.markdown(
        "**Classes in each part**", help=HELP["balance"] + lesson_link("failures", "fails")
    )
    chart = class_bars(view.summary)
    height = max(CHART, LEGEND + NAME * len(chart.layout.yaxis.ticktext or ()))
    plot(chart, key="data_classes", revision=view.key, height=height, label="Examples by class")


def factors(view: DataView) -> None:
    """Show the known factors as a table, if there are any."""
    if not (found := view.summary.factors):
        return
    st.markdown("**Factors**", help=HELP["factors"] + lesson_link("goals"))
    lines = ["| factor | different values | smallest | largest |", "|:--|--:|--:|--:|"]
    lines += [
        f"| {f.name} | {f.distinct:,} | {compact(f.low)} | {compact(f.high)} |" for f in found
    ]
    st.markdown("\n".join(lines))
