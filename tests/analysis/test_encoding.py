"""Encoding of examples and decoding of latents, as records."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch.overrides import TorchFunctionMode

from vae.analysis import encoding
from vae.analysis.encoding import (
    by_kl,
    decode,
    encode,
    errors_at,
    fitted_sample,
    manifold,
    pick,
    posterior_sample,
    prior_sample,
    quantiles,
)
from vae.analysis.projections import plane_of_latents
from vae.base.records import Encoding
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import Dataset
from vae.evaluation import evaluate
from vae.model import VAE

CPU = torch.device("cpu")
SHAPE = (1, 3, 4)


@pytest.fixture
def data(toy: Callable[..., Dataset]) -> Dataset:
    return toy(50, SHAPE)


@pytest.fixture
def point(tiny: Callable[..., VAE]) -> VAE:
    return tiny(SHAPE, posterior="point", objective="reconstruction")


class Indexed(TorchFunctionMode):
    """Records the device of the positions of every gather."""

    def __init__(self) -> None:
        super().__init__()
        self.devices: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> torch.Tensor:
        if func is torch.Tensor.index_select:
            self.devices.append(args[2].device.type)
        found: torch.Tensor = func(*args, **(kwargs or {}))
        return found


def test_positions_follow_the_examples_to_their_device(data: Dataset) -> None:
    """CUDA refuses positions on the CPU; the device without memory stands in for it."""
    batches = Batches(data, np.arange(50), RunConfig.of(), torch.device("meta"))
    with Indexed() as gathers:
        batches.take(torch.arange(3))
    assert set(gathers.devices) == {"meta"}


def test_an_encoding_equals_the_output_of_the_model(
    tiny: Callable[..., VAE], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rows = tiny(SHAPE), np.arange(5, 45)
    whole = encode(model, Batches(data, rows, RunConfig.of(), CPU), rows, 0)
    monkeypatch.setattr(encoding, "CHUNK", 7)
    parts = encode(model, Batches(data, rows, RunConfig.of(), CPU), rows, 0)
    with torch.no_grad():
        x = torch.from_numpy(data.x[rows] / np.float32(255))
        q = model.posterior(x)
        error = -model.likelihood(q.mean).log_prob(x)
        kl = 0.5 * (q.mean**2 + q.stddev**2 - 2 * q.stddev.log() - 1)
    for got in (whole, parts):
        np.testing.assert_array_equal(got.index, rows)
        np.testing.assert_allclose(got.mean, q.mean, atol=1e-6)
        np.testing.assert_allclose(got.std, q.stddev, rtol=1e-5)
        np.testing.assert_allclose(got.kl_per_dimension, kl, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(got.kl, kl.sum(1), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(got.reconstruction, error, rtol=1e-5)


def test_encoding_is_deterministic(tiny: Callable[..., VAE], data: Dataset) -> None:
    rows = np.arange(50)
    batches = Batches(data, rows, RunConfig.of(binarize="stochastic"), CPU)
    first, second = (encode(tiny(SHAPE), batches, rows, 3) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_point_posterior_has_neither_width_nor_kl(point: VAE, data: Dataset) -> None:
    rows = np.arange(50)
    batches = Batches(data, rows, RunConfig.of(), CPU)
    got = encode(point, batches, rows, 0)
    assert got.std is got.kl is got.kl_per_dimension is None
    assert got.reconstruction is not None
    np.testing.assert_array_equal(posterior_sample(point, batches, 0, 0), got.mean)


def test_posterior_samples_have_the_posteriors_moments(
    tiny: Callable[..., VAE], data: Dataset
) -> None:
    n, model = 20_000, tiny(SHAPE)
    batches = Batches(data, np.full(n, 3), RunConfig.of(), CPU)
    q = model.posterior(batches.take(torch.tensor([0])).x)
    z = posterior_sample(model, batches, 0, 0)
    assert z.dtype == np.float32
    mean, std = (v[0].detach().numpy() for v in (q.mean, q.stddev))
    np.testing.assert_allclose(z.mean(0), mean, atol=5 * std.max() / n**0.5)
    np.testing.assert_allclose(z.std(0), std, rtol=5 / (2 * n) ** 0.5)
    np.testing.assert_array_equal(z, posterior_sample(model, batches, 0, 0))
    assert not np.array_equal(z, posterior_sample(model, batches, 0, 1))


def test_prior_samples_have_the_priors_moments(tiny: Callable[..., VAE]) -> None:
    model = tiny(SHAPE, latent_dim=3)
    z = prior_sample(model, 600, 0)
    assert z.shape == (600, 3)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4
    np.testing.assert_array_equal(prior_sample(model, 10, 0), z[:10])  # fewer are the first
    assert not np.array_equal(prior_sample(model, 10, 1), z[:10])
    np.testing.assert_allclose(prior_sample(model, 10, 0, 2.0), 2 * z[:10], rtol=1e-6)
    assert not prior_sample(model, 10, 0, 0.0).any()


def test_decoding_returns_the_mean_or_a_draw(
    tiny: Callable[..., VAE], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny(SHAPE)
    z = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    with torch.no_grad():
        expected = model.likelihood(torch.from_numpy(z)).mean.numpy()
    np.testing.assert_allclose(decode(model, z), expected, rtol=1e-6)
    drawn = decode(model, z, noise_seed=0)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_array_equal(drawn, decode(model, z, noise_seed=0))
    assert not np.array_equal(drawn, decode(model, z, noise_seed=1))
    monkeypatch.setattr(encoding, "CHUNK", 6)
    np.testing.assert_allclose(decode(model, z), expected, rtol=1e-5)
    assert decode(model, z[:0]).shape == (0, *SHAPE)


def test_quantiles_are_the_inverse_normal_cdf() -> None:
    np.testing.assert_allclose(
        quantiles(5), stats.norm.ppf([0.01, 0.255, 0.5, 0.745, 0.99]), rtol=1e-6, atol=1e-7
    )
    even = np.diff(stats.norm.cdf(quantiles(15, 0.9)))
    np.testing.assert_allclose(even, 0.9 / 14, rtol=1e-5)


def test_the_manifold_has_its_highest_row_on_top(tiny: Callable[..., VAE]) -> None:
    """The first axis grows to the right, the second upwards."""
    model = tiny(SHAPE, latent_dim=4)
    at = quantiles(3)
    grid = manifold(model, plane_of_latents(np.zeros(4, np.float32), (2, 0)), at)
    z = grid.z.reshape(3, 3, 4)
    np.testing.assert_array_equal(z[0, :, 2], at)
    np.testing.assert_array_equal(z[:, 0, 0], at[::-1])
    assert not z[..., [1, 3]].any()
    np.testing.assert_array_equal(grid.values, decode(model, grid.z))
    np.testing.assert_array_equal(grid.axes[0], at)
    np.testing.assert_array_equal(grid.axes[1], at[::-1])


def test_dimensions_are_ordered_by_their_kl() -> None:
    rng = np.random.default_rng(0)
    mean = (rng.standard_normal((100, 3)) * [0.1, 2, 1]).astype(np.float32)
    kl = np.tile(np.float32([0.3, 0.1, 0.9]), (100, 1))
    assert by_kl(Encoding(np.arange(100), mean, None, kl.sum(1), kl, None)) == [2, 0, 1]
    assert by_kl(Encoding(np.arange(100), mean, None, None, None, None)) == [1, 2, 0]


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_a_sampled_kl_agrees_with_the_closed_form(
    tiny: Callable[..., VAE], data: Dataset, monkeypatch: pytest.MonkeyPatch, posterior: str
) -> None:
    """Encoding and evaluation estimate a KL from samples where it has no closed form."""
    model = tiny(SHAPE, posterior=posterior)
    rows, batches = np.arange(50), Batches(data, np.arange(50), RunConfig.of(), CPU)
    closed, closed_mean = encode(model, batches, rows, 0).kl, evaluate(model, batches).kl
    np.testing.assert_allclose(closed.mean(), closed_mean, rtol=1e-5)
    monkeypatch.setattr(RunConfig, "closed_kl", False)
    monkeypatch.setattr(RunConfig, "kl_per_dimension", False)
    monkeypatch.setattr("vae.components.terms._is_diagonal", lambda d: False)
    monkeypatch.setattr(encoding, "KL_SAMPLES", 4000)
    np.testing.assert_allclose(encode(model, batches, rows, 0).kl, closed, atol=0.1)
    sampled = evaluate(model, batches, elbo_samples=2000)
    assert sampled.kl == pytest.approx(closed_mean, abs=0.02)
    assert "samples" in sampled.notes["kl"]


def test_a_conditional_model_receives_the_class_of_each_example(
    tiny: Callable[..., VAE], data: Dataset
) -> None:
    """Encoding uses the class of each example. Decoding uses one class, or all in turn."""
    config = RunConfig.of(condition="labels")
    model = tiny(SHAPE, condition="labels")
    with torch.no_grad():
        model.offset.weight.normal_()
    rows = np.arange(50)
    got = encode(model, Batches(data, rows, config, CPU), rows, 0)
    x, y = torch.from_numpy(data.x / np.float32(255)), torch.from_numpy(data.labels)
    with torch.no_grad():
        np.testing.assert_allclose(got.mean, model.posterior(x, y).mean, atol=1e-6)
        assert not np.allclose(got.mean, model.posterior(x, (y + 1) % 3).mean, atol=1e-3)
        expected = model.likelihood(torch.from_numpy(got.mean), y).mean
    np.testing.assert_allclose(decode(model, got.mean, labels=data.labels), expected, atol=1e-6)
    z = np.zeros((4, 2), np.float32)
    each = [decode(model, z[:1], labels=np.array([k]))[0] for k in range(3)]
    np.testing.assert_allclose(decode(model, z), [*each, each[0]], atol=1e-6)
    batches = Batches(data, rows, config, CPU)
    errors = errors_at(model, batches, got.mean, 0)
    np.testing.assert_allclose(errors, got.reconstruction, rtol=1e-5)


@pytest.mark.parametrize("binarize", ["none", "threshold", "stochastic"])
def test_picked_examples_equal_the_encoded_ones(
    binarize: str, tiny: Callable[..., VAE], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of a single example at its z equals its error in the encoding of the split."""
    monkeypatch.setattr(encoding, "CHUNK", 7)
    model, rows = tiny(SHAPE), np.arange(5, 45)
    batches = Batches(data, rows, RunConfig.of(binarize=binarize), CPU)
    whole = encode(model, batches, rows, 3)
    z = posterior_sample(model, batches, 3, 1)
    errors = errors_at(model, batches, z, 3)
    np.testing.assert_allclose(
        errors_at(model, batches, whole.mean, 3), whole.reconstruction, rtol=1e-5
    )
    places = np.array([31, 2, 2, 39, 8])
    x = torch.from_numpy(pick(batches, places, 3))
    with torch.no_grad():
        at_sample = -model.likelihood(torch.from_numpy(z[places])).log_prob(x).numpy()
        at_mean = -model.likelihood(torch.from_numpy(whole.mean[places])).log_prob(x).numpy()
    np.testing.assert_allclose(errors[places], at_sample, rtol=1e-5)
    assert whole.reconstruction is not None
    np.testing.assert_allclose(whole.reconstruction[places], at_mean, rtol=1e-5)
    if binarize == "none":
        np.testing.assert_array_equal(x, data.x[rows[places]] / np.float32(255))


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_fitted_noise_has_the_mean_and_covariance_of_the_latents(latent_dim: int) -> None:
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((latent_dim, latent_dim))
    means = (rng.standard_normal((500, latent_dim)) @ mixing + 4).astype(np.float32)
    z = fitted_sample(means, 4000, 0)
    assert z.shape == (4000, latent_dim)
    assert z.dtype == np.float32
    wanted = np.atleast_2d(np.cov(means.T))
    np.testing.assert_allclose(np.cov(z.T).reshape(wanted.shape), wanted, atol=0.1 * wanted.max())
    np.testing.assert_allclose(z.mean(0), means.mean(0), atol=0.05 * wanted.max())
    np.testing.assert_array_equal(fitted_sample(means, 5, 0), z[:5])  # fewer are the first
    cold = fitted_sample(means, 5, 0, 0.5)
    np.testing.assert_allclose(
        cold - means.mean(0), 0.5 * (z[:5] - means.mean(0)), rtol=1e-3, atol=1e-4
    )


def test_a_manifold_of_one_row_is_a_line(tiny: Callable[..., VAE]) -> None:
    model, zero = tiny(SHAPE, latent_dim=1), np.zeros(1, np.float32)
    line = manifold(model, plane_of_latents(zero, (0,)), quantiles(7), zero)
    np.testing.assert_array_equal(line.z[:, 0], quantiles(7))
    assert [len(axis) for axis in line.axes] == [7, 1]
