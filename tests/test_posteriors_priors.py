"""q(z|x) and p(z): parameters, densities against scipy, reparameterised gradients."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad

from vae.posteriors import POSTERIORS, diagonal, point
from vae.priors import PRIORS

B, Z = 5, 3


def outputs(name: str) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(B, POSTERIORS[name].multiplicity * Z, generator=draw)


def test_the_diagonal_reads_means_and_log_variances() -> None:
    h = torch.tensor([[1.0, -2.0, math.log(4.0), math.log(0.01)]])
    q = diagonal(h)
    torch.testing.assert_close(q.mean, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(q.stddev, torch.tensor([[2.0, 0.1]]))


def test_the_diagonals_density_agrees_with_scipy() -> None:
    h = outputs("diagonal")
    z = torch.randn(7, B, Z)
    mu, sd = h[:, :Z].numpy(), np.exp(h[:, Z:].numpy() / 2)
    expected = stats.norm.logpdf(z.numpy(), mu, sd).sum(-1)
    np.testing.assert_allclose(diagonal(h).log_prob(z), expected, rtol=1e-5)


def test_draws_of_the_diagonal_have_its_mean_and_width() -> None:
    torch.manual_seed(0)
    q = diagonal(outputs("diagonal"))
    n = 40_000
    z = q.rsample(torch.Size((n,)))
    off = (z.mean(0) - q.mean).abs() / (q.stddev / math.sqrt(n))
    assert off.max() < 5  # standard errors
    assert ((z.std(0) / q.stddev - 1).abs() < 5 / math.sqrt(2 * n)).all()
    correlation = torch.corrcoef(z[:, 0].T)
    assert (correlation - torch.eye(Z)).abs().max() < 5 / math.sqrt(n)


def test_draws_differ_by_sample_and_example() -> None:
    torch.manual_seed(0)
    z = diagonal(torch.zeros(B, 2 * Z)).rsample(torch.Size((4,)))
    assert len(z.unique()) == z.numel()


def test_the_gradient_goes_through_a_draw() -> None:
    """dz/dmu = 1 and dz/d ln sigma² = (z - mu) / 2."""
    h = outputs("diagonal").requires_grad_()
    z = diagonal(h).rsample()
    z.sum().backward()
    assert h.grad is not None
    torch.testing.assert_close(h.grad[:, :Z], torch.ones(B, Z))
    torch.testing.assert_close(h.grad[:, Z:], (z - h[:, :Z]).detach() / 2)


def test_a_point_is_where_it_is() -> None:
    h = torch.randn(B, Z, requires_grad=True)
    q = point(h)
    assert torch.equal(q.mean, h)
    assert torch.equal(q.rsample(torch.Size((4,))), h.expand(4, B, Z))
    q.rsample().sum().backward()
    assert torch.equal(h.grad, torch.ones(B, Z))


@pytest.mark.parametrize("name", POSTERIORS)
def test_every_posterior_is_what_its_row_says(name: str) -> None:
    row = POSTERIORS[name]
    q = row.build(outputs(name))
    assert q.batch_shape == (B,)
    assert q.event_shape == (Z,)
    assert q.mean.shape == (B, Z)
    z = q.rsample(torch.Size((4,)))
    assert z.shape == (4, B, Z)
    if row.has_density:
        assert q.log_prob(z).shape == (4, B)
    else:
        with pytest.raises(NotImplementedError):
            q.log_prob(z)


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("scale", [0.0, 30.0])
def test_every_posterior_is_finite_far_out(name: str, scale: float) -> None:
    h = (scale * outputs(name)).requires_grad_()
    z = POSTERIORS[name].build(h).rsample()
    z.sum().backward()
    assert z.isfinite().all()
    assert h.grad.isfinite().all()


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_is_a_density_over_z(name: str) -> None:
    p = PRIORS[name](Z)()
    assert p.batch_shape == ()
    assert p.event_shape == (Z,)
    assert p.sample(torch.Size((4,))).shape == (4, Z)
    one = PRIORS[name](1).double()()

    def density(z: float) -> float:
        return float(one.log_prob(torch.tensor([z], dtype=torch.float64)).exp())

    assert quad(density, -12, 12, points=[0])[0] == pytest.approx(1, abs=1e-6)


def test_the_standard_prior_is_the_standard_normal() -> None:
    z = torch.randn(50, Z)
    expected = stats.norm.logpdf(z.numpy()).sum(-1)
    np.testing.assert_allclose(PRIORS["standard"](Z)().log_prob(z), expected, rtol=1e-5)
