"""Parts of the pictures of lessons: curves, points, labels, arrows, histograms, bars, contours."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Floats
from vae.figures.base import Part
from vae.figures.palette import token
from vae.imaging.tiles import data_uri, png

Numbers = Sequence[float] | NDArray[Any]

LEFT: Part = {"xanchor": "right", "xshift": -12}
RIGHT: Part = {"xanchor": "left", "xshift": 12}
ABOVE: Part = {"yshift": 17}
GAP = 2  # pixels between two pictures of a sheet
LABEL = 14  # px, height of a label in the picture


class Bar(NamedTuple):
    """A bar of a row, from start to end on the axis of values."""

    row: str
    start: float
    end: float
    colour: str  # token of the palette
    text: str = ""  # beside the bar


def curve(x: Numbers, y: Numbers, colour: str, *, filled: bool = False, **more: Any) -> Part:
    """A line; with `filled` also the area below it."""
    fill = {"fill": "tozeroy", "fillcolor": token(colour, 0.14)} if filled else {}
    line = {"color": token(colour), "width": 2.5 if filled else 2} | more.pop("line", {})
    common = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    return {**common, "x": x, "y": y, "line": line, **fill, **more}


def dots(
    x: Numbers, y: Numbers | Sequence[str], colour: str, *, size: float = 11, **more: Any
) -> Part:
    """Points with a hairline of the page's colour around them."""
    outline = {"color": token("background"), "width": 1.5}
    marker = {"color": token(colour), "size": size, "line": outline} | more.pop("marker", {})
    common = {"type": "scatter", "mode": "markers", "hoverinfo": "skip"}
    return {**common, "x": x, "y": y, "marker": marker, **more}


def label(text: str, x: float, y: float | str, colour: str, **place: Any) -> Part:
    """Words at a place of the picture, without an arrow."""
    font = {"color": token(colour), "size": LABEL}
    return {"text": text, "x": x, "y": y, "showarrow": False, "font": font, **place}


def heading(
    text: str, x: float, y: float = 1.0, colour: str = "text", anchor: str = "bottom"
) -> Part:
    """Words centred at a place given in shares of the picture."""
    place = {"xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": anchor}
    return label(text, x, y, colour, **place)


def legend(
    rows: Sequence[tuple[str, str]], top: float = 0.99, step: float = 0.055, right: bool = False
) -> list[Part]:
    """Names (text, colour) below each other at the left or right, from a share of the height."""
    place = {"xref": "paper", "yref": "paper", "xanchor": "right" if right else "left"}
    x = 0.99 if right else 0.01
    return [
        label(text, x, top - step * k, colour, **place) for k, (text, colour) in enumerate(rows)
    ]


def arrow(text: str, x: float, y: float, colour: str, height: float, **place: Any) -> Part:
    """An arrow from `height` px above a place down to it, with words at its start."""
    font = {"color": token(colour), "size": LABEL}
    head = {"arrowcolor": token(colour), "arrowwidth": 2, "arrowhead": 2, "ax": 0, "ay": -height}
    return {"text": text, "x": x, "y": y, "font": font, **head, **place}


def points(places: Sequence[tuple[float, float]], colour: str, **look: Any) -> Part:
    """Points at places (x, y); see `dots`."""
    return dots([x for x, _ in places], [y for _, y in places], colour, **look)


def names(
    texts: Sequence[str],
    places: Sequence[tuple[float, float]],
    sides: Sequence[Part],
    colour: str,
) -> list[Part]:
    """Labels on a veil, each shifted to one side of its place by `LEFT`, `RIGHT` or `ABOVE`."""
    return [
        label(text, x, y, colour, bgcolor=token("background", 0.75), **side)
        for text, (x, y), side in zip(texts, places, sides, strict=True)
    ]


def histogram(values: NDArray[Any], edges: NDArray[Any], colour: str, **more: Any) -> Part:
    """The outline of a histogram whose highest bin is 1."""
    counts, _ = np.histogram(values, edges)
    heights = np.append(counts, 0) / max(counts.max(), 1)
    return curve(edges, heights, colour, filled=True, line={"width": 1.5, "shape": "hv"}, **more)


