"""Charts of a data set: examples per class, distribution of values, spread of features.

Values are in the unit of x, the input of the model. A feature is an element of a vector, with the
name of its column or counted from 1. In the bar of a class, train is the darkest and test the
lightest part.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from vae.base.data_records import DataSummary, Moments
from vae.base.foreign import plotly_text
from vae.base.records import UNSCALED, Domain, Floats, Ints
from vae.figures.base import Part, axis, broken, empty_figure, figure
from vae.figures.palette import CLASSES, token
from vae.figures.quantities import SPLITS
from vae.figures.series import class_chart, spread_chart
from vae.figures.vectors import (
    FEW,
    SCALED,
    feature_hover,
    feature_ticks,
    feature_titles,
    in_scale,
    legend_above,
)

OPACITY = {"train": 1.0, "val": 0.55, "test": 0.28}
_NAMED = 12  # up to so many classes have names
_APART = 32  # up to so many levels have separate bars
_INK = token("prior")


def class_bars(record: DataSummary) -> go.Figure:
    """Number of examples of each class, stacked by split; one bar for data without classes."""
    names = tuple(map(plotly_text, record.classes)) or ("all examples",)
    counts = record.class_counts if record.classes else np.array([list(record.splits.values())])
    bars = [
        _stacked(split, counts[:, k], names)
        for k, (split, size) in enumerate(record.splits.items())
        if size
    ]
    few: Part = {"tickvals": np.arange(len(names)), "ticktext": list(names)}
    ends = [len(names) - 0.5, -0.5]  # the first class on top
    return figure(
        bars,
        barmode="stack",
        bargap=0.25,
        xaxis=axis("examples", rangemode="tozero"),
        yaxis=axis(range=ends, showgrid=False, **(few if len(names) <= _NAMED else {})),
        **legend_above(),
    ).update_layout(legend_traceorder="normal")


def _stacked(split: str, counts: Ints, names: tuple[str, ...]) -> Part:
    """The bars of one split, one for each class."""
    name = SPLITS[split]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": counts,
        "y": np.arange(len(counts)),
        "customdata": list(names),
        "marker": {"color": token("prior", OPACITY[split]), "line": {"width": 1, "color": _INK}},
        "hovertemplate": f"%{{customdata}}: %{{x:,}} {name}<extra></extra>",
    }


def value_bars(record: DataSummary, log: bool = False) -> go.Figure:
    """Histogram of all values: a bar for each level, or for each bin of real values.

    `log` draws the counts on a logarithmic axis, which shows rare values.
    """
    if not record.counts.any():
        return empty_figure("No values to count")
    low, high = record.edges[:-1], record.edges[1:]
    labels = np.stack([low, high], axis=1) if not record.levels else (low + high) / 2
    interval = "%{customdata[0]:.4r} to %{customdata[1]:.4r}"
    hover = "x = %{customdata:.4r}" if record.levels else interval
    few = 0 < record.levels <= _APART
    bars: Part = {
        "type": "bar",
        "x": (low + high) / 2,
        "width": (high - low) * (0.7 if few else 1),
        "y": record.counts,
        "customdata": labels,
        "marker": {"color": _INK, "line": {"width": 0}},
        "hovertemplate": f"{hover}: %{{y:,}} values<extra></extra>",
    }
    ticks: Part = {"tickvals": [0, 1]} if record.levels == 2 else {}
    return figure(
        [bars],
        bargap=0,
        margin={"l": 56, "r": 16, "t": 8, "b": 44},
        xaxis=axis("x, the input of the model", showgrid=False, **ticks),
        yaxis=axis("number of values", type="log" if log else "linear"),
    )


def feature_lines(
    values: Floats,
    labels: Ints | None = None,
    classes: tuple[str, ...] = (),
    domain: Domain = UNSCALED,
    columns: tuple[str, ...] = (),
    captions: Sequence[str] = (),
) -> go.Figure:
    """Vectors (N, D) as lines over their features, each in its scale, coloured by class if there
    are classes; series (N, C, T) as curves over time."""
    if not len(values):
        return empty_figure("No examples to show")
    if values.ndim == 3:
        return class_chart(values, labels, classes, columns, domain, captions)
    groups = {"examples": np.ones(len(values), bool)}
    if labels is not None and 0 < len(classes) <= CLASSES:
        classes = tuple(map(plotly_text, classes))
        groups = {name: labels == k for k, name in enumerate(classes)}
    tints = {name: token(f"class{k}") for k, name in enumerate(classes)}
    lines = [
        _lines(values[rows], tints.get(name, _INK), name, domain, columns)
        for name, rows in groups.items()
        if rows.any()
    ]
    ends = [-0.02 * values.shape[1] - 0.1 + 1, values.shape[1] * 1.02 + 0.1]
    across, up = feature_ticks(columns, values.shape[1]), axis(SCALED if domain.scale else "x")
    first = axis(across["title"], range=ends, **across["ticks"])
    return figure(lines, xaxis=first, yaxis=up, **legend_above())


def _lines(
    values: Floats, colour: str, name: str, domain: Domain, columns: tuple[str, ...]
) -> Part:
    """Vectors (N, D) of one colour as lines, in one trace."""
    number, features = values.shape
    places = np.tile(np.arange(1, features + 1, dtype=np.float32), (number, 1))
    heights = in_scale(values, domain)
    feature, texts = feature_hover(columns, values.shape)
    hover = f"{name}, {feature}: {heights['hovertemplate']}"
    return heights | {
        **texts,
        "type": "scatter",
        "name": name,
        "mode": "lines" if features > 1 else "markers",
        "x": broken(places),
        "line": {"color": colour, "width": 1},
        "marker": {"color": colour, "size": 5},
        "opacity": float(np.clip(6 / number**0.6, 0.2, 0.8)),
        "hovertemplate": hover,
    }


def feature_spread(record: Moments, columns: tuple[str, ...] = ()) -> go.Figure:
    """Mean of each feature (D,), or of each channel of series (C, T), with one standard deviation
    on each side."""
    if record.mean.ndim == 2:
        return spread_chart(record, columns)
    features = np.arange(1, len(record.mean) + 1)
    few, across = len(features) <= FEW, feature_ticks(columns, len(features))
    return figure(
        [
            {
                "type": "scatter",
                "mode": "markers",
                "x": features,
                "y": record.mean,
                "customdata": record.sd,
                "text": feature_titles(columns, len(features)),
                "marker": {"color": token("text"), "size": 7 if few else 4},
                "error_y": {
                    "type": "data",
                    "array": record.sd,
                    "color": token("muted"),
                    "thickness": 1.5 if few else 1,
                    "width": 4 if few else 0,
                },
                "hovertemplate": "%{text}: %{y:.4r}, SD %{customdata:.4r}<extra></extra>",
            }
        ],
        xaxis=axis(
            across["title"],
            range=[0.4, len(features) + 0.6],
            showgrid=False,
            **across["ticks"],
        ),
        yaxis=axis("mean ± SD of x"),
    )
