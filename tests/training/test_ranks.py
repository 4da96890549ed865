"""Several processes compute the values of one: each objective, likelihood, posterior and prior.

The exact comparisons are in float64, up to the order of sums.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.ranks import together
from tests.tables import each
from vae.base.records import Change, Control, Snapshot
from vae.base.world import VARIABLES, Place, place
from vae.config import TABLES, RunConfig
from vae.data import Dataset
from vae.training import metrics, train
from vae.training.ranks import Ranks, SharedClock, check_ranks, divide, joined
from vae.training.steps import State, build_optimizer, next_rows, train_step, validate

CPU = torch.device("cpu")
Small = Callable[..., RunConfig]
Toy = Callable[..., Dataset]
SHAPE = (1, 3, 3)


def double(config: RunConfig, data: Dataset, ranks: Ranks | None) -> tuple[State, dict[str, Any]]:
    """A state in float64 after five steps, the last on one example, and validation figures."""
    state = State(config, config.domain(data), data, config.split(data), CPU)
    state.gradient = "autograd"
    state.model.double()
    state.optimizer = build_optimizer(state.model, config)
    if ranks:
        divide(state, ranks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        for _ in range(5):
            train_step(state, next_rows(state))
        return state, validate(state)


def compare(config: RunConfig, data: Dataset, ranks: Ranks) -> None:
    """Assert that weights, state of the optimiser and figures are those of one process."""
    (ours, found), (theirs, right) = (double(config, data, one) for one in (ranks, None))
    assert theirs.step == 5
    about = config.model_dump_json()
    for (name, p), q in zip(ours.model.named_parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-11, msg=f"{name} {about}")
        torch.testing.assert_close(
            ours.optimizer.state[p], theirs.optimizer.state[q], rtol=1e-8, atol=1e-11
        )
    torch.testing.assert_close(ours.sums.totals, theirs.sums.totals, rtol=1e-9, atol=1e-9)
    assert found.keys() == right.keys()
    for name, value in right.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


def configurations(small: Small) -> list[RunConfig]:
    """One configuration for each row of the tables, and for settings that draw or compare."""
    found: list[dict[str, Any]] = [
        {},
        {"binarize": "stochastic", "grad_clip": 0.3, "weight_decay": 0.1},
        {"objective": "iwae", "posterior_samples": 3},
        {"objective": "iwae", "posterior_samples": 2, "gradient": "doubly"},
        {"condition": "labels"},
        {"beta": 0.0, "prior": "mixture"},
        *({"network": name} for name in ("conv", "linear", "resnet")),
    ]
    for kind in ("objective", "posterior", "prior", "likelihood"):
        found += [{kind: name} for name in TABLES[kind]]
    return [small(**({"batch_size": 7} | _with_objective(settings))) for settings in found]


def _with_objective(settings: dict[str, Any]) -> dict[str, Any]:
    posterior = TABLES["posterior"][settings.get("posterior", "diagonal")]
    return settings | ({} if posterior.has_density else {"objective": "reconstruction"})


def data_of(config: RunConfig, toy: Toy) -> Dataset:
    """36 examples: 29 to train on, which is 4 batches of 7 and one of 1."""
    data = toy(36, SHAPE)
    if config.likelihood == "mixed":
        x = np.float32(data.x[:, 0, 0, :2] // 64)
        kinds, entries = ("count", "category"), ((), ("a", "b", "c", "d"))
        return data._replace(x=x, scale=1.0, kinds=kinds, entries=entries)
    counts = TABLES["likelihood"][config.likelihood].support == "counts"
    return data._replace(x=data.x // 32, scale=1.0) if counts else data


def test_ranks_compute_the_values_of_one_process(small: Small, toy: Toy, tmp_path: Path) -> None:
    """Parts of different sizes, and a batch of one example, which is not divided."""
    configs = configurations(small)

    def act() -> None:
        with joined() as ranks:
            assert ranks
            for config in configs:
                compare(config, data_of(config, toy), ranks)

    together(2, act, tmp_path)


def test_three_ranks_compute_the_values_of_one_process(
    small: Small, toy: Toy, tmp_path: Path
) -> None:
    config = small(batch_size=7, objective="beta-tc")

    def act() -> None:
        with joined() as ranks:
            assert ranks
            compare(config, data_of(config, toy), ranks)

    together(3, act, tmp_path)


def test_changes_and_the_end_reach_every_rank_at_the_same_step(
    small: Small, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rank 0 alone decides; both end at its step, with equal weights, near those of one."""
    monkeypatch.setattr(metrics, "TICK_SECONDS", 0.0)
    config, data = small(batch_size=7), toy(36, SHAPE)

    def decide(step: int) -> Control:
        assert place().rank == 0
        changes = [Change(3, "beta", 4.0), Change(6, "lr", 0.05)][: (step >= 3) + (step >= 6)]
        return Control("pause" if step >= 9 else "run", tuple(changes))

    def act() -> None:
        metrics.TICK_SECONDS = 10.0 * place().rank  # its clocks differ
        with joined() as ranks:
            assert ranks
            *_, end = train(config, data, control=ranks.control(decide), ranks=ranks)
            assert "torch._dynamo.convert_frame" not in sys.modules  # it takes 2 s to load
            assert isinstance(end, Snapshot)
            assert (end.step, end.meta["ended"], end.meta["ranks"]) == (9, "pause", 2)
            for name, array in end.arrays.items():
                np.testing.assert_array_equal(array.tolist(), ranks.say(array.tolist()), name)
                if name.startswith("model."):
                    right = alone.arrays[name]
                    np.testing.assert_allclose(array, right, rtol=0, atol=1e-3, err_msg=name)

    *_, alone = train(config, data, control=decide)
    assert isinstance(alone, Snapshot)
    assert alone.step == 9
    together(2, act, tmp_path)


