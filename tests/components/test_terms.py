"""The terms of the losses, against closed forms, quadrature, plain loops and SciPy.

Sampled quantities are averaged over so many examples that a deviation is measured in standard
errors. Every example has separate leaves, so one backward pass gives as many independent draws of
a gradient as there are examples.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad
from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from vae.components.posteriors import Flow
from vae.components.terms import (
    Pass,
    factorises,
    frozen,
    kl,
    kl_parts,
    kl_per_dimension,
    mmd,
    mmd_to_prior,
    rate,
    reconstruction_error,
)

KL_TABLE = [  # (mu, sigma, KL(N(mu, sigma²) || N(0, 1)) in nats)
    (0, 0.5, 0.318147180560),
    (0, 2, 0.806852819440),
    (1.5, 0.5, 1.443147180560),
    (-2, 0.1, 3.807585092994),
    (3, 2, 5.306852819440),
]
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
LIMIT = 4.5  # standard errors


def tensor(values: object) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def gaussian(mean: Tensor, sd: Tensor) -> Independent:
    return Independent(Normal(mean, sd), 1)


def standard(dimensions: int) -> Independent:
    return gaussian(tensor([0.0] * dimensions), tensor([1.0] * dimensions))


def standard_in_disguise(dimensions: int) -> MixtureSameFamily:
    """Return N(0, I) as a mixture of two, without the closed form of its KL."""
    return MixtureSameFamily(Categorical(tensor([0.3, 0.7])), standard(dimensions).expand([2]))


def two_hills(dimensions: int) -> MixtureSameFamily:
    """Return a prior far from a Gaussian."""
    mean = tensor([[-1.0] * dimensions, [1.5] * dimensions])
    sd = tensor([[0.5] * dimensions, [0.9] * dimensions])
    return MixtureSameFamily(Categorical(tensor([0.3, 0.7])), gaussian(mean, sd))


def passed(q: Distribution, p: Distribution, samples: int = 1) -> Pass:
    """Return a pass with arbitrary examples."""
    z = q.rsample(torch.Size((samples,)))
    return Pass(torch.zeros(q.batch_shape), None, q, p, z, q)


def off(draws: Tensor, expected: Tensor | float) -> float:
    """Return the largest distance of means of independent draws (N, …) from their expected values,
    in standard errors."""
    error = draws.std(0) / math.sqrt(len(draws))
    return float(((draws.mean(0) - expected).abs() / error).max())


def test_the_error_of_every_sample_is_summed_over_the_event() -> None:
    px = Independent(Normal(torch.ones(3, 2, 1, 2, 3), 0.5), 3)
    p = standard(2)
    out = Pass(torch.zeros(2, 1, 2, 3), None, p, p, torch.zeros(3, 2, 2), px)
    error = reconstruction_error(out)
    one_pixel = 0.5 * (1 / 0.5) ** 2 + math.log(0.5) + 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(error, torch.full((3, 2), 6 * one_pixel))


@pytest.mark.parametrize(("mu", "sigma", "nats"), KL_TABLE)
def test_kl_has_its_exact_values(mu: float, sigma: float, nats: float) -> None:
    out = passed(gaussian(tensor([[mu]]), tensor([[sigma]])), standard(1))
    assert float(kl_per_dimension(out)) == pytest.approx(nats, abs=1e-11)
    assert float(kl(out)) == pytest.approx(nats, abs=1e-11)


def test_kl_has_a_value_per_example_and_dimension() -> None:
    mu, sd, nats = tensor(KL_TABLE).T
    out = passed(gaussian(mu.expand(2, 5), sd.expand(2, 5)), standard(5))
    torch.testing.assert_close(kl_per_dimension(out), nats.expand(2, 5))
    torch.testing.assert_close(kl(out), nats.sum().expand(2))
    torch.testing.assert_close(rate(out)["kl_per_dimension"], nats)
    torch.testing.assert_close(rate(out)["kl"], nats.sum())


def full(examples: int) -> tuple[MultivariateNormal, dict[str, Tensor]]:
    """Return a correlated Gaussian for every example, and its leaves."""
    lower = tensor([[0.4, 0.0, 0.0], [0.5, 1.3, 0.0], [-0.9, 0.3, 0.8]])
    mean = tensor([1.1, -0.6, 0.2]).repeat(examples, 1).requires_grad_()
    scale = lower.repeat(examples, 1, 1)
    scale.requires_grad_()
    return MultivariateNormal(mean, scale_tril=scale.tril()), {"mean": mean, "scale": scale}


def test_kl_of_correlated_gaussians_equals_its_formula() -> None:
    """½ (tr P⁻¹S + (a − m)ᵀ P⁻¹ (a − m) − Z + ln |P| − ln |S|), P a diagonal of any widths."""
    q, _ = full(4)
    a, sd = tensor([0.3, -1.0, 2.0]), tensor([0.5, 1.0, 2.0])
    out = passed(q, gaussian(a, sd))
    m, s = q.mean.detach().numpy(), q.covariance_matrix.detach().numpy()
    precision = np.diag(1 / sd.numpy() ** 2)
    away = a.numpy() - m
    expected = 0.5 * (
        np.trace(precision @ s, axis1=1, axis2=2)
        + np.einsum("bi,ij,bj->b", away, precision, away)
        - 3
        - np.linalg.slogdet(precision)[1]
        - np.linalg.slogdet(s)[1]
    )
    np.testing.assert_allclose(kl(out).detach(), expected, rtol=1e-12)
    assert not factorises(out)
    assert set(rate(out)) == {"kl"}


def diagonal(examples: int) -> tuple[Independent, dict[str, Tensor]]:
    mean = tensor([0.7, -1.2, 0.0]).repeat(examples, 1).requires_grad_()
    sd = tensor([0.3, 0.9, 1.6]).repeat(examples, 1).requires_grad_()
    return gaussian(mean, sd), {"mean": mean, "sd": sd}


def bent(examples: int) -> tuple[Distribution, dict[str, Tensor]]:
    """An autoregressive flow that is far from its Gaussian."""
    torch.manual_seed(1)
    flow = Flow(3, posterior_transforms=2).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    h = 0.5 * torch.randn(flow.outputs, dtype=torch.float64)
    h = h.repeat(examples, 1).requires_grad_()
    return flow(h), {"h": h}


@pytest.mark.parametrize("family", [diagonal, full, bent])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("prior", [standard_in_disguise, two_hills])
def test_the_sampled_kl_and_its_gradient_are_unbiased(
    family: Callable[[int], tuple[Distribution, dict[str, Tensor]]],
    samples: int,
    prior: Callable[[int], Distribution],
) -> None:
    """The plain mean of ln q − ln p has the same mean and the same mean gradient."""
    q, leaves = family(20_000)
    out = passed(q, prior(3), samples)
    sampled, plain = kl(out), (q.log_prob(out.z) - out.p.log_prob(out.z)).mean(0)
    assert off(1e-12 * torch.randn(20_000) + (sampled - plain).detach(), 0.0) < LIMIT
    assert plain.std() / math.sqrt(20_000) < 0.08  # the window is narrow
    mine, theirs = (
        torch.autograd.grad(v.sum(), list(leaves.values()), retain_graph=True)
        for v in (sampled, plain)
    )
    for a, b in zip(mine, theirs, strict=True):
        difference = a - b
        moved = difference.abs().max(0).values > 1e-9
        assert off(difference[:, moved], 0.0) < LIMIT if moved.any() else True


@pytest.mark.parametrize("family", [diagonal, full])
def test_the_sampled_kl_has_less_noise_than_the_plain_one(
    family: Callable[[int], tuple[Distribution, dict[str, Tensor]]],
) -> None:
    """For N(0, I) every single sample is exact; near it the gradient has less noise."""
    q, leaves = family(5000)
    out = passed(q, standard_in_disguise(3))
    exact = kl(passed(q, standard(3)))
    torch.testing.assert_close(kl(out), exact)
    out = passed(q, two_hills(3))
    plain = (q.log_prob(out.z) - out.p.log_prob(out.z)).mean(0)
    mine, theirs = (
        torch.autograd.grad(v.sum(), list(leaves.values()), retain_graph=True)
        for v in (kl(out), plain)
    )
    noise = [sum(float(g.var(0).sum()) for g in slopes) for slopes in (mine, theirs)]
    assert noise[0] < 0.8 * noise[1]


def test_the_kl_of_a_laplace_distribution_equals_its_formula() -> None:
    """KL(Laplace(m, b) || N(0, 1)) = ½ ln 2π + ½ m² + b² − ln 2b − 1."""
    m, b = tensor([[0.6]]), tensor([[0.8]])
    out = passed(Independent(Laplace(m, b), 1), standard(1))
    expected = 0.5 * math.log(2 * math.pi) + 0.5 * 0.6**2 + 0.8**2 - math.log(1.6) - 1
    torch.testing.assert_close(kl(out), tensor([expected]))


def test_the_sampled_kl_has_no_gradient_where_q_is_p() -> None:
    """Every sample has gradient 0. Otherwise noise would hide the first signal of the
    reconstruction."""
    mean = torch.zeros(50, 2, dtype=torch.float64, requires_grad=True)
    sd = torch.ones(50, 2, dtype=torch.float64, requires_grad=True)
    out = passed(gaussian(mean, sd), standard_in_disguise(2))
    slopes = torch.autograd.grad(kl(out).sum(), [mean, sd])
    assert max(float(s.abs().max()) for s in slopes) < 1e-12


@pytest.mark.parametrize("family", [diagonal, full])
def test_frozen_has_the_same_density_without_gradient(
    family: Callable[[int], tuple[Distribution, dict[str, Tensor]]],
) -> None:
    q, leaves = family(4)
    z = q.sample(torch.Size((3,))).requires_grad_()
    torch.testing.assert_close(frozen(q).log_prob(z), q.log_prob(z))
    frozen(q).log_prob(z).sum().backward()
    assert z.grad is not None
    assert all(leaf.grad is None for leaf in leaves.values())


def test_only_gaussians_are_frozen() -> None:
    q = Independent(Laplace(torch.zeros(4, 2), torch.ones(4, 2)), 1)
    assert frozen(q) is q


def numbers(parts: dict[str, Tensor]) -> tuple[float, float, float]:
    return tuple(
        parts[name].item()
        for name in ("mutual_information", "total_correlation", "dimension_wise_kl")
    )


def test_the_parts_equal_plain_loops() -> None:
    k, b, z = 2, 3, 2
    mu = torch.randn(b, z, dtype=torch.float64)
    sd = 0.5 + torch.rand(b, z, dtype=torch.float64)
    out = passed(gaussian(mu, sd), standard(z), k)
    information = correlation = dimension_wise = 0.0
    for s in range(k):
        for i in range(b):
            point = out.z[s, i].numpy()
            density = stats.norm.pdf(point, mu.numpy(), sd.numpy())  # (B, Z)
            joint, product = density.prod(1).mean(), density.mean(0).prod()
            information += math.log(density[i].prod() / joint)
            correlation += math.log(joint / product)
            dimension_wise += math.log(product / stats.norm.pdf(point).prod())
    expected = tuple(t / (k * b) for t in (information, correlation, dimension_wise))
    assert numbers(kl_parts(out)) == pytest.approx(expected, rel=1e-10)


def test_the_parts_add_up_to_the_sampled_kl() -> None:
    mu, sd = torch.randn(5, 3), 0.2 + torch.rand(5, 3)
    out = passed(gaussian(mu, sd), standard(3), 4)
    sampled = (out.q.log_prob(out.z) - out.p.log_prob(out.z)).mean()
    torch.testing.assert_close(sum(kl_parts(out).values()), sampled)


def test_every_part_is_zero_where_q_is_p() -> None:
    q = gaussian(torch.zeros(6, 3, dtype=torch.float64), torch.ones(6, 3, dtype=torch.float64))
    assert numbers(kl_parts(passed(q, standard(3), 2))) == pytest.approx((0, 0, 0), abs=1e-12)


GRID = [(float(i), float(j)) for i in range(8) for j in range(8)]
LN_64 = math.log(64)


@pytest.mark.parametrize(
    ("modes", "information", "correlation"),
    [
        ([(0.0, 0.0), (9.0, 9.0)], math.log(2), math.log(2)),  # two tied modes
        (GRID, LN_64, 0.0),
        ([(float(i), float(i)) for i in range(64)], LN_64, LN_64),
        ([(0.0, 0.0)] * 64, 0.0, 0.0),
    ],
)
def test_the_parts_of_narrow_modes_have_known_values(
    modes: list[tuple[float, float]], information: float, correlation: float
) -> None:
    q = gaussian(tensor(modes), torch.full((len(modes), 2), 0.1, dtype=torch.float64))
    found = numbers(kl_parts(passed(q, standard(2), 50)))[:2]
    assert found == pytest.approx((information, correlation), abs=0.02)


def test_the_parts_of_overlapping_modes_equal_quadrature() -> None:
    mu, sd = np.array([[-0.7, -0.9], [0.7, 0.9]]), 0.8
    axis = np.linspace(-8, 8, 801)
    cell = (axis[1] - axis[0]) ** 2
    each = [np.outer(*(stats.norm.pdf(axis, m, sd) for m in mode)) for mode in mu]
    joint = sum(each) / 2
    product = np.outer(joint.sum(1), joint.sum(0)) * cell
    prior = np.outer(stats.norm.pdf(axis), stats.norm.pdf(axis))
    expected = (
        sum((e * np.log(e / joint)).sum() for e in each) * cell / 2,
        (joint * np.log(joint / product)).sum() * cell,
        (joint * np.log(product / prior)).sum() * cell,
    )
    q = gaussian(tensor(mu), torch.full((2, 2), sd, dtype=torch.float64))
    draws = [numbers(kl_parts(passed(q, standard(2), 20))) for _ in range(500)]
    assert off(tensor(draws), tensor(expected)) < LIMIT
    assert min(expected) > 0.05


def loops(a: Tensor, b: Tensor) -> float:
    """The unbiased MMD² by the definition, pair by pair."""

    def kernel(u: Tensor, v: Tensor) -> float:
        c, square = 2 * len(u), float(((u - v) ** 2).sum())
        return sum(s * c / (s * c + square) for s in SCALES) / len(SCALES)

    def within(x: Tensor) -> float:
        pairs = [kernel(u, v) for i, u in enumerate(x) for j, v in enumerate(x) if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(u, v) for u in a for v in b]
    return within(a) + within(b) - 2 * sum(between) / len(between)


@pytest.mark.parametrize(("n", "m", "z"), [(5, 5, 1), (4, 7, 3), (2, 2, 10)])
def test_mmd_equals_a_double_loop(n: int, m: int, z: int) -> None:
    a, b = torch.randn(n, z, dtype=torch.float64), 2 * torch.randn(m, z, dtype=torch.float64) + 1
    assert float(mmd(a, b)) == pytest.approx(loops(a, b), rel=1e-10)
    torch.testing.assert_close(mmd(a, b), mmd(b, a))


def exact_mmd(shift: float, sd: float) -> float:
    """Return MMD² of N(shift, sd²) and N(0, 1), as the difference of two draws is Gaussian."""

    def mean_kernel(mean: float, variance: float) -> float:
        def integrand(d: float) -> float:
            k = sum(2 * s / (2 * s + d * d) for s in SCALES) / len(SCALES)
            return k * float(stats.norm.pdf(d, mean, math.sqrt(variance)))

        return float(quad(integrand, mean - 40, mean + 40, points=[0, mean], limit=200)[0])

    same = mean_kernel(0, 2 * sd**2) + mean_kernel(0, 2)
    return same - 2 * mean_kernel(shift, sd**2 + 1)


@pytest.mark.parametrize(("shift", "sd"), [(0.0, 1.0), (1.0, 1.0), (0.0, 0.5), (0.5, 2.0)])
def test_mmd_of_few_draws_is_unbiased(shift: float, sd: float) -> None:
    draws = [
        mmd(shift + sd * torch.randn(5, 1).double(), torch.randn(5, 1).double())
        for _ in range(2500)
    ]
    expected = exact_mmd(shift, sd)
    assert off(torch.stack(draws), expected) < LIMIT
    assert (expected > 0.02) if (shift, sd) != (0.0, 1.0) else abs(expected) < 1e-9


def test_the_gradient_of_mmd_leads_to_the_prior() -> None:
    a = (torch.randn(200, 2) + 2).requires_grad_()
    mmd(a, torch.randn(200, 2)).backward()
    assert a.grad is not None
    assert (a.grad.mean(0) > 0).all()  # downhill is towards 0


def test_mmd_of_a_single_draw_is_zero() -> None:
    assert float(mmd(torch.zeros(1, 2), torch.ones(1, 2))) == 0


def test_mmd_to_prior_uses_every_sample_and_trains_a_learned_prior() -> None:
    mean = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    prior = gaussian(mean, tensor([1.0, 1.0]))
    out = passed(diagonal(30)[0], standard_in_disguise(3), 3)
    torch.manual_seed(1)
    distance = mmd_to_prior(out)
    torch.manual_seed(1)
    each = [mmd(z, out.p.sample(torch.Size((30,)))) for z in out.z]
    torch.testing.assert_close(distance, torch.stack(each).mean())
    q = gaussian(tensor([[1.0, 1.0]] * 30), tensor([[1.0, 1.0]] * 30))
    (slope,) = torch.autograd.grad(mmd_to_prior(passed(q, prior, 3)), mean)
    assert (slope < 0).all()  # downhill is towards 1
