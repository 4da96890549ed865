"""Probes of a network in a file: each fault has its sentence, and the examples pass."""

from pathlib import Path

import pytest

from tests.tables import each
from vae.base import permission
from vae.base.records import Domain
from vae.components import network_code
from vae.config import RunConfig
from vae.experiments.admission import check_admitted
from vae.experiments.network_probes import Facts, check_network
from vae.footprint import cost
from vae.training.trainer import train

EXAMPLES = Path(__file__).parents[1] / "networks"
HEAD = """
import math, torch
from typing import Annotated
from torch import nn
from vae.base.options import Option
from vae.components.networks import Bodies, mlp

class F(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f
    def forward(self, x):
        return self.f(x)

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.randn(6)
    def forward(self, x):
        return x * self.w

class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(3))
    def forward(self, x):
        return x

class Mode(nn.Module):
    def forward(self, x):
        return x if self.training else 2 * x

class Tied(nn.Module):
    def __init__(self, source):
        super().__init__()
        self.source = source
    def forward(self, h):
        return h @ self.source.weight

def net(shape, outputs, latents, multiplicity):
    e, d = mlp(shape, outputs, latents, multiplicity, hidden=(5,))
"""
PLAIN, BYTES = Domain((6,), 0, 0), Domain((1, 3, 2), 256, 0)


@pytest.fixture(autouse=True)
def _permission() -> object:
    with permission.allowing():
        yield


def network(folder: Path, body: str) -> str:
    (folder / "mine.py").write_text(f"{HEAD}    {body}\n")
    return network_code.choose(f"{folder}/mine.py:net")


@each(
    ("body", "why"),
    [
        ("return Bodies(e, d)", ""),
        ("return e, d", ""),
        ("return e", "must return two modules of torch"),
        ("return e, 3", "must return two modules of torch"),
        ("return nope", r"mine.py, line 42: NameError: name 'nope'"),
        ("raise SystemExit", "ends the process"),
        ("return nn.Sequential(e, nn.Flatten(0)), d", r"for 2 examples the encoder must return"),
        ("return e, nn.Sequential(d, nn.Flatten())", r"the decoder must return \(2, 1, 6\)"),
        ("return F(lambda x: [x]), d", "and returns list"),
        ("return nn.Sequential(nn.Dropout(), e), d", "two outputs for one input: leave out drop"),
        (
            "return nn.Sequential(nn.BatchNorm1d(6, affine=False), e), d",
            "depends on the other",
        ),
        (
            "return nn.Sequential(F(lambda x: x - x.mean(0)), e), d",
            "depends on the other",
        ),
        ("return e, nn.Sequential(F(lambda z: z.softmax(0)), d)", "the decoder's output for an"),
        ("return nn.Sequential(F(lambda x: x / x.abs()), e), d", "not finite for an input of 0"),
        ("return nn.Sequential(F(lambda x: x.log()), e), d", "is not finite for an input of"),
        ("return nn.Sequential(Unused(), e), d", r"they cannot learn: encoder.0.w"),
        ("return nn.Sequential(Plain(), e), d", "numbers that its state does not hold"),
        ("return e, F(lambda z: 1 / 0)", r"mine.py, line \d+: ZeroDivisionError: division"),
    ],
)
def test_each_fault_has_its_sentence(tmp_path: Path, body: str, why: str) -> None:
    config = RunConfig.of(network=network(tmp_path, body), likelihood="gaussian", batch_size=4)
    if not why:
        assert isinstance(check_network(config, PLAIN), Facts)
        return
    with pytest.raises(ValueError, match=why):
        check_network(config, PLAIN)
    assert "Traceback" not in why


def test_the_network_of_the_readme_passes(tmp_path: Path) -> None:
    readme = Path(__file__).parents[2] / "README.md"
    text = readme.read_text("utf-8").partition("<!-- network -->\n```python\n")[2]
    (tmp_path / "mine.py").write_text(text.partition("```")[0])
    value = network_code.choose(f"{tmp_path}/mine.py:shallow")
    config = RunConfig.of(network=value, width=16, batch_size=8)
    facts = check_network(config, BYTES)
    assert facts is not None
    assert facts.weights == cost(RunConfig.of(network="mlp", hidden=(16,)), BYTES).weights


def test_a_fault_is_found_before_a_run_exists(tmp_path: Path, toy) -> None:  # noqa: ANN001
    """The count of the memory takes a step, too: its error gives way to that of the probe."""
    body = "return nn.Sequential(e, nn.Flatten(0)), d"
    config = RunConfig.of(network=network(tmp_path, body), batch_size=4)
    with pytest.raises(ValueError, match="the encoder must return"):
        check_admitted(config, toy(40, (1, 3, 2)))


def test_tied_weights_are_named_and_count_once(tmp_path: Path) -> None:
    body = "return e, nn.Sequential(d[0], d[1], Tied(e[1]), d[3])"
    config = RunConfig.of(network=network(tmp_path, body), likelihood="gaussian", batch_size=4)
    found = check_network(config, PLAIN)
    assert found is not None
    assert found.tied == ("decoder.2.source.bias", "decoder.2.source.weight")
    assert found.weights == cost(config, PLAIN).weights


def test_the_count_of_code_that_reads_values_is_that_of_plain_code(tmp_path: Path) -> None:
    """Tensors without values have no numbers to read: one real example is counted instead."""
    plain = RunConfig.of(network="mlp", hidden=(5,), likelihood="gaussian", batch_size=4)
    body = "return nn.Sequential(F(lambda x: x if float(x.sum()) < 1e9 else x), e), d"
    reading = RunConfig.of(network=network(tmp_path, body), likelihood="gaussian", batch_size=4)
    a, b = cost(plain, PLAIN), cost(reading, PLAIN)
    assert (a.weights, a.flops) == (b.weights, b.flops)
    assert b.activations == pytest.approx(a.activations, rel=0.3)


@each(
    ("name", "domain", "likelihood"),
    [
        ("residual", Domain((3, 9, 14), 256, 0), "gaussian-learned"),
        ("gated", BYTES, "bernoulli"),
        ("gated", PLAIN, "gaussian"),
        ("transformer", Domain((13,), 0, 0), "gaussian-learned"),
    ],
)
def test_the_examples_pass(name: str, domain: Domain, likelihood: str) -> None:
    value = network_code.choose(f"{EXAMPLES}/{name}.py:{name}")
    config = RunConfig.of(network=value, likelihood=likelihood, batch_size=8)
    found = check_network(config, domain)
    assert found is not None
    assert found.weights == cost(config, domain).weights
    assert found.tied == ()


@each(
    ("name", "shape", "options"),
    [
        ("residual", (1, 6, 5), {"channels": (4, 6)}),
        ("gated", (1, 4, 4), {"width": 12}),
        ("transformer", (10,), {"width": 8, "heads": 2}),
    ],
)
def test_the_examples_train(name: str, shape, options, toy) -> None:  # noqa: ANN001
    """One epoch lowers the loss."""
    value = network_code.choose(f"{EXAMPLES}/{name}.py:{name}")
    short = {"epochs": 1, "batch_size": 8, "frames": 0, "device": "cpu", "threads": 1}
    config = RunConfig.of(network=value, likelihood="gaussian-learned", lr=0.01, **short | options)
    data = toy(120, shape, bytes_=False)
    check_admitted(config, data)
    reports = [e for e in train(config, data) if getattr(e, "split", "") == "val"]
    assert reports[-1].elbo > reports[0].elbo
