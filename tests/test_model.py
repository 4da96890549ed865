"""The model: laws over every network × likelihood × posterior × objective that is allowed."""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vae import storage
from vae.config import TABLES, RunConfig
from vae.model import VAE, build, cost
from vae.posteriors import POSTERIORS

SHAPES = [(1, 8, 8), (1, 28, 28), (1, 7, 11), (3, 9, 9), (2,), (13,)]
KINDS = ("network", "likelihood", "posterior", "prior", "objective")


def allowed(values: dict[str, Any]) -> bool:
    try:
        RunConfig.of(**values)
    except ValueError:
        return False
    return True


EVERY = [
    dict(zip(KINDS, rows, strict=True)) for rows in itertools.product(*map(TABLES.get, KINDS))
]
MODELS = [values for values in EVERY if allowed(values)]


def cases() -> Iterator[tuple[dict[str, Any], tuple[int, ...], int]]:
    for values, shape, k in itertools.product(MODELS, SHAPES, (1, 5)):
        if values["network"] == "conv" and len(shape) != 3:
            continue
        if allowed(values | {"posterior_samples": k}):
            yield values, shape, k


def test_only_a_point_posterior_under_the_elbo_is_refused() -> None:
    refused = [values for values in EVERY if values not in MODELS]
    assert refused
    for values in refused:
        assert not POSTERIORS[values["posterior"]].has_density
        assert values["objective"] != "reconstruction"
    assert len(MODELS) >= 27


@pytest.mark.parametrize(("values", "shape", "k"), list(cases()))
def test_every_model_has_a_finite_loss_and_its_gradient_reaches_every_parameter(
    tiny: Callable[..., VAE], values: dict[str, Any], shape: tuple[int, ...], k: int
) -> None:
    smooth = {} if values["network"] == "linear" else {"activation": "tanh"}
    model = tiny(shape, 100, posterior_samples=k, latent_dim=3, **values, **smooth)
    torch.manual_seed(0)
    x = torch.rand(4, *shape)
    out = model(x, k)
    assert out.z.shape == (k, 4, 3)
    assert out.q.batch_shape == (4,)
    assert out.q.event_shape == out.p.event_shape == (3,)
    assert out.px.batch_shape == (k, 4)
    assert out.px.event_shape == shape
    assert out.n_data == 100
    loss = model.loss(out, {})
    assert loss.total.isfinite()
    loss.total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("values", MODELS)
def test_every_model_survives_a_checkpoint(
    tiny: Callable[..., VAE], values: dict[str, Any], tmp_path: Any
) -> None:
    """Weights through a file into a model rebuilt from JSON: the same function."""
    model = tiny((1, 7, 5), **values)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    arrays = {k: v.numpy() for k, v in model.state_dict().items()}
    storage.write_arrays(tmp_path / "w.safetensors", arrays, None)
    again = build(RunConfig.of(**model.config.model_dump(mode="json")), (1, 7, 5))
    loaded, _ = storage.read_arrays(tmp_path / "w.safetensors")
    again.load_state_dict({k: torch.from_numpy(v) for k, v in loaded.items()})
    x = torch.rand(3, 1, 7, 5)
    for a, b in zip(pair(model, x), pair(again, x), strict=True):
        assert torch.equal(a, b)


