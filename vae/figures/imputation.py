"""Hidden values against the values that a model expects in their place."""

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from vae.base.foreign import plotly_text
from vae.base.records import Floats
from vae.figures.base import Part, axis, empty_figure, figure
from vae.figures.palette import token

HIDDEN = "Hidden values against the values that the model expects"
MOST = 5000  # points


class Hidden(NamedTuple):
    """Values (N, D), rescaled where the model rescales them."""

    truth: Floats  # NaN where never observed
    expected: Floats
    missing: NDArray[np.bool_]


def hidden_values(found: Hidden, names: tuple[str, ...]) -> go.Figure:
    """Points (truth, expected) of the hidden values, at most MOST, with the line of no error."""
    rows, columns = np.nonzero(found.missing & ~np.isnan(found.truth))
    if not len(rows):
        return empty_figure("No value of these examples was hidden")
    every = slice(None, None, -(-len(rows) // MOST))
    rows, columns = rows[every], columns[every]
    x, y = found.truth[rows, columns], found.expected[rows, columns]
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    line: Part = {"type": "scatter", "mode": "lines", "x": ends, "y": ends, "hoverinfo": "skip"}
    line |= {"line": {"color": token("muted"), "width": 1}, "showlegend": False}
    points: Part = {
        "type": "scattergl",
        "mode": "markers",
        "x": x,
        "y": y,
        "text": [plotly_text(names[k]) for k in columns],
        "marker": {"color": token("reconstruction"), "size": 5, "opacity": 0.6},
        "hovertemplate": "%{text}: hidden %{x:.4r}, expected %{y:.4r}<extra></extra>",
        "showlegend": False,
    }
    return figure(
        [line, points],
        xaxis=axis("hidden value, as the model receives it"),
        yaxis=axis("expected value"),
        margin={"l": 56, "r": 16, "t": 8, "b": 44},
    )
