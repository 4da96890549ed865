"""What lies behind the points of the map and over them, and how faithful the map is."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from vae.analysis.decoded_grid import Box
from vae.analysis.density import Field, ellipses
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import trustworthiness
from vae.base.records import Encoding, Floats, Ints, Projection
from vae.dashboard.latent import pins
from vae.dashboard.latent.densities import in_plane, kept
from vae.dashboard.latent.hover_decoder import Ahead, look_ahead, message
from vae.dashboard.latent.request import DIMENSIONS, MapRequest, plane, plane_names
from vae.dashboard.latent.selection import wanted
from vae.dashboard.latent.toolbar import Tools, why_not
from vae.dashboard.plot import overlay
from vae.dashboard.shared.run_picker import has_rings
from vae.figures.map_layers import (
    decoded_background,
    density_bands,
    density_contours,
    density_mask,
    pin_labels,
    posterior_outlines,
)
from vae.runs.result_keys import run_key

ELLIPSES = 50  # selected examples at most whose posteriors are drawn
TRUSTWORTHY = (
    "Trustworthiness: how far neighbours on the map are neighbours in latent space (Venna & Kaski "
    "2001, 10 neighbours, at most 2,000 points). 1 means that no stranger has moved in; about 0.5 "
    "is chance."
)


def ahead_of(
    loaded: LoadedRun, encoding: Encoding, asked: MapRequest, box: Box, label: int
) -> Ahead | None:
    """What is made ahead of the pointer; None where the plane cannot be found."""
    labels = loaded.data.labels
    try:
        way = plane(encoding, asked, None if labels is None else labels[encoding.index])
    except ValueError:
        return None
    if way is None:
        return None
    names = plane_names(encoding, asked)
    return look_ahead(loaded, encoding, way, names, box, depends(loaded, asked), label)


def depends(loaded: LoadedRun, asked: MapRequest) -> tuple[object, ...]:
    """What a map of a run depends on, beside the colours."""
    place = (asked.split, asked.points, asked.projection, *asked.options.values())
    return (run_key(loaded.run, loaded.checkpoint), *place)


def behind(
    figure: go.Figure,
    loaded: LoadedRun,
    encoding: Encoding,
    ahead: Ahead | None,
    chosen: Tools,
    fitted: Field | None,
) -> list[dict[str, Any]]:
    """Traces to be added to the figure of the map: density, prior, a fitted mixture; the decoded
    plane is put into the figure itself."""
    if ahead is None or not ahead.names[1]:
        return []
    layers = []
    if chosen.ground == "decoded" and ahead.sheet.is_picture:
        rows, columns = ahead.sheet.atlas.tiles.shape[:2]
        cell = np.ptp(np.array(ahead.box), axis=1) / np.array([columns - 1, rows - 1])
        figure.layout.images = [decoded_background(ahead.sheet.address, *ahead.box, cell)]
        layers.append(density_mask(ahead.ground.field, cell))
    elif chosen.ground != "none":
        layers.append(density_bands(ahead.ground.field))
    if loaded.model.has_kl and not (has_rings(loaded.run) and figure.layout.shapes):
        prior = kept("prior", ahead.what, ahead.box, loaded, encoding, ahead.plane)
        layers.append(density_contours(prior.field, "prior"))
    if fitted is not None:
        layers.append(density_contours(fitted, "accent"))
    return layers


def over(
    loaded: LoadedRun,
    encoding: Encoding,
    asked: MapRequest,
    ahead: Ahead | None,
    chosen: Tools,
    rows: Ints,
) -> None:
    """Lay pins, the posteriors of selected rows and the pointer's tiles over the map."""
    revision = asked.revision(loaded.run.name)
    reason = why_not(asked)
    decode: dict[str, Any] | None = {"words": reason} if reason and not asked.following else None
    if ahead is not None and chosen.decoding:
        decode = message(ahead, loaded, encoding)
    overlay(
        key="latent_map",
        revision=revision,
        shapes=[] if ahead is None else _posteriors(loaded, encoding, ahead, rows),
        annotations=[] if ahead is None else pin_labels(pins.places(revision)),
        decode=decode,
        select=wanted(revision),
    )


def _posteriors(
    loaded: LoadedRun, encoding: Encoding, ahead: Ahead, rows: Ints
) -> list[dict[str, Any]]:
    """One and two standard deviations of q(z|x) of the first selected rows."""
    part = np.flatnonzero(np.isin(encoding.index, rows))[:ELLIPSES]
    if not len(part) or not ahead.names[1]:
        return []
    found = in_plane(loaded, encoding, ahead.plane, part)
    if found is None:
        return []
    return [posterior_outlines(ellipses(*found, sigma), sigma) for sigma in (1, 2)]


def faithful(loaded: LoadedRun, encoding: Encoding, placed: Projection, asked: MapRequest) -> str:
    """How trustworthy the map is; "" where it is the latents themselves or they move."""
    whole = asked.projection == DIMENSIONS and encoding.mean.shape[1] <= 2
    if whole or asked.following:
        return ""
    what = depends(loaded, asked)
    value = _trustworthiness(what, len(placed.points), encoding.mean, placed.points)
    return "" if value is None else f"trustworthiness {value:.3f}"


@st.cache_data(max_entries=32, show_spinner=False)
def _trustworthiness(
    what: tuple[object, ...], number: int, _means: Floats, _points: Floats
) -> float | None:
    return trustworthiness(_means, _points)
