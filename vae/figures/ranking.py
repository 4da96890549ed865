"""Histogram of the surprise of a split's examples, with marks at selected examples.

Surprise is −ELBO in nats per example (`vae.analysis.ranking`).
"""

import numpy as np
import plotly.graph_objects as go

from vae.base.records import Floats
from vae.figures.base import Part, axis, empty_figure, figure
from vae.figures.palette import token

BINS = 40


def surprise_histogram(among: Floats, marked: Floats, title: str) -> go.Figure:
    """Histogram of −ELBO over a split (N,) with a vertical mark at each of the values `marked`
    (M,), which need not be part of the split. `title` is the title of the x axis."""
    if not len(among):
        return empty_figure("No examples to compare with")
    counts, edges = np.histogram(among, BINS)
    bars: Part = {
        "type": "bar",
        "x": ((edges[:-1] + edges[1:]) / 2).astype(np.float32),
        "width": float(edges[1] - edges[0]),
        "y": counts,
        "marker": {"color": token("prior", 0.75), "line": {"width": 0}},
        "hovertemplate": "%{y:,} examples near %{x:.1f} nats<extra></extra>",
    }
    lines: Part = {
        "type": "scatter",
        "mode": "markers",
        "x": np.asarray(marked, np.float32),
        "y": np.full(len(marked), 0.5 * counts.max() if len(marked) == 1 else 0.0),
        "marker": {
            "symbol": "line-ns",
            "size": 60 if len(marked) == 1 else 14,
            "line": {"width": 2 if len(marked) == 1 else 1.5, "color": token("accent")},
        },
        "cliponaxis": False,
        "hovertemplate": "%{x:.1f} nats<extra></extra>",
    }
    return figure(
        [bars, lines],
        bargap=0,
        margin={"l": 8, "r": 8, "t": 4, "b": 36},
        xaxis=axis(title, showgrid=False),
        yaxis={"visible": False, "range": [0, 1.05 * float(counts.max())], "fixedrange": True},
    )
