"""Priors: p(z).

A prior is a module built from the number of latent dimensions Z; called, it returns a distribution
with batch shape () and event shape (Z,).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal


class Standard(nn.Module):
    """N(0, I)."""

    loc: Tensor
    scale: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        normal = Normal(self.loc, self.scale, validate_args=False)
        return Independent(normal, 1, validate_args=False)


PRIORS: dict[str, Callable[..., nn.Module]] = {"standard": Standard}
