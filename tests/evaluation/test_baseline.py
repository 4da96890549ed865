"""The cost of a model without latents: closed forms where they exist, else scipy."""

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import norm

from tests.tables import SINGLE
from vae.base.progress import Cancelled
from vae.base.records import Domain
from vae.components.likelihood_base import Likelihood
from vae.components.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.data import Dataset, load
from vae.evaluation import constant_fit as room
from vae.evaluation.baseline import baseline, baselines
from vae.evaluation.constant_fit import TOLERANCE, best_constant

FLOOR = -14.0  # of ln sigma²
HELD_IN = {"val_share": 0.0, "test_share": 0.0}


def grey(n: int = 200, levels: int = 9, shape: tuple[int, ...] = (1, 3, 4)) -> np.ndarray:
    """Return pictures of k / (levels - 1), each pixel around a separate mean; no pixel is
    constant."""
    rng = np.random.default_rng(3)
    centre = rng.uniform(1, levels - 2, shape)
    k = np.rint(centre + rng.normal(0, 1.7, (n, *shape))).clip(0, levels - 1)
    return k / (levels - 1)


def likelihood_of(name: str, levels: int, shape: tuple[int, ...], **options: float) -> Likelihood:
    return LIKELIHOODS[name](Domain(shape, levels), **options).double()


def mean_error(likelihood: Likelihood, h: torch.Tensor, x: np.ndarray) -> float:
    with torch.no_grad():
        return float(-likelihood(h).log_prob(torch.from_numpy(x)).mean())


def fitted(name: str, x: np.ndarray, levels: int, extra: float = 0.0, **options: float) -> float:
    """Return nats per example at the best constant of x, on x; the fit must have converged."""
    likelihood = likelihood_of(name, levels, x.shape[1:], **options)
    fit = best_constant(likelihood, torch.from_numpy(x), extra)
    assert fit.converged
    assert fit.h.shape == (likelihood.multiplicity, *x.shape[1:])
    return mean_error(likelihood, fit.h, x)


def entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def test_bernoulli_costs_the_cross_entropy_at_the_mean() -> None:
    x = grey()
    p = x.mean(0)
    exact = -(p * np.log(p) + (1 - p) * np.log1p(-p)).sum()
    assert fitted("bernoulli", x, 9) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("extra", [1.0, 5.0])
def test_further_examples_are_spread_over_the_levels(extra: float) -> None:
    """Without them a pixel that is black in every example would have an infinite optimum."""
    x = np.zeros((50, 1, 1, 2))
    p = 0.5 * extra / (50 + extra)
    assert fitted("bernoulli", x, 2, extra) == pytest.approx(-2 * math.log1p(-p), abs=1e-9)
    p = (50 + extra / 9) / (50 + extra)
    assert fitted("categorical", x, 9, extra) == pytest.approx(-2 * math.log(p), abs=1e-9)


def test_categorical_costs_the_entropies_of_the_histograms() -> None:
    x = grey()
    k = np.rint(x * 8).astype(int).reshape(len(x), -1)
    exact = sum(entropy(np.bincount(column, minlength=9) / len(x)) for column in k.T)
    assert fitted("categorical", x, 9) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 3.0])
def test_gaussian_costs_its_mean_square(sigma: float) -> None:
    x = np.random.default_rng(0).normal([5, -1e4, 0.01], [1, 20, 3], (300, 3))
    exact = -norm.logpdf(x, x.mean(0), sigma).sum(1).mean()
    assert fitted("gaussian", x, 0, sigma=sigma) == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("unit", [1e-2, 1.0, 1e5])
def test_learned_gaussians_cost_the_entropy_of_their_noise(unit: float) -> None:
    x = unit * np.random.default_rng(0).normal([5, -1, 0.3], [1, 2, 0.3], (300, 3))
    each = x.var(0)
    one = 3 / 2 * (math.log(2 * math.pi * each.mean()) + 1)
    assert fitted("gaussian-learned", x, 0) == pytest.approx(one, abs=1e-6)
    own = (np.log(2 * math.pi * each) + 1).sum() / 2
    assert fitted("gaussian-per-dimension", x, 0) == pytest.approx(own, abs=1e-6)


def test_constant_elements_stop_at_the_floor_of_sigma() -> None:
    x = np.random.default_rng(0).normal(0, 1, (100, 2))
    x[:, 1] = 0.25
    varying = (math.log(2 * math.pi * x[:, 0].var()) + 1) / 2
    constant = (math.log(2 * math.pi) + FLOOR) / 2
    assert fitted("gaussian-per-dimension", x, 0) == pytest.approx(varying + constant, abs=1e-6)


