"""Figures of a sweep: small charts of each configuration, and a quantity against the setting.

The small charts share both axes. They show reconstruction, KL and their sum −ELBO, for which lower
is better, with a line for each seed. Nats per example; intervals are 95 % confidence intervals of
the mean over seeds (Student 1908).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import plotly_text
from vae.base.numbers import compact, number
from vae.base.records import Floats
from vae.base.statistics import Interval
from vae.experiments.configurations import Line
from vae.figures.base import Part, axis, decimate, empty_figure, figure, note, span
from vae.figures.comparison import colour, nats
from vae.figures.palette import token

TITLES = {"reconstruction": "reconstruction", "kl": "KL", "elbo": "−ELBO"}
TOP, BOTTOM = 10, 46  # px above and below the chart of a setting
APART = 0.014  # distance of two series at one value, as a share of the width
LINE = 14  # px between two names of series
TICKS, LETTERS = 6, 44  # most labelled ticks of a log axis; letters that fit below an axis
POINTS, LEAST, TOTAL = 200, 40, 30_000  # most and fewest points of a line; of all lines together
LOWEST, HIGHEST, ALL = 128, 230, 460  # px: least and greatest height of a small chart; all rows
HEAD, FOOT = 22, 42  # px for the name above a small chart and for the time axis below
LEFT, GAP = 52, 0.035  # px for the ticks; distance of two small charts as a share of the width


class Panel(NamedTuple):
    """The small chart of one configuration."""

    name: str
    note: str  # progress of its seeds, or ""
    place: tuple[int, int]  # row, column
    lines: dict[str, dict[int, Line]]  # quantity → seed → line


def small_multiples(panels: Sequence[Panel], epochs: float) -> go.Figure:
    """The small charts of a sweep in rows and columns, up to `epochs` on the time axis."""
    if not panels:
        return empty_figure("No configuration yet")
    rows, columns = (1 + max(panel.place[k] for panel in panels) for k in (0, 1))
    tall = max(LOWEST, min(HIGHEST, ALL // rows - HEAD))
    inside = rows * (tall + HEAD) - HEAD
    width = (1 - GAP * (columns - 1)) / columns
    traces: list[Part] = []
    axes: dict[str, Part] = {}
    words: list[Part] = []
    limits, points = _limits(panels), _points(panels)
    for k, panel in enumerate(panels):
        ref, (row, column) = str(k + 1) if k else "", panel.place
        left, top = column * (width + GAP), 1 - row * (tall + HEAD) / inside
        lowest = not any(p.place == (row + 1, column) for p in panels)
        traces += [_trace(panel, name, ref, points) for name in TITLES if panel.lines.get(name)]
        axes[f"xaxis{ref}"] = axis(
            "epoch" if lowest and row == rows - 1 else "",
            domain=[left, min(left + width, 1.0)],
            anchor=f"y{ref}",
            range=[0, epochs],
            showticklabels=lowest,
            nticks=4,
            automargin=False,
            **({"matches": "x"} if k else {}),
        )
        axes[f"yaxis{ref}"] = axis(
            domain=[max(top - tall / inside, 0.0), top],
            anchor=f"x{ref}",
            range=limits,
            showticklabels=column == 0,
            nticks=5,
            automargin=False,
            **({"matches": "y"} if k else {}),
        )
        words.append(_head(panel, left, top))
    side = {"x": 0, "xshift": -LEFT + 8, "xanchor": "center", "y": 0.5, "textangle": -90}
    words.append(note("nats per example", **side, font={"size": 12, "color": token("muted")}))
    return figure(
        [trace for trace in traces if len(trace["x"])] or [_nothing()],
        **axes,
        annotations=words,
        height=HEAD + inside + FOOT,
        hovermode="closest",
        dragmode="zoom",
        margin={"l": LEFT, "r": 12, "t": HEAD, "b": FOOT},
    )


def _nothing() -> Part:
    """An invisible trace, so that Plotly draws the axes before the first report."""
    return {"type": "scatter", "x": [0.0], "y": [None], "mode": "lines", "hoverinfo": "skip"}


def _head(panel: Panel, left: float, top: float) -> Part:
    """The name and the progress above a small chart."""
    text = f"<b>{plotly_text(panel.name)}</b>" + (f"  {panel.note}" if panel.note else "")
    place = {"x": left, "y": top, "xanchor": "left", "yanchor": "bottom", "yshift": 1}
    return note(text, **place, font={"size": 12, "color": token("text")})


def _trace(panel: Panel, quantity: str, ref: str, points: int) -> Part:
    """All seeds of one quantity, as one line with gaps."""
    x: list[float] = []
    y: list[float] = []
    seed: list[int] = []
    for number_, line in sorted(panel.lines[quantity].items()):
        along, value = decimate(line.x, line.value, points)
        x += [*along.tolist(), math.nan]
        y += [*value.tolist(), math.nan]
        seed += [number_] * (len(along) + 1)
    what = f"{plotly_text(panel.name)}<br>{TITLES[quantity]}"
    hover = f"{what} %{{y:.5~r}} nats<br>seed %{{customdata}}"
    return {
        "type": "scatter",
        "mode": "lines",
        "xaxis": f"x{ref}",
        "yaxis": f"y{ref}",
        "x": np.array(x, np.float32),
        "y": np.array(y, np.float32),
        "customdata": np.array(seed, np.int32),
        "name": TITLES[quantity],
        "line": {"color": token(quantity, 0.8), "width": 1.3},
        "hovertemplate": f"{hover}, epoch %{{x:.4~r}}<extra></extra>",
    }


def _points(panels: Sequence[Panel]) -> int:
    """Number of points of each line: fewer for many lines."""
    lines = sum(len(seeds) for panel in panels for seeds in panel.lines.values())
    return max(LEAST, min(POINTS, TOTAL // max(lines, 1)))


def _limits(panels: Sequence[Panel]) -> list[float]:
    """A common range from 0 to the highest value after the first tenth of each line."""
    lines = [line for p in panels for seeds in p.lines.values() for line in seeds.values()]
    values = [line.value[len(line.value) // 10 :] for line in lines]
    whole: Floats = np.concatenate([np.zeros(1, np.float32), *values])
    return span(whole, 0.04) if values else [0.0, 1.0]


class SettingPoint(NamedTuple):
    """One configuration at a value of the swept setting, with a value for each seed."""

    x: float
    name: str
    values: dict[int, float]  # seed → nats per example
    mean: Interval


class Series(NamedTuple):
    """The configurations with one value of the second setting, drawn in one colour."""

    name: str  # "" without a second setting
    slot: int | None  # colour of the series; None: the colour of the quantity
    points: tuple[SettingPoint, ...]


def setting_summary(
    series: Sequence[Series],
    quantity: str,
    title: str,
    ticks: Sequence[tuple[float, str]],
    log: bool,
    height: int,
) -> go.Figure:
    """A quantity against the swept setting: a point for each seed, the mean and its interval.

    `ticks` are the values of a categorical setting, (place, name); without them a line joins the
    means.
    """
    present = [one for one in series if any(point.values for point in one.points)]
    if not present:
        return empty_figure(f"No run has a {TITLES[quantity]} on validation data so far")
    places = sorted({point.x for one in present for point in one.points})
    present = _beside(present, log)
    limits = span(_ends(present), 0.06)
    return figure(
        [part for one in present for part in _series(one, quantity, not ticks)],
        xaxis=axis(
            title,
            type="log" if log else "linear",
            range=span(_along(places, log), 0.09),
            exponentformat="power",
            **_named(places, ticks, log),
        ),
        yaxis=axis(f"{TITLES[quantity]}, nats per example", range=limits),
        annotations=_labels(
            present, quantity, log, (height - TOP - BOTTOM) / (limits[1] - limits[0])
        ),
        height=height,
        hovermode="closest",
        dragmode="zoom",
        margin={"l": 60, "r": 78 if present[0].name else 14, "t": TOP, "b": BOTTOM},
    )


def _along(places: Sequence[float], log: bool) -> Floats:
    """Values in the units of their axis: log10 on a log axis."""
    values = np.array(places, np.float64)
    return (np.log10(values) if log else values).astype(np.float32)


def _beside(series: Sequence[Series], log: bool) -> list[Series]:
    """Shift series that share a value apart, as intervals would overlap; escape their names."""
    along = _along([point.x for one in series for point in one.points], log)
    extent = float(np.ptp(along)) or 1.0
    values = [{point.x for point in one.points} for one in series]

    def moved(k: int, point: SettingPoint) -> SettingPoint:
        others = [i for i, xs in enumerate(values) if point.x in xs]
        shift = (others.index(k) - (len(others) - 1) / 2) * APART * extent
        x = point.x * 10**shift if log else point.x + shift
        return point._replace(x=x, name=plotly_text(point.name))

    found = [tuple(moved(k, p) for p in one.points) for k, one in enumerate(series)]
    pairs = zip(series, found, strict=True)
    return [one._replace(name=plotly_text(one.name), points=points) for one, points in pairs]


def _ends(series: Sequence[Series]) -> Floats:
    """All plotted values in nats per example; NaN where an interval has no ends."""
    all_points = [point for one in series for point in one.points]
    drawn = [[*p.values.values(), p.mean.low, p.mean.high] for p in all_points]
    return np.array([value for values in drawn for value in values], np.float32)


def _named(places: Sequence[float], ticks: Sequence[tuple[float, str]], log: bool) -> Part:
    """Labelled ticks of a categorical setting, or of the values on a log axis, thinned."""
    if log:
        ticks = [(place, compact(place, 3)) for place in places[:: -(-len(places) // TICKS)]]
    if not ticks:
        return {}
    crowded = len(ticks) * max(len(name) for _, name in ticks) > LETTERS
    names = [plotly_text(name) for _, name in ticks]
    return {"tickvals": [p for p, _ in ticks], "ticktext": names, "tickangle": -30 * crowded}


def _ink(one: Series, quantity: str, opacity: float | None = None) -> str:
    """The colour of a series."""
    return token(quantity, opacity) if one.slot is None else colour(one.slot, opacity)


def _series(one: Series, quantity: str, joined: bool) -> list[Part]:
    """The means with their intervals, above the seeds."""
    present = [point for point in one.points if point.values]
    seeds = [(point, seed, value) for point in present for seed, value in point.values.items()]
    half = [point.mean.high - point.mean.mean for point in present]
    common = {"type": "scatter", "hovertemplate": "%{hovertext}<extra></extra>"}
    dots: Part = {
        "mode": "markers",
        "name": f"{one.name} seeds",
        "x": np.array([point.x for point, _, _ in seeds], np.float32),
        "y": np.array([value for _, _, value in seeds], np.float32),
        "marker": {"size": 6, "color": _ink(one, quantity, 0.45)},
        "hovertext": [f"{point.name}, seed {k}<br>{number(v)} nats" for point, k, v in seeds],
    }
    means: Part = {
        "mode": "lines+markers" if joined else "markers",
        "name": f"{one.name} mean",
        "x": np.array([point.x for point in present], np.float32),
        "y": np.array([point.mean.mean for point in present], np.float32),
        "line": {"color": _ink(one, quantity), "width": 1.4},
        "marker": {"symbol": "line-ew-open", "size": 14, "color": _ink(one, quantity)},
        "hovertext": [_hover(point) for point in present],
    }
    if np.isfinite(half).any():
        means["error_y"] = {
            "type": "data",
            "array": half,
            "thickness": 1.3,
            "width": 5,
            "color": _ink(one, quantity),
        }
    return [common | dots, common | means]


def _hover(point: SettingPoint) -> str:
    """The text of a mean on hover."""
    seeds = f"{point.mean.seeds} seed{'s' * (point.mean.seeds != 1)}"
    return f"{point.name}, mean of {seeds}<br>{nats(point.mean)}"


def _labels(series: Sequence[Series], quantity: str, log: bool, scale: float) -> list[Part]:
    """The names of the series at their right ends without overlap; `scale` is pixels per nat."""
    named = [(one, [a for a in one.points if a.values][-1]) for one in series if one.name]
    labels, free = list[Part](), -math.inf
    for one, last in sorted(named, key=lambda pair: pair[1].mean.mean):
        height = last.mean.mean * scale
        free = max(height, free) + LINE
        place = {"xref": "x", "yref": "y", "x": float(_along([last.x], log)[0]), "xshift": 12}
        place |= {"y": last.mean.mean, "yshift": free - LINE - height, "xanchor": "left"}
        labels.append(note(one.name, **place, font={"size": 12, "color": _ink(one, quantity)}))
    return labels
