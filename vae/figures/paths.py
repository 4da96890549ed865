"""Charts of decoded paths through latent space, for vectors and series.

Notation: P paths of S positions, D features. A position on a path is a value of z, t from 0 to 1
between two examples, or a strength. Linear paths are solid lines, spherical paths dashed lines.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import plotly_text
from vae.base.records import UNSCALED, Domain, Floats
from vae.data.column_kinds import entry
from vae.figures.base import Part, axis, figure, note, span
from vae.figures.palette import CLASSES, token
from vae.figures.series import Layer, Panels, series_chart
from vae.figures.vectors import SCALED, feature_titles, legend_above, second_axis

NAMED = CLASSES  # up to so many features have a colour and a name each


def path_plane(
    x: Floats,
    names: Sequence[str],
    starts: Sequence[int],
    background: Floats | None = None,
    start_name: str = "start",
    domain: Domain = UNSCALED,
    columns: Sequence[str] = (),
) -> go.Figure:
    """Decoded paths x (P, S, 2) in the plane of two features, each with a ring at its start.

    `starts` are the indices of the starts, and the legend calls them `start_name`. `columns` are
    the names of the features.
    """
    traces = [] if background is None else [_background(background)]
    for k, path in enumerate(x):
        colour = token(f"class{k % CLASSES}")
        line = _trace(path[:, 0], path[:, 1], plotly_text(names[k]), mode="lines+markers")
        line |= {"line": {"color": colour, "width": 1.5}}
        line["marker"] = {"color": colour, "size": 5}
        traces.append(line)
    begin = np.stack([path[start] for path, start in zip(x, starts, strict=True)])
    ring = _trace(begin[:, 0], begin[:, 1], plotly_text(start_name), mode="markers")
    ring["marker"] = {"color": token("text"), "size": 11, "symbol": "circle-open"}
    titles = feature_titles(columns, 2)
    first, second = axis(titles[0]), second_axis(titles[1], domain)
    return figure([*traces, ring], xaxis=first, yaxis=second, dragmode="pan", **legend_above())


def feature_curves(
    values: Sequence[Floats],
    positions: Floats,
    across: str,
    start: float | None = None,
    names: Sequence[str] = ("",),
    domain: Domain = UNSCALED,
    columns: Sequence[str] = (),
    entries: Sequence[Sequence[str]] = (),
) -> go.Figure:
    """Features of one or two paths (S, D), with the names of their columns, against their
    positions (S,), each in its scale; the second path is dashed. A column with `entries` shows
    their names instead of numbers."""
    traces = []
    features = values[0].shape[1]
    titles = feature_titles(columns, features)
    for path, dash, name in zip(values, ("solid", "dash"), (*names, ""), strict=False):
        heights = domain.rescale(path)
        for k in range(features):
            colour = token(f"class{k}" if features <= NAMED else "reconstruction")
            title = f"{titles[k]} {plotly_text(name)}".strip()
            known = entries[k] if entries else ()
            exact = [plotly_text(entry(v, known)) for v in path[:, k]] if known else path[:, k]
            form = "" if known else ":.4r"
            line = _trace(positions, heights[:, k], title, mode="lines", customdata=exact)
            line["hovertemplate"] = f"{title}: %{{x:.4r}}, %{{customdata{form}}}<extra></extra>"
            line |= {"line": {"color": colour, "width": 1.5, "dash": dash}}
            line |= {"opacity": 1.0 if features <= NAMED else 0.6}
            line["showlegend"] = features <= NAMED and path is values[0]
            traces.append(line)
    shapes = [] if start is None else [_vertical_line(start)]
    up = axis(SCALED if domain.scale else "value")
    return figure(traces, xaxis=axis(across), yaxis=up, shapes=shapes, **legend_above())


def path_panels(
    x: Floats,
    names: Sequence[str],
    places: Sequence[str],
    across: str,
    channels: Sequence[str] = (),
    domain: Domain = UNSCALED,
) -> go.Figure:
    """Decoded paths of series x (P, S, C, T): a row of panels for each path, a column for each of
    its positions."""
    layer = Layer("decoded", x.reshape(-1, *x.shape[2:]), "reconstruction")
    panels = Panels(len(places), across=places, down=names, titles=(across, ""))
    return series_chart([layer], channels, domain, panels)


def path_measure(
    t: Floats,
    curves: dict[str, Floats],
    title: str,
    usual: tuple[float, float],
    reference: str,
    margins: tuple[int, int],
) -> go.Figure:
    """A measure along two paths, name → (S,), at t (S,), with the band of its usual values.

    `usual` is the interval that contains 95 % of `reference`. `margins` are px left and right, so
    that each position stands below its tile of the row of pictures above.
    """
    traces: list[Part] = []
    for (name, values), colour in zip(curves.items(), ("text", "class2"), strict=False):
        line = _trace(t, values, name, mode="lines+markers")
        line |= {"line": {"color": token(colour), "width": 2}, "marker": {"size": 6}}
        traces.append(line | {"hovertemplate": f"{name}: %{{y:.2f}}<extra></extra>"})
    half = 0.5 / (len(t) - 1)
    low, high = span(np.array([*usual, *np.concatenate(list(curves.values()))]), 0.08)
    band: Part = {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": usual[0],
        "y1": usual[1],
        "fillcolor": token("prior", 0.16),
        "line": {"width": 0},
        "layer": "below",
    }
    words = note(f"95 % of {reference}", x=1, y=usual[1], xanchor="right", yanchor="top", yref="y")
    across = axis("t, from A to B", range=[-half, 1 + half], fixedrange=True)
    up = axis(title, range=[low, high], fixedrange=True) | {"automargin": False}
    legend = legend_above()
    legend["margin"] = {"l": margins[0], "r": margins[1], "t": 28, "b": 44}
    return figure(traces, xaxis=across, yaxis=up, shapes=[band], annotations=[words], **legend)


def _trace(x: Floats, y: Floats, name: str, **more: object) -> Part:
    """A scatter trace with its name on hover."""
    hover = f"{name}: %{{x:.4r}}, %{{y:.4r}}<extra></extra>"
    values = {"x": np.asarray(x, np.float32), "y": np.asarray(y, np.float32)}
    return {"type": "scatter", "name": name, "hovertemplate": hover, **values, **more}


def _background(data: Floats) -> Part:
    """Training data behind the paths."""
    dots = _trace(data[:, 0], data[:, 1], "training data", mode="markers")
    dots |= {"type": "scattergl", "hoverinfo": "skip", "hovertemplate": None}
    dots["marker"] = {"color": token("prior"), "size": 3, "opacity": 0.35}
    return dots


def _vertical_line(place: float) -> Part:
    """A vertical line at the start."""
    line = {"color": token("muted"), "width": 1, "dash": "dot"}
    ends = {"x0": place, "x1": place, "y0": 0, "y1": 1}
    return {"type": "line", "yref": "paper", **ends, "line": line}
