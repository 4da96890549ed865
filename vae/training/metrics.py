"""Bound terms of a pass, their means over batches, and the speed of training."""

import time
from typing import Any

import torch
from torch import Tensor

from vae.components.objectives import Loss
from vae.components.terms import Pass, rate, reconstruction_error
from vae.model import VAE

TICK_SECONDS = 0.1


def yardstick(model: VAE, out: Pass, loss: Loss) -> dict[str, Tensor]:
    """Return the means over one pass that the curves show, detached: loss, reconstruction, KL
    (also per dimension, (Z,), if it is a sum over them) and the objective's other terms."""
    terms = {name: value.detach() for name, value in loss.terms.items()}
    with torch.no_grad():
        if "reconstruction" not in terms:
            terms["reconstruction"] = reconstruction_error(out).mean()
        if model.has_kl and "kl" not in terms:
            terms |= rate(out)
    return terms | {"loss": loss.total.detach()}


class Sums:
    """Means over batches of unequal size, summed on the device of the values."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}
        self.count = 0

    def add(self, values: dict[str, Tensor], weight: int) -> None:
        """Add the means of one batch, weighted by its size."""
        self.count += weight
        for name, value in values.items():
            if name in self.totals:
                self.totals[name].add_(value, alpha=weight)
            else:
                self.totals[name] = value * weight

    def means(self) -> dict[str, Any]:
        """Return name → mean: a number, or a list of numbers for a vector."""
        return {name: (total / self.count).tolist() for name, total in self.totals.items()}


class Clock:
    """Elapsed time and examples per second; no trained value depends on it."""

    def __init__(self) -> None:
        self.began = self.ticked = self.reported = time.perf_counter()
        self.since_tick = self.since_report = 0

    def count(self, examples: int) -> None:
        self.since_tick += examples
        self.since_report += examples

    def elapsed(self) -> float:
        """Return the seconds since the clock started."""
        return time.perf_counter() - self.began

    def due(self) -> bool:
        """Whether the next Tick is due."""
        return time.perf_counter() - self.ticked >= TICK_SECONDS

    def tick(self) -> float:
        """Return the examples per second since the last tick."""
        now = time.perf_counter()
        speed = self.since_tick / max(now - self.ticked, 1e-9)
        self.ticked, self.since_tick = now, 0
        return speed

    def speed(self) -> float:
        """Return the examples per second since the last report."""
        now = time.perf_counter()
        speed = self.since_report / max(now - self.reported, 1e-9)
        self.reported, self.since_report = now, 0
        return speed
