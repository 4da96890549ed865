"""Batches: examples on a device, as the model receives them.

The data set is one contiguous tensor on the device, in its own type (bytes for images). A batch is
gathered, scaled and, if configured, binarized. A DataLoader would only cost time: the data fit in
memory.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vae.base.records import Ints
from vae.base.rng import stream
from vae.components.binarizations import BINARIZATIONS
from vae.config import RunConfig
from vae.data import Dataset


class Batch(NamedTuple):
    """Examples, and their classes for a conditional model."""

    x: Tensor  # (B, *event)
    y: Tensor | None  # (B,)


class Batches:
    """Rows of a data set on a device; `take` draws binarization noise from its generator."""

    def __init__(
        self, dataset: Dataset, rows: Ints, config: RunConfig, device: torch.device
    ) -> None:
        self.x = torch.from_numpy(dataset.x[rows]).to(device)  # (N, *event)
        self.y: Tensor | None = None  # (N,)
        if config.conditional:
            assert dataset.labels is not None
            self.y = torch.from_numpy(dataset.labels[rows]).to(device)
        self.scale = dataset.scale
        self.binarization = BINARIZATIONS[config.binarize]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Tensor) -> Batch:
        """Return the examples at positions `rows` (B,) as the model receives them: (B, *event)."""
        x = self.x.index_select(0, rows).float()
        if self.scale != 1:
            x = x.div_(self.scale)
        x = self.binarization.apply(x)
        return Batch(x, None if self.y is None else self.y.index_select(0, rows))

    def chunks(self, size: int = 512) -> Iterator[Batch]:
        """Yield all examples in order, at most `size` at a time."""
        for start in range(0, len(self), size):
            rows = torch.arange(start, min(start + size, len(self)), device=self.x.device)
            yield self.take(rows)

    def fixed(self, seed: int) -> Batch:
        """Return all examples at once, binarized by a draw that depends on `seed` only."""
        with stream(self.x.device, seed, "evaluation"):
            return self.take(torch.arange(len(self), device=self.x.device))
