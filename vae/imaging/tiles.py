"""Arrays of images → grids of tiles → PNG.

Notation: N images, each (C, H, W) with C = 1 (grey) or 3 (red, green, blue), floats in [0, 1]; or
N coloured tiles, uint8 (H, W, 3). A pixel is displayed as round(255 v), ties to even. Values
outside [0, 1] are clipped in the display, not in the data: they become black or white.

Grey and coloured images are displayed without tint. Only signed differences have colours: blue
below zero, white at zero, red above, on one scale for all tiles. Images are enlarged by whole
factors, so each pixel is a square. A grey, half transparent line separates the tiles. It is
visible on light and dark pages, between black tiles and between white tiles. The pages add the
captions.
"""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae.base.records import Floats

Bytes = NDArray[np.uint8]

_LINE = (128, 128, 128, 112)  # red, green, blue, opacity of the line between tiles
_CLEAR = (0, 0, 0, 0)

# The diverging scale RdBu of ColorBrewer (Harrower & Brewer 2003), from blue over white to red.
# It is readable with red-green colour blindness. https://colorbrewer2.org
_DIVERGING = np.array(
    [
        [5, 48, 97],
        [33, 102, 172],
        [67, 147, 195],
        [146, 197, 222],
        [209, 229, 240],
        [247, 247, 247],
        [253, 219, 199],
        [244, 165, 130],
        [214, 96, 77],
        [178, 24, 43],
        [103, 0, 31],
    ],
    dtype=np.float32,
)


class Difference(NamedTuple):
    """Signed differences as coloured tiles, and the value at the ends of the colour scale."""

    tiles: Bytes  # (N, H, W, 3)
    limit: float  # the scale runs from -limit (blue) over 0 (white) to +limit (red)


def pixels(values: Floats | Bytes) -> Bytes:
    """Return the displayed pixels of images, uint8 (N, H, W, 3).

    `values` are float (N, C, H, W) or uint8 (N, H, W, 3). Raises ValueError for other arrays.
    """
    if values.dtype == np.uint8 and values.ndim == 4 and values.shape[3] == 3:
        return np.asarray(values, np.uint8)
    if values.ndim != 4 or values.shape[1] not in (1, 3):
        raise ValueError(
            f"An image grid needs images (N, C, H, W) with 1 or 3 channels, not an array of shape "
            f"{values.shape}; draw vectors with vae.figures.vectors."
        )
    images: Bytes = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)
    images = np.moveaxis(images, 1, 3)  # (N, H, W, C)
    return np.broadcast_to(images, (*images.shape[:3], 3))


