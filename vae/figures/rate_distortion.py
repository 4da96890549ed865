"""The rate–distortion plane of several runs.

The rate is KL(q(z|x) || p(z)), the distortion −E_q[ln p(x|z)]; their sum is −ELBO, so that all
runs with the same ELBO lie on one falling diagonal (Alemi et al. 2018,
https://arxiv.org/abs/1711.00464, with β = 1). Nats per example; intervals are 95 % confidence
intervals of the mean over seeds.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import plotly_text
from vae.base.numbers import compact, number, typed
from vae.base.records import Floats
from vae.base.statistics import Interval
from vae.figures.base import Part, axis, empty_figure, figure, note, span
from vae.figures.comparison import colour, nats, whisker
from vae.figures.labels import LETTER, Box, in_pixels, place_labels
from vae.figures.palette import token

FEW = 16  # up to so many points have labels
LONG = 20  # letters of a label at most
PLAIN = {"showgrid": False, "exponentformat": "none"}  # 0.0002 nats, not 200μ
PLANE = {"l": 64, "r": 74, "t": 12, "b": 46}  # margins of the plane, px
SIDES = {  # of a label beside its point
    "top right": (1, 1),
    "bottom right": (1, -1),
    "top left": (-1, 1),
    "bottom left": (-1, -1),
    "middle right": (1, 0),
    "middle left": (-1, 0),
}
NARROW = 560.0  # px, width of a plane that is assumed to place its labels
DOT = 10.0  # px, width of a point with its outline
ROOMY = 0.12  # width of a line's name as a share of the plane
LINES = 10  # iso-ELBO lines at most


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
    all_ = _labelled(points, x, y, height)
    grey = [one for one in all_ if one[0].slot is None]
    traces = [lines] + [_points([one]) for one in all_ if one[0].slot is not None]
    if grey:
        traces.insert(1, _points(grey, labelled=len(points) <= FEW))
    return figure(
        traces,
        xaxis=axis("rate = KL, nats per example", range=x, **PLAIN),
        yaxis=axis("distortion = reconstruction, nats per example", range=y, **PLAIN),
        annotations=names,
        height=height,
        hovermode="closest",
        dragmode="zoom",
        margin=PLANE,
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
        text = f"−ELBO {compact(total, 6)}"
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
        "text": [plotly_text(words) for _, words, _ in named],
        "textposition": [place for _, _, place in named],
        "textfont": {"size": 12, "color": colour(slot)},
        "marker": {"size": 7 if slot is None else 11, "color": colour(slot)},
        "error_x": whisker([point.rate for point in points], slot),
        "error_y": whisker([point.distortion for point in points], slot),
        "name": "not selected" if slot is None else plotly_text(points[0].name),
        "hovertext": [_hover(point) for point in points],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _labelled(
    points: Sequence[RunPoint], x: Sequence[float], y: Sequence[float], height: int
) -> list[tuple[RunPoint, str, str]]:
    """Points, each with its label and the side of the label; "" for a label without room.

    Selected points choose first. No label covers a point, another label or an edge of the plane.
    """
    size = np.array([NARROW, height - PLANE["t"] - PLANE["b"]])
    means = np.array([(point.rate.mean, point.distortion.mean) for point in points])
    spots = in_pixels(means, x, y, size)
    first = sorted(range(len(points)), key=lambda k: points[k].slot is None)
    words = _texts(points)
    free = place_labels(
        spots[first],
        [LETTER * len(words[k]) for k in first],
        list(SIDES.values()),
        gap=DOT / 2,
        taken=[Box.around(across, up, DOT, DOT) for across, up in spots.tolist()],
        bounds=Box(0, 0, *size.tolist()),
    )
    sides = dict(zip(first, free, strict=True))
    names = [*SIDES]
    return [
        (point, "" if side is None else words[k], names[side or 0])
        for k, point in enumerate(points)
        for side in [sides[k]]
    ]


def _texts(points: Sequence[RunPoint]) -> list[str]:
    """The label of each point: its β where that is unique, else its name."""
    betas = [point.beta for point in points]
    return [
        f"β {typed(point.beta)}"
        if point.beta is not None and betas.count(point.beta) == 1
        else point.name
        if len(point.name) <= LONG
        else f"{point.name[: LONG - 1]}…"
        for point in points
    ]


def _hover(point: RunPoint) -> str:
    """The text on hover."""
    name = f"<b>{plotly_text(point.name)}</b>" + (
        f"<br>β {typed(point.beta)}" if point.beta is not None else ""
    )
    lines = [name, f"rate {nats(point.rate)}", f"distortion {nats(point.distortion)}"]
    return "<br>".join([*lines, f"−ELBO {number(-point.elbo)} nats"])
