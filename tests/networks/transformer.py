"""A small transformer (Vaswani et al. 2017) for series of one channel: vectors of T values.

A token is a patch of neighbouring values. Attention goes along one series, never across the batch.
"""

from typing import Annotated

import torch
from torch import Tensor, nn

from vae.base.options import Option
from vae.components.networks import Bodies


class Layers(nn.Module):
    """Tokens (B, T, width) plus a learned code of their place, through layers of attention."""

    def __init__(self, tokens: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.place = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.place
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class Patches(nn.Module):
    """A series (B, T) as patches (B, tokens, patch), filled up with zeros at its end."""

    def __init__(self, length: int, patch: int) -> None:
        super().__init__()
        self.fill = -length % patch
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, (0, self.fill)).unflatten(1, (-1, self.patch))


class Series(nn.Module):
    """Patches (B, tokens, multiplicity · patch) as parameters (B, multiplicity, T)."""

    def __init__(self, length: int, multiplicity: int) -> None:
        super().__init__()
        self.length, self.multiplicity = length, multiplicity

    def forward(self, h: Tensor) -> Tensor:
        h = h.unflatten(2, (self.multiplicity, -1)).movedim(
            1, 2
        )  # (B, multiplicity, tokens, patch)
        return h.flatten(2)[..., : self.length]


def transformer(
    event_shape: tuple[int, ...],
    encoder_outputs: int,
    latent_dim: int,
    multiplicity: int,
    *,
    patch: Annotated[int, Option("Values of a token. Longer ones are faster.", 1, 256)] = 4,
    width: Annotated[int, Option("Numbers of a token; a multiple of heads.", 4, 1024)] = 32,
    heads: Annotated[int, Option("Heads of attention.", 1, 16)] = 4,
    layers: Annotated[int, Option("Layers of attention. More fit more.", 1, 12)] = 1,
) -> Bodies:
    """Attention over patches of a series."""
    if len(event_shape) != 1 or width % heads:
        raise ValueError("the transformer needs vectors, and a width that heads divides")
    length = event_shape[0]
    tokens = -(-length // patch)
    return Bodies(
        encoder=nn.Sequential(
            Patches(length, patch),
            nn.Linear(patch, width),
            Layers(tokens, width, heads, layers),
            nn.Flatten(),
            nn.Linear(tokens * width, encoder_outputs),
        ),
        decoder=nn.Sequential(
            nn.Linear(latent_dim, tokens * width),
            nn.Unflatten(1, (tokens, width)),
            Layers(tokens, width, heads, layers),
            nn.Linear(width, multiplicity * patch),
            Series(length, multiplicity),
        ),
    )
