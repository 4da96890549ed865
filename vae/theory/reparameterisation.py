"""Two estimators of ∂/∂μ E[f(z)] for z ~ N(μ, σ²), and three ways to a positive σ.

With z = μ + σε, ε ~ N(0, 1), the pathwise estimator is f′(z) and the score-function estimator
f(z) ∂/∂μ ln q(z) = f(z) ε/σ. Both are unbiased (Kingma & Welling 2014, section 2.4; Rezende et al.
2014; Mohamed et al. 2020, https://arxiv.org/abs/1906.10652).
Expectations are sums over Gauss–Hermite nodes, exact for polynomials.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vae.theory import Doubles

DRAWS = 400_000  # random numbers in all; M of them make one estimate
RUNS = 2000  # simulated batches
FLOAT32_LIMIT = float(np.log(np.finfo(np.float32).max))  # e^x overflows float32 above it
_SEED = 3
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
_MASS = _WEIGHTS / _WEIGHTS.sum()


class Smooth(NamedTuple):
    """A function f and its derivative."""

    value: Callable[[Doubles], Doubles]
    slope: Callable[[Doubles], Doubles]


FUNCTIONS: dict[str, Smooth] = {
    "square": Smooth(np.square, lambda z: 2 * z),
    "cosine": Smooth(np.cos, lambda z: -np.sin(z)),
}


class Estimators(NamedTuple):
    """The same quantity for the pathwise and for the score-function estimator."""

    pathwise: Doubles
    score: Doubles


class Width(NamedTuple):
    """The σ that follows from an output of the network, and the slope of the KL in this output."""

    sd: float
    kl_slope: float  # ∂/∂output KL(N(μ, σ²) ‖ N(0, 1)), nats


class BatchVariance(NamedTuple):
    """The parts of the variance of a batch gradient."""

    data: float  # the examples of the batch differ
    sampling: float  # z is drawn


def _estimators(name: str, mean: float, sd: float, noise: Doubles) -> Estimators:
    """Return both estimates from a single sample, for each ε."""
    f, z = FUNCTIONS[name], mean + sd * noise
    return Estimators(f.slope(z), f.value(z) * noise / sd)


def gradient(name: str, mean: float, sd: float) -> float:
    """Return ∂/∂μ E[f(z)] = E[f′(z)]."""
    return float(_MASS @ FUNCTIONS[name].slope(mean + sd * _NODES))


def variances(name: str, mean: float, sd: float, samples: int = 1) -> tuple[float, float]:
    """Return the variances of the pathwise and the score-function mean of so many samples."""
    exact = gradient(name, mean, sd)
    both = _estimators(name, mean, sd, _NODES)
    pathwise, score = (float(_MASS @ np.square(g - exact)) / samples for g in both)
    return pathwise, score


@lru_cache(maxsize=1)
def _noise() -> Doubles:
    return np.random.default_rng(_SEED).standard_normal(DRAWS)


def estimates(name: str, mean: float, sd: float, samples: int) -> Estimators:
    """Return DRAWS / samples estimates of each kind, each the mean of so many samples."""
    both = _estimators(name, mean, sd, _noise())
    pathwise, score = (g.reshape(-1, samples).mean(axis=1) for g in both)
    return Estimators(pathwise, score)


def path(mean: float, sd: float, noise: float) -> dict[str, float]:
    """Return z = μ + σε, f(z) = z² and the derivatives of f along the path (chain rule)."""
    z = mean + sd * noise
    return {"z": z, "f": z**2, "dz": 2 * z, "dmean": 2 * z, "dsd": 2 * z * noise}


def widths(output: float) -> dict[str, Width | None]:
    """Return σ and the slope of the KL for each reading of the output s of a network.

    "log_var": s = ln σ². "softplus": σ = ln(1 + eˢ). "raw": σ = s, None where σ is not positive.
    The KL's slope in σ is σ − 1/σ.
    """
    log_var = Width(float(np.exp(output / 2)), float(np.expm1(output) / 2))
    sd = float(np.logaddexp(0, output))
    softplus = Width(sd, (sd - 1 / sd) / (1 + float(np.exp(-output))))
    raw = Width(output, output - 1 / output) if output > 0 else None
    return {"log_var": log_var, "softplus": softplus, "raw": raw}


def batch_variance(sd: float, batch: int, samples: int) -> BatchVariance:
    """Return the variance of the mean gradient over a batch, for f = z².

    The posteriors N(μ_b, sd²) have means of variance 1 − sd², so that together they fill the
    prior N(0, 1). An example's gradient is 2μ_b + 2σε̄ with ε̄ the mean of so many samples.
    """
    return BatchVariance(4 * (1 - sd**2) / batch, 4 * sd**2 / (batch * samples))


@lru_cache(maxsize=16)
def _batches(batch: int, samples: int) -> tuple[Doubles, Doubles]:
    """Return for RUNS batches the mean of standard normal μ_b's and of all ε's, (RUNS,) each."""
    rng = np.random.default_rng(_SEED)
    centre, noise = np.empty(RUNS), np.empty(RUNS)
    for run in range(RUNS):
        centre[run] = rng.standard_normal(batch).mean()
        noise[run] = rng.standard_normal(batch * samples).mean()
    return centre, noise


def simulated_variance(sd: float, batch: int, samples: int) -> float:
    """Return the measured variance of the gradient over RUNS batches; see `batch_variance`."""
    centre, noise = _batches(batch, samples)
    return float(np.var(2 * np.sqrt(1 - sd**2) * centre + 2 * sd * noise))
