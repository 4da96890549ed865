"""Labels beside points: each on the first side where it covers neither a label nor a point.

Lengths are in px of a chart whose size is an assumption, because the browser sets it. A larger
chart only moves labels apart. y grows upwards.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vae.base.records import Floats

LETTER = 6.6  # px, mean width of a letter of 12 px
LINE = 16.0  # px, height of a line of letters of 12 px


class Box(NamedTuple):
    """A rectangle."""

    left: float
    low: float
    right: float
    high: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> "Box":
        """The rectangle of this size around a centre."""
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def covers(self, other: "Box") -> bool:
        """Whether the two rectangles share an area."""
        across = self.left < other.right and other.left < self.right
        return across and self.low < other.high and other.low < self.high

    def within(self, other: "Box") -> bool:
        """Whether the rectangle lies inside the other one."""
        across = other.left <= self.left and self.right <= other.right
        return across and other.low <= self.low and self.high <= other.high


def in_pixels(points: Floats, x: Sequence[float], y: Sequence[float], size: Floats) -> Floats:
    """Points (N, 2) in units of the axes with ranges `x` and `y`, in px of a plot of this size."""
    low, high = np.array([x[0], y[0]]), np.array([x[1], y[1]])
    places: Floats = (np.asarray(points, np.float64) - low) / (high - low) * size
    return places


def place_labels(
    anchors: Floats,
    widths: Sequence[float],
    sides: Sequence[tuple[float, float]],
    *,
    gap: float = 0.0,
    line: float = LINE,
    taken: Sequence[Box] = (),
    bounds: Box | None = None,
) -> list[int | None]:
    """Return the first free side for the label of each anchor (N, 2), None where none is free.

    A side (a, b) shifts a label by a times half its width and b times half its height, each with
    the gap; `line` is its height. Earlier labels have precedence. Labels avoid `taken` and stay
    within `bounds`.
    """
    boxes = list(taken)
    chosen: list[int | None] = []
    for (x, y), width in zip(anchors.tolist(), widths, strict=True):
        places = [
            Box.around(x + a * (width / 2 + gap), y + b * (line / 2 + gap), width, line)
            for a, b in sides
        ]
        free = (k for k, box in enumerate(places) if _free(box, boxes, bounds))
        side = next(free, None)
        boxes += [] if side is None else [places[side]]
        chosen.append(side)
    return chosen


def _free(box: Box, boxes: Sequence[Box], bounds: Box | None) -> bool:
    inside = bounds is None or box.within(bounds)
    return inside and not any(box.covers(other) for other in boxes)
