"""Two configurations compared seed by seed, with their means over seeds.

Nats per example; intervals are 95 % confidence intervals of the mean over seeds.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import plotly_text
from vae.base.statistics import Interval
from vae.figures.base import Part, axis, figure
from vae.figures.comparison import colour, nats, whisker
from vae.figures.palette import token


class SeedGroup(NamedTuple):
    """The values of one configuration for every seed."""

    name: str
    slot: int | None
    values: dict[int, float]  # seed → nats per example
    mean: Interval


def paired_seeds(groups: Sequence[SeedGroup], title: str, paired: bool) -> go.Figure:
    """Points for every seed of two groups, and their means with intervals.

    A line joins the two values of a seed if `paired`. `title` is the title of the y axis.
    """
    traces: list[Part] = []
    if paired:
        traces += [_pair(groups, seed) for seed in groups[0].values]
    for k, group in enumerate(groups):
        traces += [_seeds(k, group), _mean(k, group)]
    ticks: dict[str, Any] = {
        "tickvals": [0, 1],
        "ticktext": [plotly_text(_short(group.name)) for group in groups],
    }
    return figure(
        traces,
        xaxis=axis(range=[-0.5, 1.5], showgrid=False, fixedrange=True, **ticks),
        yaxis=axis(title),
        hovermode="closest",
        margin={"l": 64, "r": 16, "t": 12, "b": 40},
    )


def _short(name: str) -> str:
    return name if len(name) <= 34 else f"{name[:33]}…"


def _pair(groups: Sequence[SeedGroup], seed: int) -> Part:
    values = [group.values[seed] for group in groups]
    ink = {"color": token("muted", 0.5), "width": 1}
    line: Part = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": values, "line": ink}
    return line | {"hoverinfo": "skip"}


def _seeds(place: int, group: SeedGroup) -> Part:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [place] * len(group.values),
        "y": np.array(list(group.values.values()), np.float32),
        "customdata": list(group.values),
        "marker": {"size": 8, "color": colour(group.slot, 0.75)},
        "name": plotly_text(group.name),
        "hovertemplate": "seed %{customdata}: %{y:.5~r} nats<extra></extra>",
    }


def _mean(place: int, group: SeedGroup) -> Part:
    shift = -0.16 if place == 0 else 0.16
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [place + shift],
        "y": [group.mean.mean],
        "marker": {"size": 11, "symbol": "diamond", "color": colour(group.slot)},
        "error_y": whisker([group.mean], group.slot),
        "name": plotly_text(group.name),
        "hovertemplate": f"mean of {group.mean.seeds}: {nats(group.mean)}<extra></extra>",
    }