def bars(rows: Sequence[Bar], axes: str = "2") -> tuple[list[Part], list[Part]]:
    """Return horizontal bars with their text right of them, on the axes x2 and y2."""
    names = {"xaxis": f"x{axes}", "yaxis": f"y{axes}"}
    traces = [
        {"type": "bar", "orientation": "h", "hoverinfo": "skip", "width": [0.66], **names}
        | {"y": [bar.row], "x": [bar.end - bar.start], "base": [bar.start]}
        | {"marker": {"color": token(bar.colour, 0.75)}}
        for bar in rows
    ]
    place = {"xref": f"x{axes}", "yref": f"y{axes}", "xanchor": "left", "xshift": 6}
    texts = [
        label(bar.text, max(bar.start, bar.end), bar.row, bar.colour, **place)
        for bar in rows
        if bar.text
    ]
    return traces, texts


def contours(
    x: Numbers, y: Numbers, z: NDArray[Any], colour: str, step: float, top: float
) -> Part:
    """Contour lines of z (len(y), len(x)) every `step` up to `top`; see `levels` for the numbers.
    The bands above the lines overlap, so that their opacities add up."""
    return {
        "type": "contour",
        "x": x,
        "y": y,
        "z": z.clip(max=top + step).astype("float32"),
        "autocontour": False,
        "contours": {"start": step, "end": top, "size": step},
        "colorscale": [[0.0, token(colour, 0.05)], [1.0, token(colour, 0.05)]],
        "zmin": 0.0,
        "zmax": top,
        "line": {"width": 1, "color": token(colour, 0.7)},
        "showscale": False,
        "hoverinfo": "skip",
    }


def sheet(pictures: Floats, columns: int) -> Part:
    """Return a grid of pictures (N, 1, H, W) in 0…1 as one image with a gap between tiles.

    A PNG takes a fiftieth of the bytes of a heatmap, and a quarter of the time to draw.
    """
    shades = np.rint(255 * np.clip(pictures[:, 0], 0, 1))
    opaque = np.stack([shades, np.full_like(shades, 255)], -1).astype(np.uint8)
    tiles = np.pad(opaque, ((0, 0), (0, GAP), (0, GAP), (0, 0)))
    n, height, width, _ = tiles.shape
    grid = tiles.reshape(n // columns, columns, height, width, 2).swapaxes(1, 2)
    whole = grid.reshape(n // columns * height, columns * width, 2)[:-GAP, :-GAP]
    grey, alpha = whole[..., :1], whole[..., 1:]
    image = png(np.concatenate([grey, grey, grey, alpha], -1))
    return {"type": "image", "source": data_uri(image), "hoverinfo": "skip"}


def levels(
    x: NDArray[Any],
    y: NDArray[Any],
    z: NDArray[Any],
    colour: str,
    top: float,
    to_the_right: bool = False,
) -> list[Part]:
    """The numbers of the contour lines 1, 2 … `top` along the way from the lowest point of z to
    the upper left corner, or straight to the right, each where the way leaves its line for good,
    if there is room.

    Plotly's labels on the lines would take a quarter of a second at every movement.
    """
    row, column = np.unravel_index(z.argmin(), z.shape)
    way = np.linspace(0.0, 1.0, 200)
    end_row, end_column = (row, len(x) - 1) if to_the_right else (len(y) - 1, 0)
    rows = np.rint(row + way * (end_row - row)).astype(int)
    columns = np.rint(column + way * (end_column - column)).astype(int)
    heights = z[rows, columns]
    found, last = [], -len(way)
    for level in range(1, int(top) + 1):
        below = np.flatnonzero(heights < level)
        if len(below) and last + len(way) // 16 < (k := int(below[-1])) < len(way) - 1:
            last = k
            place = float(x[columns[k]]), float(y[rows[k]])
            small = {"size": 11, "color": token(colour)}
            veil = token("background", 0.6)
            found.append(label(f"{level}", *place, colour, font=small, bgcolor=veil, borderpad=0))
    return found