@pytest.mark.parametrize("levels", [2, 9, 256])
@pytest.mark.parametrize("name", [n for n in SINGLE if LIKELIHOODS[n].support != "real"])
def test_the_fit_of_one_pixel_is_scipys_optimum(name: str, levels: int) -> None:
    """Another search over the module's h and parameters finds no better value."""
    x = grey(120, levels, (1, 1, 1)) if levels > 2 else (np.arange(120) % 3 == 0)[:, None] * 1.0
    x = x.reshape(120, 1, 1, 1)
    if name == "categorical" and levels > 9:
        return
    likelihood = likelihood_of(name, levels, (1, 1, 1))
    own = list(likelihood.parameters())
    outputs = likelihood.multiplicity

    def error(values: np.ndarray) -> float:
        for parameter, value in zip(own, values[outputs:], strict=True):
            parameter.data.fill_(float(value))
        return mean_error(likelihood, torch.from_numpy(values[:outputs]).view(-1, 1, 1, 1), x)

    if outputs + len(own) == 1:
        least = minimize_scalar(lambda v: error(np.array([v])), bounds=(-30, 30)).fun
    else:
        start = np.zeros(outputs + len(own)) - np.array([0.0] * outputs + [2.0] * len(own))
        tight = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 100_000, "maxfev": 100_000}
        method = "Nelder-Mead" if outputs == 1 else "BFGS"
        least = minimize(
            error, start, method=method, options=tight if outputs == 1 else {"gtol": 1e-8}
        ).fun
    assert fitted(name, x, levels) == pytest.approx(least, abs=2e-5)


@pytest.mark.parametrize("name", SINGLE)
def test_no_constant_nearby_is_better(name: str) -> None:
    x, levels = grey(), 9
    if LIKELIHOODS[name].support == "counts":
        draw = np.random.default_rng(0)
        x, levels = draw.negative_binomial(draw.uniform(1, 9, (3, 4)), 0.3, (200, 3, 4)) * 1.0, 0
    likelihood = likelihood_of(name, levels, x.shape[1:])
    fit = best_constant(likelihood, torch.from_numpy(x), 0.0)
    assert fit.slack < TOLERANCE
    best = mean_error(likelihood, fit.h, x)
    generator = torch.Generator().manual_seed(0)
    for size in (0.003, 0.1):
        moved = fit.h + size * torch.randn(fit.h.shape, generator=generator, dtype=fit.h.dtype)
        assert mean_error(likelihood, moved, x) > best
    for parameter in likelihood.parameters():
        for by in (-0.1, 0.1):
            parameter.data += by
            assert mean_error(likelihood, fit.h, x) > best
            parameter.data -= by


def dataset_for(name: str, x: np.ndarray, **parts: int) -> Dataset:
    """Return pictures of bytes x; for likelihoods of counts a few of their pixels, unscaled."""
    if LIKELIHOODS[name].support == "counts":
        return Dataset("counts", x[:, :1, :8, :8].astype(np.float32), 1.0, **parts)
    return Dataset("pictures", x, 255.0, **parts)


@pytest.mark.parametrize("name", SINGLE)
def test_the_fit_of_black_pixels_converges(name: str) -> None:
    """The fit converges, and its value on held-out examples is finite."""
    x = grey(200, 256, (1, 4, 4))
    x[:180, :, 0] = 0
    data = dataset_for(name, np.rint(x * 255).astype(np.uint8), test=20)
    found = baseline(data, RunConfig.of(), name)
    assert found.converged
    assert found.nats is not None
    assert math.isfinite(found.nats)


def test_the_baselines_of_digits_equal_counts() -> None:
    """Fitted to the training digits and evaluated on the test digits, from counts alone."""
    config, data = RunConfig.of(), load("digits")
    splits = config.split(data)
    k = data.x.reshape(len(data.x), -1).astype(int)
    n = len(splits.train)
    counts = np.stack([np.bincount(c, minlength=17) for c in k[splits.train].T], 1)  # (17, 64)
    log_p = np.log((counts + 1 / 17) / (n + 1))
    errors = -log_p[k[splits.test], np.arange(64)].sum(1)
    found = baseline(data, config, "categorical")
    assert found.nats == pytest.approx(errors.mean(), abs=1e-4)
    assert found.se == pytest.approx(errors.std(ddof=1) / math.sqrt(len(errors)), rel=1e-4)
    assert found.bits_per_dimension == pytest.approx(errors.mean() / 64 / math.log(2), abs=1e-6)
    assert (found.split, found.examples, found.fitted) == ("test", (180, 180), (n, n))
    p = (k[splits.train].sum(0) / 16 + 0.5) / (n + 1)
    x = k[splits.test] / 16
    errors = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(1)
    found = baseline(data, config, "bernoulli")
    assert found.nats == pytest.approx(errors.mean(), abs=1e-4)
    assert found.bits_per_dimension is None
    assert "not a log-likelihood" in found.caveat


