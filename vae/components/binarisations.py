"""Binarisations: how values of x in [0, 1] become 0 or 1.

A binarisation is a function of a batch x (B, *event), which may draw from the default generator.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def none(x: Tensor) -> Tensor:
    """The values as they are."""
    return x


def threshold(x: Tensor) -> Tensor:
    """Values of ½ and more become 1, all others 0."""
    return (x >= 0.5).float()


def stochastic(x: Tensor) -> Tensor:
    """Each value is the probability of a 1, drawn anew for every batch, once for evaluation."""
    return torch.bernoulli(x)


class Binarisation(NamedTuple):
    """A row of the table: the function and its properties."""

    apply: Callable[[Tensor], Tensor]
    random: bool = False


BINARISATIONS: dict[str, Binarisation] = {
    "none": Binarisation(none),
    "threshold": Binarisation(threshold),
    "stochastic": Binarisation(stochastic, random=True),
}
