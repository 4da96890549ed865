"""Comparison of runs: overlaid training curves, and colours, numbers and error bars of groups.

Colours distinguish configurations; training data are solid lines, validation data dashed lines.
Nats per example; intervals are 95 % confidence intervals of the mean over seeds.
"""

import math
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import plotly_text
from vae.base.numbers import number
from vae.base.smoothing import exponential_mean
from vae.base.statistics import Interval
from vae.experiments.configurations import Line
from vae.figures.base import Part, axis, decimate, empty_figure, figure, note, span
from vae.figures.palette import CLASSES, token
from vae.figures.quantities import PER_EXAMPLE, SPLITS, TERMS, quantity
from vae.figures.smoothing import smoothed

POINTS = 1000  # of a curve, after thinning
MOST = 12  # curves of a panel whose values are shown together at the step under the pointer
GAP = 0.055  # between two panels, as a share of the width


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


def overlaid_curves(
    lines: Sequence[RunCurve], per: str, height: int, smooth: float = 0.0
) -> go.Figure:
    """Curves of several runs, a panel for each quantity, side by side above a common time axis.

    A curve has the colour of its configuration and an interval is a band. `per` is the unit of
    the time axis: "epoch", "step" or "seconds". With `smooth` the exponential mean over so many
    epochs is drawn above each curve, which stays visible faintly and under the pointer. The
    pointer shows the values of all curves of a panel at its step; of more than MOST curves the
    nearest one.
    """
    lines = [curve for curve in lines if np.isfinite(curve.line.value).any()]
    if not lines:
        return empty_figure("No curves: these runs have no report")
    names = [name for name in TERMS if any(curve.quantity == name for curve in lines)]
    width = (1 - GAP * (len(names) - 1)) / len(names)
    counts = [sum(curve.quantity == name for curve in lines) for name in names]
    together = max(counts) <= MOST
    header: Part = {"unifiedhovertitle": {"text": f"{per} %{{x:.4~r}}"}} if together else {}
    traces, axes, words = [], {}, []
    for k, name in enumerate(names):
        ref, left = str(k + 1) if k else "", k * (width + GAP)
        selected = [curve for curve in lines if curve.quantity == name]
        traces += [part for curve in selected for part in _line(curve, ref, per, smooth, together)]
        matched = {"matches": "x"} if k else {}
        axes[f"xaxis{ref}"] = axis(
            _unit(per), domain=[left, left + width], anchor=f"y{ref}", **header, **matched
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
        hovermode="x unified" if together else "closest",
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


def _line(curve: RunCurve, ref: str, per: str, smooth: float, together: bool) -> list[Part]:
    """A curve, above the band of its interval where it is a mean."""
    one, held_out = curve.line, curve.split == "val"
    x, y = decimate(one.x, one.value, POINTS)
    where = {"xaxis": f"x{ref}", "yaxis": f"y{ref}", "type": "scatter"}
    ink = colour(curve.slot, 0.45 if curve.thin else None)
    name = plotly_text(curve.name)
    place = "" if together else f"<br>{per} %{{x:.4~r}}:"
    hover = f"{name} · {SPLITS[curve.split]}{place} <b>%{{y:.5~r}}</b> nats"
    line: Part = {
        **where,
        "x": x,
        "y": y,
        "mode": "lines+markers" if len(x) == 1 else "lines",
        "name": name,
        "uid": _uid(curve),
        "line": {
            "color": ink,
            "width": 0.9 if curve.thin else 1.8,
            "dash": "4px,3px" if held_out else "solid",
        },
        "marker": {"color": ink, "size": 5},
        "hovertemplate": f"{hover}<extra></extra>",
    }
    if not smooth or len(one.x) == 1:
        return [*_band(curve, where), line]
    mean = exponential_mean(one.epoch, one.value, smooth)
    return [*_band(curve, where), *smoothed(line, *decimate(one.x, mean, POINTS))]


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
