"""Layers of the map: densities behind the points, pins and posteriors over them."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from vae.analysis.density import Field, ellipses
from vae.analysis.embeddings import trustworthiness
from vae.base.numbers import fixed
from vae.base.records import Floats, Ints
from vae.dashboard.latent import code_layer, pins, posterior_layer
from vae.dashboard.latent.densities import cached_density, posteriors_on_map
from vae.dashboard.latent.hover_decoder import HoverDecoder, message
from vae.dashboard.latent.path import curve
from vae.dashboard.latent.request import MapContext
from vae.dashboard.latent.selection import chosen_rows
from vae.dashboard.latent.toolbar import Toolbar
from vae.dashboard.plot import overlay
from vae.dashboard.shared.run_picker import has_rings
from vae.figures.map_layers import (
    decoded_background,
    density_bands,
    density_contours,
    density_mask,
    path_line,
    pin_labels,
    posterior_outlines,
)

ELLIPSES = 50  # selected examples at most whose posteriors are drawn
TRUSTWORTHINESS = (
    "Trustworthiness: degree to which neighbours on the map are neighbours in latent space "
    "(Venna & Kaski 2001, 10 neighbours, at most 2,000 points). 1: all of them. About 0.5: "
    "random places."
)


def background_traces(
    figure: go.Figure,
    context: MapContext,
    decoder: HoverDecoder | None,
    tools: Toolbar,
    fitted: Field | None,
) -> list[dict[str, Any]]:
    """Return the traces of density, prior and fitted mixture. A decoded background becomes an
    image of the figure."""
    if decoder is None or context.single:
        return []
    layers = []
    field = decoder.density.field
    if tools.background == "decoded" and decoder.sheet.is_picture:
        rows, columns = decoder.sheet.grid.tiles.shape[:2]
        cell = np.ptp(np.array(decoder.box), axis=1) / np.array([columns - 1, rows - 1])
        figure.layout.images = [decoded_background(decoder.sheet.address, *decoder.box, cell)]
        layers.append(density_mask(field, cell))
    elif tools.background != "none":
        layers.append(density_bands(field))
    loaded = context.loaded
    if loaded.model.has_kl and not (has_rings(loaded.run) and figure.layout.shapes):
        prior = cached_density("prior", context, decoder.box)
        layers.append(density_contours(prior.field, "prior"))
    if fitted is not None:
        layers.append(density_contours(fitted, "accent"))
    return layers


def draw_overlay(
    context: MapContext,
    decoder: HoverDecoder | None,
    tools: Toolbar,
    rows: Ints,
    marks: list[dict[str, Any]],
) -> None:
    """Draw pins, the posteriors of the selected rows, the tiles under the pointer and traces of
    other marks."""
    reason = context.request.no_inverse
    silent = not reason or context.request.following
    decode: dict[str, Any] | None = None if silent else {"words": reason}
    if decoder is not None and tools.decode_on_hover:
        decode = message(decoder)
    located = decoder is not None
    drawn = posterior_layer.traces(context, rows) if tools.posterior else []
    drawn += code_layer.traces(context) if tools.codes else []
    overlay(
        key="latent_map",
        revision=context.revision,
        shapes=[*_posteriors(context, rows), *path_line(curve(context))] if located else [],
        traces=[*drawn, *marks],
        annotations=pin_labels(pins.places(context.revision)) if located else [],
        decode=decode,
        select=chosen_rows(context.revision),
    )


def _posteriors(context: MapContext, rows: Ints) -> list[dict[str, Any]]:
    """Return outlines of q(z|x) at one and two standard deviations for the first selected rows."""
    part = np.flatnonzero(np.isin(context.encoding.index, rows))[:ELLIPSES]
    found = None if context.single or not len(part) else posteriors_on_map(context, part)
    if found is None:
        return []
    return [posterior_outlines(ellipses(*found, sigma), sigma) for sigma in (1, 2)]


def trustworthiness_text(context: MapContext, points: Floats) -> str:
    """Return the trustworthiness of points (N, 2) or (N, 3); "" for a map of all latents as they
    are, and while the map follows a run in training."""
    latents = context.encoding.mean.shape[1]
    whole = context.request.latents and latents <= points.shape[1]
    if whole or latents == points.shape[1] == 3 or context.request.following:
        return ""
    value = _trustworthiness(context.key, len(points), context.encoding.mean, points)
    return "" if value is None else f"trustworthiness {fixed(value, 3)}"


@st.cache_data(max_entries=32, show_spinner=False)
def _trustworthiness(
    key: tuple[object, ...], number: int, _means: Floats, _points: Floats
) -> float | None:
    return trustworthiness(_means, _points)
