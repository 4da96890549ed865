"""The linear VAE's optimum against scikit-learn's PCA, a numerical optimum and known values."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from vae.theory import linear_vae

SPECTRUM = linear_vae.eigenvalues("digits")
DIGITS = load_digits().data / 16


@pytest.mark.parametrize(("latents", "score"), [(2, 0.0057), (5, 8.9076), (10, 17.4519)])
def test_exact_maximum_equals_probabilistic_pca(latents: int, score: float) -> None:
    maximum, noise = linear_vae.exact_maximum(SPECTRUM, latents)
    fitted = PCA(latents).fit(DIGITS)
    assert maximum == pytest.approx(fitted.score(DIGITS), abs=1e-3)  # it divides by N − 1
    assert maximum == pytest.approx(score, abs=5e-5)
    assert noise == pytest.approx(fitted.noise_variance_ * 1796 / 1797, abs=1e-9)


@pytest.mark.parametrize(("noise", "beta"), [(0.05, 1.0), (0.05, 4.0), (0.2, 12.0), (0.75, 1.0)])
def test_optimum_equals_a_search_over_every_encoder_and_decoder(noise: float, beta: float) -> None:
    """One direction at a time: x has variance λ, z = a x + s ε, x̂ = w z."""

    def loss(at: np.ndarray, variance: float) -> float:
        a, log_s, w = at
        s2 = np.exp(2 * log_s)
        error = variance * (1 - w * a) ** 2 + w**2 * s2
        return float(error / (2 * noise) + beta * 0.5 * (a**2 * variance + s2 - 1 - np.log(s2)))

    found = linear_vae.optimum(SPECTRUM, 6, noise, beta)
    for variance, kl in zip(SPECTRUM[:6], found.kl_per_dimension, strict=True):
        starts = [np.array([1.0, -0.5, 0.5]), np.array([0.01, 0.0, 0.01])]
        fits = [minimize(loss, s, args=(variance,), method="BFGS", tol=1e-12) for s in starts]
        a, log_s, _ = min(fits, key=lambda fit: float(fit.fun)).x
        expected = 0.5 * (a**2 * variance + np.exp(2 * log_s) - 1) - log_s
        assert kl == pytest.approx(expected, abs=1e-5)


def test_known_thresholds() -> None:
    assert linear_vae.optimum(SPECTRUM, 10, 0.75, 1.0).kl == 0.0
    two = linear_vae.optimum(SPECTRUM, 10, 0.6, 1.0).kl_per_dimension
    np.testing.assert_allclose(two[:3], [0.0763, 0.0316, 0.0], atol=5e-5)


def test_a_learned_noise_is_the_best_of_the_fixed_ones() -> None:
    maximum, noise = linear_vae.exact_maximum(SPECTRUM, 5)
    at = linear_vae.optimum(SPECTRUM, 5, noise, 1.0)
    assert at.elbo == pytest.approx(maximum, abs=1e-9)
    assert at.kl == pytest.approx(6.4814, abs=1e-4)
    for other in (0.95 * noise, 1.05 * noise):
        assert linear_vae.optimum(SPECTRUM, 5, other, 1.0).elbo < maximum


def test_rate_distortion_curve_contains_the_optimum_and_is_convex() -> None:
    thresholds = np.geomspace(0.01, 1.0, 200)
    rate, distortion = linear_vae.rate_distortion(SPECTRUM, thresholds)
    for k in (0, 60, 199):
        found = linear_vae.optimum(SPECTRUM, 64, thresholds[k], 1.0)
        assert (rate[k], distortion[k]) == pytest.approx((found.kl, found.distortion), abs=1e-9)
    is_open = rate[1:] > 0
    slope = np.diff(rate)[is_open] / np.diff(distortion)[is_open]  # dR/dD = −1/(2θ)
    middle = np.sqrt(thresholds[1:] * thresholds[:-1])
    np.testing.assert_allclose(slope, -0.5 / middle[is_open], rtol=0.05)
