"""Batches: examples on a device, as the model sees them.

The data stay one contiguous tensor in their own type (bytes for pictures), on the device; a batch
is gathered, scaled and, where asked, binarised. No DataLoader: for data that fits in memory it
only costs.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from vae import streams
from vae.data import Dataset
from vae.records import Ints


class Batches:
    """The rows of a data set on a device; `take` draws binarisation noise from its generator."""

    def __init__(self, dataset: Dataset, rows: Ints, binarize: str, device: torch.device) -> None:
        self.x = torch.from_numpy(dataset.x[rows]).to(device)  # (N, *event)
        self.scale = dataset.scale
        self.binarize = binarize

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Tensor) -> Tensor:
        """Examples as the model sees them, float32 (B, *event), for positions `rows` (B,)."""
        x = self.x.index_select(0, rows).float()
        if self.scale != 1:
            x = x.div_(self.scale)
        if self.binarize == "threshold":
            return (x >= 0.5).float()
        return torch.bernoulli(x) if self.binarize == "stochastic" else x

    def chunks(self, size: int = 512) -> Iterator[Tensor]:
        """All examples in order, `size` at a time: float32 (size or fewer, *event)."""
        for start in range(0, len(self), size):
            rows = torch.arange(start, min(start + size, len(self)), device=self.x.device)
            yield self.take(rows)

    def fixed(self, seed: int) -> Tensor:
        """All examples at once, (N, *event), binarised by a draw that `seed` fixes."""
        with streams.stream(self.x.device, seed, "evaluation"):
            return self.take(torch.arange(len(self), device=self.x.device))
