"""The memory and the operations of a model, counted without a tensor and measured with tensors."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tables import each, fitting
from vae import footprint, model
from vae.base import files, memory
from vae.base.records import Control, Domain
from vae.commands import main
from vae.components.posteriors import POSTERIORS
from vae.config import TABLES, RunConfig
from vae.dashboard.shared import training_time
from vae.data import Dataset
from vae.experiments.admission import check_admitted
from vae.footprint import check_memory, cost, training_memory
from vae.model import build
from vae.runs import Run
from vae.training import Trainer

DIGITS = Domain((1, 8, 8), 17, 10)
SMALL = {"hidden": (16,), "latent_dim": 3, "batch_size": 12, "likelihood": "gaussian"}
ALSO = {n: {"objective": "wae"} for n, q in POSTERIORS.items() if not q.has_density}
ALSO |= {"conv": {"channels": (4, 6)}}
ALSO |= {name: {"channels": (4, 6)} for name in ("resnet", "conv1d")}
HUGE: dict[str, Any] = {"hidden": (8192,) * 8}
ROWS: list[dict[str, Any]] = [
    {kind: row} | ALSO.get(row, {})
    for kind in ("network", "likelihood", "posterior", "prior", "objective")
    for row in TABLES[kind]
]
MORE: list[dict[str, Any]] = [
    {"condition": "labels"},
    {"posterior_samples": 5, "objective": "iwae"},
    {"posterior": "flow", "prior": "flow", "latent_dim": 1},
    {"prior": "flow", "latent_dim": 11, "prior_transforms": 2},
]
KINDS_OF_A_TABLE = ("real", "binary", "category")


def settings(changes: dict[str, Any]) -> RunConfig:
    plain = {k: v for k, v in SMALL.items() if k != "hidden" or "network" not in changes}
    return RunConfig.of(**plain | changes)


def measured(config: RunConfig, domain: Domain) -> list[int]:
    """Return the sizes of the tensors that a step on the CPU saves, without the model's own."""
    vae, found = build(config, domain), {}
    constant = {t.untyped_storage().data_ptr() for t in (*vae.parameters(), *vae.buffers())}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        x = torch.rand(config.batch_size, *domain.shape)
        y = torch.zeros(config.batch_size, dtype=torch.long)
        loss = vae.loss(vae(x, config.posterior_samples, y), {})
    assert loss.total.isfinite()
    return [storage.nbytes() for address, storage in found.items() if address not in constant]


@each("changes", ROWS + MORE, ids=str)
def test_the_count_of_every_row_equals_a_measurement(changes: dict[str, Any]) -> None:
    config = settings(changes)
    domain = DIGITS._replace(shape=fitting(config.network, DIGITS.shape))
    if config.likelihood == "mixed":
        domain = Domain((3,), location=(0.0,) * 3, scale=(1.0, 1.0, 2.0), kinds=KINDS_OF_A_TABLE)
    found, built = cost(config, domain), build(config, domain)
    sizes = measured(config, domain)
    assert found.weights == sum(p.numel() for p in built.parameters())
    assert found.constants == sum(b.nbytes for b in built.buffers())
    assert (found.activations, found.largest) == (sum(sizes), max(sizes))


def test_the_count_of_a_large_model_makes_no_tensor() -> None:
    """The models have 4 GB of weights and 100 MB of masks; the peak of the process stays."""
    wide = {"latent_dim": 1024, "prior": "flow", "prior_transforms": 2}
    cost(RunConfig.of(), DIGITS)  # torch loads the modules of its meta device
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert cost(RunConfig.of(**HUGE), DIGITS).weights > 9e8
    assert cost(RunConfig.of(**wide), DIGITS).weights > 1e8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KB


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"needs about [\d.,]+ GiB of memory, and .* 2\.0 GiB"):
        act()


