"""The moon model against adaptive quadrature, torch.distributions and a numerical optimum."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Normal, kl_divergence

from vae.theory import moon_model
from vae.theory.moon_model import NOISE

PLACES = [(x, m, s) for x in (0.05, 0.5, 0.8, 0.95) for m, s in ((0, 1), (-3, 0.05), (4, 2))]


def likelihood(x: float, z: float) -> float:
    return float(stats.norm.pdf(x, 1 / (1 + np.exp(-z)), NOISE))


@pytest.mark.parametrize("x", [0.05, 0.3, 0.8, 0.95])
def test_evidence_equals_adaptive_quadrature(x: float) -> None:
    def joint(z: float) -> float:
        return likelihood(x, z) * float(stats.norm.pdf(z))

    area, _ = integrate.quad(joint, -12, 12, epsabs=1e-12, limit=200)
    assert moon_model.log_evidence(x) == pytest.approx(np.log(area), abs=1e-8)


@pytest.mark.parametrize(("x", "mean", "sd"), PLACES)
def test_terms_of_the_bound_add_up_and_agree_with_independent_ones(
    x: float, mean: float, sd: float
) -> None:
    bound = moon_model.bound(x, mean, sd)
    assert bound.elbo + bound.gap == pytest.approx(bound.log_evidence, abs=1e-6)
    q, prior = Normal(torch.tensor(mean, dtype=torch.float64), sd), Normal(0.0, 1.0)
    assert bound.kl == pytest.approx(kl_divergence(q, prior).item(), abs=1e-9)
    density = stats.norm(mean, sd)
    ends = (mean - 9 * sd, mean + 9 * sd)
    expected, _ = integrate.quad(
        lambda z: density.pdf(z) * np.log(likelihood(x, z) + 1e-300), *ends, limit=200
    )
    assert bound.reconstruction == pytest.approx(-expected, abs=1e-6)
    assert bound.gap >= 0


@pytest.mark.parametrize("x", [0.1, 0.8, 0.95])
def test_no_neighbour_of_the_best_gaussian_has_a_smaller_gap(x: float) -> None:
    mean, sd = moon_model.best_gaussian(x)
    least = moon_model.bound(x, mean, sd).gap
    for change in (-0.02, 0.02):
        assert moon_model.bound(x, mean + change, sd).gap > least
        assert moon_model.bound(x, mean, sd + change).gap > least


@pytest.mark.parametrize(("x", "mean", "sd"), PLACES)
def test_reconstruction_is_the_squared_error_and_a_constant(
    x: float, mean: float, sd: float
) -> None:
    squared = moon_model.expected_squared_error(x, mean, sd)
    z = torch.from_numpy(mean + sd * np.linspace(-8, 8, 4001))
    log_p = Normal(torch.sigmoid(z), NOISE).log_prob(torch.tensor(x, dtype=torch.float64))
    weight = stats.norm.pdf(np.linspace(-8, 8, 4001)) * 16 / 4000
    expected = -float(weight @ log_p.numpy())
    assert squared / (2 * NOISE**2) + moon_model.CONSTANT == pytest.approx(expected, abs=1e-6)


def test_beta_moves_the_best_gaussian_from_a_needle_to_the_prior() -> None:
    needle, prior = moon_model.best_gaussian(0.8, 1e-3), moon_model.best_gaussian(0.8, 1e3)
    assert needle[0] == pytest.approx(np.log(4), abs=0.02)
    assert needle[1] < 0.05
    assert prior == pytest.approx((0, 1), abs=0.01)
    parts = [moon_model.bound(0.8, *moon_model.best_gaussian(0.8, b)) for b in (0.5, 1, 2, 4, 8)]
    kl, error = [p.kl for p in parts], [p.reconstruction for p in parts]
    assert kl == sorted(kl, reverse=True)
    assert error == sorted(error)
    assert max(parts, key=lambda p: p.elbo) is parts[1]


def test_landscape_holds_the_terms_of_each_gaussian() -> None:
    land = moon_model.landscape(0.8)
    at = moon_model.bound(0.8, float(land.means[40]), float(land.sds[20]))
    assert (land.reconstruction[20, 40], land.kl[20, 40]) == (at.reconstruction, at.kl)
