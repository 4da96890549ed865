"""The gated MLP of the VampPrior (Tomczak & Welling 2018, https://arxiv.org/abs/1705.07120).

Each layer is (A x + a) ⊙ σ(B x + b) (Dauphin et al. 2016): a second linear map gates the first.
"""

import math
from typing import Annotated

from torch import Tensor, nn

from vae.base.options import Option
from vae.components.networks import Bodies


class Gated(nn.Module):
    """A linear layer whose outputs are multiplied by a gate between 0 and 1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.value(x) * self.gate(x).sigmoid()


def gated(
    event_shape: tuple[int, ...],
    encoder_outputs: int,
    latent_dim: int,
    multiplicity: int,
    *,
    width: Annotated[int, Option("Units of each layer. Wider fits more.", 1, 4096)] = 300,
    layers: Annotated[int, Option("Gated layers of encoder and decoder.", 1, 16)] = 2,
) -> Bodies:
    """Fully connected layers with gates, for pictures and vectors."""
    size = math.prod(event_shape)

    def stack(inputs: int) -> list[nn.Module]:
        return [Gated(inputs if k == 0 else width, width) for k in range(layers)]

    return Bodies(
        encoder=nn.Sequential(nn.Flatten(), *stack(size), nn.Linear(width, encoder_outputs)),
        decoder=nn.Sequential(
            *stack(latent_dim),
            nn.Linear(width, multiplicity * size),
            nn.Unflatten(1, (multiplicity, *event_shape)),
        ),
    )
