"""`train(config, data)` trains a VAE and yields records; it writes no file and draws nothing.

All curves are in nats per example: reconstruction, KL and ELBO, for every objective. The
configuration fixes the steps of reports, frames and snapshots, every random draw is a function of
(seed, step), and a live change takes effect at a recorded step. A run that continues from a
snapshot therefore repeats the uninterrupted run, bit for bit on a CPU.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vae.base.devices import resolve
from vae.base.finite import first_non_finite
from vae.base.records import (
    Change,
    Control,
    DivergedError,
    Domain,
    Examples,
    Frame,
    Report,
    Snapshot,
    Tick,
)
from vae.config import RunConfig
from vae.data import Dataset
from vae.footprint import check_memory, check_quotas
from vae.training.ahead import Ahead
from vae.training.metrics import Clock
from vae.training.previews import fixed_examples, frame
from vae.training.ranks import Ranks, SharedClock, divide
from vae.training.snapshots import restore, snapshot_of
from vae.training.steps import (
    State,
    due_figures,
    init_from_data,
    likely_cause,
    next_rows,
    scalars_at,
    train_step,
)

Event = Tick | Report | Examples | Frame | Snapshot
FIELDS = ("reconstruction", "kl", "elbo", "loss", "kl_per_dimension")  # of a Report; other: terms


def train(
    config: RunConfig,
    data: Dataset,
    *,
    start: Snapshot | None = None,
    control: Callable[[int], Control] = lambda step: Control(),
    domain: Domain | None = None,
    ranks: Ranks | None = None,
) -> Iterator[Event]:
    """Train a VAE and yield events, about ten times a second at least a Tick.

    `control(step)` is called at every tick; its changes take effect at their own steps. When it
    wants "pause" or "stop", training ends. The last event is always a Snapshot whose
    meta["ended"] is "finished", "early", "pause" or "stop". `domain` is the one that the run has
    recorded; without it, that of the data. `ranks` are the processes that train together; each
    calls this function, and gets the same events.

    Raises ValueError if settings, data and machine do not fit together, DivergedError naming
    the first number that is no longer finite.
    """
    yield from Trainer(config, data, start, domain, ranks).run(control)


def effective(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that hold: a later one of a field replaces those recorded for its step
    and after."""
    holding: list[Change] = []
    for change in changes:
        holding = [c for c in holding if c.field != change.field or c.step < change.step]
        holding.append(change)
    return holding


