"""The model: laws over every network × likelihood × posterior × prior × objective that is
allowed."""

import itertools
import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.tables import SINGLE, each, fitting
from vae.base import files
from vae.base.records import Domain
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.config import TABLES, RunConfig
from vae.footprint import cost
from vae.model import VAE, build

SHAPES = [(1, 8, 8), (1, 28, 28), (1, 7, 11), (3, 9, 9), (2,), (13,), (1, 8), (3, 21)]
KINDS = ("network", "likelihood", "posterior", "prior", "objective")
LEVELS = 5
LONG = pytest.mark.long


def refusal(values: dict[str, Any]) -> str:
    """Return the error of a configuration, or None."""
    try:
        RunConfig.of(**values)
    except ValueError as error:
        return str(error)
    return ""


def product(*kinds: str) -> list[dict[str, Any]]:
    """Return every combination of the rows of these tables; pictures have no columns of kinds."""
    tables: dict[str, Iterable[str]] = TABLES | {"likelihood": SINGLE}
    return [
        dict(zip(kinds, rows, strict=True))
        for rows in itertools.product(*(tables[kind] for kind in kinds))
    ]


OUTER = product("posterior", "prior", "objective")
BODIES = product("network", "likelihood")
MODELS = [values for values in OUTER if not refusal(values)]


def trains(model: VAE, k: int, shape: tuple[int, ...]) -> None:
    """Assert that a pass of the model has the right shapes, a finite loss, and gradients
    everywhere."""
    torch.manual_seed(0)
    x = torch.randint(0, LEVELS, (4, *shape)) / (LEVELS - 1)
    model.init_from_data(x)
    out = model(x, k, torch.tensor([0, 1, 2, 1]))
    assert out.z.shape == (k, 4, 3)
    assert out.q.batch_shape == (4,)
    assert out.q.event_shape == out.p.event_shape == (3,)
    assert out.px.batch_shape == (k, 4)
    assert out.px.event_shape == shape
    loss = model.loss(out, {})
    assert loss.total.isfinite()
    loss.total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_invalid_combinations_are_refused_with_a_remedy() -> None:
    """Invalid are a KL of a q without density, a learned prior that no loss trains, and a KL per
    dimension where it does not separate."""
    refused = {tuple(v.values()): refusal(v) for v in OUTER if refusal(v)}
    for (posterior, prior, objective), sentence in refused.items():
        needs, density = OBJECTIVES[objective].needs, POSTERIORS[posterior].has_density
        whole = POSTERIORS[posterior].factorises and PRIORS[prior].factorises
        untrained = needs == "nothing" and prior != "standard"
        parted = needs == "factors" and not whole
        slow = (posterior, prior) == ("flow", "vamp")
        assert (needs != "nothing" and not density) or untrained or parted or slow
        assert "choose" in sentence, sentence
    assert all(TABLES[kind].keys() <= {v[kind] for v in MODELS} for kind in MODELS[0])


@pytest.mark.parametrize("share", [len(TABLES["network"]), pytest.param(1, marks=LONG)])
@each("values", MODELS, ids=lambda v: "-".join(v.values()))
def test_the_gradient_reaches_every_parameter_in_every_combination(
    tiny: Callable[..., VAE], values: dict[str, Any], share: int
) -> None:
    """Every likelihood under this posterior, prior and objective, each with one network; with all
    networks in the long test. Over all values, each network meets each likelihood."""
    k = 2 if POSTERIORS[values["posterior"]].has_density else 1
    first = MODELS.index(values) % share
    for n, body in enumerate(BODIES):
        likelihoods, network = len(SINGLE), n // len(SINGLE)
        if (n % likelihoods + network + first) % share:
            continue
        smooth = {} if body["network"] == "linear" else {"activation": "tanh"}
        settings = values | body | smooth | {"posterior_samples": k, "latent_dim": 3}
        shape = fitting(body["network"], (1, 4, 4))
        trains(tiny(shape, LEVELS, **settings), k, shape)


@each("shape", SHAPES, ids=str)
@each("body", BODIES, ids=lambda v: "-".join(v.values()))
def test_every_network_accepts_every_suitable_shape(
    tiny: Callable[..., VAE], body: dict[str, Any], shape: tuple[int, ...]
) -> None:
    row = NETWORKS[body["network"]]
    if not row.takes(shape):
        with pytest.raises(ValueError, match=f"needs {row.only}, and this data set holds "):
            tiny(shape, **body)
        return
    smooth = {} if body["network"] == "linear" else {"activation": "tanh"}
    for k, condition in ((1, "none"), (5, "none"), (2, "labels")):
        more = {"posterior_samples": k, "latent_dim": 3, "condition": condition}
        trains(tiny(shape, LEVELS, **body, **smooth, **more), k, shape)


def test_a_conditional_model_depends_on_the_class(tiny: Callable[..., VAE]) -> None:
    """Encoder and decoder have different outputs for each class and require one."""
    model = tiny(condition="labels")
    with torch.no_grad():
        model.offset.weight.normal_()
    x, z = torch.rand(1, 1, 4, 4).expand(3, -1, -1, -1), torch.zeros(3, 2)
    means = model.posterior(x, torch.arange(3)).mean
    pictures = model.likelihood(z, torch.arange(3)).mean
    for made in (means, pictures):
        assert not torch.allclose(made[0], made[1])
        assert not torch.allclose(made[1], made[2])
    lifted = x[:1] + model.offset(torch.tensor([1])).view(1, 1, 4, 4)
    with torch.no_grad():
        plain = model._posterior(model.encoder(lifted)).mean
    torch.testing.assert_close(means[1:2], plain)
    with pytest.raises(AssertionError):
        model.posterior(x)


