"""Mean and standard deviation of each latent, under the prior or over the data.

Notation: Z latent dimensions, M samples.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Floats
from vae.dashboard.shared import cache, run_picker
from vae.runs import Run
from vae.runs.result_keys import run_key

DRAWS = 4000  # samples of the prior, for its mean, its standard deviations and usual values


class LatentScale(NamedTuple):
    """Mean and standard deviation of each latent under the prior or over the data."""

    centre: Floats  # (Z,)
    unit: Floats  # (Z,) standard deviations
    name: str  # of the distribution: "the prior" or "the encoded data"


def reference_latents(loaded: LoadedRun) -> Floats:
    """Samples of the prior (M, Z); the encoded training data for a model without a prior."""
    if not loaded.model.has_kl:
        return cache.training_encoding(loaded).mean
    run, checkpoint = loaded.run, loaded.checkpoint
    return _prior_samples(run, checkpoint, run_key(run, checkpoint))


@st.cache_data(max_entries=8, show_spinner=False)
def _prior_samples(_run: Run, checkpoint: str, key: str) -> Floats:
    import torch

    from vae.base import rng

    model = cache.load_run(_run, checkpoint).model
    with torch.no_grad(), rng.stream(model.device, 0, "page"):
        z: Floats = model.prior().sample(torch.Size((DRAWS,))).cpu().numpy()
    return z


def latent_scale(loaded: LoadedRun) -> LatentScale:
    """Mean and standard deviations of the prior: exact for N(0, I), else estimated from samples.

    For a model without a prior, those of the encoded training data.
    """
    if run_picker.has_rings(loaded.run):
        size = loaded.run.config.latent_dim
        return LatentScale(np.zeros(size, np.float32), np.ones(size, np.float32), "the prior")
    z = reference_latents(loaded)
    name = "the prior" if loaded.model.has_kl else "the encoded data"
    return LatentScale(z.mean(0), z.std(0), name)
