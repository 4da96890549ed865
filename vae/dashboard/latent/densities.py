"""Where the mass lies on the map: the aggregate posterior, the prior, a mixture fitted to latents.

All three are mixtures of Gaussians in latent space, so that their densities in a plane of it are
exact; where one is not, it is estimated and `Ground.about` says how.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.decoded_grid import Box
from vae.analysis.density import Blobs, Field, equal, field, kernels, projected
from vae.analysis.encoding import prior_sample
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import Plane
from vae.base.records import Encoding, Floats, Ints
from vae.components.posteriors import POSTERIORS

MOST = 5_000  # posteriors at most that a density is made of
DRAWS = 1_000  # of a prior whose density in the plane has no closed form


class Ground(NamedTuple):
    """A density on the map, what it is made of, and what there is to say of that."""

    blobs: Blobs
    field: Field
    about: str


def spreads(loaded: LoadedRun, encoding: Encoding, part: Ints) -> Floats | None:
    """Variances (M, Z) or covariances (M, Z, Z) of q(z|x) for positions of an encoding; None for a
    point posterior."""
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


def in_plane(
    loaded: LoadedRun, encoding: Encoding, plane: Plane, part: Ints
) -> tuple[Floats, Floats] | None:
    """Means (M, 2) and covariances (M, 2, 2) on the map of these positions' posteriors."""
    spread = spreads(loaded, encoding, part)
    if spread is None:
        return None
    return projected(encoding.mean[part], spread, plane.origin, plane.forward)


def aggregate(loaded: LoadedRun, encoding: Encoding, plane: Plane, box: Box) -> Ground:
    """q(z) of the examples shown, or of at most 5,000 of them."""
    number = len(encoding.index)
    part = np.arange(0, number, max(1, -(-number // MOST)))
    found = in_plane(loaded, encoding, plane, part)
    if found is None:
        blobs = kernels(plane.places(encoding.mean[part]))
        about = "A point posterior has no width: a kernel estimate from its points (Scott's rule)."
    else:
        blobs = equal(*found)
        about = f"The mixture of {len(part):,} posteriors, projected to the plane."
        if not POSTERIORS[loaded.run.config.posterior].gaussian:
            about += " Each is taken as a Gaussian of its mean and variances."
    return Ground(blobs, field(blobs, *box), about)


def prior(loaded: LoadedRun, plane: Plane, box: Box) -> Ground:
    """p(z) in the plane."""
    from torch.distributions import MixtureSameFamily

    from vae.evaluation.aggregate_posterior import Posteriors

    p = loaded.model.prior()
    mixed = isinstance(p, MixtureSameFamily)
    parts = Posteriors.of(p.component_distribution if mixed else p)  # type: ignore[attr-defined]
    if parts is None:
        blobs = kernels(plane.places(prior_sample(loaded.model, DRAWS, loaded.seed)))
        about = f"estimated from {DRAWS:,} draws (kernels of Scott's width)"
        return Ground(blobs, field(blobs, *box), about)
    mean, scale = parts.mean.detach(), parts.scale.detach()
    if not mixed:
        mean, scale = mean[None], scale[None]
    spread = scale**2 if scale.ndim == 2 else scale @ scale.mT
    placed = projected(mean.numpy(), spread.numpy(), plane.origin, plane.forward)
    weight = (
        p.mixture_distribution.probs.detach().numpy()  # type: ignore[attr-defined]
        if mixed
        else np.ones(1, np.float32)
    )
    blobs = Blobs(*placed, weight)
    return Ground(blobs, field(blobs, *box), "")


@st.cache_resource(max_entries=8, show_spinner=False)
def kept(
    kind: str,
    what: tuple[object, ...],
    box: Box,
    _loaded: LoadedRun,
    _encoding: Encoding,
    _plane: Plane,
) -> Ground:
    """The "aggregate" posterior or the "prior", kept by `what` it depends on."""
    if kind == "prior":
        return prior(_loaded, _plane, box)
    return aggregate(_loaded, _encoding, _plane, box)
