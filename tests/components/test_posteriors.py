"""q(z|x): parameters, densities against scipy and quadrature, draws, reparameterised gradients."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, kl_divergence

from tests.tables import each
from vae.base.options import options_of
from vae.components.posteriors import (
    CONTEXT,
    POSTERIORS,
    Diagonal,
    Flow,
    Full,
    PointMass,
    Posterior,
)

B, Z = 5, 3
DENSE = [name for name, row in POSTERIORS.items() if row.has_density]


def outputs(row: Posterior, batch: int = B, scale: float = 1.0) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    h = scale * torch.randn(batch, row.outputs, generator=draw)
    return h.to(next((p.dtype for p in row.parameters()), h.dtype))


def bent(name: str, latent_dim: int = Z) -> Posterior:
    """Return a row in double precision with parameters far from their initial values."""
    row = POSTERIORS[name](latent_dim).double()
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in row.parameters():
            p.copy_(0.2 * torch.randn(p.shape, generator=draw))
    return row


def grid(latent_dim: int) -> tuple[Tensor, float]:
    """Return points (M, 1, Z) of a lattice about 0, and the volume of a cell."""
    line = torch.linspace(-12, 12, {1: 4001, 2: 201}[latent_dim], dtype=torch.float64)
    points = torch.cartesian_prod(*[line] * latent_dim).reshape(-1, 1, latent_dim)
    return points, float(line[1] - line[0]) ** latent_dim


@pytest.fixture(scope="module", params=[(n, z) for n in DENSE for z in (1, 2)], ids=str)
@torch.no_grad()
def lattice(request: pytest.FixtureRequest) -> tuple[Distribution, Tensor, Tensor]:
    """q(z|x) of two examples, points (M, 1, Z) and the mass q(z|x) of each, (M, 2)."""
    name, latent_dim = request.param
    row = bent(name, latent_dim)
    q = row(outputs(row, 2, 0.5).double())
    points, volume = grid(latent_dim)
    return q, points, q.log_prob(points).exp() * volume


# ── laws over the whole table


@each("latent_dim", [1, Z, 9])
@each("name", POSTERIORS)
def test_the_attributes_of_a_posterior_describe_it(name: str, latent_dim: int) -> None:
    row = POSTERIORS[name](latent_dim)
    q = row(outputs(row))
    assert q.batch_shape == (B,)
    assert q.event_shape == (latent_dim,)
    assert q.mean.shape == (B, latent_dim)
    z = q.rsample(torch.Size((4,)))
    assert z.shape == (4, B, latent_dim)
    assert z.dtype == torch.float32
    assert q.rsample().shape == q.sample().shape == (B, latent_dim)
    if row.has_density:
        assert q.log_prob(z).shape == (4, B)
        assert q.stddev.shape == (B, latent_dim)
    else:
        with pytest.raises(NotImplementedError):
            q.log_prob(z)


@pytest.mark.parametrize("name", POSTERIORS)
def test_every_posterior_has_a_sentence_of_description(name: str) -> None:
    first = (POSTERIORS[name].__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert 20 < len(first) < 95


@each("name", POSTERIORS)
@each("scale", [0.0, 20.0])
def test_every_posterior_is_finite_far_from_its_mean(name: str, scale: float) -> None:
    row = POSTERIORS[name](Z)
    h = outputs(row, scale=scale).requires_grad_()
    z = row(h).rsample()
    z.sum().backward()
    assert z.isfinite().all()
    assert h.grad.isfinite().all()


@torch.no_grad()
def test_every_density_integrates_to_one(lattice: tuple[Distribution, Tensor, Tensor]) -> None:
    _, _, mass = lattice
    assert mass.max() < 0.05  # the lattice is fine enough
    np.testing.assert_allclose(mass.sum(0), 1, atol=1e-5)


@torch.no_grad()
def test_draws_have_the_moments_of_the_density(
    lattice: tuple[Distribution, Tensor, Tensor],
) -> None:
    q, points, mass = lattice
    torch.manual_seed(0)
    n = 20_000
    z = q.rsample(torch.Size((n,)))  # (n, 2, Z)
    for power in (1, 2):
        drawn = torch.cat([z**power, z[..., :1] * z[..., -1:]], -1)
        exact = torch.cat([points**power, points[..., :1] * points[..., -1:]], -1)  # (M, 1, Z + 1)
        off = drawn.mean(0) - (mass[..., None] * exact).sum(0)
        assert (off.abs() / (drawn.std(0) / math.sqrt(n))).max() < 5  # standard errors


@torch.no_grad()
def test_mean_and_stddev_equal_those_of_the_density(
    lattice: tuple[Distribution, Tensor, Tensor],
) -> None:
    q, points, mass = lattice
    mean = (mass[..., None] * points).sum(0)
    stddev = (mass[..., None] * (points - mean) ** 2).sum(0).sqrt()
    n = getattr(q, "mean_samples", None)
    if n is None:
        torch.testing.assert_close(q.mean, mean, atol=1e-5, rtol=0)
        torch.testing.assert_close(q.stddev, stddev, atol=1e-5, rtol=0)
    else:
        assert ((q.mean - mean).abs() < 5 * stddev / math.sqrt(n)).all()
        assert ((q.stddev / stddev).log().abs() < 0.6).all()


@each("latent_dim", [1, 2, 6])
@each("name", DENSE)
def test_the_stored_density_of_a_draw_equals_the_inverted_one(name: str, latent_dim: int) -> None:
    """Values and gradients agree."""
    row = bent(name, latent_dim)
    h = outputs(row).double().requires_grad_()
    q = row(h)
    z = q.rsample(torch.Size((4,)))
    inputs = [h, *row.parameters()]
    known, inverted = q.log_prob(z), q.log_prob(z.clone())
    torch.testing.assert_close(known, inverted, atol=1e-9, rtol=1e-9)
    for a, b in zip(
        torch.autograd.grad(known.sum(), inputs, retain_graph=True),
        torch.autograd.grad(inverted.sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-7, rtol=1e-7)


@each("latent_dim", [1, Z])
@each("name", POSTERIORS)
def test_the_gradient_reaches_every_output_and_weight(name: str, latent_dim: int) -> None:
    """At the initial weights, through a draw and through its density."""
    row = POSTERIORS[name](latent_dim)
    h = outputs(row).requires_grad_()
    q = row(h)
    z = q.rsample()
    (z.square().sum() + (q.log_prob(z).square().sum() if row.has_density else 0)).backward()
    assert (h.grad != 0).all()
    assert all((p.grad != 0).any() for p in row.parameters())


@pytest.mark.parametrize("name", POSTERIORS)
def test_each_example_has_a_separate_posterior(name: str) -> None:
    row = bent(name)
    h = outputs(row).double()
    torch.manual_seed(3)
    z = row(h).rsample()
    changed = h.clone()
    changed[1:] += 1
    torch.manual_seed(3)
    other = row(changed).rsample()
    assert torch.equal(z[0], other[0])
    assert (z[1:] != other[1:]).all()
    if row.has_density:
        alone = torch.cat([row(h[i : i + 1]).log_prob(z[i : i + 1]) for i in range(B)])
        torch.testing.assert_close(row(h).log_prob(z.clone()), alone)


@pytest.mark.parametrize("name", DENSE)
def test_one_place_has_a_density_under_every_example(name: str) -> None:
    """z (K, M, 1, Z) against a batch (B,), as in a mixture of posteriors."""
    row = bent(name)
    h = outputs(row).double()
    z = torch.randn(2, 4, 1, Z, dtype=torch.float64)
    log_prob = row(h).log_prob(z)
    assert log_prob.shape == (2, 4, B)
    for i in range(B):
        torch.testing.assert_close(log_prob[..., i], row(h[i : i + 1]).log_prob(z)[..., 0])


@pytest.mark.parametrize("name", DENSE)
def test_the_density_of_a_detached_draw_depends_on_the_weights(name: str) -> None:
    row = bent(name)
    h = outputs(row).double().requires_grad_()
    q = row(h)
    assert not q.sample().requires_grad
    assert q.log_prob(q.sample()).requires_grad


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_posterior_survives_storing_and_copying(name: str) -> None:
    row = POSTERIORS[name](Z)
    torch.manual_seed(7)
    rebuilt = POSTERIORS[name](Z)
    rebuilt.load_state_dict(row.state_dict())
    h = outputs(row)
    for other in (rebuilt, copy.deepcopy(row)):
        torch.manual_seed(0)
        z = row(h).rsample()
        torch.manual_seed(0)
        assert torch.equal(other(h).rsample(), z)
        if row.has_density:
            assert torch.equal(other(h).log_prob(z), row(h).log_prob(z))


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_posterior_moves_to_a_device_completely(name: str) -> None:
    """The meta device computes nothing, and refuses tensors of another device."""
    row = POSTERIORS[name](Z)
    q = row.to("meta")(outputs(row).to("meta"))
    z = q.rsample(torch.Size((4,)))
    found = [z, q.mean, *([q.stddev, q.log_prob(z), q.log_prob(z + 1)] if row.has_density else [])]
    assert {t.device.type for t in found} == {"meta"}


@pytest.mark.parametrize("name", POSTERIORS)
def test_the_seed_determines_the_initial_posterior(name: str) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append([p.detach() for p in POSTERIORS[name](Z).parameters()])
    assert all(torch.equal(a, b) for a, b in zip(states[0], states[1], strict=True))
    assert not states[0] or not torch.equal(states[0][0], states[2][0])


@pytest.mark.parametrize("name", DENSE)
def test_each_posterior_reaches_its_smallest_kl_to_a_correlated_gaussian(name: str) -> None:
    """The smallest KL(q || N(0, Σ)) of a factorised q is −½ ln(1 − ρ²), of the others 0."""
    rho = 0.9
    target = MultivariateNormal(torch.zeros(2), torch.tensor([[1, rho], [rho, 1]]))
    row = POSTERIORS[name](2)
    h = torch.zeros(1, row.outputs, requires_grad=True)
    optimizer = torch.optim.Adam([h, *row.parameters()], lr=0.03)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        q = row(h)
        z = q.rsample(torch.Size((128,)))
        loss = (q.log_prob(z) - target.log_prob(z)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    with torch.no_grad():
        q = row(h)
        z = q.rsample(torch.Size((20_000,)))
        gap = float((q.log_prob(z) - target.log_prob(z)).mean())
    least = -0.5 * math.log(1 - rho**2) if row.factorises else 0  # .830366
    assert least - 0.02 < gap < least + 0.03


# ── diagonal


def test_the_diagonal_has_the_given_means_and_log_variances() -> None:
    h = torch.tensor([[1.0, -2.0, math.log(4.0), math.log(0.01)]])
    q = Diagonal(2)(h)
    torch.testing.assert_close(q.mean, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(q.stddev, torch.tensor([[2.0, 0.1]]))


def test_the_diagonals_density_agrees_with_scipy() -> None:
    row = Diagonal(Z)
    h = outputs(row)
    z = torch.randn(7, B, Z)
    mu, sd = h[:, :Z].numpy(), np.exp(h[:, Z:].numpy() / 2)
    expected = stats.norm.logpdf(z.numpy(), mu, sd).sum(-1)
    np.testing.assert_allclose(row(h).log_prob(z), expected, rtol=1e-5)


def test_a_draw_has_the_reparameterised_gradient() -> None:
    """dz/dmu = 1 and dz/d ln sigma² = (z - mu) / 2."""
    row = Diagonal(Z)
    h = outputs(row).requires_grad_()
    z = row(h).rsample()
    z.sum().backward()
    assert h.grad is not None
    torch.testing.assert_close(h.grad[:, :Z], torch.ones(B, Z))
    torch.testing.assert_close(h.grad[:, Z:], (z - h[:, :Z]).detach() / 2)


# ── full


def covariance(h: np.ndarray) -> np.ndarray:
    """L Lᵀ of one example's encoder outputs, entry by entry."""
    factor = np.diag(np.exp(h[Z : 2 * Z]))
    below = iter(h[2 * Z :])
    for row in range(Z):
        for column in range(row):
            factor[row, column] = next(below) / math.sqrt(Z)
    return factor @ factor.T


