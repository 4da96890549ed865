"""Gradient estimators against closed forms, torch's autograd and their measured variances."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vae.components.posteriors import Diagonal
from vae.theory import reparameterisation
from vae.theory.reparameterisation import DRAWS, FUNCTIONS

PLACES = [(1.0, 0.5), (-2.0, 0.1), (0.0, 1.0), (1.5, 2.5)]


def closed_form(name: str, m: float, s: float) -> tuple[float, float, float]:
    """Gradient, variance of the pathwise and of the score-function estimator."""
    if name == "square":
        return 2 * m, 4 * s**2, m**4 / s**2 + 14 * m**2 + 15 * s**2
    g = -np.sin(m) * np.exp(-(s**2) / 2)
    wave = np.exp(-2 * s**2) * np.cos(2 * m)
    return g, (1 - wave) / 2 - g**2, (1 + (1 - 4 * s**2) * wave) / (2 * s**2) - g**2


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("mean", "sd"), PLACES)
def test_gradient_and_variances_have_their_closed_forms(name: str, mean: float, sd: float) -> None:
    found = (
        reparameterisation.gradient(name, mean, sd),
        *reparameterisation.variances(name, mean, sd),
    )
    assert found == pytest.approx(closed_form(name, mean, sd), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("mean", "sd"), PLACES)
@pytest.mark.parametrize("samples", [1, 10, 100, 1000])
def test_estimates_are_unbiased_and_scatter_as_predicted(
    name: str, mean: float, sd: float, samples: int
) -> None:
    exact, *variances = closed_form(name, mean, sd)
    window = 0.05 if samples <= 10 else 5 * np.sqrt(2 * samples / DRAWS)  # 5 standard errors
    for estimates, one in zip(
        reparameterisation.estimates(name, mean, sd, samples), variances, strict=True
    ):
        assert estimates.shape == (DRAWS // samples,)
        assert estimates.mean() == pytest.approx(exact, abs=5 * np.sqrt(one / DRAWS))
        assert estimates.var() * samples == pytest.approx(one, rel=window)


def test_estimates_are_those_of_autograd() -> None:
    mean = torch.tensor(1.0, dtype=torch.double, requires_grad=True)
    noise = torch.from_numpy(reparameterisation._noise()[:10])
    (mean + 0.5 * noise).square().mean().backward()
    both = reparameterisation.estimates("square", 1.0, 0.5, 10)
    assert mean.grad is not None
    assert both.pathwise[0] == pytest.approx(mean.grad.item())
    q = Normal(mean, 0.5)
    z = (mean + 0.5 * noise).detach()
    mean.grad = None
    (z.square() * q.log_prob(z)).mean().backward()
    assert both.score[0] == pytest.approx(mean.grad.item())


def test_path_has_the_derivatives_of_the_posterior_that_trains() -> None:
    h = torch.tensor([[1.3, 2 * np.log(0.4)]], dtype=torch.double, requires_grad=True)
    torch.manual_seed(0)
    q = Diagonal(1)(h)
    z = q.rsample()
    z.square().sum().backward()
    noise = (z.item() - 1.3) / 0.4
    found = reparameterisation.path(1.3, 0.4, noise)
    assert h.grad is not None
    assert (found["z"], found["f"]) == pytest.approx((z.item(), z.item() ** 2))
    assert found["dmean"] == pytest.approx(h.grad[0, 0].item())
    assert found["dsd"] * 0.4 / 2 == pytest.approx(h.grad[0, 1].item())  # ∂σ/∂ ln σ² = σ/2


@pytest.mark.parametrize("output", [-6.0, -1.0, 0.0, 0.3, 6.0])
def test_widths_and_slopes_agree_with_autograd(output: float) -> None:
    readings = {
        "log_var": lambda s: torch.exp(s / 2),
        "softplus": torch.nn.functional.softplus,
        "raw": lambda s: s,
    }
    found = reparameterisation.widths(output)
    assert found.keys() == readings.keys()
    for name, reading in readings.items():
        s = torch.tensor(output, dtype=torch.double, requires_grad=True)
        width = found[name]
        if width is None:
            assert reading(s).item() <= 0
            continue
        sd = reading(s)
        kl_divergence(Normal(0.7, sd), Normal(0.0, 1.0)).backward()
        assert s.grad is not None
        assert tuple(width) == pytest.approx((sd.item(), s.grad.item()))


def test_exponential_overflows_float32_at_the_limit() -> None:
    limit = reparameterisation.FLOAT32_LIMIT
    below, above = torch.tensor([limit - 0.01, limit + 0.01]).exp()
    assert torch.isfinite(below)
    assert torch.isinf(above)


@pytest.mark.parametrize("sd", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("batch", "samples"), [(100, 1), (100, 10), (1000, 1)])
def test_batch_variance_is_the_sum_of_its_parts(sd: float, batch: int, samples: int) -> None:
    parts = reparameterisation.batch_variance(sd, batch, samples)
    measured = reparameterisation.simulated_variance(sd, batch, samples)
    assert measured == pytest.approx(sum(parts), rel=0.13)  # 4 standard errors
    rng = np.random.default_rng(1)
    mean = rng.normal(0, np.sqrt(1 - sd**2), (1000, batch, 1))
    z = mean + sd * rng.standard_normal((1000, batch, samples))
    assert np.var((2 * z).mean(axis=(1, 2))) == pytest.approx(sum(parts), rel=0.2)
