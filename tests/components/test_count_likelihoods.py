"""Zero inflation and library size: limits, scipy's values, sums to one and maxima."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import minimize
from torch import Tensor

from tests.cells import cells
from tests.tables import each
from vae.analysis.encoding import decode
from vae.base.records import Domain
from vae.batches import Batches
from vae.components.count_distributions import ZeroInflated
from vae.components.gamma_distributions import NegativeBinomial, Poisson
from vae.components.likelihood_base import Likelihood
from vae.components.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.data import Dataset
from vae.evaluation import evaluate
from vae.evaluation.constant_fit import best_constant
from vae.model import VAE, build
from vae.training.previews import fixed_examples, frame

X = np.array([0, 1, 2, 7, 40, 5000.0])
COUNTS = [name for name, row in LIKELIHOODS.items() if row.support == "counts"]
ZINB = "zero-inflated-negative-binomial"
SIZE = 512.0
CPU = torch.device("cpu")


def doubles(values: Any) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float64))


def sized(name: str, *shape: int) -> Likelihood:
    domain = Domain(shape, library_size=SIZE)
    return LIKELIHOODS[name](domain, library_size="observed").double()


def test_zero_inflation_equals_scipy_over_a_grid() -> None:
    mean, r = np.array([0.3, 4, 900])[:, None], np.array([0.2, 3, 80])[:, None, None]
    p = np.array([1e-6, 0.1, 0.5, 0.99])[:, None, None, None]
    shape = np.broadcast_shapes(mean.shape, r.shape, p.shape)
    log_mean, dispersion, logit = (
        doubles(v).expand(shape) for v in (np.log(mean), 1 / r, np.log(p) - np.log1p(-p))
    )
    found = ZeroInflated(NegativeBinomial(log_mean, dispersion), logit).log_prob(doubles(X))
    pmf = stats.nbinom.logpmf(X, r, r / (r + mean))
    exact = np.log1p(-p) + pmf
    exact = np.where(X == 0, np.logaddexp(np.log(p), exact), exact)
    np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-6)


@each("dtype", [torch.float32, torch.float64])
def test_without_zero_inflation_it_is_its_base(dtype: torch.dtype) -> None:
    base = NegativeBinomial(torch.tensor(1.0, dtype=dtype), torch.tensor(0.7, dtype=dtype))
    x = torch.from_numpy(X).to(dtype)
    gaps = [
        float((ZeroInflated(base, torch.tensor(v, dtype=dtype)).log_prob(x) - base.log_prob(x))
              .abs().max())
        for v in (-3.0, -9.0, -18.0)
    ]  # fmt: skip
    assert gaps[0] > 0.02
    assert gaps[1] < 0.01 * gaps[0]
    assert gaps[2] < (1e-5 if dtype == torch.float32 else 1e-7)


def test_samples_lose_counts_with_the_probability_of_zero_inflation() -> None:
    torch.manual_seed(0)
    p, mean, dispersion = 0.3, math.exp(1.2), 0.5
    base = NegativeBinomial(torch.tensor(1.2), torch.tensor(dispersion))
    px = ZeroInflated(base, torch.tensor(math.log(p / (1 - p))))
    drawn = px.sample(torch.Size((200_000,))).double()
    variance = (1 - p) * (mean + dispersion * mean**2 + p * mean**2)
    assert float(px.mean) == pytest.approx((1 - p) * mean, rel=1e-6)
    assert float(drawn.mean()) == pytest.approx((1 - p) * mean, abs=5 * math.sqrt(variance / 2e5))
    assert float(drawn.var()) == pytest.approx(variance, rel=0.03)
    zero = p + (1 - p) * (1 + dispersion * mean) ** (-1 / dispersion)
    assert float((drawn == 0).double().mean()) == pytest.approx(zero, abs=0.006)


def fitted(row: Likelihood, x: np.ndarray) -> float:
    """Return nats per example at the best constant of x (N, D)."""
    fit = best_constant(row, doubles(x), 0.0)
    assert fit.converged
    with torch.no_grad():
        return -float(row(fit.h).log_prob(doubles(x)).mean())


def test_the_best_constant_of_zero_inflation_is_that_of_scipy() -> None:
    draw = np.random.default_rng(0)
    x = draw.negative_binomial(4, 0.3, 500) * (draw.random(500) > 0.4) * 1.0

    def error(v: np.ndarray) -> float:
        r, mean, p = np.exp(-v[1]), np.exp(v[0]), 1 / (1 + np.exp(-v[2]))
        some = np.log1p(-p) + stats.nbinom.logpmf(x, r, r / (r + mean))
        return -np.where(x == 0, np.logaddexp(np.log(p), some), some).mean()

    tight = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 5000, "maxfev": 5000}
    least = minimize(error, [2.0, -1.0, -0.5], method="Nelder-Mead", options=tight)
    row = LIKELIHOODS[ZINB](Domain((1,))).double()
    assert fitted(row, x[:, None]) == pytest.approx(least.fun, abs=1e-7)
    h = best_constant(row, doubles(x[:, None]), 0.0).h
    assert float(h[0]) == pytest.approx(least.x[0], abs=1e-3)
    assert float(h[1]) == pytest.approx(least.x[2], abs=1e-3)


@each("name", COUNTS)
def test_the_mean_is_the_library_size_times_a_share(name: str) -> None:
    """Values of the base distribution at ln ℓ + log-softmax(h), ℓ read from each x."""
    row, draw = sized(name, 4), torch.Generator().manual_seed(0)
    h = torch.randn(3, row.multiplicity, 4, generator=draw, dtype=torch.float64)
    x = torch.randint(0, 9, (3, 4), generator=draw).double()
    x[2] = 0  # a cell without counts
    size = x.sum(1, keepdim=True).clamp(min=1e-6)
    log_mean = size.log() + h[:, 0].log_softmax(-1)
    if name == "poisson":
        plain: Poisson | NegativeBinomial = Poisson(log_mean)
    else:
        row.log_dispersion.data.normal_(generator=draw)  # type: ignore[operator]
        plain = NegativeBinomial(log_mean, row._dispersion().expand(3, 4))  # type: ignore[operator]
    base = ZeroInflated(plain, h[:, 1]) if row.multiplicity == 2 else plain
    px = row(h)
    torch.testing.assert_close(px.log_prob(x), base.log_prob(x).sum(-1))
    torch.testing.assert_close(row.of_examples(px, x).mean, base.mean)
    torch.testing.assert_close(row.of_examples(px, x).log_prob(x), px.log_prob(x))
    kept = torch.sigmoid(-h[:, 1]) if row.multiplicity == 2 else 1.0
    torch.testing.assert_close(px.mean / kept, SIZE * h[:, 0].softmax(-1))


@each("name", COUNTS)
def test_probabilities_at_a_library_size_sum_to_one(name: str) -> None:
    row = sized(name, 3)
    with torch.no_grad():
        px = row(torch.randn(row.multiplicity, 3, dtype=torch.float64)).base_dist
        x = torch.arange(60_000).double()[:, None].expand(-1, 3)
        total = px.of_size(torch.tensor(40.0)).log_prob(x).exp().sum(0)
    np.testing.assert_allclose(total, 1, atol=1e-7)


@each("name", COUNTS)
def test_zero_counts_and_deep_examples_have_finite_gradients(name: str) -> None:
    row = LIKELIHOODS[name](Domain((5,)), library_size="observed")
    for count in (0.0, 1.0, 1e6):
        for large in (0.0, 1.0, 300.0):
            h = (large * torch.linspace(-1, 1, row.multiplicity * 5)).reshape(-1, 5)
            h.requires_grad_()
            loss = row(h).log_prob(torch.full((5,), count))
            loss.backward()
            assert loss.isfinite()
            assert h.grad is not None
            assert h.grad.isfinite().all()


def test_the_best_shares_of_scipy() -> None:
    """Poisson shares are those of all counts; negative binomial ones depend on the dispersion."""
    found = cells(200, 3, (20, 300), dispersion=0.4)
    x = found.data.x.astype(np.float64)
    fit = best_constant(sized("poisson", 3), doubles(x), 0.0)
    np.testing.assert_allclose(fit.h[0].softmax(-1), x.sum(0) / x.sum(), rtol=1e-9)

    def error(v: np.ndarray) -> float:
        share = np.exp(v[:3] - np.logaddexp.reduce(v[:3]))
        mean, r = x.sum(1, keepdims=True) * share, np.exp(-v[3:])
        return -stats.nbinom.logpmf(x, r, r / (r + mean)).sum(1).mean()

    least = minimize(error, np.zeros(6), method="BFGS", options={"gtol": 1e-7})
    assert fitted(sized("negative-binomial", 3), x) == pytest.approx(least.fun, abs=1e-6)


Model = Callable[..., tuple[VAE, Dataset, RunConfig]]


def model_of(**settings: Any) -> tuple[VAE, Dataset, RunConfig]:
    data = cells(60, 6, (50, 500)).data
    usual = {"likelihood": "poisson", "library_size": "observed", "batch_size": 16}
    config = RunConfig.of(**usual | settings)
    return build(config, config.domain(data)), data, config


def test_reconstructions_have_their_own_size_and_samples_the_median_of_training() -> None:
    model, data, config = model_of()
    splits = config.split(data)
    median = float(np.median(data.x[splits.train].sum(1)))
    assert model.domain.library_size == median
    x = torch.from_numpy(data.x)
    with torch.no_grad():
        out = model(x, 2)
    torch.testing.assert_close(out.px.mean.sum(-1), x.sum(1).expand(2, -1))
    z = np.zeros((5, 2), np.float32)
    np.testing.assert_allclose(decode(model, z).sum(1), median, rtol=1e-5)
    np.testing.assert_allclose(decode(model, z, 0).sum(1), median, rtol=0.3)
    np.testing.assert_allclose(decode(model, z, x=data.x[:5]).sum(1), data.x[:5].sum(1), rtol=1e-5)
    examples = fixed_examples(config, data, splits)
    shown = frame(model, data, examples, 0, 0.0)
    np.testing.assert_allclose(shown.reconstructions.sum(1), examples.originals.sum(1), rtol=1e-5)
    np.testing.assert_allclose(shown.samples.sum(1), median, rtol=1e-5)


def test_the_evaluation_notes_the_given_size() -> None:
    for size in ("none", "observed"):
        model, data, config = model_of(library_size=size)
        record = evaluate(model, Batches(data, np.arange(60), config, CPU), elbo_samples=1)
        assert ("median of the training examples" in record.notes.get("library_size", "")) == (
            size == "observed"
        )


def test_data_without_library_size_are_refused() -> None:
    counts = {"likelihood": "poisson", "library_size": "observed"}
    with pytest.raises(ValueError, match="library_size belongs to likelihood"):
        RunConfig.of(likelihood="bernoulli", library_size="observed")
    with pytest.raises(ValueError, match="no library size: choose library_size none, or binarize"):
        RunConfig.of(binarize="threshold", **counts)
    data = cells(60, 6, (50, 500)).data
    holes = data._replace(x=np.where(data.x == data.x.max(), np.nan, data.x).astype(np.float32))
    with pytest.raises(ValueError, match="needs every count, and cells has some that were not"):
        RunConfig.of(batch_size=16, **counts).split(holes)
