"""The likelihood of a mixed table against scipy.stats: each kind, their sum, gradients, missing
cells, samples, and the constant with the largest likelihood.
"""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.autograd import gradcheck

from vae.base.kinds import KINDS
from vae.base.records import Domain
from vae.components.column_groups import GROUPS
from vae.components.likelihoods import LIKELIHOODS, check_domain
from vae.components.mixed_likelihood import Mixed
from vae.components.rescalings import Units
from vae.evaluation.constant_fit import best_constant

TABLE = Domain(
    (7,),
    location=(3.0, 8.0, 1.5, 0.0, 0.0, 0.0, -1.0),
    scale=(2.0, 0.7, 0.6, 1.0, 2.0, 4.0, 0.5),
    kinds=("real", "positive", "count", "binary", "category", "category", "real"),
)
X = [
    [3.5, 2900.0, 0.0, 1.0, 2.0, 0.0, -1.2],
    [-1.0, 5100.5, 7.0, 0.0, 0.0, 4.0, 0.3],
    [9.0, 800.0, 31.0, 1.0, 1.0, 2.0, -2.0],
]
WIDTH = 4 + 1 + 3 + 5  # a number for each column, or for each of the 3 and 5 names


@pytest.fixture(name="mixed")
def _mixed() -> Mixed:
    found = LIKELIHOODS["mixed"](TABLE).double()
    with torch.no_grad():
        for k, p in enumerate(found.parameters()):
            p.copy_(-0.7 + 0.2 * torch.arange(p.numel()) - 0.1 * k)
    assert isinstance(found, Mixed)
    return found


def h_of(count: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 1, WIDTH, dtype=torch.float64, generator=generator)


def expected(mixed: Mixed, h: Tensor, x: np.ndarray) -> np.ndarray:
    """ln p(x) of each column by scipy, from the definition of the kinds."""
    found = np.empty(x.shape)
    start = 0
    learned = {name: p.detach().numpy() for name, p in mixed.named_parameters()}
    for place, ((kind, _), columns) in enumerate(mixed.places):
        for n, k in enumerate(columns):
            a, b, value = TABLE.location[k], TABLE.scale[k], x[:, k]
            names = round(b) + 1 if kind == "category" else 1
            out = h[:, 0, start + n : start + names * len(columns) : len(columns)].numpy()
            if kind in ("real", "positive"):
                sigma = math.exp(0.5 * learned[f"parts.{place}.likelihood.log_var"][n])
                mean = a + b * out[:, 0]
                row = stats.norm(mean, b * sigma)
                if kind == "positive":
                    row = stats.lognorm(s=b * sigma, scale=np.exp(mean))
                found[:, k] = row.logpdf(value)
            elif kind == "count":
                alpha = math.exp(learned[f"parts.{place}.likelihood.log_dispersion"][n])
                alpha += math.exp(-10)
                mean = np.exp(a + b * out[:, 0])
                found[:, k] = stats.nbinom(1 / alpha, 1 / (1 + alpha * mean)).logpmf(value)
            elif kind == "binary":
                found[:, k] = stats.bernoulli(1 / (1 + np.exp(-out[:, 0]))).logpmf(value)
            else:
                p = np.exp(out) / np.exp(out).sum(1, keepdims=True)
                found[:, k] = [
                    stats.multinomial(1, row).logpmf(np.eye(names)[int(v)])
                    for row, v in zip(p, value, strict=True)
                ]
        start += mixed.groups[place].width
    return found


def test_every_kind_has_a_likelihood() -> None:
    assert list(GROUPS) == list(KINDS)


def test_log_prob_of_each_kind_agrees_with_scipy_and_sums_over_the_columns(mixed: Mixed) -> None:
    x, h = torch.tensor(X, dtype=torch.float64), h_of()
    assert mixed.coded_shape == (WIDTH,)
    px = mixed(h)
    wanted = expected(mixed, h, np.array(X))
    assert px.base_dist.log_prob(x).detach().numpy() == pytest.approx(wanted, abs=1e-6, rel=1e-9)
    assert px.log_prob(x).detach().numpy() == pytest.approx(wanted.sum(1), abs=1e-6)


def test_the_gradient_is_that_of_finite_differences(mixed: Mixed) -> None:
    x = torch.tensor(X, dtype=torch.float64)
    assert gradcheck(lambda h: mixed(h).log_prob(x), (h_of().requires_grad_(),))


