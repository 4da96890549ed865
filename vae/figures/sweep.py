"""A sweep: one small chart a configuration, and a figure against the setting that is swept.

Small charts share both axes, so that height means the same everywhere. They show reconstruction,
KL and their sum, −ELBO, which is what a better model lowers; every seed is a line. Nats per
example; intervals are of 95 %, of the mean over seeds (Student 1908).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.records import Floats
from vae.base.statistics import Interval
from vae.experiments.configurations import Line
from vae.figures.base import Part, axis, decimate, empty_figure, figure, note, number, span
from vae.figures.comparison import colour, nats
from vae.figures.palette import token

QUANTITIES = {"reconstruction": "reconstruction", "kl": "KL", "elbo": "−ELBO"}
TOP, BOTTOM = 10, 46  # pixels around the figure against a setting
APART = 0.014  # of its width, between two series at one value
LINE = 14  # pixels between two names of series
TICKS, LETTERS = 6, 44  # named ticks at most on a log axis; letters that fit below an axis
POINTS, LEAST, SENT = 200, 40, 30_000  # a line's points at most and at least, all lines' about
LOWEST, HIGHEST, ALL = 128, 230, 460  # pixels: a small chart at least and at most, and all rows
HEAD, FOOT = 22, 42  # pixels for the name above a chart and for the time axis below
LEFT, GAP = 52, 0.035  # pixels for the ticks; between two charts, of the width


class Panel(NamedTuple):
    """One configuration: where it stands, and quantity → seed → its line."""

    name: str
    told: str  # how far its seeds are; "" where there is nothing to say
    place: tuple[int, int]  # row, column
    lines: dict[str, dict[int, Line]]


def multiples(panels: Sequence[Panel], epochs: float) -> go.Figure:
    """The small charts of a sweep, as many rows and columns as their places ask for."""
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
        traces += [
            _trace(panel, name, ref, points) for name in QUANTITIES if panel.lines.get(name)
        ]
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
    """A trace that shows nothing, so that the axes are drawn before there are reports."""
    return {"type": "scatter", "x": [0.0], "y": [None], "mode": "lines", "hoverinfo": "skip"}


def _head(panel: Panel, left: float, top: float) -> Part:
    told = f"  {panel.told}" if panel.told else ""
    place = {"x": left, "y": top, "xanchor": "left", "yanchor": "bottom", "yshift": 1}
    return note(f"<b>{panel.name}</b>{told}", **place, font={"size": 12, "color": token("text")})


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
    told = f"{panel.name}<br>{QUANTITIES[quantity]} %{{y:.5~r}} nats<br>seed %{{customdata}}"
    return {
        "type": "scatter",
        "mode": "lines",
        "xaxis": f"x{ref}",
        "yaxis": f"y{ref}",
        "x": np.array(x, np.float32),
        "y": np.array(y, np.float32),
        "customdata": np.array(seed, np.int32),
        "name": QUANTITIES[quantity],
        "line": {"color": token(quantity, 0.8), "width": 1.3},
        "hovertemplate": f"{told}, epoch %{{x:.4~r}}<extra></extra>",
    }


def _points(panels: Sequence[Panel]) -> int:
    """How many points of each line are drawn: the more lines, the fewer."""
    lines = sum(len(seeds) for panel in panels for seeds in panel.lines.values())
    return max(LEAST, min(POINTS, SENT // max(lines, 1)))


def _limits(panels: Sequence[Panel]) -> list[float]:
    """A range for all: from the lowest value to the highest after each line's first tenth."""
    lines = [line for p in panels for seeds in p.lines.values() for line in seeds.values()]
    values = [line.value[len(line.value) // 10 :] for line in lines]
    whole: Floats = np.concatenate([np.zeros(1, np.float32), *values])
    return span(whole, 0.04) if values else [0.0, 1.0]


class Arm(NamedTuple):
    """One configuration in the summary: its place on the axis, and a value a seed."""

    x: float
    name: str
    values: dict[int, float]  # seed → nats per example
    mean: Interval


class Series(NamedTuple):
    """The configurations that share one colour: one value of the second setting."""

    name: str  # "" where there is no second setting
    slot: int | None  # colour of the series; None takes that of the quantity
    arms: tuple[Arm, ...]


def summary(
    series: Sequence[Series],
    quantity: str,
    title: str,
    ticks: Sequence[tuple[float, str]],
    log: bool,
    height: int,
) -> go.Figure:
    """A figure against the swept setting: one point a seed, the mean and its interval. `ticks`
    are the values of a setting that is no number, (place, name); then no line joins the means."""
    shown = [one for one in series if any(arm.values for arm in one.arms)]
    if not shown:
        return empty_figure(f"No run has a {QUANTITIES[quantity]} on validation data so far")
    places = sorted({arm.x for one in shown for arm in one.arms})
    shown = _beside(shown, log)
    limits = span(_ends(shown), 0.06)
    return figure(
        [part for one in shown for part in _series(one, quantity, not ticks)],
        xaxis=axis(
            title,
            type="log" if log else "linear",
            range=span(_along(places, log), 0.09),
            exponentformat="power",
            **_named(places, ticks, log),
        ),
        yaxis=axis(f"{QUANTITIES[quantity]}, nats per example", range=limits),
        annotations=_labels(
            shown, quantity, log, (height - TOP - BOTTOM) / (limits[1] - limits[0])
        ),
        height=height,
        hovermode="closest",
        dragmode="zoom",
        margin={"l": 60, "r": 78 if shown[0].name else 14, "t": TOP, "b": BOTTOM},
    )


def _along(places: Sequence[float], log: bool) -> Floats:
    """Values in the units of their axis."""
    values = np.array(places, np.float64)
    return (np.log10(values) if log else values).astype(np.float32)


def _beside(series: Sequence[Series], log: bool) -> list[Series]:
    """The series a little apart from each other, so that no interval hides another's."""
    along = _along([arm.x for one in series for arm in one.arms], log)
    extent, found = float(np.ptp(along)) or 1.0, []
    for k, one in enumerate(series):
        shift = (k - (len(series) - 1) / 2) * APART * extent
        arms = [a._replace(x=a.x * 10**shift if log else a.x + shift) for a in one.arms]
        found.append(one._replace(arms=tuple(arms)))
    return found


def _ends(series: Sequence[Series]) -> Floats:
    """All that is drawn, in nats per example; NaN where an interval has no ends."""
    arms = [arm for one in series for arm in one.arms]
    drawn = [v for arm in arms for v in (*arm.values.values(), arm.mean.low, arm.mean.high)]
    return np.array(drawn, np.float32)


def _named(places: Sequence[float], ticks: Sequence[tuple[float, str]], log: bool) -> Part:
    """The names of the ticks, where they are not left to Plotly: on a log axis the values that
    the setting takes, thinned."""
    if log:
        ticks = [(place, f"{place:.3g}") for place in places[:: -(-len(places) // TICKS)]]
    if not ticks:
        return {}
    crowded = len(ticks) * max(len(name) for _, name in ticks) > LETTERS
    found: Part = {"tickvals": [p for p, _ in ticks], "ticktext": [name for _, name in ticks]}
    return found | {"tickangle": -30 if crowded else 0}


def _ink(one: Series, quantity: str, opacity: float | None = None) -> str:
    return token(quantity, opacity) if one.slot is None else colour(one.slot, opacity)


def _series(one: Series, quantity: str, joined: bool) -> list[Part]:
    """The means with their intervals; under them the seeds."""
    arms = [arm for arm in one.arms if arm.values]
    seeds = [(arm, seed, value) for arm in arms for seed, value in arm.values.items()]
    half = [arm.mean.high - arm.mean.mean for arm in arms]
    common = {"type": "scatter", "hovertemplate": "%{hovertext}<extra></extra>"}
    points: Part = {
        "mode": "markers",
        "name": f"{one.name} seeds",
        "x": np.array([arm.x for arm, _, _ in seeds], np.float32),
        "y": np.array([value for _, _, value in seeds], np.float32),
        "marker": {"size": 6, "color": _ink(one, quantity, 0.45)},
        "hovertext": [f"{arm.name}, seed {k}<br>{number(v)} nats" for arm, k, v in seeds],
    }
    means: Part = {
        "mode": "lines+markers" if joined else "markers",
        "name": f"{one.name} mean",
        "x": np.array([arm.x for arm in arms], np.float32),
        "y": np.array([arm.mean.mean for arm in arms], np.float32),
        "line": {"color": _ink(one, quantity), "width": 1.4},
        "marker": {"symbol": "line-ew-open", "size": 14, "color": _ink(one, quantity)},
        "hovertext": [_told(arm) for arm in arms],
    }
    if np.isfinite(half).any():
        means["error_y"] = {
            "type": "data",
            "array": half,
            "thickness": 1.3,
            "width": 5,
            "color": _ink(one, quantity),
        }
    return [common | points, common | means]


def _told(arm: Arm) -> str:
    seeds = f"{arm.mean.seeds} seed{'s' * (arm.mean.seeds != 1)}"
    return f"{arm.name}, mean of {seeds}<br>{nats(arm.mean)}"


def _labels(series: Sequence[Series], quantity: str, log: bool, scale: float) -> list[Part]:
    """The names of the series at their right ends, none over another; `scale` is pixels a nat."""
    named = [(one, [a for a in one.arms if a.values][-1]) for one in series if one.name]
    labels, free = list[Part](), -math.inf
    for one, last in sorted(named, key=lambda pair: pair[1].mean.mean):
        height = last.mean.mean * scale
        free = max(height, free) + LINE
        place = {"xref": "x", "yref": "y", "x": float(_along([last.x], log)[0]), "xshift": 12}
        place |= {"y": last.mean.mean, "yshift": free - LINE - height, "xanchor": "left"}
        labels.append(note(one.name, **place, font={"size": 12, "color": _ink(one, quantity)}))
    return labels
