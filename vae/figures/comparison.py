"""Comparison of runs: overlaid training curves and the rate–distortion plane.

The rate is KL(q(z|x) || p(z)), the distortion −E_q[ln p(x|z)]; their sum is −ELBO, so that all
runs with the same ELBO lie on one falling diagonal (Alemi et al. 2018,
https://arxiv.org/abs/1711.00464, with β = 1). Colours distinguish configurations; training data
are solid lines, validation data dashed lines. Nats per example; intervals are 95 % confidence
intervals of the mean over seeds.
"""

import math
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import number
from vae.base.records import Floats
from vae.base.statistics import Interval
from vae.experiments.configurations import Line
from vae.figures.base import Part, axis, decimate, empty_figure, figure, note, span
from vae.figures.palette import CLASSES, token
from vae.figures.quantities import PER_EXAMPLE, SPLITS, TERMS, quantity

FEW = 16  # up to so many points have labels
LONG = 20  # letters of a label at most
EDGE = 0.8  # share of the points' range beyond which labels stand to the left
LETTER = 0.01  # width of a letter as a share of the points' range
POINTS = 1000  # of a curve, after thinning
GAP = 0.055  # between two panels, as a share of the width
BESIDE = ("top right", "bottom right", "bottom left", "top left")
TOUCH = 0.07  # share of the points' range within which two labels would touch
ROOMY = 0.12  # width of a line's name as a share of the plane
LINES = 10  # iso-ELBO lines at most


def colour(slot: int | None, opacity: float | None = None) -> str:
    """The colour of a configuration; grey without a slot."""
    return token("prior" if slot is None else f"class{slot % CLASSES}", opacity)


class RunCurve(NamedTuple):
    """One quantity of a run, or its mean over seeds, during training."""

    name: str  # on hover
    quantity: str
    split: str
    slot: int | None
    line: Line
    thin: bool = False  # one seed of several


def overlaid_curves(lines: Sequence[RunCurve], per: str, height: int) -> go.Figure:
    """Curves of several runs, a panel for each quantity, side by side above a common time axis.

    A curve has the colour of its configuration and an interval is a band. `per` is the unit of
    the time axis: "epoch", "step" or "seconds".
    """
    lines = [curve for curve in lines if np.isfinite(curve.line.value).any()]
    if not lines:
        return empty_figure("No report yet: the curves begin with the first one")
    names = [name for name in TERMS if any(curve.quantity == name for curve in lines)]
    width = (1 - GAP * (len(names) - 1)) / len(names)
    traces, axes, words = [], {}, []
    for k, name in enumerate(names):
        ref, left = str(k + 1) if k else "", k * (width + GAP)
        selected = [curve for curve in lines if curve.quantity == name]
        traces += [part for curve in selected for part in _line(curve, ref, per)]
        matched = {"matches": "x"} if k else {}
        axes[f"xaxis{ref}"] = axis(
            _unit(per), domain=[left, left + width], anchor=f"y{ref}", **matched
        )
        limits = _limits([curve.line for curve in selected], zero=name == "kl")
        axes[f"yaxis{ref}"] = axis(anchor=f"x{ref}", range=limits, automargin=False)
        title = f"<b>{quantity(name).title}</b>"
        words.append(note(title, x=left, y=1, xanchor="left", yanchor="bottom", yshift=2))
    side = {"x": 0, "xshift": -50, "xanchor": "center", "y": 0.5, "textangle": -90}
    unit = note(PER_EXAMPLE, **side, font={"size": 13, "color": token("muted")})
    return figure(
        traces,
        **axes,
        annotations=[*words, unit],
        height=height,
        hovermode="closest",
        margin={"l": 60, "r": 12, "t": 26, "b": 44},
        dragmode="zoom",
    )


def _unit(per: str) -> str:
    """The title of the time axis."""
    return "seconds of training" if per == "seconds" else per


