"""Series as small drawings, SVG or pixels, for cards and thumbnails that hold one example each.

C channels over T steps, (C, T); layers lie over each other. A value NaN is a gap. Colours are
CSS: `light-dark(…, …)` follows the theme of the page, also in a picture.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from vae.base.records import Floats
from vae.imaging.tiles import Bytes

WIDTH, HEIGHT, EDGE = 104, 64, 3  # px
SMALLEST = 16  # px, width of a drawing in pixels
FINER = 2  # pixels are drawn at this scale and averaged
MOST = 160  # points of a curve


class Ink(NamedTuple):
    """The colours of a layer: one for each channel, in turn."""

    colours: Sequence[str]
    opacity: float = 1.0


def curve_svg(layers: Sequence[Floats], inks: Sequence[Ink], ends: tuple[float, float]) -> str:
    """Return layers (C, T) of one example as SVG; `ends` are the values at floor and top."""
    paths = [
        f'<path d="{_path(values, ends)}" style="stroke:{ink.colours[c % len(ink.colours)]}" '
        f'opacity="{ink.opacity}"/>'
        for layer, ink in zip(layers, inks, strict=True)
        for c, values in enumerate(layer)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" fill="none" stroke-width="1.3" '
        f'stroke-linejoin="round" style="color-scheme:light dark">{"".join(paths)}</svg>'
    )


def ends_of(parts: Sequence[Floats]) -> tuple[float, float]:
    """Return the lowest and the highest finite value, 0 and 1 without any."""
    values = np.concatenate([part[np.isfinite(part)] for part in parts])
    return (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def shares(x: Floats, low: Floats, high: Floats) -> Floats:
    """Return the channels of a series (C, T), each between its ends in all series as 0 to 1."""
    found: Floats = ((x - low[:, None]) / np.where(high > low, high - low, 1)[:, None]).astype(
        "f4"
    )
    return found


def curve_tile(values: Floats, colours: Sequence[str], size: tuple[int, int]) -> Bytes:
    """Return channels (C, T) with values from 0 to 1 as a picture on white, (height, width, 3)."""
    width, height = (FINER * side for side in size)
    image = Image.new("RGB", (width, height), "white")
    pen, edge = ImageDraw.Draw(image), FINER * EDGE
    x = edge + (width - 2 * edge) * np.linspace(0, 1, values.shape[1])
    for c, channel in enumerate(values):
        y = height - edge - (height - 2 * edge) * channel
        for part in np.split(np.arange(len(y)), np.flatnonzero(np.isnan(y))):
            points = [(float(x[k]), float(y[k])) for k in part if y[k] == y[k]]
            if points:
                pen.line(points * (1 + (len(points) == 1)), colours[c % len(colours)], FINER)
    return np.asarray(image.resize(size, Image.Resampling.BOX))


def _path(values: Floats, ends: tuple[float, float]) -> str:
    """Return a curve as the commands of a path, thinned to at most MOST points."""
    low, high = ends
    places = np.unique(np.linspace(0, len(values) - 1, MOST).round().astype(int))
    x = EDGE + (WIDTH - 2 * EDGE) * places / max(len(values) - 1, 1)
    share = (values[places] - low) / ((high - low) or 1)
    y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * share
    words, pen = [], "M"
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if b == b:
            words.append(f"{pen}{round(a, 1)} {round(b, 1)}")
        pen = "L" if b == b else "M"
    return "".join(words)
