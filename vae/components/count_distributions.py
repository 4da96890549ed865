"""Distributions of counts built from others: zero inflation, and means given the library size.

As in `vae.components.distributions`, one number each, and `log_prob` is in nats. The library size
ℓ of an example is the sum of its counts: the sequencing depth of a cell. A decoder that gives
shares of ℓ need not learn it (Lopez et al. 2018, https://doi.org/10.1038/s41592-018-0229-2; an
offset in a regression of counts).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import logsigmoid

from vae.base.numbers import number
from vae.base.records import Domain
from vae.components.distributions import Elementwise

CHUNK = 2**20  # numbers in memory at once
LEAST = 1e-6  # library size of an example without counts: its mean is nearly 0


class ZeroInflated(Elementwise):
    """0 with probability π = sigmoid(logit), otherwise a draw from `base`: counts of which some
    were lost (Eraslan et al. 2019, https://doi.org/10.1038/s41467-018-07931-2)."""

    def __init__(self, base: Distribution, logit: Tensor) -> None:
        super().__init__(base.batch_shape)
        self.base, self.logit = base, logit

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln P(x) in nats, x (..., *batch): ln(1 − π) + ln P_base(x), for x = 0 its log-sum
        with ln π."""
        some = logsigmoid(-self.logit) + self.base.log_prob(x)
        return torch.where(x > 0, some, torch.logaddexp(some, logsigmoid(self.logit)))

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(-self.logit) * self.base.mean

    def _draw(self, shape: torch.Size) -> Tensor:
        x = self.base.sample(shape[: len(shape) - len(self.batch_shape)])
        return torch.where(torch.rand_like(x) < torch.sigmoid(self.logit), 0.0, x)


class GivenSize(Elementwise):
    """Counts of an example given its library size ℓ: the mean of an element is ℓ times its share.

    `log_prob` reads ℓ from its argument; mean and samples have the library size `size`. For each ℓ
    the probabilities of all x sum to one; ℓ itself has no distribution.
    """

    def __init__(
        self, log_share: Tensor, of: Callable[[Tensor], Distribution], size: Tensor, dims: int
    ) -> None:
        """Store ln share (..., *event), the map from ln mean to a distribution, the library size,
        a scalar or (B, 1, …, 1), and the number of axes of an example."""
        super().__init__(log_share.shape)
        self.log_share, self.of, self.size, self.dims = log_share, of, size, dims

    def of_size(self, size: Tensor) -> Distribution:
        """Return the distribution at library sizes that broadcast with (..., *event)."""
        return self.of(self.log_share + size.clamp(min=LEAST).log())

    def of_examples(self, x: Tensor) -> "GivenSize":
        """Return the distribution with the library sizes of x (B, *event) in mean and samples."""
        return GivenSize(self.log_share, self.of, library_size(x, self.dims), self.dims)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln P(x | ℓ) of each element of x (..., *event) in nats."""
        return self.of_size(library_size(x, self.dims)).log_prob(x)

    @property
    def mean(self) -> Tensor:
        return self.of_size(self.size).mean

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.of_size(self.size).sample(sample_shape)


def library_sizes(domain: Domain) -> str:
    """Return the library sizes of ln p(x|z), means and samples in sentences; "" without them."""
    if not domain.library_size:
        return ""
    return (
        "Library size ℓ: the sum of the counts of an example, which the decoder is given. Nats "
        "are those of ln p(x|ℓ). ℓ itself has no term: models without it pay for the depth too. "
        "A reconstruction has the ℓ of its example; samples, traversals and grids have ℓ = "
        f"{typical(domain)}."
    )


def at_typical(domain: Domain) -> str:
    """Return the library size of samples as a phrase: " at library size 512, …"; "" without."""
    return f" at library size {typical(domain)}" if domain.library_size else ""


def typical(domain: Domain) -> str:
    """Return the typical library size and its source."""
    return f"{number(domain.library_size)}, the median of the training examples"


def typical_size(x: Any, unit: float) -> float:
    """Return the median over the examples x / unit, x (N, *event), of the sum of their values."""
    rows = max(1, CHUNK // x[:1].size)
    parts = (x[start : start + rows] for start in range(0, len(x), rows))
    sums = [np.nansum(part.reshape(len(part), -1), 1, dtype=np.float64) for part in parts]
    return float(np.median(np.concatenate(sums))) / unit


def library_size(x: Tensor, dims: int) -> Tensor:
    """Return the sum of each example of x (..., *event), (..., 1, …, 1)."""
    return x.sum(tuple(range(-dims, 0)), keepdim=True)
