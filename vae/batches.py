"""Batches: examples on a device, as the model sees them.

The data stay one contiguous tensor in their own type (bytes for pictures), on the device; a batch
is gathered, scaled and, where asked, binarised. No DataLoader: for data that fits in memory it
only costs.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vae.base.records import Ints
from vae.base.rng import stream
from vae.components.binarisations import BINARISATIONS
from vae.config import RunConfig
from vae.data import Dataset


class Batch(NamedTuple):
    """Some examples, and their classes for a model that is conditional on them."""

    x: Tensor  # (B, *event)
    y: Tensor | None  # (B,)


class Batches:
    """The rows of a data set on a device; `take` draws binarisation noise from its generator."""

    def __init__(
        self, dataset: Dataset, rows: Ints, config: RunConfig, device: torch.device
    ) -> None:
        self.x = torch.from_numpy(dataset.x[rows]).to(device)  # (N, *event)
        self.y: Tensor | None = None  # (N,)
        if config.conditional:
            assert dataset.labels is not None
            self.y = torch.from_numpy(dataset.labels[rows]).to(device)
        self.scale = dataset.scale
        self.binarisation = BINARISATIONS[config.binarize]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Tensor) -> Batch:
        """Examples as the model sees them, float32 (B, *event), for positions `rows` (B,)."""
        x = self.x.index_select(0, rows).float()
        if self.scale != 1:
            x = x.div_(self.scale)
        x = self.binarisation.apply(x)
        return Batch(x, None if self.y is None else self.y.index_select(0, rows))

    def chunks(self, size: int = 512) -> Iterator[Batch]:
        """All examples in order, `size` (or fewer) at a time."""
        for start in range(0, len(self), size):
            rows = torch.arange(start, min(start + size, len(self)), device=self.x.device)
            yield self.take(rows)

    def fixed(self, seed: int) -> Batch:
        """All examples at once, binarised by a draw that `seed` fixes."""
        with stream(self.x.device, seed, "evaluation"):
            return self.take(torch.arange(len(self), device=self.x.device))
