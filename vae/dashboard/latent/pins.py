"""Pinned places of the map: each decoded exactly, with its nearest example.

A click on empty space pins a place. Pins belong to one map (run, weights, projection).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.density import density
from vae.analysis.encoding import decode
from vae.base.numbers import compact, percent, typed
from vae.base.records import Floats
from vae.dashboard.latent import state
from vae.dashboard.latent.hover_decoder import HoverDecoder, coverage
from vae.dashboard.latent.request import MapContext
from vae.dashboard.plot.events import Click
from vae.dashboard.shared import address, address_values
from vae.dashboard.shared.html_gallery import Caption, gallery
from vae.dashboard.shared.widgets import press

MOST = 12
_FORM = address_values.places(MOST)
LISTED = 8  # latents of a place that are written out


class Pin(NamedTuple):
    """A pinned place in latent space."""

    z: Floats  # (Z,)
    rank: float  # share of the mass of q(z) at lower density on the plane
    nearest: int  # position in the encoding of the example with the nearest mean
    distance: float  # to that mean, in latent space


def places(revision: str) -> Floats:
    """Return the places (M, 2) that are pinned on this map."""
    return np.array(state.get(state.PINS, revision, []), np.float32).reshape(-1, 2)


def add(revision: str, click: Click | None) -> None:
    """Pin the place of a click on empty space; beyond `MOST` the oldest pin goes."""
    if click is None or click.row is not None:
        return
    place = [float(np.float32(click.x)), float(np.float32(click.y))]
    pinned = places(revision).tolist()
    if place not in pinned:
        state.put(state.PINS, revision, [*pinned, place][-MOST:])


def replace(revision: str, found: Sequence[Sequence[float]]) -> None:
    """Pin these places, to three digits, instead of the present ones."""
    state.put(state.PINS, revision, [[float(typed(v, 3)) for v in place] for place in found])


def take_link(context: MapContext) -> None:
    """Pin the places of a new address."""
    found = None if context.plane is None else address.take("pins", _FORM, [])
    if found is not None:
        state.put(state.PINS, context.revision, found)


def show_link(context: MapContext) -> None:
    """Put the pinned places into the address."""
    if context.plane is not None:
        address.show("pins", _FORM, places(context.revision).tolist(), [])


def remove(revision: str, number: int) -> None:
    """Remove a pin, counted from 0."""
    pinned = places(revision).tolist()
    state.put(state.PINS, revision, pinned[:number] + pinned[number + 1 :])


def describe(context: MapContext, decoder: HoverDecoder, at: Floats) -> list[Pin]:
    """Return the latents, the rank and the nearest example of places (M, 2)."""
    assert context.plane is not None
    latents, found = context.plane.latents_at(at), []
    ranks = np.zeros(len(at))  # a single latent has no density on the plane
    if not context.single:
        ranks = decoder.density.field.rank(density(decoder.density.blobs, at))
    for z, rank in zip(latents, ranks, strict=True):
        distance = np.linalg.norm(context.encoding.mean - z, axis=1)
        near = int(distance.argmin())
        found.append(Pin(z, float(rank), near, float(distance[near])))
    return found


def pin_list(context: MapContext, decoder: HoverDecoder, label: int) -> None:
    """Show the pinned places with their pictures; nothing without pins."""
    at = places(context.revision)
    if not len(at):
        return
    st.markdown(
        "**Pinned places**",
        help="Left the exact decoder output, right the example with the nearest posterior mean in "
        "latent space. The percentage is the share of the aggregate posterior's mass where its "
        "density is lower.",
    )
    pins = describe(context, decoder, at)
    z = np.stack([pin.z for pin in pins])
    decoded = decode(context.loaded.model, z, labels=np.full(len(at), label))
    for k, pin in enumerate(pins):
        _pin_row(context, k, pin, decoded[k])


def _pin_row(context: MapContext, k: int, pin: Pin, decoded: Floats) -> None:
    row = int(context.encoding.index[pin.nearest])
    picture, words, button = st.columns([40, 42, 18], vertical_alignment="center")
    if context.loaded.data.is_image or context.loaded.data.is_series:
        place = Caption(f"place {k + 1}", (), f"place {k + 1}, decoded")
        near = Caption(f"#{row}", (), f"#{row}, {compact(pin.distance, 3)} away")
        both = np.stack([decoded, context.loaded.inputs(np.array([row]))[0]])
        picture.html(gallery([both], [place, near], context.loaded.model.domain))
    else:
        picture.markdown(f"**{k + 1}** x = {_numbers(decoded, '.3g')}")
    lines = [f"z = ({_numbers(pin.z, '.2f')})"]
    if not context.single:
        share = percent(pin.rank, int(pin.rank < 0.1))
        lines.append(f"{coverage(pin.rank)}: denser than {share} of q(z)")
    lines.append(f"nearest #{row}, {compact(pin.distance, 3)} away")
    words.caption("  \n".join(lines))
    with button:
        press(
            "Remove",
            f"latent_unpin_{k}",
            lambda: remove(context.revision, k),
            f"Remove pin {k + 1}.",
            type="tertiary",
        )


def _numbers(values: Floats, form: str) -> str:
    """Return the first `LISTED` numbers, separated by commas."""
    numbers = ", ".join(f"{v:{form}}".replace("-", "−") for v in values[:LISTED])
    return numbers + (" …" if len(values) > LISTED else "")
