"""Objectives: known values, the identities that tie them to the ELBO, and gradients."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vae.likelihoods import Bernoulli, Gaussian
from vae.objectives import OBJECTIVES, Pass, elbo, kl_per_dimension, reconstruction_error
from vae.objectives import reconstruction as reconstruction_alone
from vae.options import options_of

KL_TABLE = [  # (mu, sigma, KL(N(mu, sigma²) || N(0, 1)) in nats)
    (0, 0.5, 0.318147180560),
    (0, 2, 0.806852819440),
    (1.5, 0.5, 1.443147180560),
    (-2, 0.1, 3.807585092994),
    (3, 2, 5.306852819440),
]
K, B, Z, EVENT = 3, 4, 2, (1, 2, 3)


def gaussian(mean: Tensor, sd: Tensor) -> Independent:
    return Independent(Normal(mean, sd), 1)


def a_pass(seed: int = 0) -> tuple[Pass, dict[str, Tensor]]:
    """A forward pass by hand, float64, and the leaves that it was made of."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    leaves = {"mu": normal(B, Z), "log_sd": 0.3 * normal(B, Z), "weights": normal(Z, 6)}
    for leaf in leaves.values():
        leaf.requires_grad_()
    sd = leaves["log_sd"].exp()
    q = gaussian(leaves["mu"], sd)
    z = leaves["mu"] + sd * normal(K, B, Z)
    h = (z @ leaves["weights"]).reshape(K, B, 1, *EVENT)
    x = torch.rand(B, *EVENT, generator=draw, dtype=torch.float64)
    prior = gaussian(torch.zeros(Z, dtype=torch.float64), torch.ones(Z, dtype=torch.float64))
    return Pass(x, None, q, prior, z, Bernoulli(EVENT)(h), 100), leaves


def by_hand(out: Pass, leaves: dict[str, Tensor]) -> tuple[float, np.ndarray]:
    """Reconstruction and KL per dimension in NumPy, summed and averaged in plain loops."""
    z, x, weights = (t.detach().numpy() for t in (out.z, out.x, leaves["weights"]))
    total = 0.0
    for k in range(K):
        for b in range(B):
            p = 1 / (1 + np.exp(-(z[k, b] @ weights)))
            pixels = x[b].ravel()
            total -= float((pixels * np.log(p) + (1 - pixels) * np.log(1 - p)).sum())
    mu, sd = leaves["mu"].detach().numpy(), np.exp(leaves["log_sd"].detach().numpy())
    kl = 0.5 * (mu**2 + sd**2 - 2 * np.log(sd) - 1)
    return total / (K * B), kl.mean(0)


@pytest.mark.parametrize(("mu", "sigma", "nats"), KL_TABLE)
def test_kl_has_its_exact_values(mu: float, sigma: float, nats: float) -> None:
    q = gaussian(
        torch.tensor([[mu]], dtype=torch.float64), torch.tensor([[sigma]], dtype=torch.float64)
    )
    p = gaussian(torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    out = Pass(torch.zeros(1), None, q, p, torch.zeros(1, 1, 1), q, 0)
    assert float(kl_per_dimension(out)) == pytest.approx(nats, abs=1e-11)


def test_kl_is_per_example_and_dimension() -> None:
    mu = torch.tensor([[m for m, _, _ in KL_TABLE]])
    sd = torch.tensor([[float(s) for _, s, _ in KL_TABLE]])
    five = Pass(
        mu, None, gaussian(mu, sd), gaussian(torch.zeros(5), torch.ones(5)), mu[None], None, 0
    )
    expected = torch.tensor([[nats for *_, nats in KL_TABLE]])
    torch.testing.assert_close(kl_per_dimension(five), expected)


def test_the_error_of_every_sample_is_summed_over_the_event() -> None:
    out, _ = a_pass()
    assert reconstruction_error(out).shape == (K, B)
    x = torch.zeros(1, *EVENT)
    px = Gaussian(EVENT, sigma=0.5)(torch.ones(1, 1, 1, *EVENT))
    error = reconstruction_error(out._replace(x=x, px=px))
    one_pixel = 0.5 * (1 / 0.5) ** 2 + math.log(0.5) + 0.5 * math.log(2 * math.pi)
    assert float(error) == pytest.approx(6 * one_pixel, rel=1e-6)


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0, 4.0])
def test_the_elbo_is_what_plain_loops_give(beta: float) -> None:
    out, leaves = a_pass()
    error, kl = by_hand(out, leaves)
    loss = elbo(out, beta=beta)
    assert loss.total.item() == pytest.approx(error + beta * kl.sum(), rel=1e-12)
    assert loss.terms["reconstruction"].item() == pytest.approx(error, rel=1e-12)
    np.testing.assert_allclose(loss.terms["kl_per_dimension"].detach(), kl, rtol=1e-12)


def test_identities() -> None:
    out, _ = a_pass(1)
    at_one = elbo(out, beta=1.0)
    terms = at_one.terms
    bound = terms["reconstruction"] + terms["kl_per_dimension"].sum()
    assert at_one.total.item() == pytest.approx(bound.item(), rel=1e-14)
    assert elbo(out).total.item() == at_one.total.item()  # the default is the ELBO itself
    assert elbo(out, beta=0.0).total.item() == reconstruction_alone(out).total.item()
    slope = (elbo(out, beta=3.0).total - elbo(out, beta=2.0).total).item()
    assert slope == pytest.approx(terms["kl_per_dimension"].sum().item(), rel=1e-12)


def test_samples_and_batch_are_averaged() -> None:
    """Twice the same samples or examples change nothing; the mean over K is of errors."""
    out, _ = a_pass(2)
    h = out.px.base_dist.logits.unsqueeze(2)
    family = Bernoulli(EVENT)
    doubled = out._replace(z=torch.cat([out.z, out.z]), px=family(torch.cat([h, h])))
    assert elbo(doubled).total.item() == pytest.approx(elbo(out).total.item(), rel=1e-12)
    singles = [
        elbo(out._replace(z=out.z[k : k + 1], px=family(h[k : k + 1]))).total.item()
        for k in range(K)
    ]
    assert elbo(out).total.item() == pytest.approx(np.mean(singles), rel=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_finite_and_its_gradient_reaches_everything(name: str) -> None:
    out, leaves = a_pass(3)
    loss = OBJECTIVES[name](out)
    assert loss.total.shape == ()
    assert loss.total.isfinite()
    assert "reconstruction" in loss.terms
    loss.total.backward()
    for leaf in leaves.values():
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        assert (leaf.grad != 0).all()


def test_gradient_of_the_kl() -> None:
    """d KL / d mu = mu and d KL / d ln sigma = sigma² - 1, averaged over the batch."""
    out, leaves = a_pass(4)
    (elbo(out, beta=1.0).total - elbo(out, beta=0.0).total).backward()
    mu, sd = leaves["mu"].detach(), leaves["log_sd"].detach().exp()
    torch.testing.assert_close(leaves["mu"].grad, mu / B)
    torch.testing.assert_close(leaves["log_sd"].grad, (sd**2 - 1) / B)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_a_pure_function(name: str) -> None:
    out, _ = a_pass(5)
    first, second = OBJECTIVES[name](out), OBJECTIVES[name](out)
    assert first.total.item() == second.total.item()
    for option in options_of(OBJECTIVES[name]).values():
        assert option.option.help
