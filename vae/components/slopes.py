"""Written-out gradients of likelihoods, and gradients that differ from autograd's.

h (B, D) is the decoder's output, u (B, D) an example as the networks receive it.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


class Slope(NamedTuple):
    """A written-out gradient of −ln p(u|z); sums are over the examples."""

    error: Tensor  # −ln p(u|z), summed
    h: Tensor  # the gradient for h, (B, D)
    learned: Tensor  # the gradient for the learned parameter, summed; 0 without one


def bernoulli_slope(h: Tensor, u: Tensor) -> Slope:
    """Return the cross-entropy of u and sigmoid(h), and its gradient sigmoid(h) − u."""
    error = binary_cross_entropy_with_logits(h, u, reduction="sum")
    return Slope(error, torch.sigmoid(h).sub_(u), h.new_zeros(()))


def gaussian_slope(h: Tensor, u: Tensor, sigma: Tensor) -> Slope:
    """Return −ln N(u; h, sigma²) and its gradient for h; `learned` is that for ln sigma²."""
    scaled = (h - u) / sigma
    square = scaled.square().sum()
    error = 0.5 * square + h.numel() * (sigma.log() + 0.5 * math.log(2 * math.pi))
    return Slope(error, scaled / sigma, 0.5 * (h.numel() - square))


class Floor(torch.autograd.Function):
    """max(x, floor), with a gradient below the floor where gradient descent increases x.

    The gradient of `clamp` is 0 below the floor, so a parameter there would never return."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, floor: float) -> Tensor:
        ctx.save_for_backward(x >= floor)
        return x.clamp(min=floor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (above,) = ctx.saved_tensors
        return floored(gradients[0], above), None


def floored(gradient: Tensor, above: Tensor) -> Tensor:
    """Return the gradient where x is above the floor or gradient descent increases x, else 0."""
    return gradient * (above | (gradient < 0))


def floor(x: Tensor, floor: float) -> Tensor:
    """Return max(x, floor) with the gradient of `Floor`."""
    floored: Tensor = Floor.apply(x, floor)  # type: ignore[no-untyped-call]
    return floored
