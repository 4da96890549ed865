"""Small replays of several runs on one clock: the record of the tiles, and pictures without a
browser for an exported animation.

A tile shows its run at the epoch of the clock: the latent map, reconstructions or samples. A run
without frames has a note instead.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vae.analysis.replay import Doubles
from vae.analysis.replay_grid import position_at, timeline
from vae.base.records import Floats
from vae.figures.palette import COLOURS
from vae.figures.replay import Scene
from vae.figures.replay_frame import (
    View,
    decoded_vectors,
    equal_scales,
    in_ascii,
    latent_picture,
    picture_tiles,
)
from vae.imaging.tiles import Bytes

MAPS, RECONSTRUCTIONS, SAMPLES = "maps", "reconstructions", "samples"
KINDS = {MAPS: "Latent maps", RECONSTRUCTIONS: "Reconstructions", SAMPLES: "Samples"}
EDGE, GAP, HEAD, LABEL = 16, 12, 40, 38  # px around, between tiles, for the clock, above a tile
LETTER = 6.5  # px of a letter of a label
LEAST = {RECONSTRUCTIONS: 2, SAMPLES: 4}  # pictures that a tile shows, enlarged to fit


class Tile(NamedTuple):
    """A run of the grid."""

    title: str  # the values of the swept settings
    place: tuple[int, int]  # row, column
    scene: Scene | None  # None without frames
    values: tuple[str, ...] = ()  # of each frame: the bound then
    note: str = ""  # state of the run, or the reason why there are no frames


class Grid(NamedTuple):
    """Tiles on one clock."""

    kind: str  # one of KINDS
    tiles: tuple[Tile, ...]

    @property
    def scenes(self) -> list[Scene]:
        return [tile.scene for tile in self.tiles if tile.scene is not None]

    @property
    def times(self) -> Doubles:
        """The epochs of the clock, (T,); at least one scene is needed."""
        return timeline([scene.record.epoch for scene in self.scenes])

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        rows, columns = (1 + max(tile.place[k] for tile in self.tiles) for k in (0, 1))
        return rows, columns


def on_common_axes(scenes: Sequence[Scene]) -> list[Scene]:
    """Return the scenes with the range of all of them."""
    x, y = (
        (min(ends[0] for ends in axis), max(ends[1] for ends in axis))
        for axis in ([scene.x for scene in scenes], [scene.y for scene in scenes])
    )
    return [scene._replace(x=x, y=y) for scene in scenes]


def examples_of(scene: Scene, kind: str) -> tuple[list[Floats], Floats]:
    """Return the fixed layers (M, *event) above the decoded ones (T, M, *event) of a kind."""
    if kind == RECONSTRUCTIONS:
        return [scene.examples.originals], scene.record.reconstructions
    return [], scene.record.samples


def grid_size(grid: Grid, width: int) -> tuple[int, int]:
    """Width and height of a picture of the grid in px, both even."""
    tile, (rows, _) = _tile_size(grid, width), grid.shape
    height = HEAD + rows * (tile + LABEL + GAP) + EDGE - GAP
    return width // 2 * 2, height // 2 * 2


def _tile_size(grid: Grid, width: int) -> int:
    columns = grid.shape[1]
    return max(24, (width - 2 * EDGE - GAP * (columns - 1)) // columns)


def draw_grid(grid: Grid, position: float, width: int, dark: bool, title: str) -> Bytes:
    """The picture of the grid at a position 0 … T − 1 of its clock, uint8 (H, W, 3)."""
    times, size = grid.times, _tile_size(grid, width)
    epoch = float(np.interp(position, np.arange(len(times)), times))
    ink = {name: pair[int(dark)] for name, pair in COLOURS.items()}
    page = Image.new("RGB", grid_size(grid, width), ink["background"])
    pen = ImageDraw.Draw(page)
    pen.text((EDGE, 10), f"epoch {epoch:.1f}", ink["text"], ImageFont.load_default(16))
    pen.text((EDGE + 130, 13), in_ascii(title), ink["muted"], ImageFont.load_default(12))
    for tile in grid.tiles:
        row, column = tile.place
        left = EDGE + column * (size + GAP)
        top = HEAD + row * (size + LABEL + GAP)
        view = None
        if tile.scene is not None:
            view = View(tile.scene, position_at(tile.scene.record.epoch, epoch), dark)
        _label(pen, tile, view, (left, top), size, ink)
        if view is not None:
            _content(page, view, grid.kind, (left, top + LABEL), size)
    return np.asarray(page)


def _label(
    pen: ImageDraw.ImageDraw,
    tile: Tile,
    view: View | None,
    place: tuple[int, int],
    size: int,
    ink: dict[str, str],
) -> None:
    """The title of a tile, and below it the bound at its frame or the note of its run."""
    words = tile.note if view is None else tile.values[round(view.position)]
    few, (left, top) = int(size / LETTER), place
    pen.text(place, in_ascii(tile.title)[:few], ink["text"], ImageFont.load_default(13))
    pen.text((left, top + 17), in_ascii(words)[:few], ink["muted"], ImageFont.load_default(12))


def _content(page: Image.Image, view: View, kind: str, place: tuple[int, int], size: int) -> None:
    """The map or the decoded examples of a tile."""
    pen, (left, top) = ImageDraw.Draw(page), place
    if kind == MAPS:
        ranges = equal_scales(view.scene, (0, 0, size, size))
        page.paste(Image.fromarray(latent_picture(view, (size, size), ranges)), place)
        pen.rectangle((left, top, left + size, top + size), outline=view.border)
        return
    layers, decoded = examples_of(view.scene, kind)
    parts = [*layers, decoded[round(view.position)]]
    if not view.scene.is_image:
        decoded_vectors(pen, view, parts, (left, top, size, size))
        return
    few = fitting(parts[0].shape, len(parts), size, LEAST[kind])
    picture = Image.fromarray(picture_tiles([part[:few] for part in parts], (size, size)))
    page.paste(picture, place, picture)


def fitting(shape: Sequence[int], layers: int, size: int, least: int) -> int:
    """Number of pictures (N, C, H, W) in a square of `size` px at the largest whole-number scale
    that shows at least `least` of them."""
    count, _, height, width = shape

    def fit(scale: int) -> int:
        across = (size + 1) // (width * scale + 1)
        return int(across * ((size + 6) // (layers * (height * scale + 1) + 5)))

    scale = 1
    while fit(scale + 1) >= min(least, count):
        scale += 1
    return max(1, min(fit(scale), count))
