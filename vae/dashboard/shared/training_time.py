"""The number of weights of a configuration, and the time of an epoch, measured on this machine."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
import torch

from vae.base.numbers import plural
from vae.base.records import Domain
from vae.batches import Batches
from vae.config import RunConfig
from vae.dashboard import server
from vae.data import Dataset
from vae.footprint import cost, model_settings
from vae.model import build
from vae.runs import Run, listing
from vae.runs.manifest import domain_of
from vae.training.written import Written, is_written

TRIAL_SECONDS = 0.15
WARM_UP, TRIAL_STEPS = 3, 5  # steps of a trial before the timed ones, and the timed ones at least
RECENT = 5.0  # seconds of training that the estimate of the rest is from
ABOUT = (
    "The run that Train starts with the settings below. The time is estimated from the last run "
    "with this model and data on this machine and includes reports, pictures and the open page. "
    "Without such a run it is the time of the training steps, measured now, scaled by the ratio "
    "of total time and measured steps of the last run here. Without any run here it covers the "
    "training steps alone."
)
# Settings besides those of the model that the time of a step depends on, reports and pictures
# included
TIMED: tuple[str, ...] = (
    "precision",
    "data",
    "examples",
    "binarize",
    "val_share",
    "test_share",
    "frames",
    "device",
)
TRIAL_FLOPS = 5e9  # operations of a tried step at most: a second or so on a slow CPU
TRIAL_WEIGHTS = 16_000_000  # of a tried model at most: with gradients and moments 256 MB
BEGUN = 0.2  # of the steps: before, the first ones and their pictures weigh too much
NEWEST = 8  # runs among which the estimate looks for one with the same model and data
SLOWEST = 3.0  # largest correction by the last run: that run may have shared the machine


class Step(NamedTuple):
    """The time of a training step."""

    seconds: float
    is_whole: bool  # with reports, pictures and an open page, from a run on this machine


def sentence(config: RunConfig, data: Dataset) -> str:
    """Return weights, training examples and time as a sentence."""
    domain, examples = config.domain(data), len(config.split(data).train)
    weights = cost(config, domain).weights
    text = f"New run: {plural(weights, 'weight')} · {plural(examples, 'training example')}"
    step = _step(config, domain)
    if step is None:
        return text
    epoch = step.seconds * _steps_per_epoch(config, data)
    total = f"{duration(epoch * config.epochs)}{'' if step.is_whole else ' or more'} in all"
    return f"{text} · about {duration(epoch)} an epoch, {total}"


def pace(reports: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the seconds of a training step, reports and pictures included, over the last RECENT
    seconds of training; None before two reports."""
    timed = [
        (report["step"], report["seconds"])
        for report in reports
        if isinstance(report.get("seconds"), int | float)
    ]
    if not timed:
        return None
    end, now = timed[-1]
    start, then = next((one for one in reversed(timed) if now - one[1] >= RECENT), timed[0])
    return (now - then) / (end - start) if end > start else None


def seconds(config: RunConfig, data: Dataset) -> float | None:
    """Return the training time of a run in seconds; None if it is not measured."""
    step = _step(config, config.domain(data))
    return None if step is None else step.seconds * _steps_per_epoch(config, data) * config.epochs


def _steps_per_epoch(config: RunConfig, data: Dataset) -> int:
    return -(-len(config.split(data).train) // config.batch_size)


def _step(config: RunConfig, domain: Domain) -> Step | None:
    """Return the time of a step in the newest run on this machine with the same model and data;
    else that of a trial, corrected by the newest run on this machine. None for a device other than
    the CPU and for a model that is too large for a trial."""
    if not _measured(config):
        return None
    wanted, runs = _timed(config), list(_runs_here())
    for run, measured in runs:
        if _timed(run.config) == wanted:
            return Step(measured, is_whole=True)
    tried = _tried(config, domain)
    if tried is None or not runs:
        return None if tried is None else Step(tried, is_whole=False)
    run, measured = runs[0]
    ratio = measured / (_tried(run.config, domain_of(run.header)) or measured)
    return Step(tried * min(max(ratio, 1.0), SLOWEST), is_whole=True)


def _runs_here() -> Iterator[tuple[Run, float]]:
    """Yield the newest runs that this machine has trained on its CPU, also those in training, with
    the seconds of a step."""
    for run in listing(server.ROOT, NEWEST):
        status = run.status()
        is_here = status.host == socket.gethostname() and status.device in ("", "cpu")
        is_here = is_here and not status.recorded
        if is_here and status.step > BEGUN * status.steps and status.seconds:
            with suppress(ValueError):  # its settings are not valid, or its code may not run
                run.require_code()
                yield run, status.seconds / status.step


def _timed(config: RunConfig) -> dict[str, Any]:
    """Return the settings that the time of a step depends on."""
    return model_settings(config) | {name: config.get(name) for name in TIMED}


def _measured(config: RunConfig) -> bool:
    """Whether the run will train on the CPU, as the measurement does."""
    return config.device == "cpu" or (config.device == "auto" and not _accelerated())


def _accelerated() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _tried(config: RunConfig, domain: Domain) -> float | None:
    """Return the seconds of a step, measured on fewer examples if it is long; None for a model
    with too many weights."""
    found = cost(config, domain)
    if found.weights > TRIAL_WEIGHTS:
        return None
    batch = config.batch_size
    tried = min(batch, max(2, int(batch * TRIAL_FLOPS / max(found.flops, 1))))
    settings = model_settings(config) | {"precision": config.precision, "batch_size": tried}
    with _threads(config.threads or found.threads):
        return float(_trial(settings, domain)) * batch / tried


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Use as many threads of torch as a worker does: more would wait for each other, busily, on a
    machine at work."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@st.cache_data(max_entries=64, show_spinner=False)
def _trial(settings: dict[str, Any], domain: Domain) -> float:
    """Return the median seconds of a training step on blank examples, after a warm-up.

    The clock is that of this thread: it stands still while other processes use the processor, and
    while another thread of the server, which may be importing modules, holds the interpreter.
    """
    step = _blank_step(RunConfig.of(**settings), domain)
    times: list[float] = []
    began = time.perf_counter()
    while _goes_on(len(times), time.perf_counter() - began):
        start = time.thread_time()
        step()
        times.append(time.thread_time() - start)
    return median(times[WARM_UP:] or times[-1:])


def _blank_step(config: RunConfig, domain: Domain) -> Callable[[], object]:
    """Return a function that takes a training step on blank examples, by the gradient of the
    run."""
    size, vae = config.batch_size, build(config, domain)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=1e-9, fused=True)
    rows = torch.arange(size)
    if is_written(config) and not domain.missing:
        blank = Dataset("blank", np.zeros((size, *domain.shape), np.float32), 1.0)
        batches = Batches(blank, rows.numpy(), config, vae.device)
        written = Written(vae, optimizer)
        return lambda: written.step(batches, rows, 1.0)
    x, y = torch.zeros(size, *domain.shape), torch.zeros(size, dtype=torch.long)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss = vae.loss(vae(x, config.posterior_samples, y), {})
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _goes_on(steps: int, elapsed: float) -> bool:
    """Whether a trial takes another step: a few at least, unless they are slow."""
    if steps < WARM_UP + TRIAL_STEPS:
        return steps == 0 or elapsed < 10 * TRIAL_SECONDS
    return elapsed < TRIAL_SECONDS


def duration(seconds: float) -> str:
    """Return a time as text, to its leading digits: 0.2 s, 45 s, 12 min, 3.4 h."""
    if seconds < 1:
        return f"{max(seconds, 0.01):.1g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
