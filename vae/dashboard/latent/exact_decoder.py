"""The decoder itself for the browser: for the pointer on the map and for the sliders.

The weights travel once, at an address made from their content. A decoder that the browser cannot
compute (`vae.analysis.portable`) leaves the decoding to the server.
"""

from typing import Any

import numpy as np
import streamlit as st

from vae.analysis.portable import Portable, portable
from vae.base.records import Domain, Floats
from vae.dashboard.latent.request import MapContext
from vae.dashboard.shared.for_browser import network_message, plane_message

BACKGROUND = 300  # examples of two-dimensional data behind a decoded one


def exact(context: MapContext, label: int) -> dict[str, Any] | None:
    """Return the decoder of the class `label` for the browser, None where it cannot compute it."""
    found, _ = _portable(context.weights_key, context)
    if found is None:
        return None
    return network_message(found) | {"label": label, "plane": plane(context)}


def reason(context: MapContext) -> str:
    """Return why the browser cannot compute the decoder, "" where it can."""
    return _portable(context.weights_key, context)[1]


@st.cache_resource(max_entries=4, show_spinner=False)
def _portable(key: str, _context: MapContext) -> tuple[Portable | None, str]:
    try:
        return portable(_context.loaded.model), ""
    except ValueError as error:
        return None, str(error)


def plane(context: MapContext) -> dict[str, Any] | None:
    """Return the plane of the map for the browser, None for a map without inverse."""
    return None if context.plane is None else plane_message(context.plane)


def form(context: MapContext) -> dict[str, Any]:
    """Return the form of an example for the browser: its shape, and of vectors also their range
    and a few examples of two-dimensional data, of series the range of each channel."""
    shape = list(context.loaded.model.domain.shape)
    if len(shape) == 3:
        return {"shape": shape}
    index = context.encoding.index
    x = context.loaded.inputs(index[:: max(1, len(index) // BACKGROUND)][:BACKGROUND])
    if context.loaded.data.is_series:
        return {"shape": shape, "range": channel_ranges(x, context.loaded.model.domain)}
    ends = np.nan_to_num(np.stack([np.fmin.reduce(x), np.fmax.reduce(x)], 1))
    if x.shape[1] == 2:
        whole = np.round(x[~np.isnan(x).any(1)], 3)
        return {"shape": shape, "range": ends.tolist(), "backdrop": whole.tolist()}
    if not context.loaded.model.domain.scale:  # one unit for all features: one range
        ends[:] = ends.min(), ends.max()
    return {"shape": shape, "range": ends.tolist(), "backdrop": []}


def channel_ranges(x: Floats, domain: Domain) -> list[list[float]]:
    """Return the lowest and the highest value of each channel of series (N, C, T), so that all of
    them have the same range where the domain rescales them, or in their common unit."""
    u = domain.rescale(x)
    low, high = float(np.nanmin(u)), float(np.nanmax(u))
    ends = np.full((2, *x.shape[1:2], 1), [[[low]], [[high]]], np.float32)
    restored = domain.restore(ends)[:, :, 0]
    return [[float(a), float(b)] for a, b in restored.T]
