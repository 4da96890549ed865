"""The latent space of a demonstration: means, draws from the prior, decoded pictures, KL of q(z).

Nothing here touches torch's random generator, which the training thread uses.
"""

from functools import lru_cache

import numpy as np
import torch
from torch.distributions import MixtureSameFamily

from vae.analysis import amortisation
from vae.base.records import Floats
from vae.config import RunConfig
from vae.dashboard.learn.demonstration import Course
from vae.data.dataset import prepare
from vae.evaluation.aggregate_posterior import Posteriors, information
from vae.theory import Doubles, moons

DRAWS = 1000  # for the KL of the aggregate posterior


def means(course: Course) -> Floats:
    """Return the mean of q(z|x) of every example, (N, Z)."""
    with torch.no_grad():
        found: Floats = course.model.posterior(_inputs(course)).mean.numpy()
    return found


def _inputs(course: Course) -> torch.Tensor:
    return torch.from_numpy(prepare(course.data))


def decoded(course: Course, z: Floats) -> Floats:
    """Return E[x|z] for z (M, Z), (M, *event)."""
    with torch.no_grad():
        found: Floats = course.model.likelihood(torch.from_numpy(z)).mean.numpy()
    return found


def prior_draws(course: Course, number: int, seed: int = 0) -> Floats:
    """Return draws from a Gaussian prior or a mixture of Gaussians, (M, Z)."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((number, course.config.latent_dim))
    with torch.no_grad():
        p = course.model.prior()
        if not isinstance(p, MixtureSameFamily):
            return (p.mean.numpy() + p.stddev.numpy() * noise).astype(np.float32)
        weights = p.mixture_distribution.probs.double().numpy()
        rows = generator.choice(len(weights), number, p=weights / weights.sum())
        parts = p.component_distribution
        drawn = parts.mean.numpy()[rows] + parts.stddev.numpy()[rows] * noise
    return drawn.astype(np.float32)


def aggregate_kl(course: Course) -> float | None:
    """Return KL(q(z) ‖ p(z)) over all examples; None for a posterior without density."""
    with torch.no_grad():
        q = Posteriors.of(course.model.posterior(_inputs(course)))
        if q is None:
            return None
        prior = course.model.prior()
        found = information(q, lambda z: prior.log_prob(z.float()), DRAWS, 0)
    return found.aggregate_kl.value


def mean_elbos(course: Course) -> tuple[float, float]:
    """Return the mean ELBO over all examples with the encoder's q, and with the best q of each."""
    return amortisation.mean_elbos(course.model, _inputs(course))


def reconstructed(course: Course, x: Floats) -> Floats:
    """Return E[x|z] at the mean of q(z|x), for x (M, *event)."""
    with torch.no_grad():
        z: Floats = course.model.posterior(torch.from_numpy(x)).mean.numpy()
    return decoded(course, z)


def ticks(reach: float, cells: int) -> Floats:
    """Return the places of a map from −reach to reach on each axis."""
    return np.linspace(-reach, reach, cells, dtype=np.float32)


def moon_errors(course: Course, reach: float, cells: int) -> Doubles:
    """Return the distance of each decoded point of a map to the nearest moon, (cells, cells)."""
    places = ticks(reach, cells)
    grid = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)
    return moons.distance_to_moons(decoded(course, grid)).reshape(cells, cells)


def lit_shares(config: RunConfig) -> Doubles:
    """Return the lit share of each moon of a data set, (N,)."""
    return _lit_shares(config.model_dump_json())


@lru_cache(maxsize=8)
def _lit_shares(config: str) -> Doubles:
    data = RunConfig.model_validate_json(config).load_data()
    return moons.lit_share(data.factors["phase"].astype(np.float64))
