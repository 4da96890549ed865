"""The path through the pinned places of the map: a film of the decoder's output along it.

Beside the film the density of the aggregate posterior q(z) on the plane of the map. T places.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.density import density
from vae.analysis.encoding import decode
from vae.analysis.interpolation import through
from vae.base.numbers import compact, percent
from vae.base.records import Floats
from vae.dashboard.latent import pins
from vae.dashboard.latent.exact_decoder import form
from vae.dashboard.latent.hover_decoder import HoverDecoder, coverage
from vae.dashboard.latent.request import MapContext
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot.film import film
from vae.dashboard.shared import widgets
from vae.dashboard.shared.film_files import film_downloads
from vae.dashboard.shared.for_browser import served_floats
from vae.imaging import tiles
from vae.imaging.tiles import Bytes

CHART = "latent_map"
STEPS = 61  # places of a film
MS = 80  # milliseconds of each
WIDE = 224  # px, greatest width of a downloaded film
TITLE = "density of q(z)"
ALT = "The decoder's output at a place of the path"
HELP = (
    "The pinned places in their order, joined by a smooth curve: E[x|z] at 61 places at equal "
    "distances. The curve beside the film is the density of the aggregate posterior q(z) on the "
    "map, per unit of both axes: where it falls to 0 the path crosses a hole, and the decoder "
    "answers there without examples. The ring on the map is the place of the film."
)


class PathFilm(NamedTuple):
    """The places of a path, the decoder's output and the density of q(z) there."""

    places: Floats  # (T, 2)
    z: Floats  # (T, Z)
    x: Floats  # (T, *event)
    density: Floats  # (T,) per unit of both axes
    rank: Floats  # (T,) share of the mass of q(z) at lower density


def curve(context: MapContext) -> Floats:
    """Return the places (T, 2) of the path; none without two pinned places."""
    pinned = pins.places(context.revision)
    has_path = len(pinned) > 1 and not context.single
    return through(pinned, STEPS) if has_path else np.empty((0, 2), np.float32)


def path_film(context: MapContext, decoder: HoverDecoder, label: int) -> PathFilm | None:
    """Return the film of the path; None without a path."""
    places = curve(context)
    if context.plane is None or not len(places):
        return None
    z = context.plane.latents_at(places)
    values = density(decoder.density.blobs, places)
    rank = decoder.density.field.rank(values)
    x = decode(context.loaded.model, z, labels=np.full(len(z), label))
    return PathFilm(places, z, x, values.astype(np.float32), rank.astype(np.float32))


def path_panel(context: MapContext, decoder: HoverDecoder, label: int) -> None:
    """Show the film of the path and its downloads; nothing without two pinned places."""
    found = path_film(context, decoder, label)
    if found is None:
        return
    count = len(pins.places(context.revision))
    head, clear = st.columns([7, 3], vertical_alignment="center")
    head.markdown(f"**Film through {count} places**", help=HELP + lesson_link("goals", "between"))
    with clear:
        widgets.press(
            "Clear path",
            "latent_clear_path",
            lambda: pins.replace(context.revision, []),
            "Remove all pinned places.",
            width="stretch",
        )
    film(
        found.places,
        found.density,
        [_words(value, rank) for value, rank in zip(found.density, found.rank, strict=True)],
        chart=CHART,
        revision=context.revision,
        form=form(context),
        decoded=served_floats(found.x),
        title=TITLE,
        alt=ALT,
        ms=MS,
    )
    _downloads(context, found)


def _words(value: float, rank: float) -> str:
    share = percent(rank, int(rank < 0.1))
    return f"{coverage(rank)}: q(z) = {compact(value, 2)}, denser than {share} of its mass"


def _downloads(context: MapContext, found: PathFilm) -> None:
    name = f"{context.loaded.run.name}-path"
    with st.container(horizontal=True):
        if context.loaded.data.is_image:
            scale = tiles.factor(found.x.shape[3], WIDE)
            film_downloads(lambda: _pictures(found.x), scale, MS, name)
        about = f"x and z of the {STEPS} places; --data can read it."
        widgets.download("NPZ", lambda: widgets.npz(found.x, found.z), f"{name}.npz", about)


def _pictures(x: Floats) -> Bytes:
    """Return decoded pictures as bytes (T, H, W, 1 or 3)."""
    pixels = tiles.pixels(x)
    return pixels[..., :1] if x.shape[1] == 1 else pixels
