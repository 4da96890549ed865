"""The sliders of the latents beside the map: z, its decoded example and its place on the map.

The session stores z for each map: from the sliders, which report it when they rest, and from
clicks on the map and links, which move the sliders. Z latent dimensions.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.encoding import by_kl, decode, information_text, informativeness
from vae.analysis.latent_map import CLASS, class_name, rounded_range
from vae.base.foreign import markdown
from vae.base.numbers import fixed
from vae.base.records import Floats
from vae.components.count_distributions import at_typical
from vae.dashboard.latent import state
from vae.dashboard.latent.exact_decoder import exact, form, plane, reason
from vae.dashboard.latent.request import MapContext
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot.events import Click
from vae.dashboard.plot.sliders import Slider, reported, sliders
from vae.dashboard.shared import address, address_values, latent_place
from vae.dashboard.shared.for_browser import served_floats
from vae.dashboard.shared.latent_scale import latent_scale

CHART = "latent_map"
PARAMETER = "latents"  # of the address
FEW = 8  # sliders in sight at most
REACH = 3  # standard deviations of the prior on either side
ALT = "The decoded example at the place of the sliders"
HELP = (
    "One slider for each latent, the most informative first: the number is its mean KL in nats "
    "per example (where the KL is not a sum over latents, the variance of the mean of q(z|x)). "
    "The picture is E[x|z]. The ring on the map is the place of z, projected to the map where "
    "there are more than two latents. A click on the map moves the sliders to that place or "
    "example."
)
FOLLOWING = "The sliders wait while the map follows a run in training."
ON_SERVER = "The picture follows when the sliders rest."


class SliderState(NamedTuple):
    """The place of the sliders of one map."""

    z: Floats | None = None  # (Z,); None at the start
    turn: int = 0  # number of the last place that the sliders have reported
    move: tuple[int, list[float]] | None = None  # number of a click or link, and its latents


def aim(context: MapContext, click: Click | None) -> None:
    """Move the sliders to the place or the example of a click on the map."""
    z = None if click is None else _latents_of(context, click)
    if z is not None:
        _move(context, z)


def _move(context: MapContext, z: Floats) -> None:
    _store(context, current(context)._replace(z=z, move=(state.next_number(), z.tolist())))


def _store(context: MapContext, place: SliderState) -> None:
    state.put(state.PLACE, context.revision, place)
    if place.z is not None:
        latent_place.choose(context.loaded.run, place.z)


def take_link(context: MapContext) -> None:
    """Move the sliders to the latents of a new address."""
    if context.request.following:
        return
    start = latent_scale(context.loaded).centre
    found = address.take(PARAMETER, address_values.vector(len(start)), start.tolist())
    if found is not None:
        _move(context, np.asarray(found, np.float32))


def show_link(context: MapContext) -> None:
    """Put the latents of the sliders into the address."""
    if context.request.following:
        return
    start, z = latent_scale(context.loaded).centre.tolist(), current(context).z
    form = address_values.vector(len(start))
    address.show(PARAMETER, form, start if z is None else z.tolist(), start)


def _latents_of(context: MapContext, click: Click) -> Floats | None:
    """Return the latents (Z,) of a click, None for an empty place of a map without inverse."""
    found: Floats
    if click.row is not None:
        found = context.encoding.mean[np.searchsorted(context.encoding.index, click.row)]
        return found
    if context.plane is None:
        return None
    found = context.plane.latents_at(np.array([[click.x, click.y]], np.float32))[0]
    return found


def current(context: MapContext) -> SliderState:
    """Return the place of the sliders of this map; a new report of the browser is stored."""
    found: SliderState = state.get(state.PLACE, context.revision, SliderState())
    place = reported(CHART, context.revision, context.encoding.mean.shape[1])
    if place is not None and place.turn > found.turn:
        found = found._replace(z=place.z, turn=place.turn)
        _store(context, found)
    return found


def slider_panel(context: MapContext, label: int) -> None:
    """Show the sliders of a map; a conditional model decodes the class `label`."""
    if context.request.following:
        st.caption(FOLLOWING)
        return
    now, start = current(context), latent_scale(context.loaded).centre
    z = start if now.z is None else now.z
    computed = exact(context, label)
    st.markdown("**Sliders**", help=HELP + lesson_link("goals"))
    sliders(
        _rows(context),
        chart=CHART,
        revision=context.revision,
        start=start.tolist(),
        form=form(context),
        few=FEW,
        alt=ALT,
        turn=now.turn,
        set_to=now.move,
        plane=plane(context),
        exact=computed,
        decoded="" if computed else _decoded(context, z, label),
    )
    st.caption(" ".join(filter(None, (nearest_text(context, z), _notes(context)))))


def _rows(context: MapContext) -> list[Slider]:
    """Return a slider for each latent: two latents in their order, more by information. Its ends
    include the prior and the examples of the map."""
    encoding, scale = context.encoding, latent_scale(context.loaded)
    value, order = informativeness(encoding), by_kl(encoding)
    low = np.minimum(scale.centre - REACH * scale.unit, encoding.mean.min(0))
    high = np.maximum(scale.centre + REACH * scale.unit, encoding.mean.max(0))
    return [
        Slider(
            d,
            f"z{d + 1} · {information_text(encoding, float(value[d]))}",
            *rounded_range(float(low[d]), float(high[d])),
        )
        for d in (sorted(order) if len(order) == 2 else order)
    ]


def _decoded(context: MapContext, z: Floats, label: int) -> str:
    """Return the address of E[x|z] that the server has decoded."""
    values = decode(context.loaded.model, z[None], labels=np.array([label]))
    return served_floats(values)


def nearest_text(context: MapContext, z: Floats) -> str:
    """Return the example of the map whose posterior mean is nearest to z, as a sentence."""
    distance = np.linalg.norm(context.encoding.mean - z, axis=1)
    near = int(distance.argmin())
    hue = context.colours.get(CLASS)
    name = f" ({markdown(class_name(hue, int(hue.values[near])))})" if hue is not None else ""
    row = context.encoding.index[near]
    return f"Nearest example: #{row}{name}, {fixed(distance[near])} away in latent space."


def _notes(context: MapContext) -> str:
    """Return the limits of the sliders on this map, "" without any."""
    why = reason(context)
    parts = [f"{why} {ON_SERVER}"] if why else []
    if sized := at_typical(context.loaded.model.domain):
        parts.append(f"Decoded{sized}.")
    if context.request.in_3d:
        parts.append("The 3-D view has no ring at the place of z.")
    elif context.plane is None:
        parts.append("This projection cannot place a new z, so the map has no ring.")
    return " ".join(parts)
