"""Objectives: laws over the whole table, identities between rows and the ELBO, known values, and
the variance of the two gradients of the K-sample bound."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from tests.tables import each
from vae.base.options import Spec, options_of
from vae.components.objectives import (
    OBJECTIVES,
    Loss,
    Pass,
    beta_tc,
    capacity,
    elbo,
    free_bits,
    info,
    iwae,
    wae,
)
from vae.components.objectives import reconstruction as reconstruction_alone
from vae.components.posterior_base import Point
from vae.components.posteriors import POSTERIORS
from vae.components.terms import frozen

B, Z, EVENT = 4, 2, (1, 2, 3)
LIMIT = 4.5  # standard errors
OPTIONS = [
    (name, option) for name, row in OBJECTIVES.items() for option in options_of(row.loss).values()
]


def gaussian(mean: Tensor, sd: Tensor) -> Independent:
    return Independent(Normal(mean, sd), 1)


def correlated(mean: Tensor, sd: Tensor) -> MultivariateNormal:
    below = torch.ones(Z, Z, dtype=mean.dtype).tril(-1) * mean.unsqueeze(-1)
    return MultivariateNormal(mean, scale_tril=sd.diag_embed() + 0.3 * below)


def laplace(mean: Tensor, sd: Tensor) -> Independent:
    return Independent(Laplace(mean, sd), 1)


def point(mean: Tensor, sd: Tensor) -> Distribution:
    return Point(mean + 0 * sd)


def standard() -> Distribution:
    return gaussian(torch.zeros(Z).double(), torch.ones(Z).double())


def mixture() -> Distribution:
    parts = gaussian(torch.eye(Z).double(), torch.ones(Z, Z).double())
    return MixtureSameFamily(Categorical(torch.ones(Z).double()), parts)


FACTORS = [(gaussian, standard)]
DENSITY = [*FACTORS, (correlated, standard), (gaussian, mixture), (laplace, standard)]
PAIRS = {"factors": FACTORS, "density": DENSITY, "nothing": [*DENSITY, (point, standard)]}
CASES = [
    pytest.param(name, q, p, k, id=f"{name}-{q.__name__}-{p.__name__}-{k}")
    for name, row in OBJECTIVES.items()
    for q, p in PAIRS[row.needs]
    for k in (1, 5)
]


def a_pass(
    q: Callable[[Tensor, Tensor], Distribution] = gaussian,
    p: Callable[[], Distribution] = standard,
    k: int = 3,
    seed: int = 0,
) -> tuple[Pass, dict[str, Tensor]]:
    """Return a constructed forward pass, float64, and its leaves."""
    torch.manual_seed(seed)
    leaves = {
        "mean": torch.randn(B, Z, dtype=torch.float64),
        "log_sd": 0.3 * torch.randn(B, Z, dtype=torch.float64),
        "decoder": torch.randn(Z, 6, dtype=torch.float64),
    }
    for leaf in leaves.values():
        leaf.requires_grad_()
    posterior = q(leaves["mean"], leaves["log_sd"].exp())
    z = posterior.rsample(torch.Size((k,)))
    x = torch.rand(B, *EVENT, dtype=torch.float64)
    return Pass(x, None, posterior, p(), z, decoded(z, leaves["decoder"])), leaves


def decoded(z: Tensor, weights: Tensor) -> Distribution:
    """p(x|z), whose log_prob of grey values is the cross-entropy."""
    logits = (z @ weights).reshape(*z.shape[:2], *EVENT)
    return Independent(Bernoulli(logits=logits, validate_args=False), 3, validate_args=False)


def seeded(loss: Callable[[], Loss]) -> Loss:
    torch.manual_seed(7)
    return loss()


@pytest.mark.parametrize(("name", "q", "p", "k"), CASES)
def test_every_objective_is_finite_and_its_gradient_reaches_everything(
    name: str, q: Callable[..., Distribution], p: Callable[[], Distribution], k: int
) -> None:
    out, leaves = a_pass(q, p, k, seed=3)
    row = OBJECTIVES[name]
    loss = row.loss(out)
    assert loss.total.shape == ()
    assert loss.total.isfinite()
    error = -out.px.log_prob(out.x).mean()
    torch.testing.assert_close(loss.terms["reconstruction"], error)
    assert ("kl" in loss.terms) == (row.needs != "nothing")
    per_dimension = loss.terms.get("kl_per_dimension")
    for term, value in loss.terms.items():
        assert value.isfinite().all()
        assert value.shape == ((Z,) if term == "kl_per_dimension" else ())
    if per_dimension is not None:
        torch.testing.assert_close(per_dimension.sum(), loss.terms["kl"])
    loss.total.backward()
    for leaf_name, leaf in leaves.items():
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        assert (leaf.grad != 0).all() or (q is point and leaf_name == "log_sd")


@pytest.mark.parametrize(("name", "q", "p", "k"), CASES)
def test_every_objective_is_deterministic_and_works_without_gradient(
    name: str, q: Callable[..., Distribution], p: Callable[[], Distribution], k: int
) -> None:
    loss = OBJECTIVES[name].loss
    first = seeded(lambda: loss(a_pass(q, p, k)[0]))
    with torch.no_grad():
        second = seeded(lambda: loss(a_pass(q, p, k)[0]))
    assert first.total.item() == second.total.item()
    assert first.terms.keys() == second.terms.keys()


@each("name", OBJECTIVES)
@each("k", [1, 2])
def test_every_objective_is_finite_for_a_single_example(name: str, k: int) -> None:
    out, _ = a_pass(k=k)
    one = gaussian(out.q.mean[:1], out.q.stddev[:1])
    px = Independent(Bernoulli(logits=out.px.base_dist.logits[:, :1], validate_args=False), 3)
    single = Pass(out.x[:1], None, one, out.p, out.z[:, :1], px)
    assert OBJECTIVES[name].loss(single).total.isfinite()


@each(("name", "option"), OPTIONS)
def test_every_scalar_can_be_scheduled_and_changed(name: str, option: Spec) -> None:
    assert option.option.help
    if option.type is float:
        assert option.option.scheduled
        assert option.option.live
        assert option.option.low <= option.default <= option.option.high
        assert "unit" in option.option.help or "nats" in option.option.help


def same(a: Loss, b: Loss, leaves: dict[str, Tensor]) -> None:
    """Assert that two losses have the same value and the same gradients."""
    torch.testing.assert_close(a.total, b.total, rtol=1e-12, atol=1e-12)
    slopes = [
        torch.autograd.grad(v.total, list(leaves.values()), retain_graph=True) for v in (a, b)
    ]
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-9, atol=1e-12)


def test_special_cases_equal_the_elbo() -> None:
    out, leaves = a_pass(seed=1)
    at_one = elbo(out, beta=1.0)
    same(at_one, elbo(out), leaves)  # the default is the ELBO itself
    same(at_one, capacity(out, capacity=0.0, capacity_weight=1.0), leaves)
    same(at_one, free_bits(out, free_bits=0.0), leaves)
    same(at_one, info(out, info_alpha=0.0, mmd_weight=1.0), leaves)
    same(at_one, beta_tc(out, mi_weight=1.0, tc_weight=1.0, dimension_weight=1.0), leaves)


def test_special_cases_equal_the_reconstruction() -> None:
    out, leaves = a_pass(seed=1)
    alone = reconstruction_alone(out)
    same(alone, elbo(out, beta=0.0), leaves)
    same(alone, capacity(out, capacity_weight=0.0), leaves)
    same(alone, wae(out, mmd_weight=0.0), leaves)
    same(alone, info(out, info_alpha=1.0, mmd_weight=0.0), leaves)


def test_a_kl_of_weight_0_has_no_gradient_even_where_it_overflows() -> None:
    """The VampPrior is a mixture of posteriors, which shrink to points without a KL."""
    mean = torch.tensor([[0.0, 0.0], [7.0, 7.0]], requires_grad=True)
    sd = torch.full((2, Z), 1e-10, requires_grad=True)  # ∂ln q/∂sd² overflows in float32
    q = gaussian(mean, sd)
    vamp = MixtureSameFamily(Categorical(torch.ones(2)), q)
    z = q.rsample(torch.Size((1,)))
    out = Pass(torch.rand(2, *EVENT), None, q, vamp, z, decoded(z, torch.ones(Z, 6)))
    loss = elbo(out, beta=0.0)
    assert loss.terms["kl"].isfinite()
    for slope in torch.autograd.grad(loss.total, [mean, sd]):
        assert slope.isfinite().all()


def test_info_without_a_kl_equals_the_wasserstein_autoencoder() -> None:
    out, leaves = a_pass(seed=1)
    without = seeded(lambda: info(out, info_alpha=1.0, mmd_weight=3.0))
    same(without, seeded(lambda: wae(out, mmd_weight=3.0)), leaves)


def test_info_weights_its_terms_as_in_its_formula() -> None:
    out, _ = a_pass(seed=1)
    loss = info(out, info_alpha=0.3, mmd_weight=5.0)
    expected = loss.terms["reconstruction"] + 0.7 * loss.terms["kl"] + 4.3 * loss.terms["mmd"]
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-12)
    assert abs(loss.terms["mmd"].item()) > 1e-4


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0, 4.0])
def test_the_elbo_equals_plain_loops(beta: float) -> None:
    out, leaves = a_pass()
    z, x, weights = (t.detach().numpy() for t in (out.z, out.x, leaves["decoder"]))
    error = 0.0
    for k in range(3):
        for b in range(B):
            p = 1 / (1 + np.exp(-(z[k, b] @ weights)))
            pixels = x[b].ravel()
            error -= float((pixels * np.log(p) + (1 - pixels) * np.log(1 - p)).sum()) / (3 * B)
    mu, sd = leaves["mean"].detach().numpy(), np.exp(leaves["log_sd"].detach().numpy())
    kl = (0.5 * (mu**2 + sd**2 - 2 * np.log(sd) - 1)).mean(0)
    loss = elbo(out, beta=beta)
    assert loss.total.item() == pytest.approx(error + beta * kl.sum(), rel=1e-12)
    assert loss.terms["reconstruction"].item() == pytest.approx(error, rel=1e-12)
    np.testing.assert_allclose(loss.terms["kl_per_dimension"].detach(), kl, rtol=1e-12)


def test_samples_and_batch_are_averaged_outside_the_logarithm() -> None:
    """Repeated samples change nothing. The loss is the mean of K single-sample losses."""
    out, leaves = a_pass(seed=2)
    twice = torch.cat([out.z, out.z])
    doubled = out._replace(z=twice, px=decoded(twice, leaves["decoder"]))
    assert elbo(doubled).total.item() == pytest.approx(elbo(out).total.item(), rel=1e-12)
    singles = [
        elbo(out._replace(z=z[None], px=decoded(z[None], leaves["decoder"]))).total.item()
        for z in out.z
    ]
    assert elbo(out).total.item() == pytest.approx(np.mean(singles), rel=1e-12)


def test_the_gradient_of_the_kl_is_analytic() -> None:
    """d KL / d mu = mu and d KL / d ln sigma = sigma² - 1, averaged over the batch."""
    out, leaves = a_pass(seed=4)
    (elbo(out, beta=1.0).total - elbo(out, beta=0.0).total).backward()
    mu, sd = leaves["mean"].detach(), leaves["log_sd"].detach().exp()
    torch.testing.assert_close(leaves["mean"].grad, mu / B)
    torch.testing.assert_close(leaves["log_sd"].grad, (sd**2 - 1) / B)


def test_capacity_attracts_the_kl_from_both_sides() -> None:
    out, leaves = a_pass(seed=1)
    error, kl = elbo(out).terms["reconstruction"].item(), elbo(out).terms["kl"].item()
    over, under = (capacity(out, capacity=kl + d, capacity_weight=7.0) for d in (-0.3, 0.2))
    assert over.total.item() == pytest.approx(error + 7 * 0.3, rel=1e-12)
    assert under.total.item() == pytest.approx(error + 7 * 0.2, rel=1e-12)
    mean = leaves["mean"]
    down, up = (
        torch.autograd.grad(loss.total, mean, retain_graph=True)[0] for loss in (over, under)
    )
    (error_slope,) = torch.autograd.grad(elbo(out, beta=0.0).total, mean, retain_graph=True)
    torch.testing.assert_close(down - error_slope, 7 * mean.detach() / B)
    torch.testing.assert_close(up - error_slope, -7 * mean.detach() / B)


def test_a_dimension_below_its_free_nats_has_a_constant_cost() -> None:
    out, leaves = a_pass(seed=1)
    error, per_dimension = (elbo(out).terms[t] for t in ("reconstruction", "kl_per_dimension"))
    low, high = sorted(per_dimension.tolist())
    floor = (low + high) / 2
    loss = free_bits(out, free_bits=floor)
    assert loss.total.item() == pytest.approx(error.item() + floor + high, rel=1e-12)
    assert loss.terms["kl"].item() == pytest.approx(low + high, rel=1e-12)
    (slope,) = torch.autograd.grad(loss.total - error, leaves["mean"])
    paying = per_dimension > floor
    torch.testing.assert_close(slope, torch.where(paying, leaves["mean"].detach() / B, 0.0))


def test_each_part_of_the_kl_has_its_weight() -> None:
    out, _ = a_pass(seed=1)
    ones = {"mi_weight": 1.0, "tc_weight": 1.0, "dimension_weight": 1.0}
    parts = ("mutual_information", "total_correlation", "dimension_wise_kl")
    base = beta_tc(out, **ones)
    assert len({round(base.terms[part].item(), 6) for part in parts}) == 3
    for weight, part in zip(ones, parts, strict=True):
        more = beta_tc(out, **(ones | {weight: 3.5}))
        expected = 2.5 * base.terms[part].item()
        assert (more.total - base.total).item() == pytest.approx(expected, rel=1e-9)


def test_iwae_equals_plain_loops() -> None:
    out, _ = a_pass(k=3)
    log_w = out.p.log_prob(out.z) + out.px.log_prob(out.x) - out.q.log_prob(out.z)  # (K, B)
    columns = log_w.detach().exp().T.tolist()
    expected = sum(math.log(sum(column) / 3) for column in columns) / B
    loss = iwae(out)
    assert loss.terms["iwae_bound"].item() == pytest.approx(expected, rel=1e-12)
    assert loss.total.item() == pytest.approx(-expected, rel=1e-12)
    once, _ = a_pass(k=1)
    sampled = once.q.log_prob(once.z) - once.p.log_prob(once.z) - once.px.log_prob(once.x)
    assert iwae(once).total.item() == pytest.approx(sampled.mean().item(), rel=1e-12)


W, BIAS, NOISE = [[1.0, -0.5], [0.3, 0.8], [-0.7, 0.2]], [0.1, -0.2, 0.3], 0.6
X = [0.9, -1.1, 0.4]


def linear(
    k: int, copies: int, width: float = 1.3, shift: float = 0.2
) -> tuple[Pass, dict[str, Tensor], float, float]:
    """x | z ~ N(Wz + b, s² I) with a q that differs from the posterior. Return many independent
    passes over one example, each with separate leaves, the exact ln p(x), and the exact ELBO of
    that q."""
    w, b, x = (torch.tensor(t, dtype=torch.float64) for t in (W, BIAS, X))
    evidence = MultivariateNormal(b, w @ w.T + NOISE**2 * torch.eye(3)).log_prob(x).item()
    precision = torch.eye(2) + w.T @ w / NOISE**2
    mean = torch.linalg.solve(precision, w.T @ (x - b) / NOISE**2)
    sd = width * precision.diagonal().rsqrt()
    posterior = MultivariateNormal(mean, precision_matrix=precision)
    away = MultivariateNormal(mean + shift, scale_tril=sd.diag())
    bound = evidence - torch.distributions.kl_divergence(away, posterior).item()
    leaves = {
        "mean": (mean + shift).repeat(copies, 1).requires_grad_(),
        "sd": sd.repeat(copies, 1).requires_grad_(),
        "decoder": w.requires_grad_(),
    }
    q = gaussian(leaves["mean"], leaves["sd"])
    z = q.rsample(torch.Size((k,)))
    px = Independent(Normal(z @ leaves["decoder"].T + b, NOISE), 1)
    return Pass(x.expand(copies, 3), None, q, standard(), z, px), leaves, evidence, bound


def bound_of_every_copy(out: Pass) -> Tensor:
    """Return the K-sample bound of each copy, (B,), computed by the objective."""
    values = []
    for i in range(len(out.x)):
        q = gaussian(out.q.mean[i : i + 1], out.q.stddev[i : i + 1])
        px = Independent(Normal(out.px.mean[:, i : i + 1], NOISE), 1)
        alone = Pass(out.x[i : i + 1], None, q, out.p, out.z[:, i : i + 1], px)
        values.append(iwae(alone).terms["iwae_bound"].detach())
    return torch.stack(values)


def test_the_k_sample_bound_rises_from_the_elbo_to_the_evidence() -> None:
    torch.manual_seed(0)
    means = []
    for k, copies in ((1, 600), (4, 600), (32, 400), (2000, 50)):
        out, _, evidence, exact_elbo = linear(k, copies)
        bounds = bound_of_every_copy(out)
        error = bounds.std().item() / math.sqrt(copies)
        means.append(bounds.mean().item())
        assert means[-1] < evidence + LIMIT * error
        assert error < 0.1
        if k == 1:
            assert abs(means[0] - exact_elbo) < LIMIT * error
    assert means == sorted(means)
    assert exact_elbo < evidence - 0.3
    assert means[-1] == pytest.approx(evidence, abs=0.01)


def slopes(
    k: int, copies: int, gradient: str = "reparameterised", second_weight: bool = True
) -> dict[str, Tensor]:
    """Return independent draws of the gradient of the bound, one for each copy; the decoder's are
    summed."""
    torch.manual_seed(k)
    out, leaves, *_ = linear(k, copies)
    if not second_weight:
        out = out._replace(q=frozen(out.q))
    total = iwae(out, gradient=gradient).total * copies
    found = torch.autograd.grad(-total, list(leaves.values()))
    return dict(zip(leaves, found, strict=True))


def apart(a: Tensor, b: Tensor) -> float:
    """The largest distance between the means of paired draws (N, Z), in its standard errors."""
    difference = a - b
    error = difference.std(0) / math.sqrt(len(difference))
    return float((difference.mean(0).abs() / error).max())


@pytest.mark.parametrize("k", [1, 5])
def test_the_doubly_reparameterised_gradient_has_the_same_mean(k: int) -> None:
    plain, doubly = slopes(k, 40_000), slopes(k, 40_000, "doubly")
    assert apart(plain["mean"], doubly["mean"]) < LIMIT
    assert apart(plain["sd"], doubly["sd"]) < LIMIT
    torch.testing.assert_close(plain["decoder"], doubly["decoder"], rtol=1e-9, atol=1e-9)


def test_with_one_weight_only_the_gradient_would_be_biased() -> None:
    """The window above is narrow enough to detect the bias."""
    plain, wrong = slopes(5, 40_000), slopes(5, 40_000, second_weight=False)
    assert apart(plain["mean"], wrong["mean"]) > 4 * LIMIT
    assert apart(plain["sd"], wrong["sd"]) > 4 * LIMIT


def test_the_doubly_reparameterised_gradient_has_the_higher_signal_to_noise_ratio() -> None:
    """The signal-to-noise ratios grow like √K and fall like 1/√K (Rainforth et al. 2018)."""

    def clarity(k: int, gradient: str) -> Tensor:
        drawn = slopes(k, 4000, gradient)["mean"]
        return (drawn.mean(0).abs() / drawn.std(0)).max()

    few, many = 8, 128
    assert clarity(many, "doubly") > 2.5 * clarity(few, "doubly")
    assert clarity(many, "reparameterised") < 0.6 * clarity(few, "reparameterised")
    noise = [slopes(many, 4000, g)["sd"].std(0) for g in ("doubly", "reparameterised")]
    assert (noise[0] < 0.5 * noise[1]).all()


def test_both_gradients_have_the_same_loss() -> None:
    plain, doubly = (iwae(a_pass()[0], gradient=g) for g in ("reparameterised", "doubly"))
    assert plain.total.item() == doubly.total.item()
    assert doubly.terms["iwae_bound"].item() == -doubly.total.item()
    with torch.no_grad():
        judged = iwae(a_pass()[0], gradient="doubly")
    assert judged.total.item() == plain.total.item()


@pytest.mark.parametrize("name", [n for n, row in POSTERIORS.items() if row.has_density])
def test_only_gaussian_posteriors_have_a_doubly_reparameterised_gradient(name: str) -> None:
    posterior = POSTERIORS[name](Z).double()
    h = torch.randn(B, posterior.outputs, dtype=torch.float64, requires_grad=True)
    q = posterior(h)
    z = q.rsample(torch.Size((3,)))
    px = decoded(z, torch.randn(Z, 6, dtype=torch.float64))
    out = Pass(torch.rand(B, *EVENT, dtype=torch.float64), None, q, standard(), z, px)
    if not posterior.gaussian:
        with pytest.raises(AssertionError):
            iwae(out, gradient="doubly")
        return
    iwae(out, gradient="doubly").total.backward()
    assert h.grad is not None
    assert (h.grad != 0).any(0).all()
