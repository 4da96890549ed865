"""Encoder and decoder for the browser, which follows a drawing stroke by stroke."""

from typing import Any

import streamlit as st

from vae.analysis.loaded_run import LoadedRun
from vae.analysis.portable import Portable, portable, portable_encoder
from vae.analysis.projections import overview_plane
from vae.dashboard.shared import cache
from vae.dashboard.shared.for_browser import network_message, plane_message
from vae.runs.result_keys import run_key


def live_model(loaded: LoadedRun, chart: str, revision: str) -> dict[str, Any] | None:
    """Return the model and the plane of the map `chart` for the browser; None where the browser
    cannot compute the model."""
    found = _networks(run_key(loaded.run, loaded.checkpoint), loaded)
    if found is None:
        return None
    encoder, decoder = found
    return {
        "encoder": network_message(encoder),
        "decoder": network_message(decoder),
        "latents": loaded.run.config.latent_dim,
        "levels": loaded.data.levels,
        "plane": plane_message(overview_plane(cache.training_encoding(loaded).mean)),
        "chart": chart,
        "revision": revision,
    }


@st.cache_resource(max_entries=4, show_spinner=False)
def _networks(key: str, _loaded: LoadedRun) -> tuple[Portable, Portable] | None:
    try:
        return portable_encoder(_loaded.model), portable(_loaded.model)
    except ValueError:
        return None
