"""Batches: examples on a device, as the model receives them.

The data set is one tensor in its own type (bytes for images): on the CPU it shares the memory of
the data set; on another device it is a copy of the rows. Examples that stay in their file are read
from there, a batch at a time. A batch is gathered, scaled and, if configured, binarized. A
DataLoader would only cost time.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
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
        self.device = device
        self.is_copy = device.type != "cpu" and dataset.in_memory
        if self.is_copy:
            self.x: Tensor | NDArray[Any] = torch.from_numpy(dataset.x[rows]).to(device)
            self.rows = torch.arange(len(rows), device=device)
        else:
            self.x = shared(dataset.x) if dataset.in_memory else dataset.x
            self.rows = shared(rows)  # (N,) of x
        self.y: Tensor | None = None  # (N,)
        if config.conditional:
            assert dataset.labels is not None
            self.y = torch.from_numpy(dataset.labels[rows]).to(device)
        self.scale = dataset.scale
        self.binarization = BINARIZATIONS[config.binarize]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Tensor) -> Batch:
        """Return the examples at positions `rows` (B,) as the model receives them: (B, *event)."""
        rows = rows.to(self.rows.device)
        places = rows if self.is_copy else self.rows.index_select(0, rows)
        x = self._gathered(places).to(self.device).float()
        if self.scale != 1:
            x = x.div_(self.scale)
        x = self.binarization.apply(x)
        if self.y is None:
            return Batch(x, None)
        return Batch(x, self.y.index_select(0, rows.to(self.device)))

    def _gathered(self, places: Tensor) -> Tensor:
        """Return rows of x (B, *event), of an array in a file in memory."""
        if isinstance(self.x, Tensor):
            return self.x.index_select(0, places)
        return torch.from_numpy(self.x[places.numpy()])

    def chunks(self, size: int = 512) -> Iterator[Batch]:
        """Yield all examples in order, at most `size` at a time."""
        for start in range(0, len(self), size):
            rows = torch.arange(start, min(start + size, len(self)), device=self.rows.device)
            yield self.take(rows)

    def fixed(self, seed: int) -> Batch:
        """Return all examples at once, binarized by a draw that depends on `seed` only."""
        with stream(self.device, seed, "evaluation"):
            return self.take(torch.arange(len(self), device=self.rows.device))


def collected(parts: Iterable[Mapping[str, Tensor]], size: int) -> dict[str, Tensor]:
    """Return the values of all parts together, name → (N, …) with N = `size`, on the CPU.

    They are copied into tensors that the first part creates. Parts in a list would lie between the
    buffers of the passes, whose memory could then not be used again.
    """
    found: dict[str, Tensor] = {}
    start = end = 0
    for part in parts:
        for name, values in part.items():
            if name not in found:
                found[name] = torch.empty((size, *values.shape[1:]), dtype=values.dtype)
            end = start + len(values)
            found[name][start:end] = values
        start = end
    return found


def shared(x: NDArray[Any]) -> Tensor:
    """Return an array as a tensor that shares its memory. Nothing writes to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about arrays that cannot be written
        return torch.from_numpy(x)
