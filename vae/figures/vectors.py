"""Pictures of vector data: points in the plane for two features, parallel coordinates for more.

Notation: N examples with D features each, (N, D). Data are muted, what the decoder makes is blue.
"""

import numpy as np
import plotly.graph_objects as go

from vae.base.records import Floats, Tiles
from vae.figures.base import Part, axis, broken, empty_figure, figure
from vae.figures.palette import token

_MADE = token("reconstruction")
_DATA = token("muted")


def reconstruction_pairs(
    originals: Tiles,
    reconstructions: Tiles,
    names: tuple[str, ...] = (),
    data: Floats | None = None,
    before_is: str = "original",
) -> go.Figure:
    """Vectors (N, D), which the legend calls `before_is`, and their reconstructions (N, D).

    D = 2: points joined by hairlines, above the data where given; D > 2: parallel coordinates.
    """
    before, after = originals.values, reconstructions.values
    if not len(before):
        return empty_figure("No examples to reconstruct in this split")
    if before.shape[1] != 2:
        lines = [_lines(before, _DATA, before_is), _lines(after, _MADE, "reconstruction")]
        return _parallel(lines, before.shape[1], names)
    joined = broken(np.stack([before, after], axis=1).transpose(2, 0, 1).reshape(-1, 2))
    x, y = joined.reshape(2, -1)
    hair: Part = _trace(x, y, mode="lines", hoverinfo="skip", showlegend=False)
    hair["line"] = {"color": _MADE, "width": 1}
    hair["opacity"] = 0.9
    first = _dots(before, token("text"), before_is, size=6, symbol="circle-open")
    return _plane([*_background(data), hair, first, _dots(after, _MADE, "reconstruction")], names)


def sample_vectors(
    values: Floats, names: tuple[str, ...] = (), background: Floats | None = None
) -> go.Figure:
    """Samples (N, D) over the training data (M, D), where given."""
    if not len(values):
        return empty_figure("No samples yet")
    if values.shape[1] == 2:
        return _plane([*_background(background), _dots(values, _MADE, "sample")], names)
    lines = [] if background is None else [_behind(background[:200])]
    return _parallel([*lines, _lines(values, _MADE, "sample")], values.shape[1], names)


def manifold_vectors(
    grid: Floats,
    names: tuple[str, ...] = (),
    background: Floats | None = None,
    axes: tuple[str, str] = ("z₁", "z₂"),
) -> go.Figure:
    """The decoded grid over two axes of latent space, (R, C, D): column c has one place on the
    first axis, row r one on the second; R = 1 decodes a line along the first.

    D = 2: a mesh in the plane of the data, whose lines keep one axis constant; D > 2: all decoded
    vectors as parallel coordinates.
    """
    if not grid.size:
        return empty_figure("No decoded grid yet")
    if grid.shape[2] != 2:
        return sample_vectors(grid.reshape(-1, grid.shape[2]), names, background)
    along = {f"{axes[1]} constant": (grid, "solid")}
    along |= {f"{axes[0]} constant": (grid.swapaxes(0, 1), "dot")}
    if len(grid) == 1:
        along = {f"along {axes[0]}": (grid, "solid")}
    mesh = []
    for name, (rows, dash) in along.items():
        line = _trace(broken(rows[..., 0]), broken(rows[..., 1]), mode="lines", name=name)
        line |= {"line": {"color": _MADE, "width": 1.3, "dash": dash}, "hoverinfo": "skip"}
        mesh.append(line)
    return _plane([*_background(background), *mesh], names)


def _trace(x: Floats, y: Floats, **more: object) -> Part:
    """One scatter trace of float32 numbers."""
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
    """The data behind what is made of them."""
    if data is None or not len(data):
        return []
    dots = _trace(data[:, 0], data[:, 1], mode="markers", name="training data", hoverinfo="skip")
    dots["type"] = "scattergl"
    dots["marker"] = {"color": token("prior"), "size": 3, "opacity": 0.35}
    return [dots]


def _lines(values: Floats, colour: str, name: str) -> Part:
    """Vectors (N, D) as lines over the features, one trace for all."""
    number, features = values.shape
    x = broken(np.tile(np.arange(features, dtype=np.float32), (number, 1)))
    hover = f"{name}: %{{y:.4r}}<extra></extra>"
    lines = _trace(x, broken(values), mode="lines" if features > 1 else "markers", name=name)
    lines |= {"hovertemplate": hover, "line": {"color": colour, "width": 1}}
    lines |= {"opacity": float(np.clip(6 / max(number, 1) ** 0.6, 0.12, 0.8))}
    lines["marker"] = {"color": colour, "size": 5}
    return lines


def _behind(data: Floats) -> Part:
    """The data as faint lines (N, D)."""
    return _lines(data, token("prior"), "training data") | {"opacity": 0.15}


def _plane(traces: list[Part], names: tuple[str, ...]) -> go.Figure:
    """Two features, in equal units."""
    first, second = names if len(names) == 2 else ("feature 1", "feature 2")
    return figure(
        traces, xaxis=axis(first), yaxis=axis(second, scaleanchor="x"), **_legend(), dragmode="pan"
    )


def _parallel(traces: list[Part], features: int, names: tuple[str, ...]) -> go.Figure:
    """D features side by side; each keeps its own unit, as in the data."""
    named = len(names) == features <= 30
    ticks = {"tickvals": np.arange(features), "ticktext": list(names)} if named else {}
    end = [-0.5, features - 0.5]
    return figure(
        traces,
        xaxis=axis("" if named else "feature", range=end, **ticks),
        yaxis=axis("value"),
        hovermode="closest",
        **_legend(),
    )


def _legend() -> Part:
    """A row of names above the picture, on the left."""
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
