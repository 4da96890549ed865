"""Runs beside each other: overlaid curves, and the rate-distortion plane.

The rate is KL(q(z|x) || p(z)), the distortion -E_q[ln p(x|z)]; their sum is -ELBO, so that all
runs with one bound lie on one falling diagonal (Alemi et al. 2018,
https://arxiv.org/abs/1711.00464, with β = 1). Colours tell configurations apart and mean nothing
else; training is solid, validation dashed. Nats per example; intervals are of 95 %, of the mean
over seeds.
"""

import math
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.records import Floats
from vae.base.statistics import Interval
from vae.experiments.configurations import Line
from vae.figures.base import Part, axis, decimate, empty_figure, figure, note, number, span
from vae.figures.palette import CLASSES, token

FEW = 16  # spots that have room for words beside them
LONG = 20  # letters of these at most
EDGE = 0.8  # share of the spots' range beyond which words stand to the left
LETTER = 0.01  # share of the spots' range that one takes across
POINTS = 1000  # a line, after thinning
TITLES = {"reconstruction": "Reconstruction", "kl": "KL", "elbo": "ELBO"}
SPLITS = {"train": "train", "val": "validation"}
GAP = 0.055  # between two panels, of the width
BESIDE = ("top right", "bottom right", "bottom left", "top left")
TOUCH = 0.07  # share of the spots' range within which the words beside two would touch
ROOMY = 0.12  # share of the plane's width that the name of a line takes
LINES = 10  # iso-ELBO lines at most


def colour(slot: int | None, opacity: float | None = None) -> str:
    """The colour of a configuration; what has no slot is grey."""
    return token("prior" if slot is None else f"class{slot % CLASSES}", opacity)


class Drawn(NamedTuple):
    """One line of one panel."""

    name: str  # under the pointer
    quantity: str
    split: str
    slot: int | None
    line: Line
    thin: bool = False  # one seed of several


def overlaid(lines: Sequence[Drawn], per: str, height: int) -> go.Figure:
    """A panel a quantity, side by side over a common time axis: every line in the colour of its
    configuration, an interval as a band. `per` is "epoch", "step" or "seconds"."""
    lines = [drawn for drawn in lines if np.isfinite(drawn.line.value).any()]
    if not lines:
        return empty_figure("No report yet: the curves begin with the first one")
    shown = [name for name in TITLES if any(drawn.quantity == name for drawn in lines)]
    width = (1 - GAP * (len(shown) - 1)) / len(shown)
    traces, axes, words = [], {}, []
    for k, quantity in enumerate(shown):
        ref, left = str(k + 1) if k else "", k * (width + GAP)
        own = [drawn for drawn in lines if drawn.quantity == quantity]
        traces += [part for drawn in own for part in _line(drawn, ref, per)]
        matched = {"matches": "x"} if k else {}
        axes[f"xaxis{ref}"] = axis(
            _unit(per), domain=[left, left + width], anchor=f"y{ref}", **matched
        )
        limits = _limits([drawn.line for drawn in own], zero=quantity == "kl")
        axes[f"yaxis{ref}"] = axis(anchor=f"x{ref}", range=limits, automargin=False)
        title = f"<b>{TITLES[quantity]}</b>"
        words.append(note(title, x=left, y=1, xanchor="left", yanchor="bottom", yshift=2))
    side = {"x": 0, "xshift": -50, "xanchor": "center", "y": 0.5, "textangle": -90}
    unit = note("nats per example", **side, font={"size": 13, "color": token("muted")})
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
    return "seconds of training" if per == "seconds" else per


