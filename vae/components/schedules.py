"""Schedules: a factor on a scalar, as a pure function of the step.

A schedule is written `name` or `name:EPOCHS`. It is a function `f(progress) -> factor`; `Progress`
holds the step, the planned number of steps and the length of an epoch. A scalar X at a step is
X · factor. After the planned number of steps a schedule holds its last value.
"""

import math
from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """The progress of training: `step` optimiser steps of `steps` planned."""

    step: int
    steps: int
    steps_per_epoch: int


Schedule = Callable[[Progress, float], float]


def constant(progress: Progress, epochs: float) -> float:
    """1 throughout."""
    return 1.0


def warmup(progress: Progress, epochs: float) -> float:
    """Linear from 0 to 1 over the first EPOCHS epochs, then 1
    (for the KL: Sønderby et al. 2016, https://arxiv.org/abs/1602.02282)."""
    return min(1.0, progress.step / max(1.0, epochs * progress.steps_per_epoch))


def cosine(progress: Progress, epochs: float) -> float:
    """From 1 to 0 along half a cosine over the planned number of steps
    (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, eq. 5 without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * progress.step / progress.steps))


def cyclical(progress: Progress, epochs: float) -> float:
    """Cycles of EPOCHS epochs: linear from 0 to 1 over the first half of each cycle, then 1
    (Fu et al. 2019, https://arxiv.org/abs/1903.10145, R = 0.5). A plan that ends
    with a whole cycle ends at 1."""
    if progress.step == progress.steps:
        progress = progress._replace(step=progress.step - 1)
    length = max(1.0, epochs * progress.steps_per_epoch)
    return min(1.0, 2 * (progress.step % length) / length)


STAGES = 8  # of the staircase


def staircase(progress: Progress, epochs: float) -> float:
    """From 1 to a tenth in eight stages over the planned number of steps; each stage is three
    times as long as the one before.

    10^(-i/7) in stage i = 0, …, 7 (Burda et al. 2016, section 5: 3^i passes over the data at
    0.001 · 10^(-i/7), 3,280 in all)."""
    position = progress.step / progress.steps * (3**STAGES - 1) / 2  # in lengths of stage 0
    stage = sum(position >= (3**i - 1) / 2 for i in range(1, STAGES))  # starts of the stages
    return float(10 ** (-stage / 7))


class Row(NamedTuple):
    """A row of the table: the function and its properties."""

    factor: Schedule
    takes_epochs: bool = False  # the name is followed by `:EPOCHS`
    ends: bool = False  # the factor falls to its last value over the planned number of steps


CONSTANT, WARMUP = "constant", "warmup"  # "constant" is the default of every scalar

SCHEDULES: dict[str, Row] = {
    "constant": Row(constant),
    "warmup": Row(warmup, takes_epochs=True),
    "cosine": Row(cosine, ends=True),
    "cyclical": Row(cyclical, takes_epochs=True),
    "staircase": Row(staircase, ends=True),
}


def names() -> str:
    """Return the schedules as users write them: "constant, warmup:EPOCHS, …"."""
    return ", ".join(f"{n}:EPOCHS" if row.takes_epochs else n for n, row in SCHEDULES.items())


def row_of(text: str) -> Row:
    """Return the row of a schedule written `name` or `name:EPOCHS`; ValueError if unknown."""
    row = SCHEDULES.get(text.partition(":")[0])
    if row is None:
        raise ValueError(f"Unknown schedule {text!r}; one of {names()}.")
    return row


def parse(text: str) -> Callable[[Progress], float]:
    """Return the factor of a schedule such as "warmup:10" as a function of the progress.

    Raises ValueError for an unknown schedule or a length that is not a positive number.
    """
    row = row_of(text)
    name, _, length = text.partition(":")
    if row.takes_epochs != bool(length):
        correct = f"{name}:EPOCHS, for example {name}:10" if row.takes_epochs else name
        raise ValueError(f"Schedule {text!r} is written {correct}.")
    epochs = _positive(length, text) if length else 0.0

    def factor(progress: Progress) -> float:
        step = min(progress.step, progress.steps)
        return row.factor(progress._replace(step=step), epochs)

    return factor


def _positive(length: str, text: str) -> float:
    """Return a length in epochs as a number; ValueError if it is not positive and finite."""
    try:
        epochs = float(length)
    except ValueError:
        epochs = math.nan
    if not 0 < epochs < math.inf:
        raise ValueError(f"Schedule {text!r} needs a positive number of epochs after the colon.")
    return epochs
