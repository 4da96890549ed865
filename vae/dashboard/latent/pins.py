"""Places of the map that a person has pinned: each decoded exactly, with what lies near it.

A click on empty space pins a place. Pins belong to one map (run, weights, projection); on another
one there are others.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.density import density
from vae.analysis.encoding import decode
from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Encoding, Floats
from vae.dashboard.latent.hover_decoder import Ahead, trust
from vae.dashboard.plot import Click
from vae.dashboard.shared.html_gallery import Caption, gallery

STATE = "latent_pins"
MOST = 12
LISTED = 8  # latents of a place that are written out


class Pin(NamedTuple):
    """A pinned place, exactly."""

    z: Floats  # (Z,)
    rank: float  # share of the mass of q(z) at lower density in the plane
    nearest: int  # position in the encoding of the example whose mean is nearest
    distance: float  # to it, in latent space


def places(revision: str) -> Floats:
    """The places (M, 2) that are pinned on this map."""
    belongs, kept = st.session_state.get(STATE, ("", []))
    return np.array(kept if belongs == revision else [], np.float32).reshape(-1, 2)


def add(revision: str, click: Click | None) -> None:
    """Pin the place of a click beside all points; the oldest pin makes room."""
    if click is None or click.row is not None:
        return
    place = [float(np.float32(click.x)), float(np.float32(click.y))]
    kept = places(revision).tolist()
    if place not in kept:
        st.session_state[STATE] = (revision, [*kept, place][-MOST:])


def remove(revision: str, number: int) -> None:
    """Take a pin away."""
    kept = places(revision).tolist()
    st.session_state[STATE] = (revision, kept[:number] + kept[number + 1 :])


def examined(ahead: Ahead, encoding: Encoding, at: Floats) -> list[Pin]:
    """What there is to say of places (M, 2)."""
    latents = ahead.plane.latents(at)
    flat = bool(ahead.names[1])  # a single latent has no density in the plane
    ranks = ahead.ground.field.rank(density(ahead.ground.blobs, at)) if flat else np.zeros(len(at))
    found = []
    for z, rank in zip(latents, ranks, strict=True):
        apart = np.linalg.norm(encoding.mean - z, axis=1)
        near = int(apart.argmin())
        found.append(Pin(z, float(rank), near, float(apart[near])))
    return found


def panel(loaded: LoadedRun, encoding: Encoding, ahead: Ahead, revision: str, label: int) -> None:
    """The pinned places with their pictures, or nothing."""
    at = places(revision)
    if not len(at):
        return
    st.markdown(
        "**Pinned places**",
        help="Left what the decoder makes of the place, exactly; right the example whose "
        "posterior mean is nearest in latent space. The percentage is the share of the "
        "aggregate posterior's mass that lies where its density is lower.",
    )
    latents = ahead.plane.latents(at)
    decoded = decode(loaded.model, latents, labels=np.full(len(at), label))
    for k, pin in enumerate(examined(ahead, encoding, at)):
        _row(loaded, encoding, ahead, revision, k, pin, decoded[k])
    if len(at) == 2:
        st.caption("Two places: the Traversals page walks from one to the other.")


def _row(
    loaded: LoadedRun,
    encoding: Encoding,
    ahead: Ahead,
    revision: str,
    k: int,
    pin: Pin,
    decoded: Floats,
) -> None:
    row = int(encoding.index[pin.nearest])
    picture, words, button = st.columns([40, 42, 18], vertical_alignment="center")
    if loaded.data.is_image:
        own = Caption(f"place {k + 1}", (), f"place {k + 1}, decoded")
        near = Caption(f"#{row}", (), f"#{row}, {pin.distance:.3g} away")
        both = np.stack([decoded, loaded.inputs(np.array([row]))[0]])
        picture.html(gallery([both], [own, near]))
    else:
        numbers = ", ".join(f"{v:.3g}" for v in decoded[:LISTED]).replace("-", "−")
        picture.markdown(f"**{k + 1}** x = {numbers}{' …' if len(decoded) > LISTED else ''}")
    more = " …" if len(pin.z) > LISTED else ""
    z = ", ".join(f"{v:.2f}".replace("-", "−") for v in pin.z[:LISTED])
    said = f"z = ({z}{more})"
    if ahead.names[1]:
        share = f"{100 * pin.rank:.{1 if pin.rank < 0.1 else 0}f} %"
        said += f"  \n{trust(pin.rank)}: denser than {share} of q(z)"
    words.caption(f"{said}  \nnearest #{row}, {pin.distance:.3g} away")
    button.button(
        "Remove",
        key=f"latent_unpin_{k}",
        on_click=remove,
        args=(revision, k),
        type="tertiary",
        help=f"Take pin {k + 1} away.",
    )
