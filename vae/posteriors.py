"""Posteriors: the encoder's output → q(z|x).

A posterior is a function of the encoder's output h, (B, multiplicity · Z), returning a
distribution with batch shape (B,) and event shape (Z,), and its row says how many outputs it needs
per latent dimension. A posterior without density (the point mass) has no KL.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal
from torch.distributions.constraints import independent, real


class Point(Distribution):
    """All mass on one place: z = location. It has no density, so no log_prob, entropy or KL."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch's own attribute
    support = independent(real, 1)  # type: ignore[no-untyped-call]
    has_rsample = True

    def __init__(self, location: Tensor) -> None:  # (B, Z)
        super().__init__(location.shape[:-1], location.shape[-1:], validate_args=False)
        self.location = location

    @property
    def mean(self) -> Tensor:
        return self.location

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.location.expand(*sample_shape, *self.location.shape)


def diagonal(h: Tensor) -> Distribution:
    """N(mu, diag sigma²), h = (mu, ln sigma²) (Kingma & Welling 2014, section 3,
    https://arxiv.org/abs/1312.6114)."""
    mu, log_var = h.chunk(2, dim=-1)  # (B, Z) each
    sigma = torch.exp(0.5 * log_var)
    return Independent(Normal(mu, sigma, validate_args=False), 1, validate_args=False)


def point(h: Tensor) -> Distribution:
    """A point mass: the plain autoencoder."""
    return Point(h)


class Posterior(NamedTuple):
    """A row of the table."""

    build: Callable[[Tensor], Distribution]
    multiplicity: int  # encoder outputs per latent dimension
    has_density: bool


POSTERIORS: dict[str, Posterior] = {
    "diagonal": Posterior(diagonal, 2, has_density=True),
    "point": Posterior(point, 1, has_density=False),
}
