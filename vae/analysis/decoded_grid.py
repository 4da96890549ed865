"""A decoded grid of places on a plane of latent space, for interpolation in the browser.

Between the places the browser interpolates the four nearest tiles bilinearly, without the decoder;
`blend` computes the same sum for tests and for the error. The error against the exact decode is
measured in the middle between four places, where it is largest. Notation: R rows of places, the
lowest first, C columns, *event the shape of one example.
"""

import math
from typing import NamedTuple

import numpy as np

from vae.analysis.density import Doubles
from vae.analysis.encoding import decode
from vae.analysis.projections import Plane
from vae.base.records import UNSCALED, Floats, Ints
from vae.imaging.tiles import Bytes, pixels
from vae.model import VAE

SIDE = 32  # places on a side at most
BYTES = 6_000_000  # of a grid at most: larger pictures have fewer places
MEASURED = 128  # places where interpolation and decoder are compared


class Box(NamedTuple):
    """A rectangle of the map, in the units of its axes."""

    x: tuple[float, float]
    y: tuple[float, float]

    def grid(self, columns: int, rows: int) -> Floats:
        """Return places (rows · columns, 2) including the edges, row by row from the lowest."""
        x, y = np.linspace(*self.x, columns), np.linspace(*self.y, rows)
        places: Floats = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)
        return places


class DecodedGrid(NamedTuple):
    """Tiles of decoded places, and the error of the interpolation between them."""

    box: Box
    tiles: Bytes | Floats  # (R, C, H, W, channels) bytes of pictures, (R, C, D) values of vectors
    error: tuple[float, float]  # mean and largest, in grey values of 255 or of rescaled vectors

    @property
    def sheet(self) -> Bytes:
        """All pictures in one, (R · H, C · W, channels), the highest row of places on top."""
        rows, columns, height, width, channels = self.tiles.shape
        joined: Bytes = self.tiles[::-1].swapaxes(1, 2).astype(np.uint8)
        return joined.reshape(rows * height, columns * width, channels)


def decode_grid(model: VAE, plane: Plane, box: Box, label: int = 0) -> DecodedGrid:
    """Decode a grid of places over `box`; a conditional model decodes the class `label`."""
    each = 1 if len(model.domain.shape) == 3 else 4  # bytes of a float
    values = each * math.prod(model.domain.shape)
    columns = int(np.clip((BYTES / max(values, 1)) ** 0.5, 4, SIDE))
    rows = columns if plane.back[1].any() else 2  # a single latent is constant upwards
    tiles = decode_tiles(model, plane, box.grid(columns, rows), label)
    grid = DecodedGrid(box, tiles.reshape(rows, columns, *tiles.shape[1:]), (0.0, 0.0))
    return grid._replace(error=_error(model, plane, grid, label))


def decode_tiles(model: VAE, plane: Plane, places: Floats, label: int = 0) -> Bytes | Floats:
    """Return the decoder's output at places (M, 2): pictures as bytes (M, H, W, channels), vectors
    as values (M, D)."""
    values = decode(model, plane.latents_at(places), labels=np.full(len(places), label))
    if values.ndim != 4:
        return values
    return pixels(values)[..., : values.shape[1]]


def blend(grid: DecodedGrid, places: Floats) -> Floats:
    """Return the bilinear interpolation of the four nearest tiles at places (M, 2), (M, …)."""
    rows, columns = grid.tiles.shape[:2]
    i, b = _cell(places[:, 1], grid.box.y, rows)
    j, a = _cell(places[:, 0], grid.box.x, columns)
    tiles = grid.tiles
    shape = (-1,) + (1,) * (tiles.ndim - 2)
    a, b = a.reshape(shape), b.reshape(shape)  # one weight a tile
    low = tiles[i, j] * (1 - a) + tiles[i, j + 1] * a
    high = tiles[i + 1, j] * (1 - a) + tiles[i + 1, j + 1] * a
    return np.asarray(low * (1 - b) + high * b, np.float32)


def _cell(values: Floats, ends: tuple[float, float], count: int) -> tuple[Ints, Doubles]:
    """Return the grid line below each value and the position between it and the next, 0 to 1."""
    place = (values.astype(np.float64) - ends[0]) / (ends[1] - ends[0]) * (count - 1)
    place = np.clip(place, 0, count - 1)
    first = np.minimum(place.astype(np.int64), count - 2)
    return first, place - first


def _error(model: VAE, plane: Plane, grid: DecodedGrid, label: int) -> tuple[float, float]:
    """Return mean and largest difference of interpolation and decoder in the middle of cells, of
    vectors after rescaling."""
    rows, columns = grid.tiles.shape[:2]
    (x0, x1), (y0, y1) = grid.box
    dx, dy = (x1 - x0) / (columns - 1) / 2, (y1 - y0) / (rows - 1) / 2
    middles = Box((x0 + dx, x1 - dx), (y0 + dy, y1 - dy)).grid(columns - 1, rows - 1)
    tried = middles[np.linspace(0, len(middles) - 1, MEASURED).round().astype(int)]
    exact = decode_tiles(model, plane, tried, label).astype(np.float32)
    blended, domain = blend(grid, tried), model.domain
    if grid.tiles.dtype == np.uint8:
        blended, domain = np.rint(blended), UNSCALED
    error = np.abs(domain.rescale(blended).astype(np.float64) - domain.rescale(exact))
    return float(error.mean()), float(error.max())
