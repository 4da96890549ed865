"""Mean-field variational inference by coordinate ascent, on three models.

q factorises, q(θ) = Π qⱼ(θⱼ), and each update sets one factor to its optimum given the others:
ln qⱼ* = E_{i≠j}[ln p(x, θ)] + const (Bishop 2006, equation 10.9). No update lowers the ELBO. Nats.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import digamma, gammaln, logsumexp, softmax

from vae.data import load
from vae.theory import Doubles

LOG_2PI = float(np.log(2 * np.pi))


class GaussianPosterior(NamedTuple):
    """q(μ) q(τ) for x ~ N(μ, 1/τ), or the exact posterior: mean, a, b and the precision of μ.

    q(μ) = N(mean, 1/precision), q(τ) = Gamma(a, rate b). In the exact posterior the precision of μ
    is κτ, and `precision` is κ.
    """

    mean: float
    precision: float
    a: float
    b: float
    elbo: float  # for the exact posterior: ln p(x)


# The prior is N(μ; M0, 1/(K0 τ)) Gamma(τ; A0, B0).
M0, K0, A0, B0 = 0.0, 1.0, 1.0, 1.0


@lru_cache(maxsize=64)
def unknown_gaussian(x: tuple[float, ...], sweeps: int) -> GaussianPosterior:
    """Return q after so many sweeps, from E[τ] = A0/B0 (Bishop 2006, section 10.1.3)."""
    data, n = np.array(x), len(x)
    mean = (K0 * M0 + data.sum()) / (K0 + n)
    a = A0 + 0.5 * (n + 1)
    precision, b = (K0 + n) * A0 / B0, a * B0 / A0
    for _ in range(sweeps):
        precision = (K0 + n) * a / b
        squares = ((data - mean) ** 2).sum() + K0 * (mean - M0) ** 2 + (K0 + n) / precision
        b = B0 + 0.5 * squares
    return GaussianPosterior(
        float(mean), precision, a, b, _gaussian_elbo(data, mean, precision, a, b)
    )


def _gaussian_elbo(x: Doubles, mean: float, precision: float, a: float, b: float) -> float:
    """Return E[ln p(x, μ, τ)] + the entropies of q(μ) and q(τ)."""
    n, tau, log_tau = len(x), a / b, float(digamma(a) - np.log(b))
    squares = ((x - mean) ** 2).sum() + n / precision
    log_likelihood = 0.5 * n * (log_tau - LOG_2PI) - 0.5 * tau * squares
    shift = K0 * ((mean - M0) ** 2 + 1 / precision)
    log_mean = 0.5 * (np.log(K0) + log_tau - LOG_2PI) - 0.5 * tau * shift
    log_precision = A0 * np.log(B0) - gammaln(A0) + (A0 - 1) * log_tau - B0 * tau
    entropies = 0.5 * (LOG_2PI + 1 - np.log(precision))
    entropies += a - np.log(b) + gammaln(a) + (1 - a) * digamma(a)
    return float(log_likelihood + log_mean + log_precision + entropies)


def exact_gaussian(x: tuple[float, ...]) -> GaussianPosterior:
    """Return the exact posterior, a normal-gamma distribution, and ln p(x) as its `elbo`."""
    data, n = np.array(x), len(x)
    kappa, a = K0 + n, A0 + 0.5 * n
    mean = (K0 * M0 + data.sum()) / kappa
    b = B0 + 0.5 * ((data - mean) ** 2).sum() + 0.5 * K0 * (mean - M0) ** 2
    log_evidence = gammaln(a) - gammaln(A0) + A0 * np.log(B0) - a * np.log(b)
    log_evidence += 0.5 * np.log(K0 / kappa) - 0.5 * n * LOG_2PI
    return GaussianPosterior(float(mean), kappa, a, float(b), float(log_evidence))


class Factorised(NamedTuple):
    """The mean-field approximation of a correlated Gaussian with unit variances."""

    path: Doubles  # (1 + 2 S, 2) means after every update, one coordinate at a time
    sd: float  # of both factors
    gap: float  # KL(q ‖ p)


def correlated_gaussian(rho: float, sweeps: int, start: tuple[float, float]) -> Factorised:
    """Return q for N(0, [[1, ρ], [ρ, 1]]) after so many sweeps (Bishop 2006, 10.12 to 10.15).

    Its variances are 1/Λᵢᵢ = 1 − ρ², smaller than the true 1.
    """
    path = [np.array(start, np.float64)]
    for k in range(2 * sweeps):
        after = path[-1].copy()
        after[k % 2] = rho * after[1 - k % 2]
        path.append(after)
    variance = 1 - rho**2
    shift = float(path[-1] @ np.array([[1, -rho], [-rho, 1]]) @ path[-1]) / variance
    gap = -0.5 * np.log(variance) + 0.5 * shift  # trace term: 2 variances × Λᵢᵢ = 2
    return Factorised(np.array(path), float(np.sqrt(variance)), float(gap))


class Mixture(NamedTuple):
    """q of a Bayesian mixture of Gaussians with known, equal variances after one sweep."""

    responsibilities: Doubles  # (N, K)
    concentration: Doubles  # (K,) of the Dirichlet q(π)
    means: Doubles  # (K, D) of q(μ)
    variances: Doubles  # (K,) of q(μ)
    elbo: float

    @property
    def weights(self) -> Doubles:
        """The expected mixing coefficients, (K,)."""
        share: Doubles = self.concentration / self.concentration.sum()
        return share


POINTS = 150
SPREAD, BROAD, SPARSE = 0.5, 3.0, 0.05  # sd of a component and of the prior of μ; Dirichlet's α₀
CLUSTERS = {"components": 3, "radius": 2.2, "sd": SPREAD}  # options of the data set


def mixture(x: Doubles, responsibilities: Doubles) -> Mixture:
    """Return q(π), q(μ) and then q(assignments) after one sweep from `responsibilities` (N, K).

    Bishop 2006, section 10.2, with the covariance SPREAD² I of the components known.
    """
    counts = responsibilities.sum(0)  # (K,)
    concentration = SPARSE + counts
    variances = 1 / (1 / BROAD**2 + counts / SPREAD**2)
    means = variances[:, None] * (responsibilities.T @ x) / SPREAD**2  # (K, D)
    log_weight = digamma(concentration) - digamma(concentration.sum())
    dims = x.shape[1]
    squares = ((x[:, None] - means) ** 2).sum(-1) + dims * variances  # (N, K)
    log_joint = log_weight - 0.5 * squares / SPREAD**2
    log_joint = log_joint - dims * (np.log(SPREAD) + 0.5 * LOG_2PI)
    after: Doubles = softmax(log_joint, axis=1)
    elbo = float(logsumexp(log_joint, axis=1).sum())
    elbo -= _dirichlet_kl(concentration) + _means_kl(means, variances)
    return Mixture(after, concentration, means, variances, elbo)


def _dirichlet_kl(concentration: Doubles) -> float:
    """Return KL(Dir(concentration) ‖ Dir(SPARSE, …))."""
    total, k = concentration.sum(), len(concentration)
    log_ratio = gammaln(total) - gammaln(concentration).sum()
    log_ratio -= gammaln(k * SPARSE) - k * gammaln(SPARSE)
    pull = (concentration - SPARSE) @ (digamma(concentration) - digamma(total))
    return float(log_ratio + pull)


def _means_kl(means: Doubles, variances: Doubles) -> float:
    """Return the KL of all q(μ) from the prior N(0, BROAD² I)."""
    dims, ratio = means.shape[1], variances / BROAD**2
    shift = (means**2).sum(1) / BROAD**2
    return float(0.5 * (dims * (ratio - 1 - np.log(ratio)) + shift).sum())


@lru_cache(maxsize=4)
def points(number: int = POINTS) -> Doubles:
    """Return points of three Gaussians in the plane, (N, 2): the first ones of a data set."""
    x: Doubles = load("mixture", examples=POINTS, options=CLUSTERS).x[:number].astype(np.float64)
    return x


@lru_cache(maxsize=4)
def mixture_course(components: int = 6, sweeps: int = 40, seed: int = 5) -> tuple[Mixture, ...]:
    """Return q after each sweep, from random responsibilities."""
    x = points()
    start = np.random.default_rng(seed).dirichlet(np.ones(components), len(x))
    found = [mixture(x, start)]
    for _ in range(sweeps):
        found.append(mixture(x, found[-1].responsibilities))
    return tuple(found)
