"""A latent-variable model of one number, small enough for exact integrals.

The phase of the moon is the latent variable z, its lit fraction the observation x:

    p(z) = N(0, 1),   p(x|z) = N(x; f(z), s²),   f(z) = 1 / (1 + e⁻ᶻ),   s = NOISE

f is not linear, so the true posterior p(z|x) is not Gaussian, while q(z) = N(mean, sd²) is. The
integrals over z are sums over a grid (trapezoidal rule), exact to about 1e-10 nats.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from vae.theory import Doubles

NOISE = 0.1  # standard deviation s of x given z
_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_GRID = np.linspace(-12.0, 12.0, 4801)  # for integrals over p(z)
_UNIT = np.linspace(-10.0, 10.0, 2001)  # for integrals over q(z), in standard deviations


class Bound(NamedTuple):
    """ln p(x) and its parts for one x and one q, in nats."""

    log_evidence: float  # ln p(x)
    reconstruction: float  # −E_q[ln p(x|z)]
    kl: float  # KL(q(z) ‖ p(z))
    elbo: float  # −(reconstruction + kl)
    gap: float  # KL(q(z) ‖ p(z|x))


def lit_fraction(z: Doubles) -> Doubles:
    """Return f(z), the mean of x given z."""
    fraction: Doubles = expit(z)
    return fraction


def log_normal(value: Doubles, mean: Doubles | float = 0.0, sd: float = 1.0) -> Doubles:
    """Return ln N(value; mean, sd²)."""
    density: Doubles = -0.5 * ((value - mean) / sd) ** 2 - np.log(sd) - _HALF_LOG_2PI
    return density


_WEIGHT = np.exp(log_normal(_UNIT)) * (_UNIT[1] - _UNIT[0])  # of each node of _UNIT


def log_likelihood(x: float, z: Doubles) -> Doubles:
    """Return ln p(x|z) for each z."""
    return log_normal(x - lit_fraction(z), 0.0, NOISE)


def joint_slope(x: float, z: Doubles) -> Doubles:
    """Return ∂ ln p(x, z) / ∂z for each z."""
    fraction = lit_fraction(z)
    slope: Doubles = (x - fraction) / NOISE**2 * fraction * (1 - fraction) - z
    return slope


def log_evidence(x: float) -> float:
    """Return ln p(x) = ln ∫ p(x|z) p(z) dz by quadrature (Kingma & Welling 2014, section 2.1)."""
    joint = log_likelihood(x, _GRID) + log_normal(_GRID)
    return float(logsumexp(joint) + np.log(_GRID[1] - _GRID[0]))


def log_posterior(x: float, z: Doubles) -> Doubles:
    """Return ln p(z|x) = ln p(x|z) + ln p(z) − ln p(x) for each z."""
    return log_likelihood(x, z) + log_normal(z) - log_evidence(x)


def bound(x: float, mean: float, sd: float) -> Bound:
    """Return ln p(x), the ELBO and the gap for q = N(mean, sd²).

    ln p(x) = ELBO + KL(q(z) ‖ p(z|x)) (Kingma & Welling 2014, equations 1 to 3). The ELBO takes
    the closed form of KL(q(z) ‖ p(z)); the gap is integrated separately, so the sum is a check.
    """
    reconstruction, kl = terms(x, mean, sd)
    log_q = log_normal(_UNIT) - np.log(sd)
    gap = float(_WEIGHT @ (log_q - log_posterior(x, mean + sd * _UNIT)))
    return Bound(log_evidence(x), reconstruction, kl, -reconstruction - kl, gap)


def terms(x: float, mean: float, sd: float) -> tuple[float, float]:
    """Return −E_q[ln p(x|z)] and KL(q(z) ‖ p(z)) for q = N(mean, sd²)."""
    reconstruction = -float(_WEIGHT @ log_likelihood(x, mean + sd * _UNIT))
    return reconstruction, float(0.5 * (mean**2 + sd**2 - 1.0) - np.log(sd))


def expected_squared_error(x: float, mean: float, sd: float) -> float:
    """Return E_q[(x − f(z))²] for q = N(mean, sd²)."""
    return float(_WEIGHT @ (x - lit_fraction(mean + sd * _UNIT)) ** 2)


CONSTANT = float(np.log(NOISE) + _HALF_LOG_2PI)  # reconstruction − E_q[(x − f(z))²] / 2s²


@lru_cache(maxsize=1024)
def best_gaussian(x: float, beta: float = 1.0) -> tuple[float, float]:
    """Return mean and standard deviation of the Gaussian q that minimises reconstruction + β KL.

    With β = 1 it has the smallest gap.
    """

    def loss(at: Doubles) -> float:
        reconstruction, kl = terms(x, float(at[0]), float(np.exp(at[1])))
        return reconstruction + beta * kl

    fraction = np.clip(x, 0.05, 0.95)
    start = np.array([np.log(fraction / (1 - fraction)) / (1 + 0.1 * beta), -0.5])
    found = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-8})
    return float(found.x[0]), float(np.exp(found.x[1]))


class Landscape(NamedTuple):
    """The two terms of the bound over a grid of Gaussians q."""

    means: Doubles  # (M,)
    sds: Doubles  # (S,)
    reconstruction: Doubles  # (S, M)
    kl: Doubles  # (S, M)


@lru_cache(maxsize=8)
def landscape(x: float) -> Landscape:
    """Return both terms for means from −1 to 3 and widths from 0.02 to 1.6."""
    means, sds = np.linspace(-1.0, 3.0, 61), np.linspace(0.02, 1.6, 41)
    parts = np.array([[terms(x, float(mean), float(sd)) for mean in means] for sd in sds])
    return Landscape(means, sds, parts[..., 0], parts[..., 1])
