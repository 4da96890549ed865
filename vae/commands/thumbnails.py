"""Small pictures of examples for other viewers: pictures as they are, series as curves."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from vae.figures.palette import CLASSES, COLOURS

if TYPE_CHECKING:
    from vae.base.records import Ints
    from vae.data import Dataset
    from vae.imaging.tiles import Bytes

    Draw = Callable[[Ints], Bytes]

PICTURES = 1024  # in memory together
SHEET = 8192  # px, greatest side of a sprite of the Embedding Projector


class Sheet(NamedTuple):
    """Pictures row by row on a square sheet, as a PNG."""

    content: bytes
    size: tuple[int, int]  # width and height of each picture


def pngs(data: "Dataset", rows: "Ints") -> Iterator[bytes]:
    """Yield a picture or a curve of each row as a PNG."""
    from vae.data import prepare
    from vae.imaging import curves, tiles

    draw = None if data.is_image else _pen(data, (curves.WIDTH, curves.HEIGHT))
    for part in _parts(rows):
        if draw is None:
            yield from tiles.tile_pngs(prepare(data, part))
        else:
            yield from map(tiles.png, draw(part))


def sheet_of(data: "Dataset", rows: "Ints") -> Sheet | None:
    """Return the pictures or curves of these rows on one sheet of at most SHEET pixels a side;
    None for vectors and for far too many."""
    import numpy as np

    from vae.imaging import tiles

    side = math.ceil(len(rows) ** 0.5)
    size = _size(data, SHEET // side)
    if size is None:
        return None
    width, height = size
    draw = _pen(data, size) if data.is_series else _shrunk(data, size)
    sheet, done = np.zeros((side * side, height, width, 3), np.uint8), 0
    for part in _parts(rows):
        sheet[done : done + len(part)] = draw(part)
        done += len(part)
    grid = sheet.reshape(side, side, height, width, 3).swapaxes(1, 2)
    return Sheet(tiles.png(grid.reshape(side * height, side * width, 3)), size)


def _size(data: "Dataset", room: int) -> tuple[int, int] | None:
    """Return width and height of a picture that fits into this room: smaller by a whole factor,
    or a curve of any size; None if there is too little room, and for vectors."""
    from vae.imaging import curves

    if data.is_series and room >= curves.SMALLEST:
        width = min(curves.WIDTH, room)
        return width, max(1, width * curves.HEIGHT // curves.WIDTH)
    if not data.is_image:
        return None
    longest = max(data.event_shape[1:])
    step = -(-longest // max(room, 1))
    if step > longest or not room:
        return None
    height, width = (-(-length // step) for length in data.event_shape[1:])
    return width, height


def _shrunk(data: "Dataset", size: tuple[int, int]) -> "Draw":
    """Return a function of rows to pictures of this size, (n, height, width, 3)."""
    from vae.data import prepare
    from vae.imaging import tiles

    step = -(-max(data.event_shape[1:]) // max(size))
    return lambda rows: tiles.pixels(prepare(data, rows)[:, :, ::step, ::step])


def _pen(data: "Dataset", size: tuple[int, int]) -> "Draw":
    """Return a function of rows to curves of this size, each channel between its ends in all
    series, (n, height, width, 3)."""
    import numpy as np

    from vae.data import prepare
    from vae.data.series import channel_ends
    from vae.imaging import curves

    ends = channel_ends(data.x)
    names = ("text",) if data.event_shape[0] == 1 else [f"class{k}" for k in range(CLASSES)]
    colours = [COLOURS[name][0] for name in names]

    def drawn(rows: "Ints") -> "Bytes":
        x = prepare(data, rows)
        return np.stack([curves.curve_tile(curves.shares(s, *ends), colours, size) for s in x])

    return drawn


def _parts(rows: "Ints") -> Iterator["Ints"]:
    """Yield rows whose pictures are in memory together."""
    return (rows[start : start + PICTURES] for start in range(0, len(rows), PICTURES))
