"""Two sides of a comparison: every seed of each, and their means over seeds.

Nats per example; intervals are of 95 %, of the mean over seeds.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.statistics import Interval
from vae.figures.base import Part, axis, figure
from vae.figures.comparison import colour, nats, whisker
from vae.figures.palette import token


class Side(NamedTuple):
    """One side of a verdict."""

    name: str
    slot: int | None
    values: dict[int, float]  # seed → nats per example
    mean: Interval


def sides(both: Sequence[Side], title: str, paired: bool) -> go.Figure:
    """Every seed of both sides as a point, their means with intervals beside them, and lines from
    seed to seed where seeds are compared with each other."""
    traces: list[Part] = []
    if paired:
        traces += [_pair(both, seed) for seed in both[0].values]
    for k, side in enumerate(both):
        traces += [_seeds(k, side), _mean(k, side)]
    ticks: dict[str, Any] = {"tickvals": [0, 1], "ticktext": [_short(s.name) for s in both]}
    return figure(
        traces,
        xaxis=axis(range=[-0.5, 1.5], showgrid=False, fixedrange=True, **ticks),
        yaxis=axis(title),
        hovermode="closest",
        margin={"l": 64, "r": 16, "t": 12, "b": 40},
    )


def _short(name: str) -> str:
    return name if len(name) <= 34 else f"{name[:33]}…"


def _pair(both: Sequence[Side], seed: int) -> Part:
    values = [side.values[seed] for side in both]
    ink = {"color": token("muted", 0.5), "width": 1}
    line: Part = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": values, "line": ink}
    return line | {"hoverinfo": "skip"}


def _seeds(place: int, side: Side) -> Part:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [place] * len(side.values),
        "y": np.array(list(side.values.values()), np.float32),
        "customdata": list(side.values),
        "marker": {"size": 8, "color": colour(side.slot, 0.75)},
        "name": side.name,
        "hovertemplate": "seed %{customdata}: %{y:.5~r} nats<extra></extra>",
    }


def _mean(place: int, side: Side) -> Part:
    shift = -0.16 if place == 0 else 0.16
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [place + shift],
        "y": [side.mean.mean],
        "marker": {"size": 11, "symbol": "diamond", "color": colour(side.slot)},
        "error_y": whisker([side.mean], side.slot),
        "name": side.name,
        "hovertemplate": f"mean of {side.mean.seeds}: {nats(side.mean)}<extra></extra>",
    }
