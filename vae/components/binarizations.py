"""Binarizations: functions that map values of x in [0, 1] to 0 or 1.

A binarization takes a batch x (B, *event) and returns one of the same shape. It may draw from
torch's default generator.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def none(x: Tensor) -> Tensor:
    """Unchanged values."""
    return x


def threshold(x: Tensor) -> Tensor:
    """Values of ½ and more become 1, all others 0."""
    return (x >= 0.5).float()


def stochastic(x: Tensor) -> Tensor:
    """Random values: each value of x is the probability of a 1. Training draws them again for
    every batch, evaluation draws them once."""
    return torch.bernoulli(x)


class Binarization(NamedTuple):
    """A row of the table: the function and its properties."""

    apply: Callable[[Tensor], Tensor]
    random: bool = False


BINARIZATIONS: dict[str, Binarization] = {
    "none": Binarization(none),
    "threshold": Binarization(threshold),
    "stochastic": Binarization(stochastic, random=True),
}
