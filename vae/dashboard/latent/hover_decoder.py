"""The decoder's output under the pointer on the map.

The browser computes the decoder itself (`exact_decoder`) or, where it cannot, fetches a grid of
decoded tiles as one picture (32-bit floats for vectors) and interpolates. It also fetches the
ranks of the aggregate posterior's density, by which it labels a place as covered, edge or hole.
"""

from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.decoded_grid import Box, DecodedGrid, decode_grid
from vae.analysis.density import LINES
from vae.base.numbers import compact, fixed
from vae.dashboard.latent.densities import MapDensity, cached_density
from vae.dashboard.latent.exact_decoder import exact, form, reason
from vae.dashboard.latent.request import MapContext
from vae.dashboard.plot import serve
from vae.dashboard.shared.for_browser import served_floats
from vae.figures.quantities import distance_units
from vae.imaging.tiles import png

COVERAGE = ((0.01, "hole"), (0.1, "edge"), (1.01, "covered"))  # label of ranks below each bound
WAITING = "Point at a place of the map."
EXACT = "The browser computes the decoder itself, in 32-bit numbers."


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
    """The decoder over a part of the map for class `label`, and the density of the aggregate
    posterior there."""

    context: MapContext
    box: Box
    label: int
    density: MapDensity

    @property
    def sheet(self) -> TileSheet:
        """The tiles of a decoded grid over the part of the map."""
        return _sheet(self.context.key, self.label, self.box, self.context)


def coverage(rank: float) -> str:
    """Return the label of a place where the share `rank` of the mass has lower density."""
    return next(word for bound, word in COVERAGE if rank < bound)


def hover_decoder(context: MapContext, box: Box, label: int) -> HoverDecoder | None:
    """Return the decoder over the box for class `label`; None where places cannot be decoded."""
    if context.plane is None:
        return None
    return HoverDecoder(context, box, label, cached_density("aggregate", context, box))


@st.cache_resource(max_entries=6, show_spinner="Decoding the map…")
def _sheet(key: tuple[object, ...], label: int, box: Box, _context: MapContext) -> TileSheet:
    assert _context.plane is not None
    grid = decode_grid(_context.loaded.model, _context.plane, box, label)
    if grid.tiles.dtype == np.uint8:
        return TileSheet(grid, png(grid.sheet), "image/png")
    return TileSheet(grid, grid.tiles.astype("<f4").tobytes(), "application/octet-stream")


def message(decoder: HoverDecoder) -> dict[str, Any]:
    """Return the argument `decode` of `plot.overlay`."""
    context, field = decoder.context, decoder.density.field
    assert context.plane is not None
    ranks = field.rank(field.value)
    return _source(decoder) | {
        "form": form(context),
        "ranks": served_floats(ranks),
        "x": decoder.box.x,
        "y": decoder.box.y,
        "lines": LINES,
        "axes": context.plane.names,
        "trust": () if context.single else COVERAGE,
        "words": WAITING,
    }


def _source(decoder: HoverDecoder) -> dict[str, Any]:
    """Return the decoder itself where the browser can compute it, else decoded tiles."""
    found = exact(decoder.context, decoder.label)
    if found is not None:
        return {"exact": found}
    rows, columns = decoder.sheet.grid.tiles.shape[:2]
    return {"tiles": decoder.sheet.address, "rows": rows, "columns": columns}


def accuracy(decoder: HoverDecoder) -> str:
    """Return how the browser decodes a place, and where the other latents are fixed."""
    others = "The other latents are fixed at their means over the examples shown. "
    start = others if decoder.context.request.latents else ""
    return start + (_interpolation(decoder) if reason(decoder.context) else EXACT)


def _interpolation(decoder: HoverDecoder) -> str:
    """Return the error of the interpolated tiles."""
    grid = decoder.sheet.grid
    mean, largest = grid.error
    if decoder.sheet.is_picture:
        numbers = f"{compact(mean, 2)} of 255 grey values on average, {fixed(largest, 0)} at most"
    else:
        numbers = f"{compact(mean, 2)} on average, {compact(largest, 2)} at most"
        numbers += f", in {distance_units(decoder.context.loaded.model.domain)}"
    rows, columns = grid.tiles.shape[:2]
    return (
        f"{columns} × {rows} places are decoded in advance and interpolated. The difference from "
        f"the decoder is {numbers} (measured half-way between places, where it is largest)."
    )
