"""Distributions of one number: known values, arithmetic with 60 digits, and draws."""

import math
from collections.abc import Callable
from decimal import MIN_EMIN, Decimal, getcontext

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from tests.tables import each
from vae.components.distributions import NEAR, ContinuousBernoulli, GridCategorical, GridLogistic

getcontext().prec = 60
getcontext().Emin = MIN_EMIN
ETAS = [0.0, 1e-30, 1e-6, 4e-4, 4e-3, 0.03, 0.1, 0.4999, 0.5, 0.5001, 1, 3, 16, 20, 100, 1e3, 1e4]
SIGNED = [sign * eta for eta in ETAS for sign in (1, -1)]


def number(value: float) -> Decimal:
    """Return the value of a number in float32, exactly."""
    return Decimal(float(np.float32(value)))


def derivative(f: Callable[[Decimal], Decimal], at: Decimal) -> Decimal:
    """Return f' by a difference with an error far below that of float32 and float64."""
    step = Decimal("1e-20")
    return (f(at + step) - f(at - step)) / (2 * step)


def log_normaliser(eta: Decimal) -> Decimal:
    """A(eta) = ln((e^eta − 1) / eta), near 0 by its first terms."""
    next_to_0 = abs(eta) < Decimal("1e-12")
    return eta / 2 + eta**2 / 24 if next_to_0 else ((eta.exp() - 1) / eta).ln()


@pytest.mark.parametrize(
    ("probability", "log_c"),
    [(0.5, 0.693147181), (0.1, 1.010338559), (0.9, 1.010338559), (0.01, 1.545197546)],
)
def test_the_normaliser_of_the_continuous_bernoulli_equals_its_formula(
    probability: float, log_c: float
) -> None:
    """ln p(0) = ln C(lambda) + ln(1 − lambda)."""
    eta = torch.tensor(math.log(probability / (1 - probability)), dtype=torch.float64)
    value = ContinuousBernoulli(eta).log_prob(torch.zeros((), dtype=torch.float64))
    assert value.item() == pytest.approx(log_c + math.log(1 - probability), abs=1e-9)


def test_the_mean_of_the_continuous_bernoulli_equals_its_formula() -> None:
    eta = torch.tensor([math.log(9), -math.log(9), 0], dtype=torch.float64)
    expected = [0.669880387, 1 - 0.669880387, 0.5]
    np.testing.assert_allclose(ContinuousBernoulli(eta).mean, expected, atol=1e-9)


@each("eta", SIGNED)
def test_the_continuous_bernoulli_is_accurate_in_float32(eta: float) -> None:
    slope = derivative(log_normaliser, number(eta))  # A'(eta), the mean
    for x in (0.0, 1e-3, 0.3, 0.5, 0.999, 1.0):
        at = torch.tensor(eta, dtype=torch.float32, requires_grad=True)
        px = ContinuousBernoulli(at)
        value = px.log_prob(torch.tensor(x))
        value.backward()
        exact = number(eta) * number(x) - log_normaliser(number(eta))
        assert value.item() == pytest.approx(float(exact), rel=2e-6, abs=3e-7)
        assert px.mean.item() == pytest.approx(float(slope), rel=1e-6)
        # x − A'(eta) passes through 0: next to x = ½ and small eta only a series has its digits
        near = {"rel": 1e-5, "abs": 1e-9} if x == 0.5 else {"rel": 1e-5, "abs": 1e-7}
        assert at.grad.item() == pytest.approx(float(number(x) - slope), **near)


def test_the_mean_of_the_continuous_bernoulli_has_the_exact_gradient() -> None:
    for eta in SIGNED:
        at = torch.tensor(eta, dtype=torch.float64, requires_grad=True)
        ContinuousBernoulli(at).mean.backward()
        slope = derivative(lambda t: derivative(log_normaliser, t), Decimal(eta))
        assert at.grad.item() == pytest.approx(float(slope), rel=1e-9)


def test_the_continuous_bernoulli_agrees_with_torch_where_torch_is_exact() -> None:
    size = torch.linspace(0.1, 12, 300, dtype=torch.float64)
    eta = torch.cat([-size, size])
    other = torch.distributions.ContinuousBernoulli(logits=eta)
    for x in torch.tensor([0, 0.2, 1], dtype=torch.float64):
        value = ContinuousBernoulli(eta).log_prob(x)
        np.testing.assert_allclose(value, other.log_prob(x), atol=1e-9)
    np.testing.assert_allclose(ContinuousBernoulli(eta).mean, other.mean, atol=1e-9)


def test_the_series_meets_the_closed_form() -> None:
    for sign in (-1, 1):
        beside = [math.nextafter(NEAR, 0), NEAR]
        px = ContinuousBernoulli(sign * torch.tensor(beside, dtype=torch.float64))
        values = px.log_prob(torch.tensor(0.2, dtype=torch.float64))
        assert values[0].item() == pytest.approx(values[1].item(), abs=1e-13)
        assert px.mean[0].item() == pytest.approx(px.mean[1].item(), abs=1e-12)


