"""The steps of reports, frames and snapshots, as pure functions of the configuration."""

import math
from typing import NamedTuple

from vae.config import RunConfig

SNAPSHOT_EXAMPLES = 50_000  # between two snapshots: about two seconds for a small model
REPORTS = 400  # train reports over the planned length; at least one per epoch


class Plan(NamedTuple):
    """The planned steps of a run, and the steps at which something is due."""

    steps_per_epoch: int
    steps: int  # planned; schedules extend over them
    report_every: int
    snapshot_every: int
    frame_steps: frozenset[int]
    frame_every: int  # steps between two frames beyond the planned length

    @classmethod
    def of(cls, config: RunConfig, n_train: int) -> "Plan":
        """Return the plan of a configuration for `n_train` training examples."""
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

    def report_due(self, step: int) -> bool:
        position = step % self.steps_per_epoch
        return position == 0 or position % self.report_every == 0

    def frame_due(self, step: int) -> bool:
        return step in self.frame_steps or (
            bool(self.frame_steps) and step > self.steps and step % self.frame_every == 0
        )
