"""The number of weights of a configuration, and the time of an epoch, measured on this machine."""

import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from statistics import median
from typing import Any

import streamlit as st
import torch

from vae.base.records import Domain
from vae.config import RunConfig, fields
from vae.dashboard import server
from vae.data import Dataset
from vae.model import build
from vae.runs import listing

TRIAL_SECONDS = 0.15
RECENT = 5.0  # seconds of training that the estimate of the rest is from
ABOUT = (
    "What Train begins, with the settings below; the run that a page shows keeps its own. The "
    "time is that of the last run with this model and data on this machine, reports, pictures and "
    "the open page included. Without such a run it is that of the training steps alone, tried "
    "just now: the rest comes on top."
)
TABLED = (
    "network",
    "likelihood",
    "posterior",
    "prior",
    "objective",
)  # they set the time of a step


# Further settings that the time of a step depends on, reports and pictures included
TIMED: tuple[str, ...] = (
    "latent_dim",
    "precision",
    "condition",
    "data",
    "examples",
    "binarize",
    "batch_size",
    "posterior_samples",
    "val_share",
    "test_share",
    "frames",
    "device",
)
BEGUN = 0.2  # of the steps: before, the first ones and their pictures weigh too much
NEWEST = 8  # runs among which the estimate looks for one with the same model and data


def sentence(config: RunConfig, data: Dataset) -> str:
    """Return weights, training examples and time as a sentence."""
    weights, epoch = _epoch(config, data)
    text = f"New run: {weights:,} weights · {len(config.split(data).train):,} training examples"
    if not _measured(config):
        return text
    more = "" if _measured_step(config) else " or more"
    total = f"{duration(epoch * config.epochs)}{more} in all"
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
    """Return the training time of a run in seconds; None for a device other than the CPU."""
    return _epoch(config, data)[1] * config.epochs if _measured(config) else None


def _epoch(config: RunConfig, data: Dataset) -> tuple[int, float]:
    """Return the number of weights and the seconds of an epoch on this CPU."""
    model = {n: config.get(n) for n in (*TABLED, "latent_dim", "precision", "condition")}
    model |= {k: v for n in TABLED for k, v in config.chosen(n).items()}
    domain = config.domain(data)
    weights, step = _trial(model, domain, config.batch_size, config.posterior_samples)
    steps = -(-len(config.split(data).train) // config.batch_size)
    return weights, steps * (_measured_step(config) or step)


def _measured_step(config: RunConfig) -> float | None:
    """Return the seconds of a step in the newest run on this machine with the same model and data,
    also while it trains; None without such a run."""
    wanted = _timed(config)
    for run in listing(server.ROOT)[:NEWEST]:
        status = run.status()
        if status.step > BEGUN * status.steps and status.host == socket.gethostname():
            with suppress(ValueError):  # its settings are no longer valid
                if _timed(run.config) == wanted:
                    return status.seconds / status.step
    return None


def _timed(config: RunConfig) -> dict[str, Any]:
    """Return the settings that the time of a step depends on."""
    live = {field.name for field in fields() if field.option.live}
    options = {k: v for n in TABLED for k, v in config.chosen(n).items() if k not in live}
    return {name: config.get(name) for name in (*TABLED, *TIMED)} | options


def _measured(config: RunConfig) -> bool:
    """Whether the run will train on the CPU, as the measurement does."""
    return config.device == "cpu" or (config.device == "auto" and not _accelerated())


def _accelerated() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()


@st.cache_data(max_entries=64, show_spinner=False)
def _trial(model: dict[str, Any], domain: Domain, batch: int, samples: int) -> tuple[int, float]:
    """Return the number of weights and the seconds of a training step on blank examples."""
    vae = build(RunConfig.of(**model), domain)
    x = torch.zeros(batch, *domain.shape)
    y = torch.zeros(batch, dtype=torch.long)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=1e-9, fused=True)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - began < TRIAL_SECONDS:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        vae.loss(vae(x, samples, y), {}).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        times.append(time.perf_counter() - start)
        if time.perf_counter() - began > 10 * TRIAL_SECONDS:
            break
    return sum(p.numel() for p in vae.parameters()), median(times)


def duration(seconds: float) -> str:
    """Return a time as text, to its leading digits: 0.2 s, 45 s, 12 min, 3.4 h."""
    if seconds < 1:
        return f"{max(seconds, 0.01):.1g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
