"""Charts of vector data: points in the plane for two features, parallel coordinates for more, and
panels of curves for series.

Notation: N examples with D features, (N, D); series (N, C, T), see `vae.figures.series`. Data are
grey, outputs of the decoder are blue. Where a domain rescales its features, they stand side by
side in their new scale, and a point tells its value in the units of x. Features have the names of
their columns, or are counted from 1.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import one_line, plotly_text
from vae.base.records import UNSCALED, Domain, Floats, Tiles
from vae.data.missing import element_names
from vae.figures.base import Part, axis, broken, empty_figure, figure
from vae.figures.palette import token
from vae.figures.series import Layer, Panels, pair_chart, series_chart

_DECODED = token("reconstruction")
_DATA = token("muted")
SCALED = "rescaled value"  # title of an axis
FEW = 30  # up to so many features have a tick each; the first is feature 1
LONGEST = 18  # characters of a name at an axis
TEXTS = 20_000  # most points with the name of their feature as text


def feature_titles(names: Sequence[str], features: int) -> list[str]:
    """Return the names of D features for a chart: those of their columns, or feature 1, …."""
    return [plotly_text(name) for name in element_names(names, (features,))]


def feature_ticks(names: Sequence[str], features: int) -> Part:
    """Return title and ticks of an axis of D features: their names where there is room."""
    if features > FEW:
        return {"title": "feature", "ticks": {}}
    ticks: Part = {"tickvals": np.arange(1, features + 1)}
    if len(names) != features:
        return {"title": "feature", "ticks": ticks}
    ticks["ticktext"] = [plotly_text(one_line(name, LONGEST)) for name in names]
    return {"title": "", "ticks": ticks}


def feature_hover(names: Sequence[str], shape: tuple[int, ...]) -> tuple[str, Part]:
    """Return the name of the feature in the hover text of lines (N, D) over their features, and
    the part of a trace that it needs. Where ticks have names, Plotly writes these for x."""
    number, features = shape
    if len(names) != features:
        return "feature %{x}", {}
    if features <= FEW:
        return "%{x}", {}
    if number * (features + 1) > TEXTS:
        return "feature %{x}", {}
    return "%{text}", {"text": [*feature_titles(names, features), ""] * number}


def reconstruction_pairs(
    originals: Tiles,
    reconstructions: Tiles,
    names: tuple[str, ...] = (),
    data: Floats | None = None,
    name: str = "original",
    domain: Domain = UNSCALED,
) -> go.Figure:
    """Vectors (N, D), called `name` in the legend, and their reconstructions (N, D).

    D = 2: points joined by thin lines, above `data` (M, 2); D > 2: parallel coordinates. Series
    and their reconstructions lie over each other in panels.
    """
    before, after = originals.values, reconstructions.values
    if not len(before):
        return empty_figure("No examples to reconstruct in this split")
    if before.ndim == 3:
        return pair_chart(before, after, name, names, domain, originals.captions)
    if before.shape[1] != 2:
        both = ((before, _DATA, name), (after, _DECODED, "reconstruction"))
        lines = [_lines(*one, domain, names) for one in both]
        return _parallel(lines, before.shape[1], names, domain)
    joined = broken(np.stack([before, after], axis=1).transpose(2, 0, 1).reshape(-1, 2))
    x, y = joined.reshape(2, -1)
    joints: Part = _trace(x, y, mode="lines", hoverinfo="skip", showlegend=False)
    joints["line"] = {"color": _DECODED, "width": 1}
    joints["opacity"] = 0.9
    first = _dots(before, token("text"), name, size=6, symbol="circle-open")
    return _plane(
        [*_background(data), joints, first, _dots(after, _DECODED, "reconstruction")],
        names,
        domain,
    )


def sample_vectors(
    values: Floats,
    names: tuple[str, ...] = (),
    background: Floats | None = None,
    domain: Domain = UNSCALED,
) -> go.Figure:
    """Samples (N, D) above training data `background` (M, D)."""
    if not len(values):
        return empty_figure("No samples yet")
    if values.ndim == 3:
        return series_chart([Layer("sample", values, "reconstruction")], names, domain)
    if values.shape[1] == 2:
        dots = [*_background(background), _dots(values, _DECODED, "sample")]
        return _plane(dots, names, domain)
    lines = [] if background is None else [_behind(background[:200], domain, names)]
    lines.append(_lines(values, _DECODED, "sample", domain, names))
    return _parallel(lines, values.shape[1], names, domain)


def manifold_vectors(
    grid: Floats,
    names: tuple[str, ...] = (),
    background: Floats | None = None,
    axes: tuple[str, str] = ("z₁", "z₂"),
    domain: Domain = UNSCALED,
) -> go.Figure:
    """The decoded grid (R, C, *event) over two axes of latent space: columns are values of the
    first axis, rows of the second. R = 1 is a line along the first axis.

    D = 2: a mesh in the plane of the data whose lines have one axis constant; D > 2: all decoded
    vectors as parallel coordinates. Series have a panel at each place of the grid.
    """
    if not grid.size:
        return empty_figure("No decoded grid yet")
    if grid.ndim == 4:
        panels = Panels(grid.shape[1], titles=(f"{axes[0]} →", f"{axes[1]} →" * (len(grid) > 1)))
        layer = Layer("decoded", grid.reshape(-1, *grid.shape[2:]), "reconstruction")
        return series_chart([layer], names, domain, panels)
    if grid.shape[2] != 2:
        return sample_vectors(grid.reshape(-1, grid.shape[2]), names, background, domain)
    along = {f"{axes[1]} constant": (grid, "solid")}
    along |= {f"{axes[0]} constant": (grid.swapaxes(0, 1), "dot")}
    if len(grid) == 1:
        along = {f"along {axes[0]}": (grid, "solid")}
    mesh = []
    for name, (rows, dash) in along.items():
        line = _trace(broken(rows[..., 0]), broken(rows[..., 1]), mode="lines", name=name)
        line |= {"line": {"color": _DECODED, "width": 1.3, "dash": dash}, "hoverinfo": "skip"}
        mesh.append(line)
    return _plane([*_background(background), *mesh], names, domain)


def _trace(x: Floats, y: Floats, **more: object) -> Part:
    """A scatter trace in float32."""
    return {
        "type": "scatter",
        "x": np.asarray(x, np.float32),
        "y": np.asarray(y, np.float32),
        **more,
    }


def _dots(values: Floats, colour: str, name: str, size: int = 5, symbol: str = "circle") -> Part:
    """Points (N, 2)."""
    hover = f"{name} %{{pointNumber}}: %{{x:.4r}}, %{{y:.4r}}<extra></extra>"
    dots = _trace(values[:, 0], values[:, 1], mode="markers", name=name, hovertemplate=hover)
    dots["marker"] = {"color": colour, "size": size, "symbol": symbol, "opacity": 0.85}
    return dots


def _background(data: Floats | None) -> list[Part]:
    """Training data behind decoded points; nothing without data."""
    if data is None or not len(data):
        return []
    dots = _trace(data[:, 0], data[:, 1], mode="markers", name="training data", hoverinfo="skip")
    dots["type"] = "scattergl"
    dots["marker"] = {"color": token("prior"), "size": 3, "opacity": 0.35}
    return [dots]


def in_scale(values: Floats, domain: Domain) -> Part:
    """Return the heights of features (S, D) in their scale, and the part of a hover text with
    their values in units of x."""
    if not domain.scale:
        return {"y": broken(values), "hovertemplate": "%{y:.4r}<extra></extra>"}
    hover = {"customdata": broken(values), "hovertemplate": "%{customdata:.4r}<extra></extra>"}
    return {"y": broken(domain.rescale(values))} | hover


def _lines(
    values: Floats, colour: str, name: str, domain: Domain, names: Sequence[str] = ()
) -> Part:
    """Vectors (N, D) as lines over the features, one trace for all."""
    number, features = values.shape
    x = broken(np.tile(np.arange(1, features + 1, dtype=np.float32), (number, 1)))
    heights = in_scale(values, domain)
    feature, texts = feature_hover(names, values.shape)
    hover = f"{name}, {feature}: {heights.pop('hovertemplate')}"
    y, kind = heights.pop("y"), "lines" if features > 1 else "markers"
    lines = _trace(x, y, mode=kind, name=name, **heights, **texts)
    lines |= {"hovertemplate": hover, "line": {"color": colour, "width": 1}}
    lines |= {"opacity": float(np.clip(6 / max(number, 1) ** 0.6, 0.12, 0.8))}
    lines["marker"] = {"color": colour, "size": 5}
    return lines


def _behind(data: Floats, domain: Domain, names: Sequence[str]) -> Part:
    """Training data (N, D) as faint lines."""
    return _lines(data, token("prior"), "training data", domain, names) | {"opacity": 0.15}


def second_axis(name: str, domain: Domain) -> Part:
    """The upward axis of a plane of two features, in which both scales have equal lengths."""
    ratio = domain.scale[0] / domain.scale[1] if domain.scale else 1.0
    return axis(name, scaleanchor="x", scaleratio=ratio)


def _plane(traces: list[Part], names: tuple[str, ...], domain: Domain) -> go.Figure:
    """Two features with equal scales."""
    first, second = feature_titles(names, 2)
    return figure(
        traces,
        xaxis=axis(first),
        yaxis=second_axis(second, domain),
        **legend_above(),
        dragmode="pan",
    )


def _parallel(
    traces: list[Part], features: int, names: tuple[str, ...], domain: Domain
) -> go.Figure:
    """D features side by side, in the unit of the data or each in its scale."""
    across, end = feature_ticks(names, features), [0.5, features + 0.5]
    return figure(
        traces,
        xaxis=axis(across["title"], range=end, **across["ticks"]),
        yaxis=axis(SCALED if domain.scale else "value"),
        hovermode="closest",
        **legend_above(),
    )


def legend_above() -> Part:
    """A horizontal legend above the chart, on the left."""
    return {
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "font": {"size": 12},
            "itemsizing": "constant",
            "bgcolor": "rgba(0,0,0,0)",
        },
        "margin": {"l": 56, "r": 16, "t": 32, "b": 44},
    }
