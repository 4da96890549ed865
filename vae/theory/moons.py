"""Moons whose phase is the hidden cause: the distribution of their lit share, and real moons.

The phase f is uniform over the month, and the lit share of the disc is (1 − cos 2πf) / 2. Its
density 1 / (π √(x (1 − x))) is the arcsine law, lowest in the middle. Nats per example.
"""

from functools import lru_cache

import numpy as np
from scipy.special import logsumexp

from vae.base.records import Floats
from vae.data.synthetic import draw_moons
from vae.theory import Doubles

SWEEPS, TOLERANCE = 500, 1e-5  # of expectation maximisation; nats
LEAST = 1e-6  # added to each variance
HIGHEST = float(np.log(4 / np.pi))  # E[ln p(x)] of the arcsine law: no model exceeds it


def lit_share(phase: Doubles) -> Doubles:
    """Return the lit share of the disc at each phase in [0, 1]."""
    share: Doubles = (1 - np.cos(2 * np.pi * np.asarray(phase))) / 2
    return share


def density(share: Doubles) -> Doubles:
    """Return the density of the lit share for a uniform phase."""
    x = np.asarray(share)
    values: Doubles = 1 / (np.pi * np.sqrt(x * (1 - x)))
    return values


@lru_cache(maxsize=1)
def month() -> Doubles:
    """Return the lit shares of 2,000 evenly spaced phases."""
    return lit_share((np.arange(2000) + 0.5) / 2000)


@lru_cache(maxsize=16)
def mixture(components: int) -> tuple[Doubles, Doubles, Doubles, float]:
    """Return weights, means and standard deviations of the mixture of K Gaussians with the highest
    likelihood over a month, and its mean log-likelihood.

    The search begins at quantiles, which is quick and ends in a mixture as symmetric as the law.
    Half a month has the shares of the whole one.
    """
    x = month()[: len(month()) // 2, None]  # (N, 1)
    weights, variances = np.full(components, 1 / components), np.full(components, 0.25)
    means = np.quantile(x, (np.arange(components) + 0.5) / components)
    variances /= components**2
    score = -np.inf
    for _ in range(SWEEPS):
        # E step, with sums instead of logsumexp: a component is near every x
        joint = (
            weights / np.sqrt(2 * np.pi * variances) * np.exp(-0.5 * (x - means) ** 2 / variances)
        )
        total = joint.sum(1, keepdims=True)
        before, score = score, float(np.log(total).mean())
        if score - before < TOLERANCE:
            break
        joint /= total
        sizes = joint.sum(0)  # M step
        weights, means = sizes / len(x), (joint * x).sum(0) / sizes
        variances = (joint * (x - means) ** 2).sum(0) / sizes + LEAST
    return weights, means, np.sqrt(variances), score


def mixture_density(components: int, share: Doubles) -> Doubles:
    """Return the density of that mixture at each lit share, also outside [0, 1]."""
    weights, means, sds, _ = mixture(components)
    scaled = (np.asarray(share)[:, None] - means) / sds
    logs = np.log(weights) - 0.5 * scaled**2 - np.log(sds) - 0.5 * np.log(2 * np.pi)
    values: Doubles = np.exp(logsumexp(logs, axis=1))
    return values


@lru_cache(maxsize=4)
def upright_moons(number: int, size: int = 28) -> Floats:
    """Return upright moons at evenly spaced phases, (N, 1, size, size) in [0, 1]."""
    phase = np.linspace(0, 1, number, dtype=np.float32)
    return (draw_moons(phase, np.zeros(number, np.float32), size) / 255).astype(np.float32)


def distance_to_moons(pictures: Floats) -> Doubles:
    """Return the root mean squared error of each picture (S, 1, H, W) to the nearest moon."""
    moons = upright_moons(400, pictures.shape[-1]).reshape(400, -1).astype(np.float64)
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    lengths = (flat**2).sum(1)[:, None] + (moons**2).sum(1)
    squares = (lengths - 2 * flat @ moons.T).min(1).clip(0) / moons.shape[1]
    distance: Doubles = np.sqrt(squares)
    return distance
