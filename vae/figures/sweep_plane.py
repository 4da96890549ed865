"""The rate–distortion plane of a sweep, with the knee of each curve.

A curve joins the means over seeds in the order of the swept values. The chord between its ends is
dotted; the knee has a ring, and a broad line covers its 95 % interval. Nats per example.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import plotly_text
from vae.base.numbers import number
from vae.base.records import Floats
from vae.base.statistics import Interval
from vae.experiments.knee import Knee, NoKnee
from vae.figures.base import Part, axis, empty_figure, figure, note, span
from vae.figures.comparison import colour, nats, whisker
from vae.figures.labels import LETTER, Box, in_pixels, place_labels
from vae.figures.palette import token

SIDES = [(-1, -1), (1, 1), (1, -1), (-1, 1), (1, 0), (-1, 0)]  # of a label beside its point
ANCHORS = {1: "bottom", 0: "middle", -1: "top"}
PLANE = {"l": 64, "r": 14, "t": 12, "b": 46}  # margins, px
NARROW, DOT, RING, GAP = 300.0, 10.0, 18, 8.0  # px: least width, a point, the knee's ring, a gap
FEW = 24  # up to so many points have labels


class PlanePoint(NamedTuple):
    """A configuration in the plane."""

    name: str  # on hover
    label: str
    rate: Interval
    distortion: Interval
    seeds: tuple[tuple[float, float], ...]  # rate and distortion of each seed


class PlaneCurve(NamedTuple):
    """The configurations with one value of the second setting, in the order of the first one."""

    name: str
    slot: int | None  # colour
    points: tuple[PlanePoint, ...]
    knee: Knee | NoKnee


def sweep_plane(curves: Sequence[PlaneCurve], height: int) -> go.Figure:
    """The reconstruction against the KL, a curve for each value of the second setting."""
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return empty_figure("No run has a KL and a reconstruction on validation data so far")
    every = [point for curve in curves for point in curve.points]
    x, y = (_range([getattr(point, name) for point in every]) for name in ("rate", "distortion"))
    x = [max(x[0], -0.06 * x[1]), x[1]]  # a rate is never negative
    traces = [trace for curve in curves for trace in _traces(curve)]
    return figure(
        traces,
        xaxis=axis("KL, nats per example", range=x),
        yaxis=axis("reconstruction, nats per example", range=y),
        annotations=[*_names(curves), *_labels(curves, x, y, height)],
        height=height,
        hovermode="closest",
        dragmode="zoom",
        margin=PLANE,
    )


def _range(intervals: Sequence[Interval]) -> list[float]:
    ends = [(one.mean, one.low, one.high) for one in intervals]
    values: Floats = np.array(ends, np.float32).ravel()
    return span(values, 0.12)


def _places(points: Sequence[PlanePoint]) -> Part:
    return {
        "type": "scatter",
        "x": np.array([point.rate.mean for point in points], np.float32),
        "y": np.array([point.distortion.mean for point in points], np.float32),
    }


def _ink(curve: PlaneCurve, opacity: float | None = None) -> str:
    return token("elbo", opacity) if curve.slot is None else colour(curve.slot, opacity)


def _traces(curve: PlaneCurve) -> list[Part]:
    """The seeds, the curve with its intervals, and the marks of the knee."""
    seeds = [(plotly_text(point.name), *pair) for point in curve.points for pair in point.seeds]
    dots: Part = {
        "type": "scatter",
        "mode": "markers",
        "name": f"{plotly_text(curve.name)} seeds".strip(),
        "x": np.array([rate for _, rate, _ in seeds], np.float32),
        "y": np.array([distortion for _, _, distortion in seeds], np.float32),
        "marker": {"size": 5, "color": _ink(curve, 0.4)},
        "hovertext": [f"{n}<br>KL {number(r)}, reconstruction {number(d)}" for n, r, d in seeds],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    means = _places(curve.points) | {
        "mode": "lines+markers",
        "name": f"{plotly_text(curve.name)} mean".strip(),
        "line": {"color": _ink(curve), "width": 1.4},
        "marker": {"size": 8, "color": _ink(curve)},
        "error_x": whisker([p.rate for p in curve.points], curve.slot),
        "error_y": whisker([p.distortion for p in curve.points], curve.slot),
        "hovertext": [_hover(point) for point in curve.points],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    return [*_marks(curve), dots, means]


def _marks(curve: PlaneCurve) -> list[Part]:
    """The chord, the broad line over the interval, and the ring around the knee."""
    one = curve.knee
    if isinstance(one, NoKnee):
        return []
    quiet: Part = {"hoverinfo": "skip"}
    ends = [curve.points[end] for end in one.ends]
    line = {"color": _ink(curve, 0.5), "dash": "dot"}
    chord: Part = {"mode": "lines", "name": "chord", "line": line}
    circle = {"size": RING, "symbol": "circle-open", "color": token("accent")}
    ring: Part = {"mode": "markers", "name": "knee", "marker": circle | {"line": {"width": 2.5}}}
    found = [_places(ends) | chord | quiet, _places([curve.points[one.place]]) | ring | quiet]
    if one.low is not None and one.high is not None:
        ink = token("accent", 0.3)
        broad: Part = {"mode": "lines", "name": "interval", "line": {"color": ink, "width": 12}}
        found.insert(1, _places(curve.points[one.low : one.high + 1]) | broad | quiet)
    return found


def _hover(point: PlanePoint) -> str:
    words = [f"<b>{plotly_text(point.name)}</b>", f"KL {nats(point.rate)}"]
    return "<br>".join([*words, f"reconstruction {nats(point.distortion)}"])


def _labels(
    curves: Sequence[PlaneCurve], x: Sequence[float], y: Sequence[float], height: int
) -> list[Part]:
    """The values beside the points, as far as there is room; those of knees come first."""
    points = [(curve, k) for curve in curves for k in range(len(curve.points))]
    if len(points) > FEW:
        points = [(curve, k) for curve, k in points if _is_knee(curve, k)]
    points.sort(key=lambda pair: not _is_knee(*pair))
    if not points:
        return []
    size = np.array([NARROW, height - PLANE["t"] - PLANE["b"]])
    means = [(c.points[k].rate.mean, c.points[k].distortion.mean) for c, k in points]
    spots = in_pixels(np.array(means), x, y, size)
    free = place_labels(
        spots,
        [LETTER * len(curve.points[k].label) for curve, k in points],
        SIDES,
        gap=GAP,
        taken=[Box.around(across, up, DOT, DOT) for across, up in spots.tolist()],
        bounds=Box(0, 0, *size.tolist()),
    )
    placed = [(c, c.points[k], side) for (c, k), side in zip(points, free, strict=True)]
    return [
        note(
            plotly_text(point.label),
            **_beside(point, SIDES[side]),
            font={"size": 12, "color": _ink(curve)},
        )
        for curve, point, side in placed
        if side is not None
    ]


def _beside(point: PlanePoint, side: tuple[int, int]) -> Part:
    """The place of a label at a distance from its point."""
    across, up = side
    place = {"xref": "x", "yref": "y", "x": point.rate.mean, "y": point.distortion.mean}
    anchors = {"xanchor": "left" if across > 0 else "right", "yanchor": ANCHORS[up]}
    return place | anchors | {"xshift": across * GAP, "yshift": up * GAP / 2}


def _is_knee(curve: PlaneCurve, place: int) -> bool:
    return isinstance(curve.knee, Knee) and curve.knee.place == place


def _names(curves: Sequence[PlaneCurve]) -> list[Part]:
    """The names of several curves, one below the other in the upper right corner."""
    if len(curves) < 2:
        return []
    place = {"x": 1, "y": 1, "xanchor": "right", "yanchor": "top"}
    return [
        note(
            plotly_text(curve.name),
            **place,
            yshift=-16 * k,
            font={"size": 12, "color": _ink(curve)},
        )
        for k, curve in enumerate(curves)
    ]