def test_ticks_are_planned_by_time() -> None:
    """At 10 steps between two ticks of 0.05 s, the next ones are 20 steps apart, then as far as
    0.1 s go."""

    class Echo(Ranks):
        def say(self, value: Any = None) -> Any:
            return value

    clock = SharedClock(Echo(Place(0, 2, 0, 2), None))
    clock.planned, clock.left = 10, 1
    for passed, planned in ((0.05, 20), (0.01, 40), (0.1, 40), (1.0, 4), (100.0, 1)):
        clock.left, clock.ticked = 1, time.perf_counter() - passed
        assert clock.due()
        assert clock.left == clock.planned == planned
        clock.tick()
    clock.left = 3
    assert [clock.due() for _ in range(3)] == [False, False, True]


# ── the refusals


@each(
    ("settings", "words"),
    [
        ({"batch_size": 1}, "batch_size 1 cannot be divided among 2 processes"),
        ({"device": "cuda:0"}, "choose device cpu, or cuda"),
    ],
)
def test_settings_that_ranks_cannot_train_are_refused(
    small: Small, settings: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae.training.ranks.resolve", torch.device)
    config = small(**settings)
    check_ranks(config, Place())
    with pytest.raises(ValueError, match=words):
        check_ranks(config, Place(0, 2, 0, 2))


def test_more_processes_than_gpus_are_refused(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae.training.ranks.resolve", torch.device)
    with pytest.raises(ValueError, match="2 processes need a GPU each, and this machine has 0"):
        check_ranks(small(device="cuda"), Place(0, 2, 0, 2))
    check_ranks(small(device="cpu"), Place(0, 2, 0, 2))


@each("values", [("2", "2", "0", "1"), ("-1", "2", "0", "1"), ("x", "2", "0", "1")])
def test_contradictory_variables_are_refused(
    values: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="name no process of a group: start it with torchrun"):
        place()


def test_a_process_without_variables_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert place() == Place(0, 1, 0, 1)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert place() == Place()
    with joined() as ranks:
        assert ranks is None
