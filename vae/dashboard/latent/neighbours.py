"""The nearest neighbours of a selected point, in latent space and in pixel space."""

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from vae.analysis.nearest import nearest
from vae.base.numbers import compact, fixed
from vae.base.records import Ints
from vae.dashboard.latent.request import MapContext
from vae.dashboard.shared.html_gallery import Caption, gallery
from vae.data.mapping import Rows
from vae.data.missing import filled

COUNT = 8


def neighbours(context: MapContext, position: int) -> None:
    """Show the eight nearest examples of the map by both distances; for pictures and series."""
    loaded, encoding = context.loaded, context.encoding
    data, domain = loaded.data, loaded.model.domain
    if not (data.is_image or data.is_series):
        return
    spaces: dict[str, tuple[NDArray[Any] | Rows, float]] = {
        "in latent space": (encoding.mean, 1.0)
    }
    if data.is_image:
        spaces["in pixels"] = (Rows(data.x, encoding.index), data.scale)
    else:
        spaces["in values"] = (filled(domain.rescale(loaded.inputs(encoding.index))), 1.0)
    for title, (values, scale) in spaces.items():
        near, distance = nearest_others(values, scale, position)
        st.caption(
            f"Nearest {title}",
            help="Euclidean distance among the examples on the map: of the posterior means in "
            "latent space, of the values (0 to 1) in pixels; of series as the model receives "
            "them, where a missing value counts as the mean of its time step.",
        )
        rows = encoding.index[near]
        captions = [
            Caption("", ((f"{fixed(d)}", "muted"),), f"#{row}, {compact(d, 3)} away")
            for row, d in zip(rows, distance, strict=True)
        ]
        st.html(gallery([loaded.inputs(rows)], captions, domain))


def nearest_others(
    values: NDArray[Any] | Rows, scale: float, k: int
) -> tuple[Ints, NDArray[np.float64]]:
    """Return the positions of the examples nearest to example k of `values` (N, …) / scale,
    without k itself, and their Euclidean distances."""
    query = values[k : k + 1].astype(np.float32) / np.float32(scale)
    found = nearest(query, values, scale, COUNT + 1)
    others = np.flatnonzero(found.place[0] != k)[:COUNT]
    return found.place[0][others], found.distance[0][others]