@pytest.mark.parametrize(
    "values", product("network", "likelihood") + product("posterior") + product("prior"), ids=str
)
def test_every_model_survives_a_checkpoint(
    tiny: Callable[..., VAE], values: dict[str, Any], tmp_path: Any
) -> None:
    """A model rebuilt from JSON with weights from a file computes the same function."""
    if not POSTERIORS[values.get("posterior", "diagonal")].has_density:
        values = values | {"objective": "reconstruction"}
    shape = fitting(values.get("network", "mlp"), (1, 7, 5))
    model = tiny(shape, **values)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    arrays = {k: v.numpy() for k, v in model.state_dict().items()}
    files.write_arrays(tmp_path / "w.safetensors", arrays, None)
    again = build(RunConfig.of(**model.config.model_dump(mode="json")), model.domain)
    loaded, _ = files.read_arrays(tmp_path / "w.safetensors")
    again.load_state_dict({k: torch.from_numpy(v) for k, v in loaded.items()})
    x = torch.rand(3, *shape)
    for a, b in zip(pair(model, x), pair(again, x), strict=True):
        assert torch.equal(a, b)


def pair(model: VAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the latent mean and the log-probability at it, with the same draws for the mean of a
    flow."""
    torch.manual_seed(0)
    with torch.no_grad():
        out = model(x, 0)
        return out.q.mean, out.px.log_prob(x)


@each("values", BODIES, ids=str)
def test_the_number_of_parameters_equals_their_count(
    tiny: Callable[..., VAE], values: dict[str, Any]
) -> None:
    model = tiny(fitting(values["network"], (3, 9, 9)), **values)
    held = sum(p.numel() for p in model.parameters())
    assert cost(model.config, model.domain).weights == held


def test_a_known_model_has_its_number_of_parameters() -> None:
    """The VAE of pytorch/examples: 784-400-(20, 20) and 20-400-784."""
    config = RunConfig.of(hidden=(400,), latent_dim=20)
    down = 784 * 400 + 400 + 400 * 40 + 40
    assert cost(config, Domain((1, 28, 28))).weights == down + 20 * 400 + 400 + 400 * 784 + 784


@pytest.mark.parametrize("network", TABLES["network"])
@pytest.mark.parametrize("k", [1, 3])
def test_the_cost_of_a_step_equals_torchs_count(
    tiny: Callable[..., VAE], network: str, k: int
) -> None:
    """The forward pass by torch's counter, and twice as much for the backward pass."""
    shape = fitting(network, (3, 9, 14))
    model = tiny(shape, network=network, posterior_samples=k)
    with FlopCounterMode(display=False) as counter:
        model(torch.rand(16, *shape), k)
    assert cost(model.config, model.domain).flops == 3 * counter.get_total_flops()


def test_a_large_model_uses_every_core() -> None:
    assert cost(RunConfig.of(hidden=(8,)), Domain((1, 8, 8))).threads == 1
    large = RunConfig.of(hidden=(4096, 4096), batch_size=512)
    assert cost(large, Domain((1, 28, 28))).threads == os.cpu_count()


def test_zero_samples_use_the_mean(tiny: Callable[..., VAE]) -> None:
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


def test_the_likelihood_accepts_latents_of_any_batch_shape(tiny: Callable[..., VAE]) -> None:
    model = tiny((3, 9, 9), network="conv")
    z = torch.randn(2, 3, 4, 2)
    px = model.likelihood(z)
    assert px.batch_shape == (2, 3, 4)
    torch.testing.assert_close(px.mean[1, 2], model.likelihood(z[1, 2]).mean)


def test_scalars_replace_the_configured_options(tiny: Callable[..., VAE]) -> None:
    model = tiny(beta=2.0)
    out = model(torch.rand(4, 1, 4, 4), 0)
    terms = model.loss(out, {}).terms
    error, kl = terms["reconstruction"].item(), terms["kl"].item()
    assert model.loss(out, {}).total.item() == pytest.approx(error + 2 * kl, rel=1e-6)
    assert model.loss(out, {"beta": 0.5}).total.item() == pytest.approx(error + kl / 2, rel=1e-6)


def test_the_seed_determines_the_weights_and_nothing_else(
    small: Callable[..., RunConfig],
) -> None:
    before = torch.get_rng_state()
    first, second, other = (build(small(seed=s), Domain((1, 4, 4))) for s in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_the_properties_of_a_model_describe_it(tiny: Callable[..., VAE]) -> None:
    assert tiny().has_kl
    assert not tiny(posterior="point", objective="reconstruction").has_kl
    assert tiny().discrete
    assert not tiny(likelihood="gaussian").discrete
    assert not tiny().scalars()
    assert float(tiny(likelihood="gaussian-learned").scalars()["sigma"]) == 1
    assert tiny().device == torch.device("cpu")


def test_bf16_computes_in_bf16_and_returns_float32(tiny: Callable[..., VAE]) -> None:
    exact, short = tiny(), tiny(precision="bf16")
    x = torch.rand(8, 1, 4, 4)
    a, b = exact(x, 0), short(x, 0)
    assert b.q.mean.dtype == b.px.mean.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in short.parameters())
    assert not torch.equal(a.px.mean, b.px.mean)
    torch.testing.assert_close(a.px.mean, b.px.mean, atol=0.02, rtol=0)
