"""A residual convolutional network (He et al. 2016), for pictures of any size.

Group normalisation in place of batch normalisation: an example's latents depend on it alone.
"""

import math
from typing import Annotated

from torch import Tensor, nn

from vae.base.options import Option
from vae.components.networks import Activation, Bodies, Grow

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}


class Block(nn.Module):
    """x + f(x), with f two 3×3 convolutions of as many channels."""

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            norm = nn.GroupNorm(math.gcd(8, channels), channels)
            layers += [norm, ACTIVATIONS[activation](), nn.Conv2d(channels, channels, 3, 1, 1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def residual(
    event_shape: tuple[int, ...],
    encoder_outputs: int,
    latent_dim: int,
    multiplicity: int,
    *,
    channels: Annotated[
        tuple[int, ...],
        Option("Channels of each stage, which halves the size.", 1, 1024, label="Channels"),
    ] = (16, 32),
    blocks: Annotated[int, Option("Residual blocks of each stage. More fit more.", 0, 16)] = 1,
    activation: Activation = "silu",
) -> Bodies:
    """Strided convolutions with residual blocks between them."""
    if len(event_shape) != 3:
        raise ValueError("the residual network needs pictures")
    sizes = [tuple(event_shape[1:])]
    for _ in channels:
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    planes = (event_shape[0], *channels)
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for i in range(len(channels)):
        down.append(nn.Conv2d(planes[i], planes[i + 1], 3, 2, 1))
        down += [Block(planes[i + 1], activation) for _ in range(blocks)]
    for i in reversed(range(len(channels))):
        out = planes[i] if i else multiplicity * event_shape[0]
        up += [Block(planes[i + 1], activation) for _ in range(blocks)]
        up.append(Grow(planes[i + 1], out, sizes[i], sizes[i + 1]))
    bottom = (planes[-1], *sizes[-1])
    flat = math.prod(bottom)
    return Bodies(
        encoder=nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, encoder_outputs)),
        decoder=nn.Sequential(
            nn.Linear(latent_dim, flat),
            nn.Unflatten(1, bottom),
            *up,
            nn.Unflatten(1, (multiplicity, event_shape[0])),
        ),
    )
