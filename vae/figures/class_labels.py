"""Names of the classes on a latent map, in addition to their colours.

A name stands in the densest part of its class, with a halo in the colour of the page. Names cover
neither each other nor the labels of the prior's circles; a class without room has no name.
"""

from collections.abc import Sequence

import numpy as np

from vae.base.foreign import plotly_text
from vae.base.records import Floats, Hue
from vae.figures.base import Part, note
from vae.figures.labels import LINE, Box, in_pixels, place_labels
from vae.figures.palette import token

MOST = 30  # classes with names, at most
SMALLEST = 300.0  # px, side of the smallest map that has names
SIZE = 16  # px, of the letters
BOLD, HIGH = 9 / 16, 20 / 16  # width of a letter and height of a name, for letters of one px
SIDES = [  # of a name around the middle of its class, in half widths and half heights
    *((0.0, b) for b in (0, 2, -2)),
    *((a, b) for b in (0.0, 2.0, -2.0) for a in (1.0, -1.0)),
    *((0.0, b) for b in (4, -4)),
    *((a, b) for b in (0.0, 2.0, -2.0) for a in (3.0, -3.0)),
]
HALO = ", ".join(f"0 0 {blur}px {token('background')}" for blur in (1, 1, 2, 2, 2, 3, 3, 4, 4))


def class_labels(
    points: Floats,
    hue: Hue | None,
    x: Sequence[float],
    y: Sequence[float],
    equal: bool,
    rings: Sequence[float] = (),
    letters: int = SIZE,
) -> list[Part]:
    """Annotations with the class names of points (N, 2), the largest classes first.

    `x` and `y` are the ranges of the axes, which have one scale if `equal`. `rings` are the radii
    of the prior's circles, which have a label each. `letters` is the size of the names in pixels.
    """
    if hue is None or not 0 < len(hue.classes) <= MOST:
        return []
    counts = {k: int((hue.values == k).sum()) for k in range(len(hue.classes))}
    order = sorted((k for k, count in counts.items() if count), key=lambda k: -counts[k])
    if not order:
        return []
    middles = np.stack([middle(points[hue.values == k]) for k in order])
    sides = np.array([x[1] - x[0], y[1] - y[0]])
    size = SMALLEST * sides / (sides.max() if equal else sides)
    wide, high = BOLD * letters, HIGH * letters
    widths = [wide * len(hue.classes[k]) for k in order]
    marked = in_pixels(np.array([(0, -radius) for radius in rings]).reshape(-1, 2), x, y, size)
    taken = [Box.around(a, b - LINE / 2, 2 * wide, LINE) for a, b in marked.tolist()]
    places = place_labels(
        in_pixels(middles, x, y, size),
        widths,
        SIDES,
        line=high,
        taken=taken,
        bounds=Box(0, 0, *size.tolist()),
    )
    return [
        _label(hue.classes[k], counts[k], at, width, SIDES[side], letters)
        for k, at, width, side in zip(order, middles.tolist(), widths, places, strict=True)
        if side is not None
    ]


def counted(name: str, number: int) -> str:
    """Return the name of a trace: a class, and its number of points in paler figures."""
    return f'{plotly_text(name)} <span style="fill-opacity:0.65">{number:,}</span>'


def middle(points: Floats) -> Floats:
    """A place in the densest part of points (N, 2): the median of the half nearest to the median,
    three times."""
    centre: Floats = np.median(points, axis=0)
    for _ in range(3):
        far = np.linalg.norm(points - centre, axis=1)
        centre = np.median(points[far <= np.median(far)], axis=0)
    return centre


def _label(
    name: str,
    count: int,
    at: Sequence[float],
    width: float,
    side: tuple[float, float],
    letters: int,
) -> Part:
    """The name of a class; the name of its trace hides it with the trace."""
    font = {"size": letters, "color": token("text"), "weight": 700, "shadow": HALO}
    shift = {"xshift": side[0] * width / 2, "yshift": side[1] * HIGH * letters / 2}
    place = {"x": at[0], "y": at[1], "xref": "x", "yref": "y"}
    return note(plotly_text(name), **place, font=font, name=counted(name, count), **shift)
