"""Training: `train(config, data)` yields records; it owns no file and no screen.

Whatever is trained, the curves show one yardstick in nats per example: reconstruction, KL, ELBO.
Reports, frames and snapshots fall at steps that the configuration fixes, every random draw is a
function of (seed, step), and a live change takes effect at a recorded step: a run that goes on
from a snapshot repeats, bit for bit on a CPU, the run that was never interrupted.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae import streams
from vae.batches import Batches
from vae.config import RunConfig, fields
from vae.data import Dataset, Splits
from vae.data.dataset import stratified
from vae.devices import resolve
from vae.model import VAE, build
from vae.objectives import Loss, Pass, kl_per_dimension, reconstruction_error
from vae.records import Change, Control, Examples, Frame, Ints, Report, Snapshot, Tick
from vae.schedules import Progress

Event = Tick | Report | Examples | Frame | Snapshot

TICK_SECONDS = 0.1
SNAPSHOT_EXAMPLES = (
    50_000  # training examples between two snapshots: a second or two of a small model
)
REPORTS = 400  # train reports over the planned length, one an epoch at least
SHOWN_LATENTS = 1000
SHOWN_TILES = 12
CPU = torch.device("cpu")


class Plan(NamedTuple):
    """What happens at which step: pure functions of the configuration."""

    steps_per_epoch: int
    steps: int  # planned: schedules are spread over them
    report_every: int
    snapshot_every: int
    frame_steps: frozenset[int]
    frame_every: int  # beyond the planned length

    @classmethod
    def of(cls, config: RunConfig, n_train: int) -> "Plan":
        """The plan for so many training examples."""
        per_epoch = math.ceil(n_train / config.batch_size)
        steps = per_epoch * config.epochs
        reports_per_epoch = max(1, min(per_epoch, REPORTS // config.epochs))
        last = max(config.frames - 1, 1)
        spaced = {round(steps * (1 - i / last) ** 1.5) for i in range(config.frames)}
        return cls(
            steps_per_epoch=per_epoch,
            steps=steps,
            report_every=math.ceil(per_epoch / reports_per_epoch),
            snapshot_every=max(1, round(SNAPSHOT_EXAMPLES / config.batch_size)),
            frame_steps=frozenset(spaced),
            frame_every=max(per_epoch, steps // last),
        )

    def reports(self, step: int) -> bool:
        position = step % self.steps_per_epoch
        return position == 0 or position % self.report_every == 0

    def frames(self, step: int) -> bool:
        return step in self.frame_steps or (
            bool(self.frame_steps) and step > self.steps and step % self.frame_every == 0
        )


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
        self.model = build(config, data.event_shape, len(self.splits.train)).to(self.device)
        self.batches = self._batches(self.splits.train)
        self.held_out = self._batches(self.splits.val)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.lr,
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
        if start is not None:
            self._restore(start)

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
            "epoch": self.step / self.plan.steps_per_epoch,
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
        return Batches(self.data, rows, self.config.binarize, self.device)

    def _order(self, epoch: int) -> Tensor:
        return streams.permutation(len(self.batches), self.config.seed, epoch).to(self.device)

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
        streams.reseed(self.device, self.config.seed, "step", self.step)
        out = self.model(self.batches.take(rows), self.config.posterior_samples)
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
            yield self._frame()
        if self.step and self.step % self.plan.snapshot_every == 0 and self.step < self.end:
            yield self.snapshot()

    def _validate(self) -> Report:
        scalars = self._scalars(of_last_step=True)
        scalars.pop("lr")
        sums = Sums()
        with torch.no_grad(), streams.stream(self.device, self.config.seed, "validation"):
            for x in self.held_out.chunks():
                out = self.model(x, self.config.posterior_samples)
                loss = self.model.loss(out, scalars)
                sums.add(yardstick(self.model, out, loss), len(x))
        report = self._report("val", sums.means())
        value = report.elbo if report.elbo is not None else -report.reconstruction
        if self.best["value"] is None or value > self.best["value"]:
            self.best = {"value": value, "step": self.step}
            self.best_weights = {k: v.clone() for k, v in self.model.state_dict().items()}
        return report

    def _report(self, split_name: str, means: dict[str, Any]) -> Report:
        scalars = self._scalars(of_last_step=True)
        per_dimension = means.pop("kl_per_dimension", None)
        reconstruction, loss = means.pop("reconstruction"), means.pop("loss")
        if not all(map(math.isfinite, (loss, reconstruction, *(per_dimension or ())))):
            raise self._diverged("loss is")
        kl = None if per_dimension is None else math.fsum(per_dimension)
        learned = {name: float(value) for name, value in self.model.scalars().items()}
        return Report(
            step=self.step,
            epoch=self.step / self.plan.steps_per_epoch,
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

    def _frame(self) -> Frame:
        def seen(rows: Ints) -> Tensor:
            return self._batches(rows).fixed(self.config.seed)

        with torch.no_grad(), streams.stream(self.device, self.config.seed, "page"):
            mean = self.model.posterior(seen(self.examples.index)).mean
            shown = self.model.posterior(seen(self.examples.original_index)).mean
            z = self.model.prior().sample(torch.Size((SHOWN_TILES,)))  # (S, Z)
            return Frame(
                step=self.step,
                epoch=self.step / self.plan.steps_per_epoch,
                mean=_numpy(mean),
                reconstructions=_numpy(self.model.likelihood(shown).mean),
                samples=_numpy(self.model.likelihood(z).mean),
            )

    def _tick(self) -> Tick:
        return Tick(
            step=self.step,
            steps=self.end,
            epoch=self.step / self.plan.steps_per_epoch,
            epochs=self.epochs,
            images_per_second=self.clock.tick(),
            seconds=self.seconds + self.clock.elapsed(),
            best=self.best["value"],
            best_epoch=self.best["step"] / self.plan.steps_per_epoch
            if self.best_weights
            else None,
        )

    def _out_of_patience(self) -> bool:
        waited = (self.step - self.best["step"]) / self.plan.steps_per_epoch
        return bool(self.config.patience) and waited >= self.config.patience

    def _ended(self, wanted: str) -> str:
        if self.step >= self.end:
            return "finished"
        return "early" if wanted == "run" else wanted


def fixed_examples(config: RunConfig, data: Dataset, splits: Splits) -> Examples:
    """The examples that every frame of a run shows, stratified, with a seed of their own."""
    seen = np.sort(np.concatenate([splits.train, splits.val]))
    index = stratified(data.labels, seen, SHOWN_LATENTS, config.seed)
    held_out = splits.val if len(splits.val) else splits.train
    originals = stratified(data.labels, held_out, SHOWN_TILES, config.seed)
    if data.labels is not None:
        originals = originals[np.argsort(data.labels[originals], kind="stable")]
    return Examples(
        index=index,
        label=None if data.labels is None else data.labels[index],
        factors={name: values[index] for name, values in data.factors.items()},
        classes=data.classes,
        original_index=originals,
        originals=_numpy(Batches(data, originals, config.binarize, CPU).fixed(config.seed)),
        total=len(seen),
    )


def yardstick(model: VAE, out: Pass, loss: Loss) -> dict[str, Tensor]:
    """What the curves show of one pass, detached: loss, reconstruction, KL per dimension (Z,) and
    the objective's further terms."""
    terms = {name: value.detach() for name, value in loss.terms.items()}
    with torch.no_grad():
        if "reconstruction" not in terms:
            terms["reconstruction"] = reconstruction_error(out).mean()
        if model.has_kl and "kl_per_dimension" not in terms:
            terms["kl_per_dimension"] = kl_per_dimension(out).mean(0)
    return terms | {"loss": loss.total.detach()}


