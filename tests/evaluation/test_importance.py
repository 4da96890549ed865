"""Importance weights against scipy's generalised Pareto distribution and theory.

Where the sd of q is r times that of the Gaussian p, w = r exp(½ (1 − r²) u²), u ~ N(0, 1), whose
tail has the shape k = 1 − r², and for r² > ½ an ESS of K √(2 r² − 1) / r² in each dimension.
"""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from vae.evaluation.importance import _pareto_shape, doubt, effective_samples, log_mean, tail_shape


def weights(r: float, samples: int, dims: int = 1, examples: int = 300) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(samples, examples, dims, generator=generator, dtype=torch.float64)
    return (0.5 * (1 - r**2) * u**2 + math.log(r)).sum(-1)


@pytest.mark.parametrize("k", [-0.5, 0.0, 0.3, 0.7, 1.2])
def test_the_shape_equals_that_of_the_sampled_distribution(k: float) -> None:
    draws = stats.genpareto(k, scale=3.0).rvs((2000, 20), random_state=0)
    found = _pareto_shape(torch.from_numpy(np.sort(draws, 0))).numpy()
    weighed = (2000 * k + 5) / 2010  # drawn towards ½
    assert found.mean() == pytest.approx(weighed, abs=0.02)
    assert found.std() == pytest.approx(abs(1 + k) / 2000**0.5, rel=0.5, abs=0.005)
    likeliest = stats.genpareto.fit(draws[:, 0], floc=0)[0]
    assert found[0] == pytest.approx((2000 * likeliest + 5) / 2010, abs=0.03)


@pytest.mark.parametrize("r", [0.1, 0.5, 0.7])
def test_the_tail_of_gaussians_has_its_theoretical_shape(r: float) -> None:
    found = tail_shape(weights(r, 20_000, examples=40))
    assert float(found.mean()) == pytest.approx(1 - r**2, abs=0.08)


def test_the_shape_does_not_depend_on_the_scale() -> None:
    log_w = weights(0.5, 400)
    for shift in (-1000, 0, 1000):
        torch.testing.assert_close(tail_shape(log_w + shift), tail_shape(log_w))
        torch.testing.assert_close(effective_samples(log_w + shift), effective_samples(log_w))
        torch.testing.assert_close(log_mean(log_w + shift), log_mean(log_w) + shift)


def test_effective_samples_and_mean_equal_their_formulas() -> None:
    found = float(effective_samples(weights(1.3, 4000)).mean())
    assert found / 4000 == pytest.approx((2 * 1.69 - 1) ** 0.5 / 1.69, rel=0.01)
    log_w = torch.tensor([[0.0], [math.log(3)]])
    assert float(effective_samples(log_w)) == pytest.approx(16 / 10)
    assert float(log_mean(log_w)) == pytest.approx(math.log(2))


@pytest.mark.parametrize("samples", [1, 2, 7, 100])
def test_equal_weights_have_no_tail(samples: int) -> None:
    log_w = torch.full((samples, 3), -1000.0)
    assert (tail_shape(log_w) == -math.inf).all()
    assert effective_samples(log_w).tolist() == pytest.approx([samples] * 3)


def test_rounding_errors_are_no_tail() -> None:
    """With the exact posterior every weight is p(x), up to the last digits of float32."""
    log_w = (-500 + 1e-4 * torch.randn(200, 50)).float()
    assert judged(log_w) == ""


def test_a_single_dominant_weight_is_a_heavy_tail() -> None:
    log_w = torch.linspace(0, 300, 200).unsqueeze(1)
    assert float(tail_shape(log_w)) > 1


def judged(log_w: torch.Tensor, se: float = 0.1) -> str:
    return doubt(effective_samples(log_w), tail_shape(log_w), len(log_w), se)


@pytest.mark.parametrize("samples", [100, 300, 1000])
@pytest.mark.parametrize("dims", [2, 5])
@pytest.mark.parametrize(
    ("r", "warns"),
    [(1.2, False), (1.0, False), (0.9, False), (0.8, False), (0.5, True), (0.1, True)],
)
def test_unreliable_weights_have_a_caution(r: float, warns: bool, dims: int, samples: int) -> None:
    assert ("only an upper bound" in judged(weights(r, samples, dims))) == warns


def test_heavy_tails_in_half_of_the_examples_are_detected() -> None:
    mixed = torch.cat([weights(0.1, 200, 2), weights(1.0, 200, 2)], 1)
    assert "only an upper bound" in judged(mixed)


def test_a_bias_beyond_the_standard_error_has_a_caution() -> None:
    """r = 2 in five dimensions, K = 100: .033 short (with K = 10: .38)."""
    log_w = weights(2.0, 100, 5, examples=2000)
    assert -float(log_mean(log_w).mean()) == pytest.approx(0.033, abs=0.012)
    assert "by about 0.03" in judged(log_w, 0.01)
    assert judged(log_w, 0.1) == ""
    assert "fewer than 100" in judged(log_w[:99], 0.1)
