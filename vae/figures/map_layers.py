"""Layers around the points of a latent map: densities, decoded pictures, pins, posterior outlines.

Coordinates are those of the map's axes. A density is a `Field` of `vae.analysis.density`.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from vae.analysis.density import Field, steps
from vae.base.records import Floats, Ints
from vae.figures.base import Part, axis, figure, note
from vae.figures.palette import token

BANDS = (0.99, 0.95, 0.8, 0.5)  # probability mass inside each band of a density
CIRCLES = (0.8647, 0.3935)  # mass of a normal distribution within two sigma and one sigma


def density_bands(field: Field) -> Part:
    """Filled contours of a density behind the points; darker is denser. Bands overlap, so their
    opacities add up, and the outside of the last band stays clear."""
    return _contours(field, BANDS) | {
        "autocontour": False,
        "contours": {**_levels(BANDS), "coloring": "fill", "showlines": False},
        "colorscale": [[0.0, token("text", 0.0)], [1.0, token("text", 0.1)]],
        "line": {"width": 0},
        "name": "density",
    }


def density_mask(field: Field, cell: Floats) -> Part:
    """A mask over the decoded pictures: opaque where the density is low, clear where it is high.
    It covers the pictures, half a `cell` (2,) beyond the field on each side."""
    end = len(BANDS)
    x, y = (
        np.concatenate([[ends[0] - c / 2], ends, [ends[-1] + c / 2]])
        for ends, c in zip((field.x, field.y), cell, strict=True)
    )
    return _contours(field, BANDS) | {
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": np.pad(steps(field, BANDS), 1, mode="edge"),
        "zmin": 0.8,
        "zmax": end,
        "zsmooth": "best",
        "colorscale": [[0.0, token("background", 0.9)], [1.0, token("background", 0.0)]],
        "name": "mask",
    }


def density_contours(field: Field, colour: str, shares: tuple[float, ...] = CIRCLES) -> Part:
    """Contour lines that enclose the probability masses `shares`, in descending order; dotted for
    the prior."""
    dash = "dot" if colour == "prior" else "solid"
    return _contours(field, shares) | {
        "autocontour": False,
        "contours": {**_levels(shares), "coloring": "none"},
        "line": {"width": 1.4, "dash": dash, "color": token(colour)},
        "name": colour,
    }


def density_filled(field: Field, colour: str, shares: tuple[float, ...] = CIRCLES) -> Part:
    """Filled contours of a density in its colour."""
    return _contours(field, shares) | {
        "autocontour": False,
        "contours": {**_levels(shares), "coloring": "fill", "showlines": False},
        "colorscale": [[0.0, token(colour, 0.0)], [1.0, token(colour, 0.35)]],
        "line": {"width": 0},
    }


def posterior_close_up(posterior: Field, q: Field, axes: tuple[str, str]) -> go.Figure:
    """The true posterior, filled, and q(z|x) on the same part of the map."""
    corner: Part = {"x": 0.02, "xanchor": "left"}
    names = [
        note(f"<b>{text}</b>", y=y, font={"size": 13, "color": token(colour)}, **corner)
        for text, y, colour in (("p(z|x)", 0.98, "posterior"), ("q(z|x)", 0.9, "q"))
    ]
    ends = [float(posterior.x[0]), float(posterior.x[-1])]
    return figure(
        [
            density_filled(posterior, "posterior"),
            density_contours(posterior, "posterior"),
            density_contours(q, "q"),
        ],
        xaxis=axis(axes[0], range=ends),
        yaxis=axis(axes[1], scaleanchor="x"),
        annotations=names,
        margin={"l": 48, "r": 8, "t": 8, "b": 40},
    )


def _levels(shares: tuple[float, ...]) -> Part:
    return {"start": 1, "end": len(shares), "size": 1}


def _contours(field: Field, shares: tuple[float, ...]) -> Part:
    return {
        "type": "contour",
        "x": field.x,
        "y": field.y,
        "z": steps(field, shares),
        "hoverinfo": "skip",
        "showscale": False,
        "showlegend": False,
    }


def decoded_background(
    address: str, x: tuple[float, float], y: tuple[float, float], cell: Floats
) -> Part:
    """A sheet of decoded tiles behind the map. The centres of the tiles span the ranges x and y
    and are `cell` (2,) apart."""
    width, height = x[1] - x[0] + float(cell[0]), y[1] - y[0] + float(cell[1])
    return {
        "source": address,
        "xref": "x",
        "yref": "y",
        "x": x[0] - float(cell[0]) / 2,
        "y": y[1] + float(cell[1]) / 2,
        "sizex": width,
        "sizey": height,
        "sizing": "stretch",
        "layer": "below",
    }


def pin_labels(places: Floats) -> list[Part]:
    """A number, from 1, at each pinned place (M, 2)."""
    return [
        note(
            str(k + 1),
            xref="x",
            yref="y",
            x=float(x),
            y=float(y),
            font={"size": 11, "color": token("background")},
            bgcolor=token("accent"),
            borderpad=2,
        )
        for k, (x, y) in enumerate(places)
    ]


def rings(places: Floats) -> Part:
    """A ring around each place of a map, (M, 2) or (M, 3)."""
    space = (
        {"type": "scatter3d", "z": places[:, 2]} if places.shape[1] == 3 else {"type": "scatter"}
    )
    return {
        "x": places[:, 0],
        "y": places[:, 1],
        **space,
        "mode": "markers",
        "marker": {
            "symbol": "circle-open",
            "size": 15,
            "color": token("text"),
            "line": {"width": 2.5},
        },
        "hoverinfo": "skip",
        "showlegend": False,
    }


def path_line(places: Floats) -> list[Part]:
    """A line through places (T, 2) of the map; nothing without two of them."""
    if len(places) < 2:
        return []
    corners = "L".join(f"{x:.4g},{y:.4g}" for x, y in places)
    line = {"color": token("accent"), "width": 2}
    return [{"type": "path", "path": f"M{corners}", "layer": "above", "line": line}]


def posterior_outlines(outlines: Floats, sigma: float) -> Part:
    """The `sigma` outlines of posteriors, closed lines (N, corners, 2), as one shape."""
    path = "".join(
        "M" + "L".join(f"{x:.4g},{y:.4g}" for x, y in outline) + "Z" for outline in outlines
    )
    line = {"color": token("text"), "width": 1 if sigma == 1 else 0.5}
    return {"type": "path", "path": path, "layer": "above", "line": line, "opacity": 0.45}


def code_markers(places: Floats, counts: Ints, texts: Sequence[str]) -> list[Part]:
    """Marks at the places (M, 2) of codes, each with its text on hover: rings whose area grows
    with the number of examples `counts` (M,), crosses where it is 0."""
    used = counts > 0
    size = 8 + 14 * np.sqrt(counts / max(1, counts.max()))
    ring = {"symbol": "circle-open", "size": size[used], "line": {"width": 2}}
    cross = {"symbol": "x-thin-open", "size": 8, "line": {"width": 1.5}}
    parts = ((used, ring), (~used, cross))
    return [
        {
            "type": "scatter",
            "x": places[part, 0],
            "y": places[part, 1],
            "mode": "markers",
            "marker": {**marker, "color": token("accent")},
            "text": [text for text, chosen in zip(texts, part, strict=True) if chosen],
            "hovertemplate": "%{text}<extra></extra>",
            "showlegend": False,
        }
        for part, marker in parts
        if part.any()
    ]


def star(place: Floats, name: str) -> Part:
    """A star at a place (2,) of the map, with `name` on hover."""
    return {
        "type": "scatter",
        "x": place[:1],
        "y": place[1:],
        "mode": "markers",
        "marker": {
            "symbol": "star",
            "size": 18,
            "color": token("accent"),
            "line": {"width": 2, "color": token("text")},
        },
        "hovertemplate": f"{name}<extra></extra>",
        "showlegend": False,
    }
