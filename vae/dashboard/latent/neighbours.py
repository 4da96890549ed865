"""The nearest neighbours of a clicked point, in latent space and in the space of pixels."""

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from vae.analysis.loaded_run import LoadedRun
from vae.analysis.nearest import nearest
from vae.base.records import Encoding, Ints
from vae.dashboard.shared.html_gallery import Caption, gallery

COUNT = 8


def neighbours(loaded: LoadedRun, encoding: Encoding, row: int) -> None:
    """The eight nearest of the examples shown, by both distances; for pictures only."""
    if not loaded.data.is_image:
        return
    k = int(np.searchsorted(encoding.index, row))
    spaces = {
        "in latent space": (encoding.mean, 1.0),
        "in pixels": (loaded.data.x[encoding.index], loaded.data.scale),
    }
    for title, (values, scale) in spaces.items():
        near, apart = others(values, scale, k)
        st.caption(
            f"Nearest {title}",
            help="Euclidean distance among the examples on the map: of the posterior means in "
            "latent space, of the values (0 to 1) in pixels.",
        )
        rows = encoding.index[near]
        captions = [
            Caption("", ((f"{far:.2f}", "muted"),), f"#{r}, {far:.3g} away")
            for r, far in zip(rows, apart, strict=True)
        ]
        st.html(gallery([loaded.inputs(rows)], captions))


def others(values: NDArray[Any], scale: float, k: int) -> tuple[Ints, NDArray[np.float64]]:
    """The positions of the examples nearest to example k of `values` (N, …) / scale, itself left
    out, and their Euclidean distances."""
    query = values[k : k + 1].astype(np.float32) / np.float32(scale)
    found = nearest(query, values, scale, COUNT + 1)
    others = np.flatnonzero(found.place[0] != k)[:COUNT]
    return found.place[0][others], found.distance[0][others]
