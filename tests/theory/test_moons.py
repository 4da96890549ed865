"""The lit share against SciPy's arcsine law and closed forms; distances against known moons."""

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.mixture import GaussianMixture

from vae.theory import moons


def test_lit_share_of_a_uniform_phase_follows_the_arcsine_law() -> None:
    x = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(moons.density(x), stats.arcsine.pdf(x), rtol=1e-12)
    assert stats.kstest(moons.month(), stats.arcsine.cdf).statistic < 1e-3
    assert pytest.approx(-stats.arcsine.entropy(), abs=1e-6) == moons.HIGHEST


def test_one_gaussian_has_its_closed_form_likelihood() -> None:
    *_, score = moons.mixture(1)
    assert score == pytest.approx(-0.5 * np.log(2 * np.pi * np.e / 8), abs=1e-4)  # variance 1/8


def test_more_components_come_closer_and_none_passes_the_entropy() -> None:
    scores = [moons.mixture(k)[-1] for k in range(1, 7)]
    assert scores == sorted(scores)
    assert scores[-1] < moons.HIGHEST + 0.02  # 2,000 points, not the law itself
    for k in range(1, 7):
        weights, means, sds, _ = moons.mixture(k)
        for values in (weights, means - 0.5, sds):
            np.testing.assert_allclose(abs(values), abs(values[::-1]), atol=1e-6)
    x = moons.month()[:, None]
    other = max(GaussianMixture(4, random_state=s, tol=1e-5).fit(x).score(x) for s in range(2))
    assert scores[3] > other - 1e-3
    area, _ = integrate.quad(lambda x: moons.mixture_density(3, np.array([x]))[0], -3, 4)
    assert area == pytest.approx(1, abs=1e-6)


def test_distance_is_zero_at_a_moon_and_grows_between_two() -> None:
    full, half = moons.upright_moons(400)[[200, 100]]
    strip = np.stack([full, (full + half) / 2, half])
    distance = moons.distance_to_moons(strip)
    assert distance[[0, 2]] == pytest.approx([0, 0], abs=1e-6)
    assert distance[1] > 0.05