class Sums:
    """Means over batches of unequal size, summed where the numbers are."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}
        self.count = 0

    def add(self, values: dict[str, Tensor], weight: int) -> None:
        """Add one batch's means, weighted by its size."""
        self.count += weight
        for name, value in values.items():
            if name in self.totals:
                self.totals[name].add_(value, alpha=weight)
            else:
                self.totals[name] = value * weight

    def means(self) -> dict[str, Any]:
        """Name → number, or list of numbers for what has dimensions."""
        return {name: (total / self.count).tolist() for name, total in self.totals.items()}


class Clock:
    """How long and how fast; nothing that is trained depends on it."""

    def __init__(self, step: int) -> None:
        self.began = self.ticked = self.reported = time.perf_counter()
        self.since_tick = self.since_report = 0

    def count(self, examples: int) -> None:
        self.since_tick += examples
        self.since_report += examples

    def elapsed(self) -> float:
        return time.perf_counter() - self.began

    def due(self) -> bool:
        return time.perf_counter() - self.ticked >= TICK_SECONDS

    def tick(self) -> float:
        """Examples per second since the last tick."""
        now = time.perf_counter()
        speed = self.since_tick / max(now - self.ticked, 1e-9)
        self.ticked, self.since_tick = now, 0
        return speed

    def speed(self) -> float:
        """Examples per second since the last report."""
        now = time.perf_counter()
        speed = self.since_report / max(now - self.reported, 1e-9)
        self.reported, self.since_report = now, 0
        return speed


def _numpy(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy().copy()