def test_the_full_covariance_agrees_with_scipy() -> None:
    row = Full(Z)
    assert row.outputs == Z + Z * (Z + 1) // 2
    h = outputs(row).double()
    q = row(h)
    z = torch.randn(7, B, Z, dtype=torch.float64)
    for i in range(B):
        sigma = covariance(h[i].numpy())
        exact = stats.multivariate_normal(h[i, :Z].numpy(), sigma)
        np.testing.assert_allclose(q.log_prob(z)[:, i], exact.logpdf(z[:, i].numpy()), rtol=1e-9)
        np.testing.assert_allclose(q.covariance_matrix[i], sigma, rtol=1e-9)
        np.testing.assert_allclose(q.stddev[i], np.sqrt(np.diag(sigma)), rtol=1e-9)


def test_draws_of_the_full_posterior_have_its_covariance() -> None:
    row = Full(Z)
    h = outputs(row)
    torch.manual_seed(0)
    n = 40_000
    z = row(h).rsample(torch.Size((n,))).double()
    for i in range(B):
        sigma = covariance(h[i].double().numpy())
        se = np.sqrt((sigma**2 + np.outer(np.diag(sigma), np.diag(sigma))) / n)
        assert (np.abs(np.cov(z[:, i].numpy().T) - sigma) < 5 * se).all()


