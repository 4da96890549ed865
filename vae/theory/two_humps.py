"""One Gaussian q fitted to a target with two humps, by either direction of the KL divergence.

    p(z) = (1 − w) N(−a, s²) + w N(a, s²),   w = HEAVY,   s = WIDTH

The reverse KL(q ‖ p) is an integral over q; the forward KL(p ‖ q) follows from the mean and the
variance of p, which are also those of its best q (Bishop 2006, section 10.7; Minka 2005,
"Divergence measures and message passing"). Integrals are sums over a grid, exact to 1e-6 nats.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from vae.theory import Doubles
from vae.theory.moon_model import log_normal

HEAVY, WIDTH = 0.6, 0.5
_GRID = np.linspace(-6.0, 6.0, 2401)  # for integrals over p
_UNIT = np.linspace(-8.0, 8.0, 801)  # for integrals over q, in standard deviations
_MIDDLE = np.linspace(-7.0, 7.0, 281)  # the same for a search
_COARSE = np.linspace(-5.0, 5.0, 101)  # the same for a whole surface


class Fit(NamedTuple):
    """A Gaussian q with both divergences from the target, in nats."""

    mean: float
    sd: float
    reverse: float  # KL(q ‖ p)
    forward: float  # KL(p ‖ q)


def log_target(z: Doubles, apart: float) -> Doubles:
    """Return ln p(z) of the target with humps at ±apart."""
    left = np.log(1 - HEAVY) + log_normal(z, -apart, WIDTH)
    right = np.log(HEAVY) + log_normal(z, apart, WIDTH)
    density: Doubles = np.logaddexp(left, right)
    return density


def moments(apart: float) -> tuple[float, float]:
    """Return mean and standard deviation of the target."""
    mean = (2 * HEAVY - 1) * apart
    return mean, float(np.sqrt(WIDTH**2 + apart**2 - mean**2))


def reverse_kl(mean: Doubles, sd: Doubles, apart: float, unit: Doubles = _UNIT) -> Doubles:
    """Return KL(q ‖ p) for each q = N(mean, sd²) of two arrays of the same shape."""
    weight = np.exp(log_normal(unit)) * (unit[1] - unit[0])
    log_p = log_target(mean[..., None] + sd[..., None] * unit, apart)  # (..., grid)
    negative_entropy = -0.5 * np.log(2 * np.pi * np.e) - np.log(sd)
    divergence: Doubles = negative_entropy - log_p @ weight
    return divergence


@lru_cache(maxsize=256)
def _entropy(apart: float) -> float:
    log_p = log_target(_GRID, apart)
    return -float(np.exp(log_p) @ log_p) * float(_GRID[1] - _GRID[0])


def forward_kl(mean: Doubles, sd: Doubles, apart: float) -> Doubles:
    """Return KL(p ‖ q) = −H(p) − E_p[ln q(z)] for each q = N(mean, sd²)."""
    centre, spread = moments(apart)
    square = (spread**2 + (centre - mean) ** 2) / (2 * sd**2)
    divergence: Doubles = 0.5 * np.log(2 * np.pi) + np.log(sd) + square - _entropy(apart)
    return divergence


def fit(mean: float, sd: float, apart: float) -> Fit:
    """Return the Gaussian N(mean, sd²) with both divergences from the target."""
    at = np.array(mean), np.array(sd)
    return Fit(mean, sd, float(reverse_kl(*at, apart)), float(forward_kl(*at, apart)))


@lru_cache(maxsize=256)
def best_reverse(apart: float) -> Fit:
    """Return the q with the smallest KL(q ‖ p), by descents from the heavy hump and from p's mean.

    The lighter hump is never better: there the divergence is about −ln(1 − w) > −ln w.
    """

    def divergence(at: Doubles) -> float:
        return float(reverse_kl(at[0], np.exp(at[1]), apart, _MIDDLE))

    centre, spread = moments(apart)
    starts = [(apart, np.log(WIDTH)), (centre, np.log(spread))]
    found = [minimize(divergence, start, method="BFGS", tol=1e-6) for start in starts]
    best = min(found, key=lambda result: float(result.fun)).x
    return fit(float(best[0]), float(np.exp(best[1])), apart)


@lru_cache(maxsize=256)
def best_forward(apart: float) -> Fit:
    """Return the q with the smallest KL(p ‖ q): it has the mean and the variance of p."""
    return fit(*moments(apart), apart)


@lru_cache(maxsize=128)
def _surface(is_reverse: bool, apart: float, mean: bytes, sd: bytes) -> Doubles:
    grid = np.meshgrid(np.frombuffer(mean), np.frombuffer(sd))
    if is_reverse:
        return reverse_kl(*grid, apart, _COARSE)
    return forward_kl(*grid, apart)


def surface(is_reverse: bool, apart: float, mean: Doubles, sd: Doubles) -> Doubles:
    """Return one divergence for all pairs of a mean and a width, (widths, means)."""
    return _surface(is_reverse, apart, mean.tobytes(), sd.tobytes())
