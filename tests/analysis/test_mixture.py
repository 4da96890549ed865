"""Gaussian mixtures: the fit against closed forms, scikit-learn and planted components."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from vae.analysis.density import projected
from vae.analysis.mixture import best_mixture, fit_mixture, fit_mixtures
from vae.analysis.sampling import COUNTS


def test_one_component_is_the_gaussian_fit() -> None:
    rng = np.random.default_rng(0)
    z = (rng.standard_normal((500, 4)) @ rng.standard_normal((4, 4)) + 3).astype(np.float32)
    one = fit_mixture(z, 1)
    np.testing.assert_allclose(one.mean[0], z.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(one.covariance[0], np.cov(z.T, bias=True), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(one.weight, [1.0])


@pytest.mark.parametrize("planted", [1, 3])
def test_bic_selects_the_planted_number_of_components(planted: int) -> None:
    rng = np.random.default_rng(2)
    places = 8 * np.array([[0, 0], [1, 0], [0, 1]])[:planted]
    z = np.concatenate([rng.standard_normal((200, 2)) + p for p in places]).astype(np.float32)
    found = best_mixture(fit_mixtures(z, COUNTS))
    assert len(found.weight) == planted
    order = np.lexsort(np.round(found.mean, 0).T)
    np.testing.assert_allclose(found.mean[order], places[np.lexsort(places.T)], atol=0.3)
    bic = [GaussianMixture(c, random_state=0).fit(z).bic(z) for c in COUNTS]
    assert COUNTS[int(np.argmin(bic))] == planted


def test_few_examples_support_few_components() -> None:
    z = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    assert len(fit_mixture(z, 20).weight) == 2
    with pytest.raises(ValueError, match="at least 2 examples"):
        fit_mixture(z[:1], 1)


def test_the_fit_finds_the_clumps_and_their_centres() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[-5.0, 0, 1], [5, 0, 1], [0, 6, 1]])
    latents = np.concatenate([c + rng.standard_normal((300, 3)) for c in centres])
    fits = fit_mixtures(latents, range(1, 6))
    assert int(np.argmin([one.bic for one in fits])) == 2
    forward = np.eye(3)[:2]
    mean, _ = projected(fits[2].mean, fits[2].covariance, np.zeros(3), forward)
    order = np.argsort(mean[:, 0])
    np.testing.assert_allclose(mean[order], centres[[0, 2, 1], :2], atol=0.25)
    one = fits[0]
    exact = multivariate_normal(latents.mean(0), np.cov(latents.T, bias=True)).logpdf(latents)
    assert one.bic == pytest.approx(-2 * exact.sum() + 9 * np.log(900), rel=1e-4)
