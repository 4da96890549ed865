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