def pair(model: VAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Latent mean and log-probability, both without sampling."""
    with torch.no_grad():
        out = model(x, 0)
        return out.q.mean, out.px.log_prob(x)


@pytest.mark.parametrize("values", MODELS)
def test_counting_parameters_is_counting(tiny: Callable[..., VAE], values: dict[str, Any]) -> None:
    model = tiny((3, 9, 9), **values)
    held = sum(p.numel() for p in model.parameters())
    assert cost(model.config, (3, 9, 9)).weights == held


def test_a_known_number_of_parameters() -> None:
    """The VAE of pytorch/examples: 784-400-(20, 20) and 20-400-784."""
    config = RunConfig.of(hidden=(400,), latent_dim=20)
    down = 784 * 400 + 400 + 400 * 40 + 40
    assert cost(config, (1, 28, 28)).weights == down + 20 * 400 + 400 + 400 * 784 + 784


@pytest.mark.parametrize("network", TABLES["network"])
@pytest.mark.parametrize("k", [1, 3])
def test_the_cost_of_a_step_is_what_torch_counts(
    tiny: Callable[..., VAE], network: str, k: int
) -> None:
    """Forward as torch's own counter has it, and twice as much for the backward pass."""
    model = tiny((3, 9, 14), network=network, posterior_samples=k)
    with FlopCounterMode(display=False) as counter:
        model(torch.rand(16, 3, 9, 14), k)
    assert cost(model.config, (3, 9, 14)).flops == 3 * counter.get_total_flops()


def test_a_model_worth_it_gets_every_core() -> None:
    assert cost(RunConfig.of(hidden=(8,)), (1, 8, 8)).threads == 1
    large = RunConfig.of(hidden=(4096, 4096), batch_size=512)
    assert cost(large, (1, 28, 28)).threads == os.cpu_count()


def test_zero_samples_take_the_mean(tiny: Callable[..., VAE]) -> None:
    model = tiny()
    x = torch.rand(4, 1, 4, 4)
    out = model(x, 0)
    assert torch.equal(out.z, out.q.mean.unsqueeze(0))
    assert torch.equal(model(x, 0).px.mean, out.px.mean)


def test_samples_are_draws_of_the_posterior(tiny: Callable[..., VAE]) -> None:
    model = tiny()
    torch.manual_seed(3)
    x = torch.rand(4, 1, 4, 4)
    with torch.no_grad():
        out = model(x, 20_000)
        off = (out.z.mean(0) - out.q.mean).abs() / (out.q.stddev / 20_000**0.5)
    assert off.max() < 5
    torch.testing.assert_close(out.z.std(0), out.q.stddev, rtol=0.05, atol=0)


def test_the_likelihood_takes_latents_of_any_batch(tiny: Callable[..., VAE]) -> None:
    model = tiny((3, 9, 9), network="conv")
    z = torch.randn(2, 3, 4, 2)
    px = model.likelihood(z)
    assert px.batch_shape == (2, 3, 4)
    torch.testing.assert_close(px.mean[1, 2], model.likelihood(z[1, 2]).mean)


def test_scalars_replace_the_configured_options(tiny: Callable[..., VAE]) -> None:
    model = tiny(beta=2.0)
    out = model(torch.rand(4, 1, 4, 4), 0)
    terms = model.loss(out, {}).terms
    error, kl = terms["reconstruction"].item(), terms["kl_per_dimension"].sum().item()
    assert model.loss(out, {}).total.item() == pytest.approx(error + 2 * kl, rel=1e-6)
    assert model.loss(out, {"beta": 0.5}).total.item() == pytest.approx(error + kl / 2, rel=1e-6)


def test_the_seed_gives_the_weights_and_draws_nothing_else(
    small: Callable[..., RunConfig],
) -> None:
    before = torch.get_rng_state()
    first, second, other = (build(small(seed=s), (1, 4, 4)) for s in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_what_a_model_says_of_itself(tiny: Callable[..., VAE]) -> None:
    assert tiny().has_kl
    assert not tiny(posterior="point", objective="reconstruction").has_kl
    assert tiny().discrete
    assert not tiny(likelihood="gaussian").discrete
    assert not tiny().scalars()
    assert float(tiny(likelihood="gaussian-learned").scalars()["sigma"]) == 1
    assert tiny().device == torch.device("cpu")


def test_bf16_computes_in_bf16_and_answers_in_float32(tiny: Callable[..., VAE]) -> None:
    exact, short = tiny(), tiny(precision="bf16")
    x = torch.rand(8, 1, 4, 4)
    a, b = exact(x, 0), short(x, 0)
    assert b.q.mean.dtype == b.px.mean.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in short.parameters())
    assert not torch.equal(a.px.mean, b.px.mean)
    torch.testing.assert_close(a.px.mean, b.px.mean, atol=0.02, rtol=0)
