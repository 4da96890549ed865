"""The KL divergence from a Gaussian to the standard normal, in closed form and by sampling.

    KL(N(μ, Σ) ‖ N(0, I)) = ½ (tr Σ + μᵀμ − d − ln |Σ|)

(Kingma & Welling 2014, appendix B, https://arxiv.org/abs/1312.6114). With a diagonal Σ it is a sum
over dimensions of ½μ² + ½σ² − ½ − ln σ.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vae.theory import Doubles

SAMPLES = tuple(round(10 ** (k / 4)) for k in range(17))  # of an estimate: 1, 2, 3, 6, 10 … 10,000
RUNS = 400  # repetitions of each estimate
_SEED = 8


class Parts(NamedTuple):
    """The four parts of KL(N(μ, σ²) ‖ N(0, 1)) in nats; their sum is the divergence."""

    centre: float  # ½μ²
    width: float  # ½σ²
    constant: float  # −½
    entropy: float  # −ln σ


class Slips(NamedTuple):
    """Wrong forms of the divergence that are seen in texts and programs, in nats."""

    doubled: float  # the factor ½ is missing
    sign: float  # +ln σ in place of −ln σ
    width: float  # σ in place of σ²


class DimensionSum(NamedTuple):
    """The terms of ½ (tr Σ + μᵀμ − d − ln |Σ|), and the divergence in nats."""

    trace: float
    square: float  # μᵀμ
    dimensions: int
    log_determinant: float
    kl: float


def parts(mean: float, sd: float) -> Parts:
    """Return the four parts of KL(N(mean, sd²) ‖ N(0, 1))."""
    return Parts(0.5 * mean**2, 0.5 * sd**2, -0.5, -float(np.log(sd)))


def kl(mean: Doubles | float, sd: Doubles | float) -> Doubles:
    """Return KL(N(mean, sd²) ‖ N(0, 1)) elementwise."""
    divergence: Doubles = 0.5 * (np.square(mean) + np.square(sd) - 1.0) - np.log(sd)
    return divergence


def kl_of_covariance(mean: Doubles, covariance: Doubles) -> DimensionSum:
    """Return KL(N(mean, covariance) ‖ N(0, I)) and its terms, for d dimensions."""
    trace, square = float(np.trace(covariance)), float(mean @ mean)
    log_determinant = float(np.linalg.slogdet(covariance)[1])
    divergence = 0.5 * (trace + square - len(mean) - log_determinant)
    return DimensionSum(trace, square, len(mean), log_determinant, divergence)


def slips(mean: float, sd: float) -> Slips:
    """Return the values of the wrong forms at one Gaussian."""
    at = parts(mean, sd)
    sign = at.centre + at.width + at.constant - at.entropy
    return Slips(2 * sum(at), sign, 0.5 * (mean**2 + sd - 1 - float(np.log(sd))))


def standard_error(mean: float, sd: float, samples: Doubles | float = 1) -> Doubles:
    """Return the standard deviation of the Monte Carlo estimate from this number of samples.

    With z = μ + σε one sample is ln q(z) − ln p(z) = −ln σ − ½ε² + ½(μ + σε)². Its variance is
    μ²σ² + ½(σ² − 1)², because ε and ε² are uncorrelated and have variances 1 and 2.
    """
    error: Doubles = np.sqrt((mean * sd) ** 2 + 0.5 * (sd**2 - 1) ** 2) / np.sqrt(samples)
    return error


def samples_for(few: int, fraction: float) -> float:
    """Return the number of samples whose error is this fraction of that of `few` samples."""
    return few / fraction**2


@lru_cache(maxsize=1)
def _noise() -> tuple[Doubles, Doubles]:
    """Return the means of ε and of ε² over the first M numbers of each run, (RUNS, M's) each."""
    noise = np.random.default_rng(_SEED).standard_normal((RUNS, SAMPLES[-1]))
    starts = [0, *SAMPLES[:-1]]
    sums = (np.add.reduceat(noise**k, starts, axis=1).cumsum(axis=1) for k in (1, 2))
    first, second = (total / np.array(SAMPLES) for total in sums)
    return first, second


def estimates(mean: float, sd: float) -> Doubles:
    """Return Monte Carlo estimates of the divergence, (RUNS, len(SAMPLES)).

    The mean of ln q(z) − ln p(z) over z = μ + σε depends on the noise through the means of ε and
    ε² alone, so that one set of random numbers serves every q.
    """
    first, second = _noise()
    constant = 0.5 * mean**2 - float(np.log(sd))
    found: Doubles = constant + mean * sd * first + 0.5 * (sd**2 - 1) * second
    return found