def _limits(lines: Sequence[Line], zero: bool) -> list[float]:
    """A range that shows what happens after the first tenth of each line; a KL from zero."""
    parts = [one.value for one in lines]
    whole = span(np.concatenate(parts))
    if zero:
        return [0.0, max(whole[1], 1e-3)]
    late = [p[len(p) // 10 :] for p in parts]
    low, high = span(np.concatenate(late), 0.1)
    return [max(low, whole[0]), min(high, whole[1])]


def _line(drawn: Drawn, ref: str, per: str) -> list[Part]:
    """One line, above its band where it is a mean."""
    one, held = drawn.line, drawn.split == "val"
    x, y = decimate(one.x, one.value, POINTS)
    where = {"xaxis": f"x{ref}", "yaxis": f"y{ref}", "type": "scatter"}
    ink = colour(drawn.slot, 0.45 if drawn.thin else None)
    told = f"{drawn.name} · {SPLITS[drawn.split]}<br>{per} %{{x:.4~r}}: <b>%{{y:.5~r}}</b> nats"
    line: Part = {
        **where,
        "x": x,
        "y": y,
        "mode": "lines+markers" if len(x) == 1 else "lines",
        "name": drawn.name,
        "uid": _uid(drawn),
        "line": {
            "color": ink,
            "width": 0.9 if drawn.thin else 1.8,
            "dash": "4px,3px" if held else "solid",
        },
        "marker": {"color": ink, "size": 5},
        "hovertemplate": f"{told}<extra></extra>",
    }
    return [*_band(drawn, where), line]


def _uid(drawn: Drawn) -> str:
    """Names a line for Plotly, which makes a CSS class of it."""
    told = f"{drawn.name} {drawn.quantity} {drawn.split} {drawn.thin}"
    return f"line{zlib.crc32(told.encode()):08x}"


def _band(drawn: Drawn, where: Part) -> list[Part]:
    one = drawn.line
    if one.low is None or one.high is None:
        return []
    band: Part = {
        **where,
        "x": np.concatenate([one.x, one.x[::-1]]),
        "y": np.concatenate([one.low, one.high[::-1]]),
        "mode": "lines",
        "fill": "toself",
        "fillcolor": colour(drawn.slot, 0.16),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    return [band]


class Spot(NamedTuple):
    """A run, or a configuration's mean over seeds, in the rate-distortion plane."""

    name: str
    beta: float | None
    rate: Interval
    distortion: Interval
    elbo: float
    slot: int | None  # None: not selected


def rate_distortion(spots: Sequence[Spot], height: int) -> go.Figure:
    """Rate across, distortion up, every spot with its β, or with its name where others have that
    β as well, and lines of equal -ELBO behind them."""
    if not spots:
        return empty_figure("No run here has a KL and a reconstruction yet")
    x = span(_ends([spot.rate for spot in spots]), 0.12)
    y = span(_ends([spot.distortion for spot in spots]), 0.12)
    x = [max(-0.02 * x[1], x[0]), x[1]]  # a rate is never negative
    lines, names = _diagonals(x, y)
    words = _words(spots)
    all_ = list(zip(spots, words, _beside(spots, words), strict=True))
    grey = [one for one in all_ if one[0].slot is None]
    traces = [lines] + [_spots([one]) for one in all_ if one[0].slot is not None]
    if grey:
        traces.insert(1, _spots(grey, told=len(spots) <= FEW))
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
    ends = [(one.mean, one.low, one.high) for one in intervals]
    values: Floats = np.array(ends, np.float32).ravel()
    return values


def sums(low: float, high: float) -> list[float]:
    """Round values of -ELBO between two ends, at most ten, evenly apart."""
    rough = (high - low) / LINES or 1.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= rough)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _diagonals(x: list[float], y: list[float]) -> tuple[Part, list[Part]]:
    """Lines of equal rate + distortion across the plane, and their names where they leave it."""
    across: list[float | None] = []
    up: list[float | None] = []
    names = []
    for total in sums(x[0] + y[0], x[1] + y[1]):
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


def _spots(named: Sequence[tuple[Spot, str, str]], told: bool = True) -> Part:
    """Points of one colour, with their words beside them where they are to be told."""
    spots = [spot for spot, _, _ in named]
    slot = spots[0].slot
    return {
        "type": "scatter",
        "mode": "markers+text" if told else "markers",
        "x": np.array([spot.rate.mean for spot in spots], np.float32),
        "y": np.array([spot.distortion.mean for spot in spots], np.float32),
        "text": [words for _, words, _ in named],
        "textposition": [place for _, _, place in named],
        "textfont": {"size": 12, "color": colour(slot)},
        "marker": {"size": 7 if slot is None else 11, "color": colour(slot)},
        "error_x": whisker([spot.rate for spot in spots], slot),
        "error_y": whisker([spot.distortion for spot in spots], slot),
        "name": "not selected" if slot is None else spots[0].name,
        "hovertext": [_told(spot) for spot in spots],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _beside(spots: Sequence[Spot], words: Sequence[str]) -> list[str]:
    """Where the words of each spot stand, so that those of near ones do not touch."""
    x, y = np.array([(spot.rate.mean, spot.distortion.mean) for spot in spots]).T
    apart = [abs(ends - ends[:, None]) / (np.ptp(ends) or 1) for ends in (x, y)]
    wide = max(TOUCH, LETTER * max(map(len, words)))
    near = (apart[0] < wide) & (apart[1] < TOUCH)
    above = (near & (y > y[:, None])).sum(1)
    late = x > x.min() + EDGE * np.ptp(x)  # words to the right would leave the plane
    sides = [BESIDE[k % len(BESIDE)] for k in above]
    return [s.replace("right", "left") if end else s for s, end in zip(sides, late, strict=True)]


def _words(spots: Sequence[Spot]) -> list[str]:
    """What stands beside each spot: its β where no other has it, else its name."""
    betas = [spot.beta for spot in spots]
    return [
        f"  β {spot.beta:g}  "
        if spot.beta is not None and betas.count(spot.beta) == 1
        else f"  {spot.name if len(spot.name) <= LONG else f'{spot.name[: LONG - 1]}…'}  "
        for spot in spots
    ]


def _told(spot: Spot) -> str:
    name = f"<b>{spot.name}</b>" + (f"<br>β {spot.beta:g}" if spot.beta is not None else "")
    lines = [name, f"rate {nats(spot.rate)}", f"distortion {nats(spot.distortion)}"]
    return "<br>".join([*lines, f"−ELBO {number(-spot.elbo)} nats"])


def nats(one: Interval) -> str:
    """A mean and its interval in words."""
    if not math.isfinite(one.low):
        return f"{number(one.mean)} nats"
    return f"{number(one.mean)} nats ({number(one.low)} to {number(one.high)})"


def whisker(intervals: Sequence[Interval], slot: int | None) -> Part:
    """Error bars; none where one seed says nothing of another."""
    half = [one.high - one.mean for one in intervals]
    if not np.isfinite(half).any():
        return {"visible": False}
    return {"type": "data", "array": half, "thickness": 1.3, "width": 4, "color": colour(slot)}
