"""Likelihoods: densities against scipy and quadrature, shapes, and the ends of float32."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad
from torch import Tensor

from vae.likelihoods import LIKELIHOODS, GaussianLearned, Likelihood, bits_per_dimension

EVENT = (1, 2, 3)


def bernoulli(h: np.ndarray, x: np.ndarray) -> np.ndarray:
    return stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-h)))


def gaussian(h: np.ndarray, x: np.ndarray) -> np.ndarray:
    return stats.norm.logpdf(x, h, 0.1)


def gaussian_learned(h: np.ndarray, x: np.ndarray) -> np.ndarray:
    return stats.norm.logpdf(x, h, 1.0)


REFERENCE: dict[str, tuple[Callable[..., np.ndarray], Callable[[Tensor], Tensor]]] = {
    # ln p of each element under the default options, and E[x] given h
    "bernoulli": (bernoulli, torch.sigmoid),
    "gaussian": (gaussian, torch.clone),
    "gaussian-learned": (gaussian_learned, torch.clone),
}


def outputs(row: Likelihood, *batch: int, scale: float = 1.0) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    shape = (*batch, row.multiplicity, *row.event_shape)
    return scale * torch.randn(*shape, generator=draw)


def binary(*shape: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(2)) > 0.5).float()


def test_every_likelihood_has_a_reference() -> None:
    assert set(REFERENCE) == set(LIKELIHOODS)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("event", [(1, 2, 3), (3, 2, 2), (5,)])
def test_log_prob_agrees_with_scipy_summed_over_the_event(
    name: str, event: tuple[int, ...]
) -> None:
    row = LIKELIHOODS[name](event)
    h, x = outputs(row, 4, 2), binary(2, *event)
    px = row(h)
    assert px.batch_shape == (4, 2)
    assert px.event_shape == event
    element = REFERENCE[name][0](h.squeeze(2).double().numpy(), x.double().numpy())
    expected = element.reshape(4, 2, -1).sum(-1)
    np.testing.assert_allclose(px.log_prob(x).detach(), expected, rtol=2e-6)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("level", [-2.0, 0.3])
def test_every_likelihood_integrates_to_one(name: str, level: float) -> None:
    row = LIKELIHOODS[name]((1,)).double()
    px = row(torch.full((row.multiplicity, 1), level, dtype=torch.float64))

    def density(x: float) -> float:
        return px.log_prob(torch.tensor([x], dtype=torch.float64)).exp().item()

    if row.discrete:
        assert density(0.0) + density(1.0) == pytest.approx(1, abs=1e-12)
    else:
        mass, _ = quad(density, level - 10, level + 10, points=[level], limit=200)
        assert mass == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("scale", [1e-6, 100.0, 1e4])
def test_value_and_gradient_are_finite_in_float32(name: str, scale: float) -> None:
    row = LIKELIHOODS[name](EVENT)
    h = outputs(row, 8, scale=scale).requires_grad_()
    x = binary(8, *EVENT)
    total = row(h).log_prob(x).sum()
    total.backward()
    assert total.isfinite()
    assert h.grad is not None
    assert h.grad.isfinite().all()
    exact = LIKELIHOODS[name](EVENT).double()(h.detach().double()).log_prob(x.double()).sum()
    assert total.item() == pytest.approx(exact.item(), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(
    ("logit", "x", "expected"), [(200, 1, 0), (200, 0, -200), (-1e4, 1, -1e4)]
)
def test_bernoulli_is_exact_where_the_sigmoid_saturates(
    logit: float, x: float, expected: float
) -> None:
    px = LIKELIHOODS["bernoulli"]((1,))(torch.tensor([[float(logit)]]))
    assert float(px.log_prob(torch.tensor([float(x)]))) == pytest.approx(expected, abs=1e-6)


def test_bernoulli_of_grey_values_is_the_cross_entropy() -> None:
    h, x = torch.randn(5, 1, 7), torch.rand(5, 7)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        h[:, 0], x, reduction="none"
    ).sum(1)
    torch.testing.assert_close(-LIKELIHOODS["bernoulli"]((7,))(h).log_prob(x), expected)


@pytest.mark.parametrize("sigma", [1e-3, 0.5, 3.0])
def test_sigma_is_a_standard_deviation(sigma: float) -> None:
    row = LIKELIHOODS["gaussian"]((4,), sigma=sigma)
    assert not list(row.parameters())
    h, x = torch.zeros(1, 1, 4), torch.full((1, 4), 0.01)
    expected = stats.norm.logpdf(0.01, 0, sigma) * 4
    assert row(h).log_prob(x).item() == pytest.approx(expected, rel=1e-5)
    drawn = row(torch.zeros(50_000, 1, 1)).sample()[:, 0]
    assert float(drawn.std()) == pytest.approx(sigma, rel=0.02)


@pytest.mark.parametrize("log_var", [-6.0, 0.0, 2.0])
def test_a_learned_sigma_is_the_root_of_its_variance(log_var: float) -> None:
    row = GaussianLearned((4,))
    assert row.log_var.item() == 0  # it starts at sigma = 1
    row.log_var.data.fill_(log_var)
    sigma = math.exp(log_var / 2)
    assert float(row.scalars()["sigma"]) == pytest.approx(sigma, rel=1e-6)
    expected = stats.norm.logpdf(0.3, 0, sigma) * 4
    value = row(torch.zeros(1, 1, 4)).log_prob(torch.full((1, 4), 0.3))
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_a_learned_sigma_rests_at_the_residuals_own() -> None:
    """The gradient vanishes at sigma² = mean squared residual and points there from both sides."""
    x = torch.randn(100, 4) * 0.2
    best = math.log(float((x**2).mean()))
    slopes = []
    for log_var in (best - 0.1, best, best + 0.1):
        row = GaussianLearned((4,))
        row.log_var.data.fill_(log_var)
        row(torch.zeros(100, 1, 4)).log_prob(x).mean().backward()
        slopes.append(float(row.log_var.grad))
    assert slopes[0] > 0.1
    assert slopes[1] == pytest.approx(0, abs=1e-4)
    assert slopes[2] < -0.1


def test_a_learned_sigma_cannot_reach_zero() -> None:
    row = GaussianLearned((4,))
    row.log_var.data.fill_(-1e6)
    value = row(torch.zeros(1, 1, 4)).log_prob(torch.zeros(1, 4))
    assert value.isfinite().all()
    assert float(row.scalars()["sigma"]) == pytest.approx(math.exp(-7), rel=1e-5)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_mean_is_what_a_picture_shows(name: str) -> None:
    """Bernoulli: sigmoid(h); Gaussian: h. Samples scatter around it."""
    row = LIKELIHOODS[name](EVENT)
    h = outputs(row, 2)
    px = row(h)
    torch.testing.assert_close(px.mean, REFERENCE[name][1](h[:, 0]))
    drawn = px.sample(torch.Size((20_000,))).mean(0)
    assert (drawn - px.mean).abs().max() < 5 / math.sqrt(20_000)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_row_says_what_it_holds(name: str) -> None:
    row = LIKELIHOODS[name](EVENT)
    assert row.support in ("unit", "real")
    assert row.multiplicity >= 1
    for value in row.scalars().values():
        assert value.shape == ()
        assert not value.requires_grad


def test_bits_per_dimension() -> None:
    assert bits_per_dimension(784 * math.log(2), 784) == pytest.approx(1, rel=1e-15)
    assert bits_per_dimension(math.log(256), 1) == pytest.approx(8, rel=1e-15)