def test_the_kl_to_the_standard_normal_equals_its_closed_form() -> None:
    """½ (tr Σ + |mu|² − Z − ln det Σ)."""
    row = Full(Z)
    h = outputs(row).double()
    q, n = row(h), 40_000
    p = MultivariateNormal(torch.zeros(Z).double(), torch.eye(Z).double())
    torch.manual_seed(0)
    z = q.rsample(torch.Size((n,)))
    ratio = q.log_prob(z) - p.log_prob(z)
    for i in range(B):
        sigma, mu = covariance(h[i].numpy()), h[i, :Z].numpy()
        exact = (np.trace(sigma) + mu @ mu - Z - np.linalg.slogdet(sigma)[1]) / 2
        assert float(kl_divergence(q, p)[i]) == pytest.approx(exact, rel=1e-9)
        assert abs(ratio[:, i].mean() - exact) < 5 * ratio[:, i].std() / math.sqrt(n)


@pytest.mark.parametrize("latent_dim", [2, 50])
def test_the_full_posterior_starts_near_the_diagonal(latent_dim: int) -> None:
    """With outputs as small as an untrained encoder's, for any number of dimensions."""
    row = Full(latent_dim)
    q = row(outputs(row, scale=0.1))
    sd = q.stddev
    correlation = q.covariance_matrix / (sd[:, :, None] * sd[:, None, :])
    assert (correlation - torch.eye(latent_dim)).abs().max() < 0.25
    assert (sd - torch.exp(outputs(row, scale=0.1)[:, latent_dim : 2 * latent_dim])).max() < 0.02