def _limits(lines: Sequence[Line], zero: bool) -> list[float]:
    """A range for the values after the first tenth of each curve; from zero for a KL."""
    parts = [one.value for one in lines]
    whole = span(np.concatenate(parts))
    if zero:
        return [0.0, max(whole[1], 1e-3)]
    late = [p[len(p) // 10 :] for p in parts]
    low, high = span(np.concatenate(late), 0.1)
    return [max(low, whole[0]), min(high, whole[1])]


def _line(curve: RunCurve, ref: str, per: str) -> list[Part]:
    """A curve, above the band of its interval where it is a mean."""
    one, held_out = curve.line, curve.split == "val"
    x, y = decimate(one.x, one.value, POINTS)
    where = {"xaxis": f"x{ref}", "yaxis": f"y{ref}", "type": "scatter"}
    ink = colour(curve.slot, 0.45 if curve.thin else None)
    hover = f"{curve.name} · {SPLITS[curve.split]}<br>{per} %{{x:.4~r}}: <b>%{{y:.5~r}}</b> nats"
    line: Part = {
        **where,
        "x": x,
        "y": y,
        "mode": "lines+markers" if len(x) == 1 else "lines",
        "name": curve.name,
        "uid": _uid(curve),
        "line": {
            "color": ink,
            "width": 0.9 if curve.thin else 1.8,
            "dash": "4px,3px" if held_out else "solid",
        },
        "marker": {"color": ink, "size": 5},
        "hovertemplate": f"{hover}<extra></extra>",
    }
    return [*_band(curve, where), line]


def _uid(curve: RunCurve) -> str:
    """An identifier of a curve; Plotly uses it as a CSS class."""
    text = f"{curve.name} {curve.quantity} {curve.split} {curve.thin}"
    return f"line{zlib.crc32(text.encode()):08x}"


def _band(curve: RunCurve, where: Part) -> list[Part]:
    """The interval around a mean as a band."""
    one = curve.line
    if one.low is None or one.high is None:
        return []
    band: Part = {
        **where,
        "x": np.concatenate([one.x, one.x[::-1]]),
        "y": np.concatenate([one.low, one.high[::-1]]),
        "mode": "lines",
        "fill": "toself",
        "fillcolor": colour(curve.slot, 0.16),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    return [band]


class RunPoint(NamedTuple):
    """A run, or the mean of a configuration over seeds, in the rate–distortion plane."""

    name: str
    beta: float | None
    rate: Interval
    distortion: Interval
    elbo: float
    slot: int | None  # None: not selected


def rate_distortion(points: Sequence[RunPoint], height: int) -> go.Figure:
    """The rate–distortion plane: rate on x, distortion on y, with lines of equal −ELBO.

    A point is labelled with its β, or with its name where another point has the same β.
    """
    if not points:
        return empty_figure("No run here has a KL and a reconstruction yet")
    x = span(_ends([point.rate for point in points]), 0.12)
    y = span(_ends([point.distortion for point in points]), 0.12)
    x = [max(-0.02 * x[1], x[0]), x[1]]  # a rate is never negative
    lines, names = _diagonals(x, y)
    words = _texts(points)
    all_ = list(zip(points, words, _beside(points, words), strict=True))
    grey = [one for one in all_ if one[0].slot is None]
    traces = [lines] + [_points([one]) for one in all_ if one[0].slot is not None]
    if grey:
        traces.insert(1, _points(grey, labelled=len(points) <= FEW))
    return figure(
        traces,
        xaxis=axis("rate = KL, nats per example", range=x, showgrid=False),
        yaxis=axis("distortion = reconstruction, nats per example", range=y, showgrid=False),
        annotations=names,
        height=height,
        hovermode="closest",
        dragmode="zoom",
        margin={"l": 64, "r": 74, "t": 12, "b": 46},
    )


def _ends(intervals: Sequence[Interval]) -> Floats:
    """Means and ends of the intervals, for the range of an axis."""
    ends = [(one.mean, one.low, one.high) for one in intervals]
    values: Floats = np.array(ends, np.float32).ravel()
    return values


def iso_elbo_values(low: float, high: float) -> list[float]:
    """At most ten round, evenly spaced values of −ELBO between `low` and `high`."""
    rough = (high - low) / LINES or 1.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= rough)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _diagonals(x: list[float], y: list[float]) -> tuple[Part, list[Part]]:
    """Lines of equal rate + distortion, with their names where they leave the plane."""
    across: list[float | None] = []
    up: list[float | None] = []
    names = []
    for total in iso_elbo_values(x[0] + y[0], x[1] + y[1]):
        left, right = max(x[0], total - y[1]), min(x[1], total - y[0])
        if right <= left + ROOMY * (x[1] - x[0]):
            continue  # no room for its name
        across += [left, right, None]
        up += [total - left, total - right, None]
        end = {"x": right, "y": total - right, "xref": "x", "yref": "y", "xanchor": "left"}
        place = {"xshift": 3} if right == x[1] else {"yanchor": "bottom"}
        text = f"−ELBO {total:g}".replace("-", "−")
        names.append(note(text, **{**end, **place}, font={"size": 11, "color": token("prior")}))
    ink = {"color": token("prior", 0.5), "width": 1, "dash": "dot"}
    line: Part = {"type": "scatter", "mode": "lines", "x": across, "y": up, "line": ink}
    return line | {"hoverinfo": "skip", "name": "−ELBO"}, names


def _points(named: Sequence[tuple[RunPoint, str, str]], labelled: bool = True) -> Part:
    """Points of one colour, with labels beside them if `labelled`."""
    points = [point for point, _, _ in named]
    slot = points[0].slot
    return {
        "type": "scatter",
        "mode": "markers+text" if labelled else "markers",
        "x": np.array([point.rate.mean for point in points], np.float32),
        "y": np.array([point.distortion.mean for point in points], np.float32),
        "text": [words for _, words, _ in named],
        "textposition": [place for _, _, place in named],
        "textfont": {"size": 12, "color": colour(slot)},
        "marker": {"size": 7 if slot is None else 11, "color": colour(slot)},
        "error_x": whisker([point.rate for point in points], slot),
        "error_y": whisker([point.distortion for point in points], slot),
        "name": "not selected" if slot is None else points[0].name,
        "hovertext": [_hover(point) for point in points],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _beside(points: Sequence[RunPoint], words: Sequence[str]) -> list[str]:
    """The place of each label beside its point, so that labels of near points do not touch."""
    x, y = np.array([(point.rate.mean, point.distortion.mean) for point in points]).T
    apart = [abs(ends - ends[:, None]) / (np.ptp(ends) or 1) for ends in (x, y)]
    wide = max(TOUCH, LETTER * max(map(len, words)))
    near = (apart[0] < wide) & (apart[1] < TOUCH)
    above = (near & (y > y[:, None])).sum(1)
    late = x > x.min() + EDGE * np.ptp(x)  # labels to the right would leave the plane
    sides = [BESIDE[k % len(BESIDE)] for k in above]
    return [s.replace("right", "left") if end else s for s, end in zip(sides, late, strict=True)]


def _texts(points: Sequence[RunPoint]) -> list[str]:
    """The label of each point: its β where that is unique, else its name."""
    betas = [point.beta for point in points]
    return [
        f"  β {point.beta:g}  "
        if point.beta is not None and betas.count(point.beta) == 1
        else f"  {point.name if len(point.name) <= LONG else f'{point.name[: LONG - 1]}…'}  "
        for point in points
    ]


def _hover(point: RunPoint) -> str:
    """The text on hover."""
    name = f"<b>{point.name}</b>" + (f"<br>β {point.beta:g}" if point.beta is not None else "")
    lines = [name, f"rate {nats(point.rate)}", f"distortion {nats(point.distortion)}"]
    return "<br>".join([*lines, f"−ELBO {number(-point.elbo)} nats"])


def nats(one: Interval) -> str:
    """A mean with its interval as text."""
    if not math.isfinite(one.low):
        return f"{number(one.mean)} nats"
    return f"{number(one.mean)} nats ({number(one.low)} to {number(one.high)})"


def whisker(intervals: Sequence[Interval], slot: int | None) -> Part:
    """Error bars of the intervals; none where a mean of a single seed has no interval."""
    half = [one.high - one.mean for one in intervals]
    if not np.isfinite(half).any():
        return {"visible": False}
    return {"type": "data", "array": half, "thickness": 1.3, "width": 4, "color": colour(slot)}
