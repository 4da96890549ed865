"""Gaussians fitted to two humps against adaptive quadrature and a search over a grid."""

import numpy as np
import pytest
from scipy import integrate, stats

from vae.theory import two_humps
from vae.theory.two_humps import HEAVY, WIDTH

DISTANCES = [0.0, 0.5, 1.2, 1.5, 2.0]


def target(z: float, apart: float) -> float:
    left, right = (stats.norm.pdf(z, side * apart, WIDTH) for side in (-1, 1))
    return float((1 - HEAVY) * left + HEAVY * right)


@pytest.mark.parametrize("apart", DISTANCES)
@pytest.mark.parametrize(("mean", "sd"), [(-1.5, 0.5), (0.3, 1.5), (2.0, 3.0), (0.0, 0.1)])
def test_both_divergences_equal_adaptive_quadrature(apart: float, mean: float, sd: float) -> None:
    q = stats.norm(mean, sd)
    fit = two_humps.fit(mean, sd, apart)
    marks = [-apart, 0.0, apart, mean]

    def divergence(integrand: object, low: float, high: float) -> float:
        points = [m for m in marks if low < m < high]
        return float(integrate.quad(integrand, low, high, points=points, limit=400)[0])

    reverse = divergence(
        lambda z: q.pdf(z) * (q.logpdf(z) - two_humps.log_target(np.array(z), apart)),
        mean - 8 * sd,
        mean + 8 * sd,
    )
    forward = divergence(
        lambda z: target(z, apart) * (np.log(target(z, apart)) - q.logpdf(z)), -6, 6
    )
    assert fit.reverse == pytest.approx(reverse, abs=1e-4)
    assert fit.forward == pytest.approx(forward, abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("apart", DISTANCES)
def test_no_gaussian_of_a_grid_is_better_than_the_best(apart: float) -> None:
    mean, sd = np.linspace(-3, 3, 61), np.linspace(0.1, 3, 59)
    reverse, forward = two_humps.best_reverse(apart), two_humps.best_forward(apart)
    for is_reverse, least in ((True, reverse.reverse), (False, forward.forward)):
        surface = two_humps.surface(is_reverse, apart, mean, sd)
        assert surface.min() > least - 1e-3
        assert surface.min() < least + 0.02
    assert reverse.forward >= forward.forward - 1e-9
    assert forward.reverse >= reverse.reverse - 1e-9


def test_reverse_chooses_a_hump_and_forward_covers_both() -> None:
    reverse, forward = two_humps.best_reverse(2.0), two_humps.best_forward(2.0)
    assert (reverse.mean, reverse.sd) == pytest.approx((2.0, WIDTH), abs=0.01)
    assert reverse.reverse == pytest.approx(-np.log(HEAVY), abs=0.01)
    assert forward.sd > 2.0
    assert two_humps.best_reverse(1.2).sd > 1.0  # humps this close: it covers, too