# ── flow


def test_the_flow_starts_near_its_gaussian() -> None:
    row = Flow(Z)
    h = outputs(row)
    torch.manual_seed(0)
    q = row(h)
    z = q.rsample(torch.Size((200,)))
    torch.manual_seed(0)
    plain = Diagonal(Z)(h[:, : 2 * Z])
    z_0 = plain.rsample(torch.Size((200,)))
    assert 0 < (z - z_0).abs().max() < 0.1
    assert 0 < (q.log_prob(z) - plain.log_prob(z_0)).abs().max() < 0.1


@pytest.mark.parametrize("transforms", [1, 2, 3])
def test_the_flows_determinant_equals_that_of_its_jacobian(transforms: int) -> None:
    row = Flow(4, posterior_transforms=transforms).double()
    with torch.no_grad():
        for p in row.parameters():
            p.normal_(0, 0.2)
    h = outputs(row, 1).double()
    q = row(h)
    z_0 = torch.randn(4, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda u: q.transform(u[None])[0], z_0)
    sigma = torch.exp(h[0, 4:8] / 2)
    exact = stats.norm.logpdf(z_0, h[0, :4], sigma).sum() - jacobian.slogdet()[1]
    assert q.log_prob(q.transform(z_0[None])).item() == pytest.approx(float(exact), abs=1e-9)
    triangular = torch.equal(jacobian, jacobian.tril())
    assert triangular == (transforms == 1)  # each dimension depends on those before it,
    assert (jacobian != 0).all() == (transforms > 1)  # and on all by a second, reversed transform


