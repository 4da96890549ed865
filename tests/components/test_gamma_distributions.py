"""Student's t, Poisson and negative binomial: scipy's values, limits, moments and maxima."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import minimize
from torch import Tensor

from tests.tables import each
from vae.base.records import Domain
from vae.components.gamma_distributions import NegativeBinomial, Poisson, StudentT
from vae.components.likelihood_base import Likelihood
from vae.components.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.config.rules import suitable_likelihood
from vae.data import Dataset
from vae.evaluation.constant_fit import best_constant
from vae.model import build

X = np.array([0, 1, 2, 3, 7, 15, 16, 17, 40, 300, 5000, 100_000.0])
MEANS = np.array([0.01, 0.7, 3, 25, 400, 9e3, 1e5])[:, None]
SHAPES = np.array([1e-3, 0.1, 0.9, 4, 15.9, 16.1, 250, 1e5])[:, None, None]


def doubles(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float64))


def test_counts_equal_scipy_over_a_grid() -> None:
    mean, r, x = (doubles(v) for v in (MEANS, SHAPES, X))
    found = Poisson(mean.log()).log_prob(x)
    np.testing.assert_allclose(found, stats.poisson.logpmf(X, MEANS), rtol=1e-9, atol=1e-6)
    shape = torch.broadcast_shapes(mean.shape, r.shape)
    found = NegativeBinomial(mean.log().expand(shape), (1 / r).expand(shape)).log_prob(x)
    expected = stats.nbinom.logpmf(X, SHAPES, SHAPES / (SHAPES + MEANS))
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-6)


def test_student_t_equals_scipy_over_a_grid() -> None:
    nu = np.array([0.1, 1, 2.5, 4, 31, 33, 1e3, 1e6])[:, None, None]
    sigma, x = np.array([1e-3, 0.4, 30])[:, None], np.array([-1e4, -3, -0.01, 0, 0.5, 2, 700])
    shape = np.broadcast_shapes(nu.shape, sigma.shape)
    at = (doubles(v).expand(shape) for v in (nu, np.array(0.3), sigma))
    found = StudentT(*at).log_prob(doubles(x))
    np.testing.assert_allclose(found, stats.t.logpdf(x, nu, 0.3, sigma), rtol=1e-8, atol=1e-6)


@each("dtype", [torch.float32, torch.float64])
def test_limits_are_poisson_and_gaussian(dtype: torch.dtype) -> None:
    """Also in 32 bits, where a difference of two ln Γ would have no digit."""
    x, log_mean = torch.tensor([0, 1, 3, 20, 90.0], dtype=dtype), torch.tensor(2.5, dtype=dtype)
    plain = Poisson(log_mean).log_prob(x)
    gaps = []
    for dispersion in (1e-2, 1e-4, 1e-6):
        alpha = torch.tensor(dispersion, dtype=dtype)
        gaps.append(float((NegativeBinomial(log_mean, alpha).log_prob(x) - plain).abs().max()))
    assert gaps[0] > 0.1
    assert gaps[1] < 0.02 * gaps[0]
    assert gaps[2] < (3e-3 if dtype == torch.float64 else 4e-3)
    x, one = torch.linspace(-4, 4, 9, dtype=dtype), torch.ones((), dtype=dtype)
    normal = torch.distributions.Normal(0 * one, one).log_prob(x)
    gap = [float((StudentT(nu * one, 0 * one, one).log_prob(x) - normal).abs().max())
           for nu in (10.0, 1e3, 1e6)]  # fmt: skip
    assert gap[0] > 0.5
    assert gap[1] < 0.05 * gap[0]
    assert gap[2] < 1e-4


@each(
    ("px", "mean", "variance"),
    [
        (Poisson(torch.tensor(1.2)), math.exp(1.2), math.exp(1.2)),
        (NegativeBinomial(torch.tensor(1.2), torch.tensor(0.5)), math.exp(1.2),
         math.exp(1.2) + 0.5 * math.exp(2.4)),
        (StudentT(torch.tensor(9.0), torch.tensor(-2.0), torch.tensor(3.0)), -2, 9 * 9 / 7),
    ],
)  # fmt: skip
def test_samples_have_mean_and_variance_of_the_theory(
    px: StudentT, mean: float, variance: float
) -> None:
    torch.manual_seed(0)
    drawn = px.sample(torch.Size((200_000,))).double()
    assert float(px.mean) == pytest.approx(mean, rel=1e-6)
    assert float(drawn.mean()) == pytest.approx(mean, abs=5 * math.sqrt(variance / 200_000))
    assert float(drawn.var()) == pytest.approx(variance, rel=0.03)


def row_of(name: str, **options: float) -> Likelihood:
    return LIKELIHOODS[name](Domain((1,)), **options).double()


def fitted(row: Likelihood, x: np.ndarray) -> float:
    """Return nats per example at the best constant of x (N,)."""
    data = doubles(x)[:, None]
    fit = best_constant(row, data, 0.0)
    assert fit.converged
    with torch.no_grad():
        return -float(row(fit.h).log_prob(data).mean())


def test_the_best_constant_is_that_of_scipy() -> None:
    """One column each, with the density of scipy and its search."""
    draw = np.random.default_rng(0)
    x = draw.negative_binomial(1.5, 0.1, 400) * 1.0
    assert fitted(row_of("poisson"), x) == pytest.approx(
        -stats.poisson.logpmf(x, x.mean()).mean(), abs=1e-9
    )
    tight = {"xatol": 1e-8, "fatol": 1e-12}
    least = minimize(
        lambda v: -stats.nbinom.logpmf(x, np.exp(v[1]), 1 / (1 + np.exp(v[0] - v[1]))).mean(),
        [1.0, 0.0], method="Nelder-Mead", options=tight,
    )  # fmt: skip
    row = row_of("negative-binomial")
    assert fitted(row, x) == pytest.approx(least.fun, abs=1e-7)
    assert float(row.scalars()["dispersion_min"]) == pytest.approx(math.exp(-least.x[1]), rel=1e-4)
    x = 3 + 0.2 * draw.standard_t(3, 400)
    for nu, options in ((4, {}), (1.5, {"degrees_of_freedom": 1.5})):
        least = minimize(
            lambda v, nu=nu: -stats.t.logpdf(x, nu, v[0], np.exp(v[1])).mean(),
            [3, -1], method="Nelder-Mead", options=tight,
        )  # fmt: skip
        assert fitted(row_of("student-t", **options), x) == pytest.approx(least.fun, abs=1e-7)
    row = row_of("student-t", degrees_of_freedom=0.0)
    least = minimize(
        lambda v: -stats.t.logpdf(x, np.exp(v[2]), v[0], np.exp(v[1])).mean(),
        [3, -1, 1], method="Nelder-Mead", options=tight,
    )  # fmt: skip
    assert fitted(row, x) == pytest.approx(least.fun, abs=1e-6)
    assert float(row.scalars()["degrees_of_freedom"]) == pytest.approx(
        math.exp(least.x[2]), rel=1e-2
    )


COUNTS = np.random.default_rng(1).poisson(8.0, (60, 5)).astype(np.float32)


@each(
    ("x", "scale", "expected"),
    [
        (COUNTS, 1.0, "negative-binomial"),
        (COUNTS + 0.5, 1.0, "gaussian-learned"),
        (COUNTS - 1, 1.0, "gaussian-learned") if COUNTS.min() == 0 else
        (COUNTS - 9, 1.0, "gaussian-learned"),
        ((COUNTS > 8).astype(np.float32), 1.0, "bernoulli"),
        (COUNTS.clip(0, 16).astype(np.uint8), 16.0, "bernoulli"),
    ],
)  # fmt: skip
def test_counts_are_suggested_for_whole_numbers_from_0_only(
    x: np.ndarray, scale: float, expected: str
) -> None:
    data = Dataset("table", x, scale)
    assert suitable_likelihood(data, "bernoulli") == expected
    assert suitable_likelihood(data, "gaussian") == "gaussian"  # the user's choice stays
    config = RunConfig.of(likelihood="poisson", batch_size=8)
    if data.is_counts:
        assert config.rescaling(config.domain(data)) == "none"
        assert len(config.split(data).train)
    else:
        with pytest.raises(ValueError, match=r"poisson likelihood needs counts .*choose"):
            config.split(data)
    if expected.startswith("neg"):
        with pytest.raises(ValueError, match="choose likelihood negative-binomial or poisson or"):
            RunConfig.of(batch_size=8).split(data)


def test_the_encoder_receives_the_logarithm_of_counts() -> None:
    domain = Domain((5,))
    model = build(RunConfig.of(likelihood="poisson"), domain)
    plain = build(RunConfig.of(likelihood="gaussian"), domain)
    plain.load_state_dict(model.state_dict())
    x = torch.from_numpy(COUNTS)
    torch.testing.assert_close(model.posterior(x).mean, plain.posterior(x.log1p()).mean)
    assert model.posterior(-x).mean.isfinite().all()  # of a corrupted example
