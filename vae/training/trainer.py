"""Training: `train(config, data)` yields records; it owns no file and no screen.

Whatever is trained, the curves show one yardstick in nats per example: reconstruction, KL, ELBO.
Reports, frames and snapshots fall at steps that the configuration fixes, every random draw is a
function of (seed, step), and a live change takes effect at a recorded step: a run that goes on
from a snapshot repeats, bit for bit on a CPU, the run that was never interrupted.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae.base import rng
from vae.base.devices import resolve
from vae.base.records import Change, Control, Examples, Frame, Ints, Report, Snapshot, Tick
from vae.batches import Batches
from vae.components.schedules import Progress
from vae.config import RunConfig, fields
from vae.data import Dataset
from vae.model import build
from vae.training.metrics import Clock, Sums, yardstick
from vae.training.milestones import Plan
from vae.training.previews import fixed_examples, frame

START = 1000  # training examples that a model may look at before its first step
Event = Tick | Report | Examples | Frame | Snapshot


def train(
    config: RunConfig,
    data: Dataset,
    *,
    start: Snapshot | None = None,
    control: Callable[[int], Control] = lambda step: Control(),
) -> Iterator[Event]:
    """Train a VAE, yielding what happens: about ten times a second at least a Tick.

    `control(step)` is asked at every tick; its changes take effect at their own steps, and when it
    wants "pause" or "stop" the last event is a Snapshot. The last event is always a Snapshot whose
    meta["ended"] says why: "finished", "early", "pause" or "stop".

    Raises ValueError where settings, data and machine do not fit together, FloatingPointError when
    the loss is no longer finite.
    """
    yield from Trainer(config, data, start).run(control)


def effective(changes: Sequence[Change]) -> list[Change]:
    """The changes that hold: a later one supersedes what was recorded for its step and after."""
    kept: list[Change] = []
    for change in changes:
        kept = [c for c in kept if c.field != change.field or c.step < change.step]
        kept.append(change)
    return kept


class Trainer:
    """The state of one training run; everything that changes between two steps is here."""

    def __init__(self, config: RunConfig, data: Dataset, start: Snapshot | None = None) -> None:
        self.config = config
        self.data = data
        self.splits = config.split(data)
        self.device = resolve(config.device)
        self.plan = Plan.of(config, len(self.splits.train))
        domain = config.domain(data)
        self.model = build(config, domain).to(self.device)
        self.batches = self._batches(self.splits.train)
        self.held_out = self._batches(self.splits.val)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.lr,
            eps=config.adam_eps,
            weight_decay=config.weight_decay,
            fused=self.device.type != "mps",
        )
        self.moving = [
            f.name for f in fields() if f.option.scheduled and config.get(f.name) is not None
        ]
        self.examples = fixed_examples(config, data, self.splits)
        self.step = 0
        self.changes: list[Change] = []
        self.sums = Sums()
        self.best: dict[str, Any] = {"value": None, "step": 0}
        self.best_weights: dict[str, Tensor] = {}
        self.seconds = 0.0
        self.fresh = start is None
        if start is None:
            self._begin()
        else:
            self._restore(start)

    @property
    def epoch(self) -> float:
        return self.step / self.plan.steps_per_epoch

    @property
    def epochs(self) -> int:
        """Epochs to train: as configured, or as added later."""
        added = [c.value for c in self.changes if c.field == "epochs"]
        return int(added[-1]) if added else self.config.epochs

    @property
    def end(self) -> int:
        return self.epochs * self.plan.steps_per_epoch

    def run(self, control: Callable[[int], Control]) -> Iterator[Event]:
        """Every event of the run, in order; see `train`."""
        self.clock = Clock(self.step)
        wanted = self._ask(control)
        if self.fresh:
            if self.config.frames:
                yield self.examples
            yield from self._observe()
        order_epoch, order = -1, torch.empty(0, dtype=torch.long)
        while self.step < self.end and wanted == "run" and not self._out_of_patience():
            epoch, position = divmod(self.step, self.plan.steps_per_epoch)
            if epoch != order_epoch:
                order_epoch, order = epoch, self._order(epoch)
            size = self.config.batch_size
            self._train_step(order[position * size : (position + 1) * size])
            yield from self._observe()
            if self.clock.due():
                yield self._tick()
                wanted = self._ask(control)
        yield self._tick()
        yield self.snapshot(self._ended(wanted))

    def _begin(self) -> None:
        """Let the model start from some of the training examples."""
        with torch.no_grad(), rng.stream(self.device, self.config.seed, "start"):
            rows = torch.randperm(len(self.batches))[:START].to(self.device)
            self.model.start(self.batches.take(rows).x)

    def snapshot(self, ended: str | None = None) -> Snapshot:
        """The whole state at this step. Raises FloatingPointError if it is past saving."""
        arrays = {f"model.{k}": _numpy(v) for k, v in self.model.state_dict().items()}
        arrays |= {f"best.{k}": _numpy(v) for k, v in self.best_weights.items()}
        arrays |= {f"sums.{k}": _numpy(v) for k, v in self.sums.totals.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{index}.{k}": _numpy(v) for k, v in state.items()}
        trained = (v for k, v in arrays.items() if not k.startswith("sums."))
        if not all(np.isfinite(array).all() for array in trained):
            raise self._diverged("weights are")
        meta = {
            "step": self.step,
            "epoch": self.epoch,
            "best": self.best,
            "count": self.sums.count,
            "seconds": self.seconds + self.clock.elapsed(),
            "ended": ended,
        }
        return Snapshot(self.step, arrays, meta)

    def _restore(self, start: Snapshot) -> None:
        def part(prefix: str) -> dict[str, Tensor]:
            named = {k: v for k, v in start.arrays.items() if k.startswith(prefix)}
            return {k.removeprefix(prefix): torch.from_numpy(v.copy()) for k, v in named.items()}

        self.model.load_state_dict(part("model."))
        self.best_weights = {k: v.to(self.device) for k, v in part("best.").items()}
        self.sums.totals = {k: v.to(self.device) for k, v in part("sums.").items()}
        self.sums.count = start.meta["count"]
        self.step, self.best = start.step, dict(start.meta["best"])
        self.seconds = start.meta["seconds"]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in part("optimizer.").items():
            index, _, name = key.partition(".")
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def _batches(self, rows: Ints) -> Batches:
        return Batches(self.data, rows, self.config, self.device)

    def _order(self, epoch: int) -> Tensor:
        return rng.permutation(len(self.batches), self.config.seed, epoch).to(self.device)

    def _ask(self, control: Callable[[int], Control]) -> str:
        answer = control(self.step)
        self.changes = effective(answer.changes)
        return answer.wanted

    def _scalars(self, of_last_step: bool = False) -> dict[str, float]:
        """Every scheduled scalar at this step, live changes included.

        What is reported takes those made before it only: a change made at this very step was not
        yet known when the report was first written, and must not be when it is written again.
        """
        progress = Progress(self.step, self.plan.steps, self.plan.steps_per_epoch)
        until = self.step - of_last_step
        moved = {c.field: c.value for c in self.changes if c.step <= until}
        return {name: self.config.at(name, progress, moved.get(name)) for name in self.moving}

    def _train_step(self, rows: Tensor) -> None:
        scalars = self._scalars()
        self.optimizer.param_groups[0]["lr"] = scalars.pop("lr")
        rng.reseed(self.device, self.config.seed, "step", self.step)
        x, y = self.batches.take(rows)
        out = self.model(x, self.config.posterior_samples, y)
        loss = self.model.loss(out, scalars)
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        if self.config.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        self.optimizer.step()
        self.sums.add(yardstick(self.model, out, loss), len(rows))
        self.clock.count(len(rows))
        self.step += 1

    def _observe(self) -> Iterator[Event]:
        """What is due at this step: reports, then a frame, then a snapshot."""
        if self.sums.count and (self.plan.reports(self.step) or self.step == self.end):
            yield self._report("train", self.sums.means())
            self.sums = Sums()
        if len(self.held_out) and self.step % self.plan.steps_per_epoch == 0:
            yield self._validate()
        if self.plan.frames(self.step):
            yield frame(self.model, self.data, self.examples, self.step, self.epoch)
        if self.step and self.step % self.plan.snapshot_every == 0 and self.step < self.end:
            yield self.snapshot()

    def _validate(self) -> Report:
        scalars = self._scalars(of_last_step=True)
        scalars.pop("lr")
        sums = Sums()
        with torch.no_grad(), rng.stream(self.device, self.config.seed, "validation"):
            for x, y in self.held_out.chunks():
                out = self.model(x, self.config.posterior_samples, y)
                loss = self.model.loss(out, scalars)
                sums.add(yardstick(self.model, out, loss), len(x))
        report = self._report("val", sums.means())
        value = self.config.best_by.score(report._asdict())
        assert value is not None
        if self.best["value"] is None or value > self.best["value"]:
            self.best = {"value": value, "step": self.step}
            self.best_weights = {k: v.clone() for k, v in self.model.state_dict().items()}
        return report

    def _report(self, split_name: str, means: dict[str, Any]) -> Report:
        scalars = self._scalars(of_last_step=True)
        per_dimension, kl = means.pop("kl_per_dimension", None), means.pop("kl", None)
        reconstruction, loss = means.pop("reconstruction"), means.pop("loss")
        if not all(map(math.isfinite, (loss, reconstruction, kl or 0.0))):
            raise self._diverged("loss is")
        learned = {name: float(value) for name, value in self.model.scalars().items()}
        return Report(
            step=self.step,
            epoch=self.epoch,
            split=split_name,
            reconstruction=reconstruction,
            kl=kl,
            elbo=None if kl is None else -(reconstruction + kl),
            loss=loss,
            beta=scalars.get("beta"),
            lr=scalars["lr"],
            kl_per_dimension=None if per_dimension is None else tuple(per_dimension),
            terms=means | learned,
            images_per_second=self.clock.speed() if split_name == "train" else None,
            seconds=self.seconds + self.clock.elapsed(),
        )

    def _diverged(self, what: str) -> FloatingPointError:
        return FloatingPointError(
            f"Training diverged: the {what} not finite at step {self.step}. Lower the learning "
            "rate, or clip the gradient."
        )

    def _tick(self) -> Tick:
        return Tick(
            step=self.step,
            steps=self.end,
            epoch=self.epoch,
            epochs=self.epochs,
            images_per_second=self.clock.tick(),
            seconds=self.seconds + self.clock.elapsed(),
            best=self.best["value"],
            best_epoch=self.best["step"] / self.plan.steps_per_epoch
            if self.best_weights
            else None,
            best_by=self.config.best_by.score_title,
        )

    def _out_of_patience(self) -> bool:
        """Whether too long has gone by since the best value, or since epochs were added."""
        added = [c.step for c in self.changes if c.field == "epochs"]
        since = max([self.best["step"], *added])
        waited = (self.step - since) / self.plan.steps_per_epoch
        return bool(self.config.patience) and waited >= self.config.patience

    def _ended(self, wanted: str) -> str:
        if self.step >= self.end:
            return "finished"
        return "early" if wanted == "run" else wanted


def _numpy(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy().copy()