def test_no_door_builds_a_model_that_does_not_fit(
    tmp_path: Path, toy: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    small, data = RunConfig.of(epochs=1, device="cpu", batch_size=16), toy()
    run = Run.create(tmp_path, small, data, "small")
    head = files.read_json(run.path / "config.json")
    head["config"]["hidden"] = HUGE["hidden"]
    files.write_json(run.path / "config.json", head)
    (run.path / "best.safetensors").write_bytes(b"0")
    large = RunConfig.of(**HUGE, device="cpu", batch_size=16)
    monkeypatch.setattr(memory, "free", lambda device="cpu": 2 * 2**30)

    def fail(*_: object) -> None:
        raise AssertionError("a model is built before it is counted")

    for module in (model, training_time):
        monkeypatch.setattr(module, "build", fail)
    monkeypatch.setattr("vae.training.steps.build", fail)
    refused(lambda: check_admitted(large, data))
    refused(lambda: Trainer(large, data))
    refused(lambda: Run(run.path).load_model())
    assert training_time.sentence(large, data).startswith("New run: 939,966,484 weights")
    assert training_time.seconds(large, data) is None


def test_the_command_names_the_memory_and_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free", lambda device="cpu": 2 * 2**30)
    hidden = ",".join(map(str, HUGE["hidden"]))
    for command in (["train"], ["sweep", "--over", "lr=0.1,0.2"]):
        more = ["--root", str(tmp_path), "--device", "cpu", "--data", "digits"]
        assert main([*command, *more, "--hidden", hidden]) == 2
        words = capsys.readouterr().err
        assert "2.0 GiB free: lower hidden or latent_dim" in words
    assert not list(tmp_path.glob("*/config.json"))


@each(
    ("values", "examples", "remedy"),
    [
        ({"hidden": (4096,) * 9}, 10, "lower hidden or latent_dim"),
        ({"posterior_samples": 1000, "batch_size": 5000}, 10, "batch_size or posterior_samples"),
        ({}, 10**12, "lower examples"),
    ],
    ids=str,
)
def test_the_remedy_names_the_largest_part(
    values: dict[str, Any], examples: int, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free", lambda device="cpu": 100 * 2**20)
    with pytest.raises(ValueError, match=remedy):
        check_memory(RunConfig.of(**values, device="cpu"), DIGITS, examples)


def test_training_holds_the_counted_floats_per_weight(
    small: Callable[..., RunConfig], toy: Callable[..., Dataset]
) -> None:
    """Weights, gradients, moments and best weights, from the state of a trained model."""
    config, data = small(epochs=1), toy()
    trainer = Trainer(config, data)
    trainer.state.gradient = "autograd"  # the other way holds gradients within a step only
    for event in trainer.run(lambda _: Control()):
        last = event
    state = trainer.state
    moments = [t for slots in state.optimizer.state.values() for t in slots.values()]
    parts = [*state.model.parameters(), *(p.grad for p in state.model.parameters())]
    held = sum(t.nbytes for t in (*parts, *moments, *state.best_weights.values()))
    counted = training_memory(config, config.domain(data), 0)
    assert held == pytest.approx(counted.weights, rel=0.01)
    arrays = sum(a.nbytes for n, a in last.arrays.items() if not n.startswith("sums"))  # type: ignore[union-attr]
    weights = cost(config, config.domain(data)).weights
    assert 2 * arrays == pytest.approx(footprint.SAVED * footprint.FLOAT * weights, rel=0.01)


def test_a_control_group_limits_the_free_memory(tmp_path: Path) -> None:
    """The tightest of the groups from the process's own one up to the root."""
    inner = tmp_path / "slice" / "job"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("50\n")
    (inner.parent / "memory.max").write_text("1000\n")
    (inner.parent / "memory.current").write_text("900\n")
    (inner.parent / "memory.stat").write_text("anon 5\ninactive_file 300\n")
    assert list(memory._group_rests(tmp_path, "/slice/job")) == [400]
    assert 0 < memory.free() < 2**50


@each(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((10**12,), np.dtype("f8")),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate"
            " memory: you tried to allocate 4000000000000 bytes. Error code 12"
        ),
        RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB)"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exhausted_memory_is_one_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[int] = []
    monkeypatch.setattr(memory, "release", lambda: released.append(1))
    with (
        pytest.raises(memory.ExhaustedError, match=r"The memory is full .* lower batch_size"),
        memory.guarded(),
    ):
        raise error
    assert released


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory.guarded():
        raise RuntimeError("shape mismatch")


def test_a_list_of_layers_is_bounded() -> None:
    """Each layer takes time to count, and a field takes a text of any length."""
    assert RunConfig.of(hidden=(1,) * 64)
    with pytest.raises(ValueError, match=r"hidden has 100,000 layers, and at most 64"):
        RunConfig.of(hidden=",".join(["1"] * 100_000))