class Trainer:
    """One training run: its state, and the events that it yields between two steps."""

    def __init__(
        self,
        config: RunConfig,
        data: Dataset,
        start: Snapshot | None = None,
        domain: Domain | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.config = config
        self.data = data
        self.splits = config.split(data)
        check_quotas(config, config.domain(data), len(data.x))
        check_memory(config, config.domain(data), data.resident)
        domain = domain or config.domain(data)
        self.ranks = ranks
        device = ranks.device(config.device) if ranks else resolve(config.device)
        self.state = State(config, domain, data, self.splits, device)
        self.ahead = None if data.in_memory else Ahead(data, self.splits.train)
        self.examples = fixed_examples(config, data, self.splits)
        self.changes: list[Change] = []
        self.clock = self._clock()
        self.seconds = 0.0 if start is None else start.meta["seconds"]
        self.fresh = start is None
        if start is None:
            init_from_data(self.state)
        else:
            restore(self.state, start)
        if ranks:
            divide(self.state, ranks)

    @property
    def epoch(self) -> float:
        return self.state.step / self.state.plan.steps_per_epoch

    @property
    def epochs(self) -> int:
        """Epochs to train: the configured number, or the number set while training."""
        added = [c.value for c in self.changes if c.field == "epochs"]
        return int(added[-1]) if added else self.config.epochs

    @property
    def end(self) -> int:
        return self.epochs * self.state.plan.steps_per_epoch

    def run(self, control: Callable[[int], Control]) -> Iterator[Event]:
        """Yield every event of the run in order; see `train`."""
        try:
            for event in self._events(control):
                self._check(event)
                yield event
        finally:
            if self.ahead:
                self.ahead.close()

    def _events(self, control: Callable[[int], Control]) -> Iterator[Event]:
        self.clock = self._clock()
        wanted = self._wanted(control)
        if self.fresh:
            if self.config.frames:
                yield self.examples
            yield from self._observe()
        while self.state.step < self.end and wanted == "run" and not self._out_of_patience():
            rows = next_rows(self.state)
            if self.ahead:
                self.ahead.follow(self.state)
            train_step(self.state, rows)
            self.clock.count(len(rows))
            yield from self._observe()
            if self.clock.due():
                yield self._tick()
                wanted = self._wanted(control)
        yield self._tick()
        yield self._snapshot(self._ended(wanted))

    def _clock(self) -> Clock:
        return SharedClock(self.ranks) if self.ranks else Clock()

    def _wanted(self, control: Callable[[int], Control]) -> str:
        answer = control(self.state.step)
        self.state.changes = self.changes = effective(answer.changes)
        return answer.wanted

    def _observe(self) -> Iterator[Event]:
        """Yield the events that are due at this step: reports, a frame, a snapshot."""
        state, step = self.state, self.state.step
        if self.ahead and step % state.plan.steps_per_epoch == 0:
            self.ahead.validation(self.splits.val)
        for split, figures in due_figures(state, self.end):
            yield self._report(split, figures)
            if self.ranks and split == "val":  # rank 0 decides when patience ends
                state.best = self.ranks.say(state.best)
        if state.plan.frame_due(step):
            yield frame(state.model, self.data, self.examples, step, self.epoch)
        if step and step % state.plan.snapshot_every == 0 and step < self.end:
            yield self._snapshot()

    def _snapshot(self, ended: str | None = None) -> Snapshot:
        count = self.ranks.place.size if self.ranks else 1
        return snapshot_of(self.state, self.seconds + self.clock.elapsed(), ended, count)

    def _report(self, split: str, figures: dict[str, Any]) -> Report:
        scalars = scalars_at(self.state, of_last_step=True)
        learned = {name: float(value) for name, value in self.state.model.scalars().items()}
        known: dict[str, Any] = {name: figures.get(name) for name in FIELDS}
        if known["kl_per_dimension"] is not None:
            known["kl_per_dimension"] = tuple(known["kl_per_dimension"])
        return Report(
            step=self.state.step,
            epoch=self.epoch,
            split=split,
            beta=scalars.get("beta"),
            lr=scalars["lr"],
            terms={k: v for k, v in figures.items() if k not in FIELDS} | learned,
            images_per_second=self.clock.speed() if split == "train" else None,
            seconds=self.seconds + self.clock.elapsed(),
            **known,
        )

    def _check(self, event: Event) -> None:
        """Raise DivergedError for an event with a number that is not finite. Examples are data:
        a NaN there was not observed."""
        if not isinstance(event, Examples) and (name := first_non_finite(event)):
            raise DivergedError(name, self._tick(), likely_cause(self.state))

    def _tick(self) -> Tick:
        state = self.state
        return Tick(
            step=state.step,
            steps=self.end,
            epoch=self.epoch,
            epochs=self.epochs,
            images_per_second=self.clock.tick(),
            seconds=self.seconds + self.clock.elapsed(),
            best=state.best["value"],
            best_epoch=state.best["step"] / state.plan.steps_per_epoch
            if state.best_weights
            else None,
            best_by=self.config.best_by.score_title,
        )

    def _out_of_patience(self) -> bool:
        """Whether too many epochs passed since the best value, or since epochs were added."""
        added = [c.step for c in self.changes if c.field == "epochs"]
        since = max([self.state.best["step"], *added])
        waited = (self.state.step - since) / self.state.plan.steps_per_epoch
        return bool(self.config.patience) and waited >= self.config.patience

    def _ended(self, wanted: str) -> str:
        if self.state.step >= self.end:
            return "finished"
        return "early" if wanted == "run" else wanted
