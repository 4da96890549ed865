"""p(z): densities against scipy and quadrature, draws, temperatures and initialisation."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp
from torch import Tensor, nn
from torch.distributions import Distribution, MixtureSameFamily

from tests.tables import each
from vae.base.options import options_of
from vae.base.records import Domain
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS, Flow, Mixture, Prior, Standard, Vamp

Z = 3
DOMAIN = Domain((1, 2, 3))


class Encoder(nn.Module):
    """x → q(z|x) of a linear network."""

    def __init__(self, latent_dim: int, posterior: str = "diagonal") -> None:
        super().__init__()
        self.row = POSTERIORS[posterior](latent_dim)
        self.linear = nn.Linear(math.prod(DOMAIN.shape), self.row.outputs)

    def forward(self, x: Tensor) -> Distribution:
        q: Distribution = self.row(self.linear(x.flatten(1)))
        return q


def scattered(module: nn.Module, scale: float) -> nn.Module:
    """Return the prior in double precision with parameters far from their initial values."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in module.double().parameters():
            p.copy_(scale * torch.randn(p.shape, generator=draw))
    return module


def bent(name: str, latent_dim: int = Z, **options: int) -> Prior:
    scale = {"mixture": 0.8, "vamp": 1.0}.get(name, 0.15)
    row = scattered(PRIORS[name](latent_dim, DOMAIN, **options), scale)
    assert isinstance(row, Prior)
    return row


CASES = [(name, "diagonal") for name in PRIORS] + [("vamp", "full"), ("vamp", "flow")]


def case(name: str, posterior: str, latent_dim: int) -> tuple[Prior, Encoder]:
    options = {"prior_components": 5} if "prior_components" in options_of(PRIORS[name]) else {}
    encoder = scattered(Encoder(latent_dim, posterior), 0.12 if posterior == "flow" else 0.2)
    assert isinstance(encoder, Encoder)
    return bent(name, latent_dim, **options), encoder


# ── laws over the whole table


