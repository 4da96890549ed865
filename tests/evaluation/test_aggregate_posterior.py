"""The aggregate posterior against closed forms, quadrature and torch."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from vae.evaluation import aggregate_posterior
from vae.evaluation.aggregate_posterior import Posteriors, information, joined

SPOTS = torch.arange(8.0) - 3.5


def log_unit(z: Tensor) -> Tensor:
    return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)


def modes(mean: Tensor, sd: float = 0.1) -> Posteriors:
    return Posteriors(mean, torch.full_like(mean, sd))


GRID = torch.cartesian_prod(SPOTS, SPOTS)
DIAGONAL = torch.arange(64.0)[:, None].expand(64, 2)


@pytest.mark.parametrize(
    ("mean", "nats"), [(GRID, math.log(64)), (DIAGONAL, math.log(64)), (torch.zeros(64, 2), 0.0)]
)
def test_narrow_modes_have_known_information(mean: Tensor, nats: float) -> None:
    """Spacing 1, sd .1: 64 distinct examples, or 64 equal ones."""
    found = information(modes(mean), log_unit, 2000, 0)
    assert found.mutual_information.value == pytest.approx(nats, abs=0.02)
    assert found.mutual_information.se < 0.01


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(20, 3), (1, 2), (50, 1)])
def test_the_mixture_equals_torchs(shape: tuple[int, int], full: bool) -> None:
    torch.manual_seed(1)
    mean, scale = torch.randn(shape), torch.rand(shape) + 0.1
    q = Independent(Normal(mean, scale), 1)
    if full:
        below = torch.randn(*shape, shape[1]).tril(-1)
        q = MultivariateNormal(mean, scale_tril=below + scale.diag_embed())
    z = 2 * torch.randn(30, shape[1])
    theirs = MixtureSameFamily(Categorical(torch.ones(shape[0])), q).log_prob(z)
    ours = Posteriors.of(q)
    np.testing.assert_allclose(ours.log_aggregate(z.double()), theirs, rtol=1e-4, atol=1e-4)
    noise = torch.randn(30, shape[1]).double()
    rows = torch.arange(30) % shape[0]
    spread = q.scale_tril if full else scale.diag_embed()
    moved = mean[rows] + (spread[rows] @ noise.float()[..., None])[..., 0]
    np.testing.assert_allclose(ours.moved(noise, rows), moved, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("full", [False, True])
def test_a_gaussian_aggregate_has_known_information(full: bool) -> None:
    """z = μ + noise with μ ~ N(0, v I), noise N(0, S): I = ½ ln det(I + v S⁻¹), and q(z) is
    N(0, v I + S), up to the finite number of examples."""
    v = 2.0
    s = torch.tensor([[0.5, 0.3], [0.3, 0.4]]) if full else torch.diag(torch.tensor([0.5, 0.2]))
    mean = torch.from_numpy(
        v**0.5 * stats.norm.ppf(stats.qmc.Sobol(2, seed=0).random(4096))
    ).float()
    scale = (
        torch.linalg.cholesky(s).expand(4096, 2, 2) if full else s.diag().sqrt().expand(4096, 2)
    )
    found = information(Posteriors(mean, scale), log_unit, 4000, 0)
    total = v * torch.eye(2) + s
    told = 0.5 * float(torch.logdet(total) - torch.logdet(s))
    apart = 0.5 * float(total.trace() - 2 - torch.logdet(total))
    for got, true in zip(found, (told, apart), strict=True):
        assert got.value == pytest.approx(true, abs=3 * got.se + 0.02)
        assert got.se < 0.06


@pytest.mark.parametrize(("rho", "nats"), [(0.5, 0.143841), (0.8, 0.510826), (0.9, 0.830366)])
def test_a_correlated_pair_has_known_information(rho: float, nats: float) -> None:
    """x ~ N(0, 1) and z|x ~ N(ρx, 1 − ρ²)."""
    x = torch.from_numpy(stats.norm.ppf((np.arange(4000) + 0.5) / 4000)).float()
    found = information(modes(rho * x[:, None], (1 - rho**2) ** 0.5), log_unit, 10_000, 0)
    assert found.mutual_information.value == pytest.approx(nats, abs=0.03)
    assert found.aggregate_kl.value == pytest.approx(0, abs=0.01)


def test_intervals_cover_the_exact_value() -> None:
    """Three modes of width 1 in one dimension, by quadrature."""
    centres = np.array([-1.5, 0.0, 2.0])

    def density(z: float) -> float:
        return float(stats.norm.pdf(z, centres).mean())

    def apart(z: float) -> float:
        return density(z) * (math.log(density(z)) - stats.norm.logpdf(z))

    entropy = integrate.quad(lambda z: -density(z) * math.log(density(z)), -12, 12)[0]
    true = (entropy - stats.norm.entropy(), integrate.quad(apart, -12, 12)[0])
    q = modes(torch.from_numpy(centres[:, None]).float(), 1.0)
    covered = [0, 0]
    for seed in range(100):
        for i, got in enumerate(information(q, log_unit, 400, seed)):
            covered[i] += abs(got.value - true[i]) < 1.96 * got.se
    assert all(90 <= count <= 99 for count in covered), covered


def test_float32_posteriors_of_any_width_are_distinguished() -> None:
    """Spacing a thousandth, a hundred widths, far from the origin."""
    mean = 100 + torch.arange(100.0)[:, None] / 1000 * torch.ones(2)
    found = information(modes(mean, 1e-5), log_unit, 500, 0)
    assert found.mutual_information.value == pytest.approx(math.log(100), abs=1e-3)


def test_chunks_do_not_change_the_result_of_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    q = modes(torch.randn(70, 2), 0.5)
    first = information(q, log_unit, 200, 3)
    for cells in (1, 70 * 7, 10**6):
        monkeypatch.setattr(aggregate_posterior, "CELLS", cells)
        np.testing.assert_allclose(information(q, log_unit, 200, 3), first, rtol=1e-12)
    assert information(q, log_unit, 200, 4) != first
    parts = [Posteriors(q.mean[a:b], q.scale[a:b]) for a, b in ((0, 30), (30, 70))]
    assert information(joined(parts), log_unit, 200, 3) == information(q, log_unit, 200, 3)


def test_only_gaussian_posteriors_are_accepted() -> None:
    assert Posteriors.of(Normal(torch.zeros(3), torch.ones(3))) is None


def test_progress_equals_the_share_of_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate_posterior, "CELLS", 70 * 30)
    told: list[float] = []
    information(modes(torch.randn(70, 2), 0.5), log_unit, 100, 0, told.append)
    assert told == [0.3, 0.6, 0.9, 1.0]
