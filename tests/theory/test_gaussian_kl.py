"""The KL divergence of Gaussians against known values, torch.distributions and quadrature."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import MultivariateNormal, kl_divergence

from vae.theory import gaussian_kl
from vae.theory.gaussian_kl import RUNS, SAMPLES

KNOWN = {  # (μ, σ) → KL(N(μ, σ²) ‖ N(0, 1)), nats
    (0.0, 0.5): 0.318147180560,
    (0.0, 2.0): 0.806852819440,
    (1.5, 0.5): 1.443147180560,
    (-2.0, 0.1): 3.807585092994,
    (3.0, 2.0): 5.306852819440,
}


@pytest.mark.parametrize(("place", "expected"), KNOWN.items())
def test_closed_form_and_the_sum_of_its_parts_have_the_known_values(
    place: tuple[float, float], expected: float
) -> None:
    assert float(gaussian_kl.kl(*place)) == pytest.approx(expected, abs=1e-11)
    assert sum(gaussian_kl.parts(*place)) == pytest.approx(expected, abs=1e-11)
    assert min(gaussian_kl.slips(*place), key=lambda v: abs(v - expected)) != pytest.approx(
        expected, abs=0.05
    )


def test_divergence_is_zero_at_the_prior_only() -> None:
    mean, sd = np.meshgrid(np.linspace(-3, 3, 61), np.linspace(0.1, 3, 59))
    values = gaussian_kl.kl(mean, sd)
    least = np.unravel_index(values.argmin(), values.shape)
    assert (mean[least], sd[least]) == pytest.approx((0, 1), abs=1e-9)
    assert np.sum(values < 1e-6) == 1


@pytest.mark.parametrize("d", [1, 2, 5])
def test_matrix_form_agrees_with_torch_for_full_covariances(d: int) -> None:
    rng = np.random.default_rng(d)
    mean, root = rng.normal(size=d), rng.normal(size=(d, d))
    covariance = root @ root.T + 0.1 * np.eye(d)
    q = MultivariateNormal(torch.from_numpy(mean), torch.from_numpy(covariance))
    p = MultivariateNormal(torch.zeros(d, dtype=torch.double), torch.eye(d, dtype=torch.double))
    found = gaussian_kl.kl_of_covariance(mean, covariance)
    assert found.kl == pytest.approx(kl_divergence(q, p).item(), abs=1e-9)
    assert found.trace + found.square - found.dimensions - found.log_determinant == pytest.approx(
        2 * found.kl
    )
    diagonal = gaussian_kl.kl_of_covariance(mean, np.diag(np.diag(covariance)))
    assert diagonal.kl == pytest.approx(gaussian_kl.kl(mean, np.sqrt(np.diag(covariance))).sum())


def test_slips_coincide_with_the_divergence_at_known_values() -> None:
    doubled, sign, width = gaussian_kl.slips(1.3, 1.0)
    exact = float(gaussian_kl.kl(1.3, 1.0))
    assert (sign, width) == pytest.approx((exact, exact))
    assert doubled == pytest.approx(2 * exact)
    assert gaussian_kl.slips(0.0, 0.1).sign < 0


@pytest.mark.parametrize(("mean", "sd"), KNOWN)
def test_standard_error_agrees_with_quadrature_and_with_the_estimates(
    mean: float, sd: float
) -> None:
    q = stats.norm(mean, sd)

    def moment(power: int) -> float:
        ends = (mean - 10 * sd, mean + 10 * sd)
        found, _ = integrate.quad(
            lambda z: q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z)) ** power, *ends, limit=200
        )
        return float(found)

    exact = np.sqrt(moment(2) - moment(1) ** 2)
    assert float(gaussian_kl.standard_error(mean, sd)) == pytest.approx(exact, rel=1e-6)
    errors = gaussian_kl.estimates(mean, sd) - moment(1)
    measured = np.sqrt(np.square(errors).mean(0))
    assert errors.shape == (RUNS, len(SAMPLES))
    assert measured * np.sqrt(SAMPLES) == pytest.approx(exact, rel=0.18)  # 4 standard errors
    assert np.mean(measured * np.sqrt(SAMPLES)) == pytest.approx(exact, rel=0.05)


def test_estimates_are_means_of_the_log_ratio() -> None:
    noise = np.random.default_rng(gaussian_kl._SEED).standard_normal((RUNS, SAMPLES[-1]))
    z = 1.5 + 0.5 * noise[3, :100]
    ratio = stats.norm.logpdf(z, 1.5, 0.5) - stats.norm.logpdf(z)
    estimate = gaussian_kl.estimates(1.5, 0.5)[3, SAMPLES.index(100)]
    assert estimate == pytest.approx(ratio.mean(), abs=1e-9)


def test_a_tenth_of_the_error_takes_a_hundred_times_the_samples() -> None:
    needed = gaussian_kl.samples_for(10, 0.1)
    few, many = (float(gaussian_kl.standard_error(1.5, 0.5, m)) for m in (10, needed))
    assert needed == pytest.approx(1000)
    assert many == pytest.approx(few / 10)