@each("latent_dim", [1, Z, 20])
@each("name", PRIORS)
def test_every_prior_is_a_distribution_over_z(name: str, latent_dim: int) -> None:
    p = PRIORS[name](latent_dim, DOMAIN)(Encoder(latent_dim))
    assert p.batch_shape == ()
    assert p.event_shape == (latent_dim,)
    assert p.sample().shape == (latent_dim,)
    z = p.sample(torch.Size((4, 2)))
    assert z.shape == (4, 2, latent_dim)
    assert z.dtype == torch.float32
    assert not z.requires_grad
    log_prob = p.log_prob(z)
    assert log_prob.shape == (4, 2)
    torch.testing.assert_close(log_prob[1, 1], p.log_prob(z[1, 1]))


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_has_a_sentence_of_description(name: str) -> None:
    first = (PRIORS[name].__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert 20 < len(first) < 95


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize(("name", "posterior"), CASES)
def test_every_density_integrates_to_one_and_its_draws_follow_it(
    name: str, posterior: str, latent_dim: int
) -> None:
    row, encoder = case(name, posterior, latent_dim)
    p = row(encoder)
    steps = 4001 if latent_dim == 1 else 121 if posterior == "flow" else 301
    line = torch.linspace(-10, 10, steps, dtype=torch.float64)
    points = torch.cartesian_prod(*[line] * latent_dim).reshape(-1, latent_dim)
    with torch.no_grad():
        mass = p.log_prob(points).exp() * (line[1] - line[0]) ** latent_dim
    assert mass.max() < 0.1
    assert float(mass.sum()) == pytest.approx(1, abs=5e-4)
    torch.manual_seed(0)
    n = 20_000
    z = p.sample(torch.Size((n,)))
    for power in (1, 2):
        drawn = torch.cat([z**power, z[:, :1] * z[:, -1:]], -1)
        exact = torch.cat([points**power, points[:, :1] * points[:, -1:]], -1)
        off = drawn.mean(0) - (mass[:, None] * exact).sum(0)
        assert (off.abs() / (drawn.std(0) / math.sqrt(n))).max() < 5  # standard errors


@each("latent_dim", [1, Z])
@each("name", PRIORS)
def test_the_gradient_reaches_every_weight(name: str, latent_dim: int) -> None:
    """At the initial weights."""
    row = PRIORS[name](latent_dim, DOMAIN)
    z = torch.randn(2, 7, latent_dim, requires_grad=True)
    row(Encoder(latent_dim)).log_prob(z).sum().backward()
    assert (z.grad != 0).all()
    assert all((p.grad != 0).any() for p in row.parameters())


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_survives_storing_and_copying(name: str) -> None:
    torch.manual_seed(1)
    row, encoder = PRIORS[name](20, DOMAIN), Encoder(20)
    torch.manual_seed(2)
    rebuilt = PRIORS[name](20, DOMAIN)
    rebuilt.load_state_dict(row.state_dict())
    z = torch.randn(4, 20)
    for other in (rebuilt, copy.deepcopy(row)):
        assert torch.equal(other(encoder).log_prob(z), row(encoder).log_prob(z))
        torch.manual_seed(0)
        drawn = row(encoder).sample()
        torch.manual_seed(0)
        assert torch.equal(other(encoder).sample(), drawn)


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_moves_to_a_device_completely(name: str) -> None:
    """The meta device computes nothing, and refuses tensors of another device."""
    row, encoder = PRIORS[name](Z, DOMAIN).to("meta"), Encoder(Z).to("meta")
    row.init_from_data(torch.rand(70, *DOMAIN.shape, device="meta"))
    for temperature in (1.0, 0.5):
        p = row(encoder, temperature)
        z = p.sample(torch.Size((4,)))
        assert z.device.type == p.log_prob(z).device.type == "meta"


@pytest.mark.parametrize("name", PRIORS)
def test_the_seed_determines_the_initial_prior(name: str) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(
            nn.utils.parameters_to_vector([torch.zeros(1), *PRIORS[name](Z, DOMAIN).parameters()])
        )
    assert torch.equal(states[0], states[1])
    assert name == "standard" or not torch.equal(states[0], states[2])


@pytest.mark.parametrize("name", PRIORS)
def test_only_gaussian_priors_are_marked_as_gaussian(name: str) -> None:
    row = PRIORS[name]
    assert row.gaussian == row.factorises == (name == "standard")


# ── temperature


def centres(row: Prior, encoder: Encoder) -> Tensor:
    """Return the centres of a prior, its limits at temperature 0, (C, Z)."""
    if isinstance(row, Mixture):
        return row.means
    if isinstance(row, Vamp):
        return encoder(row.inputs).mean
    if isinstance(row, Flow):
        return row.transform().inv(torch.zeros(1, Z, dtype=torch.float64))
    return torch.zeros(1, Z, dtype=torch.float64)


@pytest.mark.parametrize(("name", "posterior"), [c for c in CASES if c[1] != "flow"])
def test_a_temperature_of_0_gives_the_centres(name: str, posterior: str) -> None:
    row, encoder = case(name, posterior, Z)
    z = row(encoder, 0.0).sample(torch.Size((300,)))
    expected = centres(row, encoder)
    distance, nearest = (z[:, None] - expected).norm(dim=-1).min(1)
    assert distance.max() < 1e-12
    assert set(nearest.tolist()) == set(range(len(expected)))


@pytest.mark.parametrize(("name", "posterior"), CASES)
def test_a_temperature_of_1_gives_the_prior(name: str, posterior: str) -> None:
    row, encoder = case(name, posterior, Z)
    z = torch.randn(50, Z, dtype=torch.float64)
    assert torch.equal(row(encoder, 1.0).log_prob(z), row(encoder).log_prob(z))


@each("posterior", ["diagonal", "full"])
@each("temperature", [0.5, 2.0])
@each("name", ["standard", "mixture", "vamp"])
def test_a_temperature_scales_the_deviations_from_each_centre(
    name: str, temperature: float, posterior: str
) -> None:
    """Σ_c w_c N(z; m_c, T² Σ_c), by scipy."""
    row, encoder = case(name, posterior, Z)
    z = torch.randn(9, Z, dtype=torch.float64)
    weights, means, covariances = gaussians(row, encoder)
    parts = [
        math.log(w) + stats.multivariate_normal.logpdf(z.numpy(), m, temperature**2 * s)
        for w, m, s in zip(weights, means, covariances, strict=True)
    ]
    found = row(encoder, temperature).log_prob(z).detach()
    np.testing.assert_allclose(found, logsumexp(parts, axis=0), rtol=1e-9)


def test_a_temperature_scales_the_base_of_the_flow() -> None:
    row = bent("flow")
    encoder = Encoder(Z)
    noise = []
    for temperature in (1.0, 0.25):
        torch.manual_seed(0)
        noise.append(row.transform()(row(encoder, temperature).sample(torch.Size((50,)))))
    torch.testing.assert_close(noise[1], 0.25 * noise[0], atol=1e-8, rtol=1e-6)


def gaussians(row: Prior, encoder: Encoder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (C,), means (C, Z) and covariances (C, Z, Z), from the parameters."""
    with torch.no_grad():
        if isinstance(row, Mixture):
            weights = row.logits.exp() / row.logits.exp().sum()
            squares = (2 * row.log_scales).exp().diag_embed()
            return weights.numpy(), row.means.numpy(), squares.numpy()
        if isinstance(row, Vamp):
            each = [encoder(u[None]) for u in row.inputs]
            means = np.concatenate([q.mean.numpy() for q in each])
            full = [getattr(q, "covariance_matrix", q.variance.diag_embed()) for q in each]
            return np.full(len(each), 1 / len(each)), means, np.concatenate(full)
    return np.ones(1), np.zeros((1, Z)), np.eye(Z)[None]


# ── standard


def test_the_standard_prior_is_the_standard_normal() -> None:
    z = torch.randn(50, Z)
    expected = stats.norm.logpdf(z.numpy()).sum(-1)
    p = Standard(Z, DOMAIN)(Encoder(Z))
    np.testing.assert_allclose(p.log_prob(z), expected, rtol=1e-5)


# ── mixture


def test_the_mixture_equals_the_sum_of_its_components() -> None:
    row = bent("mixture")
    z = torch.randn(9, Z, dtype=torch.float64)
    density = np.zeros(9)
    weights, means, covariances = gaussians(row, Encoder(Z))
    for w, m, s in zip(weights, means, covariances, strict=True):
        density += w * stats.multivariate_normal.pdf(z.numpy(), m, s)
    np.testing.assert_allclose(row(Encoder(Z)).log_prob(z).detach().exp(), density, rtol=1e-9)


def test_the_mixture_starts_with_equal_weights_and_different_means() -> None:
    p = Mixture(2, DOMAIN, prior_components=400)(Encoder(2))
    assert isinstance(p, MixtureSameFamily)
    torch.testing.assert_close(p.mixture_distribution.probs, torch.full((400,), 1 / 400))
    places = p.component_distribution.mean
    assert len(places.unique(dim=0)) == 400
    assert places.mean(0).abs().max() < 5 / math.sqrt(400)
    assert (places.std(0) - 1).abs().max() < 5 / math.sqrt(2 * 400)
    assert (p.component_distribution.stddev == 1).all()
    assert len(Mixture(2, DOMAIN).means) == 10


@each(("name", "posterior"), [("mixture", "diagonal"), *((n, q) for n, q in CASES if n == "vamp")])
def test_components_like_points_have_a_finite_gradient(name: str, posterior: str) -> None:
    """Far from a component ∂ln p/∂σ² would overflow float32 below σ = 1e-9."""
    row, encoder = (part.float() for part in case(name, posterior, Z))
    with torch.no_grad():
        encoder.linear.bias[Z : 2 * Z] -= 60.0
        if isinstance(row, Mixture):
            row.log_scales -= 30.0
    p = row(encoder)
    z = p.sample(torch.Size((8,)))
    assert torch.unique(z[:, 0]).numel() > 1
    p.log_prob(z).sum().backward()
    for parameter in (*row.parameters(), *encoder.parameters()):
        assert parameter.grad is None or parameter.grad.isfinite().all()


# ── vamp


def test_the_vamp_prior_is_the_mean_posterior_of_its_pseudo_inputs() -> None:
    row, encoder = case("vamp", "diagonal", Z)
    assert row.inputs.shape == (5, *DOMAIN.shape)
    z = torch.randn(2, 9, Z, dtype=torch.float64)
    with torch.no_grad():
        each = torch.stack([encoder(u[None]).log_prob(z) for u in row.inputs])
    expected = each.logsumexp(0) - math.log(5)
    torch.testing.assert_close(row(encoder).log_prob(z).detach(), expected)


def test_the_vamp_prior_changes_with_the_encoder() -> None:
    row, encoder = case("vamp", "diagonal", Z)
    z = torch.randn(9, Z, dtype=torch.float64)
    before = row(encoder).log_prob(z)
    before.sum().backward()
    assert all((p.grad != 0).any() for p in (*encoder.parameters(), row.inputs))
    with torch.no_grad():
        encoder.linear.bias[:Z] += 2.0
    torch.testing.assert_close(row(encoder).log_prob(z + 2.0), before)


@pytest.mark.parametrize("count", [1, 4, 10])
def test_pseudo_inputs_start_as_evenly_chosen_examples(count: int) -> None:
    x = torch.arange(20.0).reshape(20, 1, 1, 1).expand(20, *DOMAIN.shape)
    row = Vamp(Z, DOMAIN, prior_components=count)
    row.init_from_data(x)
    first = row.inputs[:, 0, 0, 0]
    assert first.tolist() == [float(i * (20 // count)) for i in range(count)]
    assert row.inputs.requires_grad


def test_more_pseudo_inputs_than_examples_are_distinct() -> None:
    x = torch.rand(3, *DOMAIN.shape)
    row = Vamp(Z, DOMAIN, prior_components=8)
    row.init_from_data(x)
    off = torch.cdist(row.inputs.flatten(1), x.flatten(1))
    assert off.min(1).values.max() < 0.01 * 5 * math.sqrt(6)
    assert len(off.argmin(1).unique()) == 3
    assert len(row.inputs.unique(dim=0)) == 8


@pytest.mark.parametrize("name", PRIORS)
def test_initialisation_keeps_the_dtype_of_the_weights(name: str) -> None:
    row = PRIORS[name](Z, DOMAIN)
    before = {k: (v.shape, v.dtype) for k, v in row.state_dict().items()}
    row.init_from_data(torch.rand(7, *DOMAIN.shape, dtype=torch.float64))
    assert {k: (v.shape, v.dtype) for k, v in row.state_dict().items()} == before


# ── flow


@pytest.mark.parametrize("latent_dim", [1, 2, 20])
def test_the_flow_starts_near_the_standard_normal(latent_dim: int) -> None:
    p = Flow(latent_dim, DOMAIN)(Encoder(latent_dim))
    z = torch.randn(200, latent_dim)
    off = p.log_prob(z) - torch.tensor(stats.norm.logpdf(z.numpy()).sum(-1))
    assert 0 < off.abs().max() < 0.2 * math.sqrt(latent_dim)


@pytest.mark.parametrize("latent_dim", [1, 4, 20])
def test_the_flows_determinant_equals_that_of_its_jacobian(latent_dim: int) -> None:
    row = bent("flow", latent_dim)
    z = torch.randn(latent_dim, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(row.transform(), z)
    assert ((jacobian != 0) | (jacobian != 0).T).all()  # no two dimensions stay independent
    exact = stats.norm.logpdf(row.transform()(z).detach()).sum() + float(jacobian.slogdet()[1])
    found = row(Encoder(latent_dim)).log_prob(z)
    assert found.item() == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("latent_dim", [1, 4, 20])
def test_drawing_from_the_flow_inverts_it(latent_dim: int) -> None:
    row = bent("flow", latent_dim)
    torch.manual_seed(0)
    z = row(Encoder(latent_dim)).sample(torch.Size((50,)))
    torch.manual_seed(0)
    noise = Standard(latent_dim, DOMAIN).double()(Encoder(latent_dim)).sample(torch.Size((50,)))
    torch.testing.assert_close(row.transform()(z), noise, atol=1e-6, rtol=0)


def test_the_flow_draws_in_few_passes_for_any_number_of_dimensions() -> None:
    assert [t.passes for t in Flow(40, DOMAIN).transform.transforms] == [Flow.PASSES] * 3
    assert [t.passes for t in Flow(4, DOMAIN, prior_transforms=2).transform.transforms] == [4] * 2


def test_dimensions_of_one_group_are_in_different_groups_of_other_transforms() -> None:
    orders = torch.stack([t.order for t in Flow(20, DOMAIN).transform.transforms])
    together = orders[:, :, None] == orders[:, None]  # (T, Z, Z)
    assert int(together.all(0).sum()) < 20 + 0.2 * (int(together[0].sum()) - 20)


FAMILY: dict[str, Callable[[], Prior]] = {
    "mixture": lambda: Mixture(2, DOMAIN, prior_components=4),
    "flow": lambda: Flow(2, DOMAIN),
}


@pytest.mark.parametrize("name", FAMILY)
def test_a_learned_prior_fits_two_separate_gaussians(name: str) -> None:
    """By maximum likelihood. The entropy of two separate Gaussians is that of one plus ln 2."""
    row = FAMILY[name]()
    optimizer = torch.optim.Adam(row.parameters(), lr=0.02)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)

    def draw(n: int) -> Tensor:
        side = torch.randint(2, (n, 1)) * 2 - 1
        return side * torch.tensor([1.5, -1.5]) + 0.4 * torch.randn(n, 2)

    for _ in range(200):
        loss = -row(Encoder(2)).log_prob(draw(256)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    with torch.no_grad():
        cross = -float(row(Encoder(2)).log_prob(draw(20_000)).mean())
    entropy = math.log(2) + 1 + math.log(2 * math.pi * 0.4**2)
    assert entropy - 0.05 < cross < entropy + 0.15
