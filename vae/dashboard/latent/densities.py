"""Densities on the map: the aggregate posterior and the prior.

Both are mixtures of Gaussians in latent space with exact densities on a plane. Any other density
is estimated, and `MapDensity.about` describes the estimate.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.decoded_grid import Box
from vae.analysis.density import Blobs, Field, equal, field, kernels, projected
from vae.analysis.encoding import prior_sample
from vae.base.records import Floats, Ints
from vae.components.posteriors import POSTERIORS
from vae.dashboard.latent.request import MapContext

MOST = 5_000  # posteriors at most in a density
DRAWS = 1_000  # samples of a prior whose density on the plane has no closed form


class MapDensity(NamedTuple):
    """A density on the map, its components and a sentence about it."""

    blobs: Blobs
    field: Field
    about: str


def posterior_spread(context: MapContext, part: Ints) -> Floats | None:
    """Return variances (M, Z) or covariances (M, Z, Z) of q(z|x) at positions `part` (M,) of the
    encoding; None for a posterior without density."""
    loaded, encoding = context.loaded, context.encoding
    if encoding.std is None:
        return None
    if not POSTERIORS[loaded.run.config.posterior].correlates:
        return encoding.std[part] ** 2
    import torch

    from vae.evaluation.aggregate_posterior import Posteriors

    with torch.no_grad():
        batch = loaded.batches(encoding.index[part]).fixed(loaded.seed)
        q = Posteriors.of(loaded.model.posterior(batch.x, batch.y))
    assert q is not None
    found: Floats = (q.scale @ q.scale.mT).numpy()
    return found


def posteriors_on_map(context: MapContext, part: Ints) -> tuple[Floats, Floats] | None:
    """Return means (M, 2) and covariances (M, 2, 2) of these posteriors on the map."""
    spread, plane = posterior_spread(context, part), context.plane
    if spread is None or plane is None:
        return None
    return projected(context.encoding.mean[part], spread, plane.origin, plane.forward)


def aggregate_density(context: MapContext, box: Box) -> MapDensity:
    """Return the density of q(z) over the examples of the map, at most 5,000 of them."""
    assert context.plane is not None
    number = len(context.encoding.index)
    part = np.arange(0, number, max(1, -(-number // MOST)))
    found = posteriors_on_map(context, part)
    if found is None:
        blobs = kernels(context.plane.places(context.encoding.mean[part]))
        name = context.loaded.run.config.posterior
        about = (
            f"A {name} posterior has no width: a kernel estimate from its points (Scott's rule)."
        )
    else:
        blobs = equal(*found)
        about = f"The mixture of {len(part):,} posteriors, projected to the plane."
        if not POSTERIORS[context.loaded.run.config.posterior].gaussian:
            about += " Each is approximated by a Gaussian of its mean and variances."
    return MapDensity(blobs, field(blobs, *box), about)


def prior_density(context: MapContext, box: Box) -> MapDensity:
    """Return the density of p(z) on the map."""
    from torch.distributions import MixtureSameFamily

    from vae.evaluation.aggregate_posterior import Posteriors

    model, plane = context.loaded.model, context.plane
    assert plane is not None
    p = model.prior()
    mixed = isinstance(p, MixtureSameFamily)
    parts = Posteriors.of(p.component_distribution if mixed else p)  # type: ignore[attr-defined]
    if parts is None:
        blobs = kernels(plane.places(prior_sample(model, DRAWS, context.loaded.seed)))
        about = f"estimated from {DRAWS:,} samples (kernels of Scott's width)"
        return MapDensity(blobs, field(blobs, *box), about)
    mean, scale = parts.mean.detach(), parts.scale.detach()
    if not mixed:
        mean, scale = mean[None], scale[None]
    spread = scale**2 if scale.ndim == 2 else scale @ scale.mT
    weight = (
        p.mixture_distribution.probs.detach().numpy()  # type: ignore[attr-defined]
        if mixed
        else np.ones(1, np.float32)
    )
    placed = projected(mean.numpy(), spread.numpy(), plane.origin, plane.forward)
    blobs = Blobs(*placed, weight)
    return MapDensity(blobs, field(blobs, *box), "")


DENSITIES = {"aggregate": aggregate_density, "prior": prior_density}


def cached_density(name: str, context: MapContext, box: Box) -> MapDensity:
    """Return a row of DENSITIES; computed once for the same weights, examples and plane."""
    return _cached(name, context.key, box, context)


@st.cache_resource(max_entries=8, show_spinner=False)
def _cached(name: str, key: tuple[object, ...], box: Box, _context: MapContext) -> MapDensity:
    return DENSITIES[name](_context, box)