def test_the_flow_is_wide_enough_for_many_dimensions() -> None:
    row = bent("flow", 90)
    q = row(outputs(row, 1))
    jacobian = torch.autograd.functional.jacobian(
        lambda u: q.transform(u[None])[0], torch.randn(90, dtype=torch.float64)
    )
    assert (jacobian != 0).all()


def test_only_the_context_conditions_the_flow() -> None:
    row = bent("flow")
    h = outputs(row).double()
    for start, stop, gaussian in ((0, 2 * Z, True), (2 * Z, 2 * Z + CONTEXT, False)):
        changed = h.clone()
        changed[:, start:stop] += 0.5
        q, other = row(h), row(changed)
        z = torch.randn(B, Z, dtype=torch.float64)
        assert (q.base.log_prob(z) == other.base.log_prob(z)).all() != gaussian
        assert (q.transform(z) == other.transform(z)).all() == gaussian


def test_the_flows_mean_and_stddev_use_the_same_draws() -> None:
    row = bent("flow")
    h = outputs(row).double()
    torch.manual_seed(0)
    q = row(h)
    mean, stddev = q.mean, q.stddev
    assert q.mean is mean
    torch.manual_seed(0)
    z = row(h).rsample(torch.Size((q.mean_samples,)))
    torch.testing.assert_close(mean, z.mean(0))
    torch.testing.assert_close(stddev, z.std(0))
    torch.manual_seed(1)
    assert not torch.equal(row(h).mean, mean)


def test_computing_the_mean_keeps_the_stored_draw() -> None:
    row = bent("flow")
    q = row(outputs(row).double())
    z = q.rsample()
    known = q.log_prob(z)
    assert q.mean is not None
    assert q.log_prob(z) is known


def test_an_earlier_draw_is_inverted() -> None:
    row = bent("flow")
    q = row(outputs(row).double())
    z, later = q.rsample(), q.rsample()
    torch.testing.assert_close(q.log_prob(z), q.log_prob(z.clone()))
    assert not torch.equal(q.log_prob(z), q.log_prob(later))


def test_a_flow_returns_the_origin_of_each_draw() -> None:
    row = bent("flow")
    h = outputs(row).double()
    q = row(h)
    torch.manual_seed(0)
    z = q.rsample(torch.Size((4,)))
    torch.manual_seed(0)
    z_0 = Diagonal(Z)(h[:, : 2 * Z]).rsample(torch.Size((4,)))
    assert torch.equal(q.origin(z), z_0)
    torch.testing.assert_close(q.origin(z.clone()), z_0)


def test_the_number_of_transforms_is_an_option() -> None:
    assert len(Flow(Z).transform.transforms) == options_of(Flow)["posterior_transforms"].default
    assert len(Flow(Z, posterior_transforms=5).transform.transforms) == 5


# ── point


def test_all_draws_of_a_point_are_its_location() -> None:
    h = torch.randn(B, Z, requires_grad=True)
    q = PointMass(Z)(h)
    assert torch.equal(q.mean, h)
    assert torch.equal(q.rsample(torch.Size((4,))), h.expand(4, B, Z))
    q.rsample().sum().backward()
    assert torch.equal(h.grad, torch.ones(B, Z))
