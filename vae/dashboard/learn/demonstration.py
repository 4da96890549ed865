"""Short training runs inside the server, which the picture of a lesson follows.

They leave no run folder. Everyone who asks for the same settings follows the same run.
"""

from collections.abc import Iterator, Sequence
from threading import Thread
from time import sleep
from typing import NamedTuple

import numpy as np
import streamlit as st
import torch

from vae.base import memory, rng
from vae.base.criterion import ELBO
from vae.base.epoch_means import Counter, epoch_means, example_counter
from vae.base.records import Control, Examples, Floats, Frame, Report
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import Dataset
from vae.diagnostics.checks import diagnose
from vae.diagnostics.findings import Diagnosis, Observations
from vae.diagnostics.latent_swap import EXAMPLES, stats_of
from vae.diagnostics.training_stats import TrainingStats, training_stats
from vae.model import VAE
from vae.training import Trainer
from vae.training.trainer import Event

TURN = 0.001  # seconds between two turns, for the others to begin theirs


class Course(NamedTuple):
    """The progress of a demonstration so far."""

    config: RunConfig
    data: Dataset
    examples: Examples
    frames: tuple[Frame, ...]
    reports: tuple[Report, ...]
    share: float  # of the epochs, 0 to 1
    model: VAE  # with its present weights
    is_done: bool
    problem: str = ""


class _Demonstration:
    """A training run in a thread."""

    def __init__(self, config: RunConfig) -> None:
        self.trainer = Trainer(config, config.load_data())
        self.frames: list[Frame] = []
        self.reports: list[Report] = []
        self.is_done = False
        self.problem = ""
        Thread(target=self._train, daemon=True).start()

    def _train(self) -> None:
        events = self.trainer.run(lambda _: Control())
        try:
            while (event := self._next(events)) is not None:
                if isinstance(event, Frame):
                    self.frames.append(event)
                elif isinstance(event, Report):
                    self.reports.append(event)
        except (ArithmeticError, RuntimeError, MemoryError) as error:
            is_full = memory.is_exhausted(error)
            self.problem = memory.exhausted_sentence() if is_full else str(error)
        self.is_done = True

    @staticmethod
    def _next(events: Iterator[Event]) -> Event | None:
        """Train until the next event. Steps seed the generator of the process, so demonstrations
        and pages take turns."""
        with rng.exclusive():
            event = next(events, None)
        sleep(TURN)
        return event

    def course(self) -> Course:
        is_done, trainer = self.is_done, self.trainer
        return Course(
            trainer.config,
            trainer.data,
            trainer.examples,
            tuple(self.frames),
            tuple(self.reports),
            trainer.epoch / max(trainer.epochs, 1),
            trainer.state.model,
            is_done,
            self.problem,
        )


def course(config: RunConfig) -> Course:
    """Return the progress of the demonstration with these settings; begin it at first."""
    return _demonstration(config.model_dump_json(), config).course()


@st.cache_resource(max_entries=24, show_spinner=False)
def _demonstration(key: str, _config: RunConfig) -> _Demonstration:
    return _Demonstration(_config)


def is_at_work(courses: Sequence[Course]) -> bool:
    """Whether one of the demonstrations still trains."""
    return not all(c.is_done for c in courses)


def _counter(course: Course) -> Counter:
    examples = len(course.config.split(course.data).train)
    return example_counter(examples, course.config.batch_size)


def stats(course: Course) -> TrainingStats:
    """Return the statistics of the curves, with the ELBO as the score; so the trained values."""
    return training_stats([r._asdict() for r in course.reports], ELBO, _counter(course))


def diagnosis(course: Course) -> Diagnosis:
    """Return the outcome of every check on the curves and on the validation examples."""
    held = course.config.split(course.data).val
    batches = Batches(course.data, held[:EXAMPLES], course.config, course.model.device)
    seed = course.config.seed
    model = stats_of(course.model, batches.fixed(seed), "val", seed)
    return diagnose(Observations(course.config, stats(course), model=model, held=len(held)))


def epoch_curve(course: Course, split: str, name: str) -> Floats:
    """Return the epochs and the means of a field of the reports over each, (2, T)."""
    reports = [r._asdict() for r in course.reports if r.split == split]
    means = epoch_means(reports, lambda r: r[name], _counter(course))
    return np.array([list(means), list(means.values())], np.float32)


def decoded_path(course: Course, ends: Floats, steps: int) -> Floats:
    """Encode two examples (2, *event) and decode the line between their means, (S, *event)."""
    with torch.no_grad():
        first, last = course.model.posterior(torch.from_numpy(ends)).mean
        share = torch.linspace(0, 1, steps)[:, None]
        means = course.model.likelihood((1 - share) * first + share * last).mean
    pictures: Floats = means.numpy()
    return pictures
