"""The linear VAE, whose optimum is known exactly: it is probabilistic PCA.

    p(z) = N(0, I),   p(x|z) = N(x; b + W z, σ² I),   q(z|x) Gaussian with a linear mean

λ₁ ≥ λ₂ ≥ … are the eigenvalues of the biased covariance of the data. Training with the weight β of
the KL has the optimum of β = 1 with the noise θ = βσ² in place of σ² (Tipping & Bishop 1999; Lucas
et al. 2019). Nats per example.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vae.data import load
from vae.theory import Doubles

LOG_2PI = np.log(2 * np.pi)


class Optimum(NamedTuple):
    """The best linear VAE for a fixed noise σ² and a fixed β."""

    kl_per_dimension: Doubles  # (Z,) by decreasing eigenvalue, 0 for a closed latent
    kl: float
    distortion: float  # E‖x − E[x|z]‖², a sum over the dimensions of x
    reconstruction: float  # −E_q[ln p(x|z)]
    elbo: float


@lru_cache(maxsize=4)
def eigenvalues(data: str = "digits") -> Doubles:
    """Return the eigenvalues of the covariance of a data set in descending order, (D,)."""
    found = load(data)
    x = found.x.reshape(len(found.x), -1) / found.scale
    values: Doubles = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    return values.clip(0)


def optimum(spectrum: Doubles, latents: int, noise: float, beta: float) -> Optimum:
    """Return the optimum with fixed noise σ² (Lucas et al. 2019).

    A latent is open if λᵢ > βσ²; then KLᵢ = ½ ln(λᵢ / βσ²) and it leaves the distortion βσ².
    """
    threshold = beta * noise
    carried = spectrum[:latents]
    kl = 0.5 * np.log(np.maximum(carried / threshold, 1.0))
    distortion = float(np.minimum(carried, threshold).sum() + spectrum[latents:].sum())
    log_density = -0.5 * (len(spectrum) * (LOG_2PI + np.log(noise)) + distortion / noise)
    return Optimum(kl, float(kl.sum()), distortion, -log_density, log_density - float(kl.sum()))


def exact_maximum(spectrum: Doubles, latents: int) -> tuple[float, float]:
    """Return the highest mean ln p(x) with a learned noise, and that noise σ².

    σ² is the mean of the eigenvalues left out (Tipping & Bishop 1999).
    """
    noise = float(spectrum[latents:].mean())
    log_det = np.log(spectrum[:latents]).sum() + (len(spectrum) - latents) * np.log(noise)
    return float(-0.5 * (len(spectrum) * (LOG_2PI + 1.0) + log_det)), noise


def rate_distortion(spectrum: Doubles, thresholds: Doubles) -> tuple[Doubles, Doubles]:
    """Return rate and distortion for each threshold θ: reverse water-filling.

    R = Σ ½ ln(λᵢ/θ)₊ nats and D = Σ min(λᵢ, θ) (Cover & Thomas 2006, section 10.3).
    """
    theta = np.asarray(thresholds)[:, None]  # (T, 1)
    with np.errstate(divide="ignore"):
        rate = 0.5 * np.maximum(np.log(spectrum / theta), 0.0).sum(1)
    return rate, np.minimum(spectrum, theta).sum(1)
