"""Linear layers with their tensors, and the chain rule through them.

For a layer h = W a + b, y = f(h), with the gradient δ of the loss for h, (B, out), the others are

    for W: δᵀ a        for b: Σ δ        for a: δ W        for the h before: f'(h) (δ W)

Notation: B batch, b examples of a part of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from vae.components.networks import ACTIVATIONS, SLOPES
from vae.components.products import product


class Layer(NamedTuple):
    """A linear layer with the nonlinearity after it, and its tensors for some examples."""

    parameters: tuple[Tensor, Tensor]  # W (out, in) and b (out,)
    weight: Tensor  # W and b in the precision of products: W and b themselves in float32
    bias: Tensor
    columns: Tensor  # Wᵀ, (in, out): a view, as even a view takes Python's lock
    activation: nn.Module | None  # f; None after the last layer
    slope: Callable[[Tensor, Tensor, Tensor], Tensor] | None  # of f, a row of SLOPES
    a: Tensor  # (b, in), the input
    y: Tensor | None  # (b, out), the input of the next layer; None after the last layer
    delta: Tensor  # (b, out), the gradient of the loss for h

    def of(self, part: slice) -> "Layer":
        """Return the layer with the tensors of a part of the examples."""
        y = None if self.y is None else self.y[part]
        return self._replace(a=self.a[part], y=y, delta=self.delta[part])


def layers_of(
    stack: nn.Module, activation: str, size: int, factors: Mapping[Tensor, Tensor]
) -> list[Layer]:
    """Return the linear layers of an encoder or decoder, with tensors for B = `size` examples;
    `factors` maps each W and b to itself in the precision of products."""
    found: list[Layer] = []
    linears = [module for module in stack.children() if isinstance(module, nn.Linear)]
    for module in linears:
        weight, bias = factors[module.weight], factors[module.bias]
        pair = (module.weight, module.bias), weight, bias, weight.T
        a = found[-1].y if found else None
        a = weight.new_empty(size, module.in_features) if a is None else a
        y, delta = (weight.new_empty(size, module.out_features) for _ in range(2))
        if module is linears[-1]:
            found.append(Layer(*pair, None, None, a, None, delta))
        else:
            f, slope = ACTIVATIONS[activation](), SLOPES[activation]
            found.append(Layer(*pair, f, slope, a, y, delta))
    return found


def forward(stack: Sequence[Layer]) -> list[Tensor]:
    """Compute y of every layer from the first a. Return h of every layer, (b, out)."""
    found = []
    for layer in stack:
        h = product(layer.a, layer.weight, layer.bias)
        if layer.activation is not None and layer.y is not None:
            layer.y.copy_(layer.activation(h))
        found.append(h)
    return found


def backward(stack: Sequence[Layer], outputs: Sequence[Tensor]) -> None:
    """Compute delta of every layer from the last delta and h of every layer."""
    behind = zip(reversed(stack[:-1]), reversed(outputs[:-1]), reversed(stack[1:]), strict=True)
    for layer, h, after in behind:
        delta = product(after.delta, after.columns)
        if layer.slope is not None and layer.y is not None:
            delta = layer.slope(delta, h, layer.y)
        layer.delta.copy_(delta)