def test_a_missing_cell_of_any_kind_has_no_term_and_no_gradient(mixed: Mixed) -> None:
    x = torch.tensor(X, dtype=torch.float64)
    h = h_of().requires_grad_()
    units = Units(TABLE._replace(missing=True)).double()
    wanted = expected(mixed, h.detach(), np.array(X))
    for k in range(7):
        holed = x.clone()
        holed[:, k] = torch.nan
        found = units.of_x(mixed(h)).log_prob(holed)
        rest = np.delete(wanted, k, 1).sum(1)
        assert found.detach().numpy() == pytest.approx(rest, abs=1e-6)
        (slope,) = torch.autograd.grad(found.sum(), h)
        assert torch.isfinite(slope).all()
    nothing = units.of_x(mixed(h)).log_prob(torch.full_like(x, torch.nan))
    assert nothing.abs().max() == 0


def test_samples_have_the_values_of_their_kinds_and_the_means_of_their_distribution(
    mixed: Mixed,
) -> None:
    with torch.no_grad():
        px = mixed(h_of(1)[0])
    torch.manual_seed(0)
    x = px.sample((40_000,))
    assert x.shape == (40_000, 7)
    assert (x[:, 1] > 0).all()
    for k, names in ((2, None), (3, 2), (4, 3), (5, 5)):
        assert (x[:, k] == x[:, k].round()).all()
        assert x[:, k].min() >= 0
        assert names is None or x[:, k].max() < names
    for k in (0, 1, 2, 3, 6):
        spread = float(x[:, k].std()) / 200
        assert float(x[:, k].mean()) == pytest.approx(float(px.mean[k]), abs=5 * spread)
    for k in (4, 5):
        assert float(x[:, k].mode().values) == float(px.mean[k]), "the most probable name"


def test_averages_are_those_of_the_moments_and_the_most_probable_name(mixed: Mixed) -> None:
    h = h_of(4).reshape(4, 1, 1, WIDTH)  # K = 4, B = 1
    weights = torch.tensor([[0.1], [0.2], [0.3], [0.4]], dtype=torch.float64)
    found = mixed.average(mixed(h), weights)[0]
    means = mixed(h).mean[:, 0]
    for k in (0, 1, 2, 3, 6):
        assert float(found[k]) == pytest.approx(float((weights[:, 0] * means[:, k]).sum()))
    start = sum(group.width for group in mixed.groups[:-1])
    p = h[:, 0, 0, start:].softmax(-1)
    assert float(found[5]) == float((weights * p).sum(0).argmax())


def test_the_encoder_receives_standardised_numbers_and_one_number_for_each_name(
    mixed: Mixed,
) -> None:
    x = torch.tensor(X, dtype=torch.float64)
    u = mixed.encoder_input(x)
    assert u.shape == (3, WIDTH)
    rescaled = TABLE.rescale(np.array(X, np.float32))
    places = [k for _, columns in mixed.places[:3] for k in columns]
    assert u[:, :4].numpy() == pytest.approx(rescaled[:, places], rel=1e-5)
    assert (u[:, 5:8].sum(1) == 1).all()
    assert (u[:, 5:8].argmax(1) == x[:, 4].long()).all()
    x[0, 4] = torch.nan
    assert mixed.encoder_input(x)[0, 5:8].isnan().all()
    assert TABLE.restore(rescaled) == pytest.approx(np.array(X), rel=1e-4)


def test_the_best_constant_is_the_maximum_of_each_column() -> None:
    generator = np.random.default_rng(0)
    n = 500
    columns = [
        generator.normal(3, 2, n),
        np.exp(generator.normal(8, 0.7, n)),
        generator.negative_binomial(2, 0.2, n),
        generator.random(n) < 0.3,
        generator.choice(3, n, p=[0.5, 0.3, 0.2]),
        generator.choice(5, n),
        generator.normal(-1, 0.5, n),
    ]
    x = torch.tensor(np.column_stack(columns).astype(float))
    likelihood = LIKELIHOODS["mixed"](TABLE).double()
    fit = best_constant(likelihood, x, extra=0.0)
    assert fit.converged
    found = likelihood(fit.h).base_dist.log_prob(x).mean(0).detach().numpy()
    for k in (0, 6):
        assert found[k] == pytest.approx(
            -0.5 * math.log(2 * math.pi * math.e * x[:, k].var(correction=0))
        )
    logs = x[:, 1].log()
    wanted = -0.5 * math.log(2 * math.pi * math.e * logs.var(correction=0)) - logs.mean()
    assert found[1] == pytest.approx(float(wanted))
    for k in (3, 4, 5):
        share = np.bincount(x[:, k].long()) / n
        assert found[k] == pytest.approx(float((share * np.log(share)).sum()), abs=1e-5)
    mean = columns[2].mean()
    best = minimize_scalar(
        lambda a: -stats.nbinom(1 / a, 1 / (1 + a * mean)).logpmf(columns[2]).mean(),
        bounds=(0.1, 2),
    )
    assert found[2] == pytest.approx(-best.fun, abs=1e-7)


def test_data_without_kinds_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"data_kinds all.*choose likelihood gaussian"):
        check_domain("mixed", Domain((3,)))