def factor(width: int, room: int) -> int:
    """Return the largest whole factor by which `width` pixels fit into `room`; at least 1."""
    return max(1, room // max(width, 1))


def _repeat(array: Bytes, scale: int, axis: int) -> Bytes:
    """Return each pixel as a square of scale × scale; rows lie along `axis`, columns next."""
    return array if scale == 1 else array.repeat(scale, axis).repeat(scale, axis + 1)


def tile(values: Floats | Bytes, columns: int, gap: int = 1, scale: int = 1) -> Bytes:
    """Return a grid of images, uint8 (height, width, 4), with transparent empty cells.

    Image k is in row k // columns and column k % columns. Its upper left pixel is at
    (row · (scale · H + gap), column · (scale · W + gap)). `gap` is the width of the line between
    tiles, in pixels after enlargement.
    """
    images = _repeat(pixels(values), scale, axis=1)  # (N, h, w, 3)
    number, height, width, _ = images.shape
    columns = max(1, min(columns, number))
    rows = max(1, -(-number // columns))
    page = np.zeros((rows * columns, height + gap, width + gap, 4), np.uint8)
    page[:number] = _LINE
    page[:number, :height, :width, :3] = images
    page[:number, :height, :width, 3] = 255
    page = page.reshape(rows, columns, height + gap, width + gap, 4).swapaxes(1, 2)
    page = page.reshape(rows * (height + gap), columns * (width + gap), 4)
    return page[: max(1, rows * (height + gap) - gap), : max(1, columns * (width + gap) - gap)]


def strip(
    rows: Sequence[Floats | Bytes], columns: int, gap: int = 1, space: int = 8, scale: int = 1
) -> Bytes:
    """Return related rows of images below each other: originals, reconstructions, differences.

    Each of `rows` holds N images of one size. If N exceeds `columns`, the next images form another
    block of rows, `space` pixels below. Returns uint8 (height, width, 4). Raises ValueError for
    rows of different shapes.
    """
    images = [pixels(row) for row in rows]
    number = len(images[0])
    if any(row.shape != images[0].shape for row in images):
        shapes = [row.shape for row in images]
        raise ValueError(f"The rows of a strip need the same shape, not {shapes}.")
    columns = max(1, min(columns, number))
    blocks: list[Bytes] = []
    for start in range(0, max(1, number), columns):
        lines = [tile(row[start : start + columns], columns, gap, scale) for row in images]
        block = _stack(lines, gap, _LINE)
        spare = (blocks[0] if blocks else block).shape[1] - block.shape[1]
        blocks.append(np.pad(block, ((0, 0), (0, spare), (0, 0))))
    return _stack(blocks, space, _CLEAR)


def _stack(parts: list[Bytes], gap: int, colour: tuple[int, ...]) -> Bytes:
    """Return images of one width below each other, separated by `gap` pixels of one colour."""
    between = np.full((gap, parts[0].shape[1], 4), colour, np.uint8)
    return np.concatenate([layer for part in parts for layer in (between, part)][1:])


def diverging(values: Floats, limit: float) -> Bytes:
    """Return the colours of values (…) as uint8 (…, 3): blue at -limit, white at 0, red at
    +limit."""
    place = np.clip(np.nan_to_num(values) / max(limit, 1e-12), -1, 1) * 5 + 5  # 0 … 10
    below = np.minimum(place.astype(np.int64), 9)
    share = (place - below)[..., None]
    colour = _DIVERGING[below] * (1 - share) + _DIVERGING[below + 1] * share
    return np.asarray(np.rint(colour), np.uint8)


def difference(
    originals: Floats, reconstructions: Floats, limit: float | None = None
) -> Difference:
    """Return reconstruction − original of images (N, C, H, W) on one colour scale around zero.

    Red: the reconstruction is too bright. Differences are averaged over the channels. `limit` is
    by default the largest absolute difference. Raises ValueError for arrays that are not images.
    """
    pixels(originals[:1])  # raises the ValueError
    signed = (reconstructions - originals).mean(axis=1)  # (N, H, W)
    largest = float(np.abs(signed).max(initial=0.0)) if limit is None else limit
    return Difference(diverging(signed, largest), largest)


def scale_bar(width: int = 160, height: int = 8) -> bytes:
    """Return the colour scale of `difference`, from -limit (left) to +limit (right), as PNG."""
    line = diverging(np.linspace(-1, 1, width, dtype=np.float32), 1.0)
    return png(np.broadcast_to(line, (height, width, 3)))


def png(array: Bytes, scale: int = 1) -> bytes:
    """Return an image, uint8 (H, W), (H, W, 3) or (H, W, 4), as PNG, enlarged by a whole factor.

    Grey images are stored with one channel, in half the time and bytes of three. Compression level
    1 is fast, and a grid is displayed only once.
    """
    array = _repeat(np.asarray(array), scale, axis=0)
    if array.ndim == 3 and (array[..., :1] == array[..., 1:3]).all():
        array = array[..., ::3] if array.shape[2] == 4 else array[..., 0]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def grid_png(values: Floats | Bytes, columns: int, gap: int = 1, scale: int = 1) -> bytes:
    """Return the grid of `tile` as PNG."""
    return png(tile(values, columns, gap, scale))


def tile_pngs(values: Floats | Bytes, scale: int = 1) -> list[bytes]:
    """Return one PNG per image, for pages that put a caption below each image."""
    return [png(image, scale) for image in pixels(values)]


def data_uri(image: bytes) -> str:
    """Return a PNG as a URL for HTML: data:image/png;base64,…"""
    return "data:image/png;base64," + base64.b64encode(image).decode()
