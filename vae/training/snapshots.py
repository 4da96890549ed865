"""Snapshots: the whole state of training as arrays and JSON, and back."""

from typing import Any

import torch
from torch import Tensor

from vae.base.records import Snapshot
from vae.training.steps import State


def snapshot_of(state: State, seconds: float, ended: str | None, ranks: int = 1) -> Snapshot:
    """Return the whole state at this step, after so many seconds of training on so many ranks;
    `ended` says why training ends here, None if it goes on."""
    arrays = {f"model.{k}": _numpy(v) for k, v in state.model.state_dict().items()}
    arrays |= {f"best.{k}": _numpy(v) for k, v in state.best_weights.items()}
    arrays |= {f"sums.{k}": _numpy(v) for k, v in state.sums.totals.items()}
    for index, slots in state.optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer.{index}.{k}": _numpy(v) for k, v in slots.items()}
    meta = {
        "step": state.step,
        "epoch": state.step / state.plan.steps_per_epoch,
        "best": state.best,
        "count": state.sums.count,
        "seconds": seconds,
        "ended": ended,
        "ranks": ranks,
    }
    return Snapshot(state.step, arrays, meta)


def restore(state: State, start: Snapshot) -> None:
    """Set a state to a snapshot, so that the next steps are those of the uninterrupted run."""

    def part(prefix: str) -> dict[str, Tensor]:
        named = {k: v for k, v in start.arrays.items() if k.startswith(prefix)}
        return {k.removeprefix(prefix): torch.from_numpy(v.copy()) for k, v in named.items()}

    state.model.load_state_dict(part("model."))
    state.best_weights = {k: v.to(state.device) for k, v in part("best.").items()}
    state.sums.totals = {k: v.to(state.device) for k, v in part("sums.").items()}
    state.sums.count = start.meta["count"]
    state.step, state.best = start.step, dict(start.meta["best"])
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in part("optimizer.").items():
        index, _, name = key.partition(".")
        slots.setdefault(int(index), {})[name] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": slots, "param_groups": groups})


def _numpy(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy().copy()
