"""What training will cost: the number of weights, and the time of an epoch, measured here."""

import time
from typing import Any

import streamlit as st
import torch

from vae.config import RunConfig
from vae.data import Dataset
from vae.model import build
from vae.records import Domain

TRIAL_SECONDS = 0.15
TABLED = ("network", "likelihood", "posterior", "prior", "objective")  # what a step's time is of


def sentence(config: RunConfig, data: Dataset) -> str:
    """Weights, training examples and time in words."""
    model = {n: config.get(n) for n in (*TABLED, "latent_dim", "precision", "condition")}
    model |= {k: v for n in TABLED for k, v in config.chosen(n).items()}
    domain = config.domain(data)
    weights, seconds = _trial(model, domain, config.batch_size, config.posterior_samples)
    n = len(config.split(data).train)
    epoch = seconds * -(-n // config.batch_size)
    text = f"{weights:,} weights · {n:,} training examples"
    if config.device not in ("auto", "cpu") or (config.device == "auto" and _accelerated()):
        return text
    return f"{text} · about {_duration(epoch)} an epoch, {_duration(epoch * config.epochs)} in all"


def _accelerated() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()


@st.cache_data(max_entries=64, show_spinner=False)
def _trial(model: dict[str, Any], domain: Domain, batch: int, samples: int) -> tuple[int, float]:
    """The number of weights, and the seconds of a training step on blank examples."""
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
    return sum(p.numel() for p in vae.parameters()), min(times)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{max(seconds, 0.01):.1g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
