"""The two gaps between ELBO and ln p(x) in the moon model, each an integral over q.

    ln p(x) = ELBO(q_φ) + approximation gap + amortisation gap

The approximation gap is the KL divergence from the best q of a family to p(z|x). The amortisation
gap is the rest: an encoder, one function of x for all examples, does not return the best q of each
example (Cremer, Li & Duvenaud 2018, "Inference suboptimality in variational autoencoders",
https://arxiv.org/abs/1801.03558).

A density q is a set of nodes: E_q[f] = Σ weight f(z). Nats.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from vae.theory import Doubles, moon_model
from vae.theory.moon_model import log_normal

LIT = np.linspace(0.02, 0.98, 25)  # the examples that the encoder is fitted to
_UNIT = np.linspace(-9.0, 9.0, 361)  # standard normal nodes ε
_COARSE = np.linspace(-6.0, 6.0, 61)  # the same for a search


class Nodes(NamedTuple):
    """A density q as nodes of a quadrature."""

    z: Doubles  # (N,)
    weight: Doubles  # (N,), sum 1
    log_q: Doubles  # (N,)


class Gaps(NamedTuple):
    """The parts of ln p(x): log_evidence = elbo + amortisation + approximation."""

    log_evidence: float
    elbo: float  # of the encoder's q
    amortisation: float  # the ELBO of the best Gaussian − `elbo`
    approximation: float  # KL(best Gaussian ‖ p(z|x))


def _standard(unit: Doubles) -> Doubles:
    density = np.exp(log_normal(unit))
    weight: Doubles = density / density.sum()
    return weight


def gaussian(mean: float, sd: float, unit: Doubles = _UNIT) -> Nodes:
    """Return N(mean, sd²)."""
    return Nodes(mean + sd * unit, _standard(unit), log_normal(unit) - np.log(sd))


def flow(mean: float, sd: float, skew: float, tail: float, unit: Doubles = _UNIT) -> Nodes:
    """Return the density of z = mean + sd · sinh(tail · (arsinh ε + skew)), ε ~ N(0, 1).

    A normalising flow with two parameters for the shape (Jones & Pewsey 2009,
    "Sinh-arcsinh distributions", https://doi.org/10.1093/biomet/asp053).
    """
    angle = tail * (np.arcsinh(unit) + skew)
    log_slope = np.log(sd * tail * np.cosh(angle)) - 0.5 * np.log1p(unit**2)  # ln dz/dε
    return Nodes(mean + sd * np.sinh(angle), _standard(unit), log_normal(unit) - log_slope)


def mixture(
    share: float, means: tuple[float, float], sds: tuple[float, float], unit: Doubles = _UNIT
) -> Nodes:
    """Return (1 − share) N(means[0], sds[0]²) + share N(means[1], sds[1]²), ordered by z."""
    shares = np.array([1 - share, share])
    z = np.concatenate([m + s * unit for m, s in zip(means, sds, strict=True)])
    parts = zip(shares, means, sds, strict=True)
    log_q = np.logaddexp(*[np.log(w) + log_normal(z, m, s) for w, m, s in parts])
    weight = np.concatenate([w * _standard(unit) for w in shares])
    order = np.argsort(z)
    return Nodes(z[order], weight[order], log_q[order])


def gap(x: float, q: Nodes) -> float:
    """Return KL(q ‖ p(z|x)) = ln p(x) − ELBO."""
    return float(q.weight @ (q.log_q - moon_model.log_posterior(x, q.z)))


class Family(NamedTuple):
    """A set of densities q for a search: parameters → q, and the first parameters."""

    build: Callable[[Doubles, Doubles], Nodes]
    start: Callable[[float, float], list[float]]  # from mean and ln σ of a Gaussian


FAMILIES = {
    "gaussian": Family(
        lambda at, unit: gaussian(at[0], np.exp(at[1]), unit),
        lambda mean, log_sd: [mean, log_sd],
    ),
    "flow": Family(
        lambda at, unit: flow(at[0], np.exp(at[1]), at[2], np.exp(at[3]), unit),
        lambda mean, log_sd: [mean, log_sd, 0.0, 0.0],
    ),
    "mixture": Family(
        lambda at, unit: mixture(
            1 / (1 + np.exp(-at[4])), (at[0], at[2]), (np.exp(at[1]), np.exp(at[3])), unit
        ),
        lambda mean, log_sd: [mean - 0.3, log_sd, mean + 0.3, log_sd, 0.0],
    ),
}


@lru_cache(maxsize=1024)
def best(x: float, family: str) -> Nodes:
    """Return the q of a family with the smallest KL(q ‖ p(z|x))."""
    build, start = FAMILIES[family]
    mean, sd = encode(x, 3)

    def loss(at: Doubles) -> float:
        q = build(at, _COARSE)
        log_joint = moon_model.log_likelihood(x, q.z) + log_normal(q.z)
        return float(q.weight @ (q.log_q - log_joint))

    found = minimize(loss, start(mean, float(np.log(sd))), method="BFGS", tol=1e-5)
    return build(found.x, _UNIT)


@lru_cache(maxsize=8)
def encoder(degree: int) -> tuple[Doubles, Doubles]:
    """Return the polynomials of an encoder, fitted to the mean ELBO over all examples `LIT`.

    The mean of q is a polynomial in 2x − 1 of this degree, ln σ one of a degree less. Degree 1 is
    a linear layer for the mean and one width for every x. Coefficients from the lowest power.
    """
    weight, power = _standard(_COARSE), np.arange(degree + 1)
    basis = (2 * LIT[:, None] - 1) ** power  # (examples, degree + 1)

    def loss(at: Doubles) -> float:
        mean, log_sd = basis @ at[: degree + 1], basis[:, :degree] @ at[degree + 1 :]
        z = mean[:, None] + np.exp(log_sd)[:, None] * _COARSE  # (examples, nodes)
        error = (LIT[:, None] - moon_model.lit_fraction(z)) ** 2 @ weight
        kl = 0.5 * (mean**2 + np.exp(2 * log_sd)) - log_sd
        return float((error / (2 * moon_model.NOISE**2) + kl).mean())

    start = np.zeros(2 * degree + 1)
    start[1], start[degree + 1] = 1.5, -0.7
    found = minimize(loss, start, method="BFGS", options={"gtol": 1e-5}).x
    return found[: degree + 1], found[degree + 1 :]


def encode(x: float, degree: int) -> tuple[float, float]:
    """Return mean and standard deviation of the encoder's q for one x."""
    mean, log_sd = encoder(degree)
    at = 2 * x - 1
    return (
        float(np.polynomial.polynomial.polyval(at, mean)),
        float(np.exp(np.polynomial.polynomial.polyval(at, log_sd))),
    )


@lru_cache(maxsize=1024)
def gaps(x: float, mean: float, sd: float) -> Gaps:
    """Return the parts of ln p(x) for an encoder whose q is N(mean, sd²)."""
    found = moon_model.bound(x, mean, sd)
    least = gap(x, best(x, "gaussian"))
    return Gaps(found.log_evidence, found.elbo, found.gap - least, least)