@each("eta", [-1e4, -100.0, -3.0, -0.3, 0.0, 1e-3, 0.7, 30.0, 1e4])
def test_draws_of_the_continuous_bernoulli_follow_its_distribution(eta: float) -> None:
    drawn = ContinuousBernoulli(torch.tensor([eta])).sample((5000,))[:, 0].double().numpy()
    if eta > 0:
        drawn = 1 - drawn  # a draw next to 1 has float32's grain there, 6e-8
    size = abs(eta)
    expected = stats.truncexpon(b=size, scale=1 / size) if size else stats.uniform()
    assert stats.kstest(drawn, expected.cdf).pvalue > 1e-4


def sigmoid(t: Decimal) -> Decimal:
    return t.exp() / (1 + t.exp())


def log_mass(k: int, top: int, mu: Decimal, s: Decimal) -> Decimal:
    """ln P(x = k / top) by the definition, on the side of mu without loss of digits next to 1."""
    lower, upper = (((k + side) / top - mu) / s for side in (Decimal("-0.5"), Decimal("0.5")))
    if k in (0, top):
        return sigmoid(upper if k == 0 else -lower).ln()
    if lower + upper > 0:
        lower, upper = -upper, -lower
    return (sigmoid(upper) - sigmoid(lower)).ln()


def exact_logistic(k: int, top: int, mu: Decimal, s: Decimal) -> tuple[float, list[float]]:
    """ln P, and its derivatives by mu and by s."""
    by_mu = derivative(lambda m: log_mass(k, top, m, s), mu)
    by_s = derivative(lambda width: log_mass(k, top, mu, width), s)
    return float(log_mass(k, top, mu, s)), [float(by_mu), float(by_s)]


@each("mu", [-40.0, -0.4, 0.0, 0.3, 0.5, 1.0, 1.7, 40.0])
@each("s", [2.0**-13, 0.01, 0.1, 1.0, 30.0])
@each("levels", [2, 17, 256])
def test_the_logistic_is_accurate_in_float32(mu: float, s: float, levels: int) -> None:
    for k in {0, 1, (levels - 1) // 2, levels - 1}:
        at = torch.tensor([mu, s], requires_grad=True)
        value = GridLogistic(at[0], at[1], levels).log_prob(torch.tensor(k / (levels - 1)))
        value.backward()
        exact, slopes = exact_logistic(k, levels - 1, number(mu), number(s))
        # x − mu has float32's grain of 1e-7, in units of s
        assert value.item() == pytest.approx(exact, rel=2e-6, abs=1e-6 + 1e-7 / s)
        np.testing.assert_allclose(at.grad, slopes, rtol=2e-6, atol=(1e-6 + 1e-7 / s) / s)


def test_wide_bins_share_the_density() -> None:
    """With a scale of many bins P(x) is the density at x times the bin, up to (1/s²) bin² / 24."""
    x = torch.arange(1, 255, dtype=torch.float64) / 255
    px = GridLogistic(torch.full((254,), 0.4).double(), torch.tensor(0.2).double(), 256)
    expected = stats.logistic.logpdf(x, np.float32(0.4), np.float32(0.2)) - math.log(255)
    np.testing.assert_allclose(px.log_prob(x), expected, atol=4e-5)


def one_hot_rows() -> Tensor:
    """Two very different distributions over 5 levels, one with levels that never occur."""
    return torch.tensor([[0.1, 0.2, 0.4, 0.2, 0.1], [0.0, 0.9, 0.0, 0.0, 0.1]]).log()


@pytest.mark.parametrize(
    "px",
    [
        GridCategorical(one_hot_rows()),
        GridLogistic(torch.tensor([0.2, 0.9]), torch.tensor([0.3, 0.02]), 5),
    ],
    ids=["categorical", "logistic"],
)
def test_draws_have_their_probabilities(px: GridCategorical | GridLogistic) -> None:
    n = 20_000
    drawn = (px.sample((n,)) * 4).round().long()  # (n, 2)
    p = px.log_prob(torch.arange(5)[:, None].expand(5, 2) / 4).exp()  # (5, 2)
    counts = torch.stack([(drawn == k).sum(0) for k in range(5)])
    error = (p * (1 - p) / n).sqrt()
    assert ((counts / n - p).abs() <= 5 * error + 3 / n).all()


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_every_level_has_its_probability(levels: int) -> None:
    log_p = torch.randn(levels).log_softmax(0)
    k = np.arange(levels, dtype=np.uint8)
    x = torch.from_numpy(k / np.float32(levels - 1))  # as data are scaled
    torch.testing.assert_close(GridCategorical(log_p).log_prob(x), log_p)


def test_a_value_between_levels_counts_as_the_nearest() -> None:
    k = torch.arange(17)
    for px in (
        GridCategorical(torch.randn(17, 17).log_softmax(-1)),
        GridLogistic(torch.full((17,), 0.4), torch.tensor(0.1), 17),
    ):
        on_level = px.log_prob(k / 16)
        for off in (-0.4, 0.4):
            torch.testing.assert_close(px.log_prob((k + off) / 16), on_level)


def test_the_categorical_agrees_with_torch() -> None:
    logits = torch.randn(3, 4, 17)
    k = torch.randint(17, (6, 3, 4))
    value = GridCategorical(logits.log_softmax(-1)).log_prob(k / 16)
    torch.testing.assert_close(value, torch.distributions.Categorical(logits=logits).log_prob(k))
