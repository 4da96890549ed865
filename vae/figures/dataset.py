"""Pictures of a data set: how many of each class, which values, and how vectors spread.

Values are in the unit of x, as the model sees them; a feature is an element of a vector, counted
from 1. Of the bars of a class, train is the darkest and test the lightest part.
"""

import numpy as np
import plotly.graph_objects as go

from vae.base.records import DataSummary, Floats, Ints, Moments
from vae.figures.base import Part, axis, broken, empty_figure, figure
from vae.figures.palette import CLASSES, token
from vae.figures.vectors import _legend

SPLITS = {"train": ("train", 1.0), "val": ("validation", 0.55), "test": ("test", 0.28)}
_NAMED = 12  # more classes than this and the names below the bars would touch
_APART = 32  # up to so many levels their bars stand apart
_FEATURES = 30  # more features than this and their bars would
_INK = token("prior")


def class_bars(record: DataSummary) -> go.Figure:
    """Examples of each class, one bar of train, validation and test on top of each other; data
    without classes have one bar."""
    names = record.classes or ("all examples",)
    counts = record.class_counts if record.classes else np.array([list(record.splits.values())])
    shown = [k for k, size in enumerate(record.splits.values()) if size]
    bars = [_stacked(list(SPLITS.values())[k], counts[:, k], names) for k in shown]
    few: Part = {"tickvals": np.arange(len(names)), "ticktext": list(names)}
    ends = [len(names) - 0.5, -0.5]  # the first one above
    return figure(
        bars,
        barmode="stack",
        bargap=0.25,
        xaxis=axis("examples", rangemode="tozero"),
        yaxis=axis(range=ends, showgrid=False, **(few if len(names) <= _NAMED else {})),
        **_legend(),
    ).update_layout(legend_traceorder="normal")


def _stacked(split: tuple[str, float], counts: Ints, names: tuple[str, ...]) -> Part:
    name, opacity = split
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": counts,
        "y": np.arange(len(counts)),
        "customdata": list(names),
        "marker": {"color": token("prior", opacity), "line": {"width": 1, "color": _INK}},
        "hovertemplate": f"%{{customdata}}: %{{x:,}} {name}<extra></extra>",
    }


def value_bars(record: DataSummary, log: bool = False) -> go.Figure:
    """How many of all values lie where: a bar for each level, or for each bin of real values; on a
    log scale if `log`, so that rare ones are seen beside many that are 0."""
    if not record.counts.any():
        return empty_figure("No values to count")
    low, high = record.edges[:-1], record.edges[1:]
    told = np.stack([low, high], axis=1) if not record.levels else (low + high) / 2
    ends = "%{customdata[0]:.4r} to %{customdata[1]:.4r}"
    one = "x = %{customdata:.4r}" if record.levels else ends
    few = 0 < record.levels <= _APART
    bars: Part = {
        "type": "bar",
        "x": (low + high) / 2,
        "width": (high - low) * (0.7 if few else 1),
        "y": record.counts,
        "customdata": told,
        "marker": {"color": _INK, "line": {"width": 0}},
        "hovertemplate": f"{one}: %{{y:,}} values<extra></extra>",
    }
    ticks: Part = {"tickvals": [0, 1]} if record.levels == 2 else {}
    return figure(
        [bars],
        bargap=0,
        margin={"l": 56, "r": 16, "t": 8, "b": 44},
        xaxis=axis("x, as the model sees it", showgrid=False, **ticks),
        yaxis=axis("number of values", type="log" if log else "linear"),
    )


def feature_lines(
    values: Floats, labels: Ints | None = None, classes: tuple[str, ...] = ()
) -> go.Figure:
    """Vectors (N, D) as lines over their features, coloured by class where there are any."""
    if not len(values):
        return empty_figure("No examples to show")
    groups = {"examples": np.ones(len(values), bool)}
    if labels is not None and 0 < len(classes) <= CLASSES:
        groups = {name: labels == k for k, name in enumerate(classes)}
    tints = {name: token(f"class{k}") for k, name in enumerate(classes)}
    lines = [
        _lines(values[rows], tints.get(name, _INK), name)
        for name, rows in groups.items()
        if rows.any()
    ]
    ends = [-0.02 * values.shape[1] - 0.1 + 1, values.shape[1] * 1.02 + 0.1]
    few = {"tickvals": np.arange(1, values.shape[1] + 1)} if values.shape[1] <= _FEATURES else {}
    return figure(lines, xaxis=axis("feature", range=ends, **few), yaxis=axis("x"), **_legend())


def _lines(values: Floats, colour: str, name: str) -> Part:
    number, features = values.shape
    places = np.tile(np.arange(1, features + 1, dtype=np.float32), (number, 1))
    return {
        "type": "scatter",
        "name": name,
        "mode": "lines" if features > 1 else "markers",
        "x": broken(places),
        "y": broken(values),
        "line": {"color": colour, "width": 1},
        "marker": {"color": colour, "size": 5},
        "opacity": float(np.clip(6 / number**0.6, 0.2, 0.8)),
        "hovertemplate": f"{name}, feature %{{x}}: %{{y:.4r}}<extra></extra>",
    }


def feature_spread(record: Moments) -> go.Figure:
    """The mean of each feature, (D,), and one standard deviation to each side."""
    features = np.arange(1, len(record.mean) + 1)
    few = len(features) <= _FEATURES
    return figure(
        [
            {
                "type": "scatter",
                "mode": "markers",
                "x": features,
                "y": record.mean,
                "customdata": record.sd,
                "marker": {"color": token("text"), "size": 7 if few else 4},
                "error_y": {
                    "type": "data",
                    "array": record.sd,
                    "color": token("muted"),
                    "thickness": 1.5 if few else 1,
                    "width": 4 if few else 0,
                },
                "hovertemplate": "feature %{x}: %{y:.4r}, SD %{customdata:.4r}<extra></extra>",
            }
        ],
        xaxis=axis(
            "feature",
            range=[0.4, len(features) + 0.6],
            showgrid=False,
            **({"tickvals": features} if few else {}),
        ),
        yaxis=axis("mean ± SD of x"),
    )
