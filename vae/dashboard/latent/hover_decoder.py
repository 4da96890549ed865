"""What the browser needs to show the decoder's output under the pointer, made once and kept.

The tiles go as one picture (for vectors as 32-bit floats) to an address of their own, and so do
the ranks of the aggregate posterior's density, by which a place is called covered, edge or hole.
"""

from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.decoded_grid import Atlas, Box, chart
from vae.analysis.density import LINES
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import Plane
from vae.base.records import Encoding
from vae.dashboard.latent.densities import Ground, kept
from vae.dashboard.latent.request import DIMENSIONS, MapRequest
from vae.dashboard.plot import serve
from vae.imaging.tiles import png

TRUST = ((0.01, "hole"), (0.1, "edge"), (1.01, "covered"))  # ranks below these, and their words
BACKDROP = 300  # points of two-dimensional data behind a decoded one
WAITING = "Point at a place of the map."


class Sheet(NamedTuple):
    """An atlas, and its tiles as they travel."""

    atlas: Atlas
    content: bytes
    media_type: str

    @property
    def is_picture(self) -> bool:
        return self.media_type == "image/png"

    @property
    def address(self) -> str:
        """Where the browser finds the tiles."""
        return serve(self.content, self.media_type)


class Ahead(NamedTuple):
    """All that has been made ahead of the pointer for a plane of latent space."""

    plane: Plane
    names: tuple[str, str]  # of the coordinates
    box: Box
    sheet: Sheet
    ground: Ground
    what: tuple[object, ...]  # what it depends on


def trust(rank: float) -> str:
    """The word for a place where the share `rank` of the mass lies at lower density."""
    return next(word for below, word in TRUST if rank < below)


def look_ahead(
    loaded: LoadedRun,
    encoding: Encoding,
    plane: Plane,
    names: tuple[str, str],
    box: Box,
    what: tuple[object, ...],
    label: int,
) -> Ahead:
    """Decode a grid over the box, find where the aggregate posterior lies; kept by `what`."""
    sheet = _sheet((*what, label), box, loaded, plane)
    return Ahead(
        plane, names, box, sheet, kept("aggregate", what, box, loaded, encoding, plane), what
    )


@st.cache_resource(max_entries=6, show_spinner="Decoding the map…")
def _sheet(what: tuple[object, ...], box: Box, _loaded: LoadedRun, _plane: Plane) -> Sheet:
    label = what[-1]
    assert isinstance(label, int)
    atlas = chart(_loaded.model, _plane, box, label)
    if atlas.tiles.dtype == np.uint8:
        return Sheet(atlas, png(atlas.sheet), "image/png")
    return Sheet(atlas, atlas.tiles.astype("<f4").tobytes(), "application/octet-stream")


def message(ahead: Ahead, loaded: LoadedRun, encoding: Encoding) -> dict[str, Any]:
    """What `plot.overlay` tells the browser of it."""
    atlas, ranks = ahead.sheet.atlas, ahead.ground.field.rank(ahead.ground.field.value)
    rows, columns = atlas.tiles.shape[:2]
    told = {
        "kind": "picture" if ahead.sheet.is_picture else "vector",
        "tiles": ahead.sheet.address,
        "ranks": serve(ranks.astype("<f4").tobytes(), "application/octet-stream"),
        "rows": rows,
        "columns": columns,
        "height": atlas.tiles.shape[2],
        "width": atlas.tiles.shape[3 if ahead.sheet.is_picture else 2],
        "x": ahead.box.x,
        "y": ahead.box.y,
        "lines": LINES,
        "axes": ahead.names,
        "trust": TRUST if ahead.names[1] else (),
        "words": WAITING,
    }
    return told if ahead.sheet.is_picture else told | _scale(loaded, encoding)


def _scale(loaded: LoadedRun, encoding: Encoding) -> dict[str, Any]:
    """The range of vectors, and a few examples behind a point in the plane."""
    seen = loaded.inputs(encoding.index[:: max(1, len(encoding.index) // BACKDROP)][:BACKDROP])
    if seen.shape[1] == 2:
        ends = np.stack([seen.min(0), seen.max(0)], 1)
        return {"range": ends.tolist(), "backdrop": np.round(seen, 3).tolist()}
    return {"range": [[float(seen.min()), float(seen.max())]], "backdrop": []}


def accuracy(atlas: Atlas, asked: MapRequest) -> str:
    """How far the blend under the pointer is from the decoder, and where in latent space it is."""
    mean, largest = atlas.error
    if atlas.tiles.dtype == np.uint8:
        numbers = f"{mean:.2g} of 255 grey values on average, {largest:.0f} at most"
    else:
        numbers = f"{mean:.2g} on average, {largest:.2g} at most, in the unit of the data"
    rows, columns = atlas.tiles.shape[:2]
    others = "The other latents are held at their means over the examples shown. "
    return (others if asked.projection == DIMENSIONS else "") + (
        f"{columns} × {rows} places are decoded ahead and blended, which differs from the decoder "
        f"by {numbers} (tried half-way between places, where it is worst)."
    )
