"""A decoded grid for the browser, which shows the decoder's output under the pointer.

The browser fetches the tiles as one picture (32-bit floats for vectors) and the ranks of the
aggregate posterior's density, by which it labels a place as covered, edge or hole.
"""

from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.decoded_grid import Box, DecodedGrid, decode_grid
from vae.analysis.density import LINES
from vae.base.numbers import compact, fixed
from vae.dashboard.latent.densities import MapDensity, cached_density
from vae.dashboard.latent.request import MapContext
from vae.dashboard.plot import serve
from vae.imaging.tiles import png

COVERAGE = ((0.01, "hole"), (0.1, "edge"), (1.01, "covered"))  # label of ranks below each bound
BACKGROUND = 300  # examples of two-dimensional data behind a decoded one
WAITING = "Point at a place of the map."


class TileSheet(NamedTuple):
    """The tiles of a decoded grid in the format that the browser receives."""

    grid: DecodedGrid
    content: bytes
    media_type: str

    @property
    def is_picture(self) -> bool:
        return self.media_type == "image/png"

    @property
    def address(self) -> str:
        """The address of the tiles for the browser."""
        return serve(self.content, self.media_type)


class HoverDecoder(NamedTuple):
    """A decoded grid over a part of the map and the density of the aggregate posterior there."""

    box: Box
    sheet: TileSheet
    density: MapDensity


def coverage(rank: float) -> str:
    """Return the label of a place where the share `rank` of the mass has lower density."""
    return next(word for bound, word in COVERAGE if rank < bound)


def hover_decoder(context: MapContext, box: Box, label: int) -> HoverDecoder | None:
    """Decode a grid over the box for class `label`; None where places cannot be decoded."""
    if context.plane is None:
        return None
    sheet = _sheet(context.key, label, box, context)
    return HoverDecoder(box, sheet, cached_density("aggregate", context, box))


@st.cache_resource(max_entries=6, show_spinner="Decoding the map…")
def _sheet(key: tuple[object, ...], label: int, box: Box, _context: MapContext) -> TileSheet:
    assert _context.plane is not None
    grid = decode_grid(_context.loaded.model, _context.plane, box, label)
    if grid.tiles.dtype == np.uint8:
        return TileSheet(grid, png(grid.sheet), "image/png")
    return TileSheet(grid, grid.tiles.astype("<f4").tobytes(), "application/octet-stream")


def message(context: MapContext, decoder: HoverDecoder) -> dict[str, Any]:
    """Return the argument `decode` of `plot.overlay`."""
    assert context.plane is not None
    sheet, field = decoder.sheet, decoder.density.field
    rows, columns = sheet.grid.tiles.shape[:2]
    ranks = field.rank(field.value)
    found = {
        "kind": "picture" if sheet.is_picture else "vector",
        "tiles": sheet.address,
        "ranks": serve(ranks.astype("<f4").tobytes(), "application/octet-stream"),
        "rows": rows,
        "columns": columns,
        "height": sheet.grid.tiles.shape[2],
        "width": sheet.grid.tiles.shape[3 if sheet.is_picture else 2],
        "x": decoder.box.x,
        "y": decoder.box.y,
        "lines": LINES,
        "axes": context.plane.names,
        "trust": () if context.single else COVERAGE,
        "words": WAITING,
    }
    return found if sheet.is_picture else found | _scale(context)


def _scale(context: MapContext) -> dict[str, Any]:
    """Return the range of vectors, and a few examples of two-dimensional data."""
    index = context.encoding.index
    x = context.loaded.inputs(index[:: max(1, len(index) // BACKGROUND)][:BACKGROUND])
    if x.shape[1] == 2:
        ends = np.stack([x.min(0), x.max(0)], 1)
        return {"range": ends.tolist(), "backdrop": np.round(x, 3).tolist()}
    return {"range": [[float(x.min()), float(x.max())]], "backdrop": []}


def accuracy(context: MapContext, decoder: HoverDecoder) -> str:
    """Return the error of the interpolated tiles, and where the other latents are fixed."""
    grid = decoder.sheet.grid
    mean, largest = grid.error
    if decoder.sheet.is_picture:
        numbers = f"{compact(mean, 2)} of 255 grey values on average, {fixed(largest, 0)} at most"
    else:
        numbers = f"{compact(mean, 2)} on average, {compact(largest, 2)} at most"
        numbers += ", in the unit of the data"
    rows, columns = grid.tiles.shape[:2]
    others = "The other latents are fixed at their means over the examples shown. "
    return (others if context.request.latents else "") + (
        f"{columns} × {rows} places are decoded in advance and interpolated. The difference from "
        f"the decoder is {numbers} (measured half-way between places, where it is largest)."
    )