@pytest.mark.parametrize(
    ("shares", "split"), [({"test_share": 0.0}, "val"), (HELD_IN, "train"), ({}, "test")]
)
def test_the_baseline_is_evaluated_on_held_out_examples(
    shares: dict[str, float], split: str
) -> None:
    found = baseline(load("mixture"), RunConfig.of(**shares), "gaussian-learned")
    assert found.split == split
    assert found.nats == pytest.approx(4.37, abs=0.1)


@pytest.mark.parametrize("name", SINGLE)
def test_the_reason_of_a_refusal_is_that_of_the_configuration(name: str) -> None:
    data, config = load("mixture"), RunConfig.of(likelihood=name)
    row = baseline(data, RunConfig.of(), name)
    assert (row.nats is None) == bool(row.refused)
    if row.refused:
        with pytest.raises(ValueError, match=re.escape(row.refused)):
            config.split(data)
    else:
        assert config.split(data)


def test_the_options_of_the_configuration_are_used() -> None:
    data = load("mixture")
    config = RunConfig.of(likelihood="gaussian", sigma=2.0, data_scale="none")
    near = baseline(data, config, "gaussian")
    assert near.options == {"sigma": 2.0}
    assert near.nats == pytest.approx(4.37, abs=0.1)
    assert baseline(data, RunConfig.of(), "gaussian").options == {"sigma": 0.1}


@pytest.mark.parametrize("binarize", ["threshold", "stochastic"])
def test_binarized_data_have_a_log_likelihood(binarize: str) -> None:
    found = {
        row.likelihood: row for row in baselines(load("digits"), RunConfig.of(binarize=binarize))
    }
    assert found["bernoulli"].caveat == ""
    assert found["bernoulli"].bits_per_dimension is not None
    assert found["continuous-bernoulli"].caveat
    assert found["categorical"].nats == pytest.approx(found["bernoulli"].nats, abs=1e-3)


def pictures(name: str = "logistic") -> Dataset:
    """Return coloured pictures whose pixels have separate means and spreads; one pixel is always
    black."""
    rng = np.random.default_rng(0)
    centre, spread = rng.uniform(0, 255, (3, 16, 24)), rng.uniform(5, 60, (3, 16, 24))
    x = np.rint(rng.normal(centre, spread, (300, 3, 16, 24))).clip(0, 255).astype(np.uint8)
    x[:, :, 0, 0] = 0
    return dataset_for(name, x)


@pytest.mark.parametrize("name", SINGLE)
def test_the_fit_of_pictures_needs_few_evaluations(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search begins on every eighth level and ends within rounding of the optimum. Two numbers
    for each element, besides its mean, take twice as many evaluations as one."""
    rows, plain = [], room._backward

    def counted(likelihood: Likelihood, h: torch.Tensor, *data: torch.Tensor) -> torch.Tensor:
        rows.append(len(data[0]))
        return plain(likelihood, h, *data)

    monkeypatch.setattr(room, "_backward", counted)
    told: list[float] = []
    found = baseline(pictures(name), RunConfig.of(), name, told.append)
    assert found.converged
    assert sum(rows) / 256 < (100 if LIKELIHOODS[name].multiplicity == 2 else 50)
    assert told == sorted(told)
    assert (len(told), told[-1]) == (len(rows) + 1 + (name == "categorical"), 1.0)


def test_the_scale_of_each_channel_is_optimal() -> None:
    """Another search finds the same scale, with each pixel's optimum found again for it."""
    x = torch.from_numpy(pictures().x[:, :1, :4, 1:5] / 255.0)
    likelihood = likelihood_of("logistic", 256, x.shape[1:])
    fit = best_constant(likelihood, x)
    best = float(likelihood.log_scale.detach())
    values, weights = room._weighted(x, likelihood, 1.0)

    def profile(log_scale: float) -> float:
        likelihood.log_scale.data.fill_(log_scale)
        h = fit.h.clone().requires_grad_()
        room._bisect(h, lambda: room._backward(likelihood, h, values, weights), 2.0)
        return float(room._backward(likelihood, h, values, weights))

    search = minimize_scalar(profile, bounds=(best - 1, best + 1), options={"xatol": 1e-7})
    assert search.x == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("last", [1, 3, 20])
def test_a_fit_can_be_cancelled_at_any_report_of_progress(last: int) -> None:
    told: list[float] = []

    def tell(share: float) -> None:
        told.append(share)
        if len(told) == last:
            raise Cancelled

    with pytest.raises(Cancelled):
        baselines(load("digits"), RunConfig.of(), tell)
    assert len(told) == last
    assert told == sorted(told)


def test_large_data_are_subsampled(
    toy: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae.evaluation.baseline.MOST", 16 * 100)
    data, config = toy(1000), RunConfig.of()
    found = baseline(data, config, "gaussian-learned")
    assert found.fitted == (100, 800)
    assert found.examples == (100, 100)
    assert found == baseline(data, config, "gaussian-learned")
