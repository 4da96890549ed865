"""Gaps and importance-weighted bounds against quadrature, simulation and the product's `iwae`."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Independent, Normal

from vae.components.objectives import iwae
from vae.components.terms import Pass
from vae.theory import gaps, importance, moon_model
from vae.theory.moon_model import NOISE

COUNTS = (1, 2, 5, 10, 30, 100, 300, 1000)
X = (0.1, 0.5, 0.8, 0.95)


@pytest.mark.parametrize("x", X)
def test_parts_add_up_to_the_evidence(x: float) -> None:
    for degree in (1, 3, 5):
        mean, sd = gaps.encode(x, degree)
        parts = gaps.gaps(x, mean, sd)
        total = parts.elbo + parts.amortisation + parts.approximation
        assert total == pytest.approx(moon_model.log_evidence(x), abs=1e-6)
        assert min(parts.amortisation, parts.approximation) >= -1e-6
        least = moon_model.bound(x, *moon_model.best_gaussian(x)).gap
        assert parts.approximation == pytest.approx(least, abs=1e-6)


def test_encoder_is_the_best_of_its_degree_and_a_higher_degree_is_better() -> None:
    def mean_elbo(mean: np.ndarray, log_sd: np.ndarray) -> float:
        value = np.polynomial.polynomial.polyval
        found = [
            moon_model.bound(x, value(2 * x - 1, mean), np.exp(value(2 * x - 1, log_sd))).elbo
            for x in gaps.LIT
        ]
        return float(np.mean(found))

    elbos = []
    for degree in (1, 3, 5):
        mean, log_sd = gaps.encoder(degree)
        elbos.append(mean_elbo(mean, log_sd))
        for k in range(degree + 1):
            for step in (-0.02, 0.02):
                moved = mean + step * (np.arange(degree + 1) == k)
                assert mean_elbo(moved, log_sd) < elbos[-1]
        for step in (-0.02, 0.02):
            assert mean_elbo(mean, log_sd + step * (np.arange(degree) == 0)) < elbos[-1]
    assert elbos == sorted(elbos)


@pytest.mark.parametrize(
    "q",
    [
        gaps.gaussian(0.3, 0.7),
        gaps.flow(0.3, 0.7, 0.4, 1.2),
        gaps.mixture(0.3, (-0.5, 1.0), (0.5, 0.8)),
    ],
)
def test_densities_integrate_to_one_and_have_the_moments_of_their_nodes(q: gaps.Nodes) -> None:
    assert q.weight.sum() == pytest.approx(1, abs=1e-12)
    assert (np.diff(q.z) >= 0).all()
    density = np.exp(q.log_q)
    assert integrate.trapezoid(density, q.z) == pytest.approx(1, abs=2e-4)
    for power in (1, 2):
        moment = integrate.trapezoid(density * q.z**power, q.z)
        assert q.weight @ q.z**power == pytest.approx(moment, abs=2e-3)


def test_flow_has_the_density_of_its_samples() -> None:
    q = gaps.flow(0.3, 0.7, 0.4, 1.2)
    noise = np.random.default_rng(0).standard_normal(20_000)
    z = 0.3 + 0.7 * np.sinh(1.2 * (np.arcsinh(noise) + 0.4))
    cumulative = integrate.cumulative_trapezoid(np.exp(q.log_q), q.z, initial=0)
    found = stats.kstest(z, lambda at: np.interp(at, q.z, cumulative))
    assert found.pvalue > 0.01


@pytest.mark.parametrize("x", X)
def test_richer_families_shrink_the_approximation_gap(x: float) -> None:
    found = {family: gaps.gap(x, gaps.best(x, family)) for family in gaps.FAMILIES}
    assert 0 < found["flow"] < 0.3 * found["gaussian"]
    assert 0 < found["mixture"] < 0.3 * found["gaussian"]


@pytest.mark.parametrize(("x", "mean", "sd"), [(0.95, 1.7, 0.45), (0.8, 0.0, 1.0), (0.1, -1, 1.5)])
def test_bounds_rise_from_the_elbo_to_the_evidence(x: float, mean: float, sd: float) -> None:
    short = importance.shortfalls(x, mean, sd, COUNTS)
    assert short[0] == pytest.approx(moon_model.bound(x, mean, sd).gap, abs=1e-6)
    assert (np.diff(short) < 0).all()
    assert 0 < short[-1] < 0.03 * short[0]


def test_gap_of_a_wide_q_is_half_the_variance_over_k() -> None:
    q, samples = gaps.gaussian(0.0, 1.0), 1000
    ratio = np.exp(importance.log_ratio(0.8, q))
    variance = float(q.weight @ (ratio - 1) ** 2)
    short = importance.shortfalls(0.8, 0.0, 1.0, (samples,))[0]
    assert short == pytest.approx(variance / (2 * samples), rel=0.03)


def objective(x: float, mean: float, sd: float, samples: int, gradient: str) -> tuple[float, ...]:
    """Mean and standard error of the bound, mean and spread of its gradient, by the product."""
    torch.manual_seed(0)
    repeats = 40_000
    means = torch.full((repeats, 1), mean, requires_grad=True)
    q = Independent(Normal(means, sd), 1)
    z = q.rsample(torch.Size((samples,)))  # (K, B, 1)
    prior = Independent(Normal(torch.zeros(1), 1.0), 1)
    px = Independent(Normal(torch.sigmoid(z), NOISE), 1)
    out = Pass(torch.full((repeats, 1), x), None, q, prior, z, px)
    weights = prior.log_prob(z) + px.log_prob(out.x) - q.log_prob(z)  # (K, B)
    bound = (weights.logsumexp(0) - np.log(samples)).detach()
    iwae(out, gradient=gradient).total.backward()
    assert means.grad is not None
    slope = -repeats * means.grad
    error = bound.std() / repeats**0.5
    return tuple(float(v) for v in (bound.mean(), error, slope.mean(), slope.std()))


@pytest.mark.parametrize(
    ("gradient", "name"), [("reparameterised", "plain"), ("doubly", "doubly")]
)
@pytest.mark.parametrize("samples", [1, 10])
def test_bound_and_its_gradients_are_those_of_the_trained_objective(
    samples: int, gradient: str, name: str
) -> None:
    place = (0.6, 0.0, 0.8)
    bound, error, mean, sd = objective(*place, samples, gradient)
    short = importance.shortfalls(*place, (samples,))[0]
    assert moon_model.log_evidence(0.6) - short == pytest.approx(bound, abs=4 * error)
    exact = importance.gradient_noise(*place, (samples,))[name][0]
    assert exact.mean == pytest.approx(mean, abs=4 * sd / 200)
    assert exact.sd == pytest.approx(sd, rel=0.03)


def test_both_gradients_have_the_slope_of_the_bound_as_their_mean() -> None:
    x, mean, sd, step = 0.8, 0.0, 1.0, 1e-3
    ends = [importance.shortfalls(x, mean + d, sd, COUNTS) for d in (-step, step)]
    slope = (ends[0] - ends[1]) / (2 * step)
    for found in importance.gradient_noise(x, mean, sd, COUNTS).values():
        np.testing.assert_allclose([n.mean for n in found], slope, rtol=1e-4)


@pytest.mark.parametrize("x", [0.6, 0.8])
def test_signal_to_noise_ratios_have_their_slopes(x: float) -> None:
    noise = importance.gradient_noise(x, 0.0, 1.0, (100, 1000))
    slopes = {name: np.log10(b.ratio / a.ratio) for name, (a, b) in noise.items()}
    assert slopes == pytest.approx({"plain": -0.5, "doubly": 0.5}, abs=0.03)
