"""Coordinate ascent against known values, exact evidence, enumeration and torch.distributions."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import gammaln
from torch.distributions import MultivariateNormal, kl_divergence

from vae.theory import mean_field

X = (1.0, 2.0, 3.0, 4.0, 5.0)


def test_precision_of_each_sweep_has_its_known_value() -> None:
    known = [0.3902439, 0.3626062, 0.3594244, 0.3590306, 0.3589814]
    found = [mean_field.unknown_gaussian(X, sweeps) for sweeps in range(1, 6)]
    assert [q.a / q.b for q in found] == pytest.approx(known, abs=1e-7)


def test_fixed_point_of_the_unknown_gaussian() -> None:
    q = mean_field.unknown_gaussian(X, 60)
    assert q.mean == pytest.approx(2.5)
    assert q.a / q.b == pytest.approx(0.358974359, abs=1e-9)
    assert 1 / q.precision == pytest.approx(0.464285714, abs=1e-9)
    assert q.elbo == pytest.approx(-12.329755484, abs=1e-8)
    exact = mean_field.exact_gaussian(X)
    assert exact.elbo == pytest.approx(-12.260034296, abs=1e-8)
    assert exact.elbo - q.elbo == pytest.approx(0.069721, abs=1e-6)  # depends on a only
    assert q.a / q.b == pytest.approx(exact.a / exact.b)  # the mean of τ is exact
    spread = exact.b / (exact.a - 1) / exact.precision
    assert 1 / q.precision < spread == pytest.approx(0.65)


def test_no_sweep_lowers_the_bound() -> None:
    gaussian = [mean_field.unknown_gaussian(X, sweeps).elbo for sweeps in range(12)]
    assert (np.diff(gaussian) >= -1e-12).all()
    course = mean_field.mixture_course()
    assert (np.diff([q.elbo for q in course]) >= -1e-9).all()


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.8])
def test_mean_field_of_a_correlated_gaussian(rho: float) -> None:
    q = mean_field.correlated_gaussian(rho, 60, (1.5, -1.0))
    covariance = torch.tensor([[1.0, rho], [rho, 1.0]], dtype=torch.float64)
    precision = np.linalg.inv(covariance.numpy())
    assert q.sd**2 == pytest.approx(1 / precision[0, 0])
    np.testing.assert_allclose(q.path[-1], 0, atol=1e-5)
    for sweeps in (0, 1, 3):
        at = mean_field.correlated_gaussian(rho, sweeps, (1.5, -1.0))
        own = MultivariateNormal(
            torch.from_numpy(at.path[-1]), at.sd**2 * torch.eye(2, dtype=torch.float64)
        )
        exact = MultivariateNormal(torch.zeros(2, dtype=torch.float64), covariance)
        assert at.gap == pytest.approx(kl_divergence(own, exact).item(), abs=1e-9)
    contraction = q.path[4] / np.where(q.path[2] == 0, 1, q.path[2])
    assert contraction == pytest.approx([rho**2, rho**2], abs=1e-12)


def evidence(x: np.ndarray, components: int) -> float:
    """ln p(x) of the mixture, by a sum over all assignments."""
    logs, alpha = [], mean_field.SPARSE
    for assigned in product(range(components), repeat=len(x)):
        counts = np.bincount(assigned, minlength=components)
        log_p = gammaln(components * alpha) - gammaln(components * alpha + len(x))
        log_p += (gammaln(alpha + counts) - gammaln(alpha)).sum()
        for k in range(components):
            own = x[np.array(assigned) == k]
            covariance = mean_field.SPREAD**2 * np.eye(len(own)) + mean_field.BROAD**2
            for column in own.T if len(own) else ():
                log_p += stats.multivariate_normal(np.zeros(len(own)), covariance).logpdf(column)
        logs.append(log_p)
    return float(np.logaddexp.reduce(logs))


def test_bound_of_one_component_is_exact() -> None:
    x = mean_field.points(9)
    q = mean_field.mixture(x, np.ones((9, 1)))
    assert q.elbo == pytest.approx(evidence(x, 1), abs=1e-8)


def test_bound_of_a_small_mixture_stays_below_its_evidence() -> None:
    x = mean_field.points(7)
    bounds = []
    for seed in range(8):  # coordinate ascent ends in local optima
        q = mean_field.mixture(x, np.random.default_rng(seed).dirichlet([1, 1], 7))
        for _ in range(50):
            q = mean_field.mixture(x, q.responsibilities)
        bounds.append(q.elbo)
    exact = evidence(x, 2)
    assert exact - 3 < max(bounds) < exact


def test_spare_components_die() -> None:
    last = mean_field.mixture_course()[-1]
    assert sorted(last.weights > 0.02) == [False] * 3 + [True] * 3
