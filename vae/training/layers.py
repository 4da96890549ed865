"""Linear layers with their tensors, and the chain rule through them.

For a layer h = W a + b, y = f(h), with the gradient δ of the loss for h, (B, out), the others are

    for W: δᵀ a        for b: Σ δ        for a: δ W        for the h before: f'(h) (δ W)

Notation: B batch, b examples of a part of it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vae.components.networks import ACTIVATIONS, SLOPES


class Layer(NamedTuple):
    """A linear layer with the nonlinearity after it, and its tensors for some examples."""

    weight: Tensor  # (out, in)
    bias: Tensor  # (out,)
    activation: nn.Module | None  # f; None after the last layer
    slope: Callable[[Tensor, Tensor, Tensor], Tensor] | None  # of f, a row of SLOPES
    a: Tensor  # (b, in), the input
    h: Tensor  # (b, out)
    y: Tensor  # (b, out), the input of the next layer
    delta: Tensor  # (b, out), the gradient of the loss for h

    def of(self, part: slice) -> "Layer":
        """Return the layer with the tensors of a part of the examples."""
        a, h, y, delta = (tensor[part] for tensor in (self.a, self.h, self.y, self.delta))
        return self._replace(a=a, h=h, y=y, delta=delta)


def layers_of(stack: nn.Module, activation: str, size: int) -> list[Layer]:
    """Return the linear layers of an encoder or decoder, with tensors for B = `size` examples."""
    found: list[Layer] = []
    linear = [module for module in stack.children() if isinstance(module, nn.Linear)]
    for module in linear:
        weight = module.weight
        a = found[-1].y if found else weight.new_empty(size, module.in_features)
        h, y, delta = (weight.new_empty(size, module.out_features) for _ in range(3))
        if module is linear[-1]:
            found.append(Layer(weight, module.bias, None, None, a, h, h, delta))
        else:
            f, slope = ACTIVATIONS[activation](), SLOPES[activation]
            found.append(Layer(weight, module.bias, f, slope, a, h, y, delta))
    return found


def forward(stack: Sequence[Layer]) -> None:
    """Compute h and y of every layer from the first a."""
    for layer in stack:
        torch.addmm(layer.bias, layer.a, layer.weight.T, out=layer.h)
        if layer.activation is not None:
            layer.y.copy_(layer.activation(layer.h))


def backward(stack: Sequence[Layer]) -> None:
    """Compute delta of every layer from the last delta."""
    for before, layer in zip(reversed(stack[:-1]), reversed(stack[1:]), strict=True):
        torch.mm(layer.delta, layer.weight, out=before.delta)
        if before.slope is not None:
            before.delta.copy_(before.slope(before.delta, before.h, before.y))
