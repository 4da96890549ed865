"""Matrix products against PyTorch's own in float64, with their gradients."""

import pytest
import torch
from torch import nn

from vae.components import products
from vae.components.products import Linear

SHAPES = [(64, 300, 200), (1, 2100, 1000), (3000, 2, 400), (128, 784, 21)]  # B, in, out


def both(
    rows: int, inputs: int, outputs: int, bias: bool
) -> tuple[Linear, nn.Linear, torch.Tensor]:
    torch.manual_seed(0)
    fast = Linear(inputs, outputs, bias=bias)
    exact = nn.Linear(inputs, outputs, bias=bias).double()
    exact.load_state_dict(fast.state_dict())
    return fast, exact, torch.randn(rows, inputs)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_layer_and_its_gradients_are_those_of_float64(
    shape: tuple[int, int, int], bias: bool
) -> None:
    fast, exact, a = both(*shape, bias)
    slope = torch.randn(shape[0], shape[2])
    found = []
    for layer, numbers, out in ((fast, a.clone(), slope), (exact, a.double(), slope.double())):
        y = layer(numbers.requires_grad_())
        y.backward(out)
        found.append([y.detach(), numbers.grad, *(p.grad for p in layer.parameters())])
    assert fast._is_faster(a) == products.HAS_ONEDNN
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=1e-4)


def test_a_fixed_layer_gets_no_gradient_and_passes_one_on() -> None:
    fast, exact, a = both(64, 300, 200, True)
    fast.requires_grad_(False)
    fast(a.requires_grad_()).sum().backward()
    assert all(p.grad is None for p in fast.parameters())
    torch.testing.assert_close(a.grad, exact.weight.sum(0).float().expand(64, -1))


@pytest.mark.parametrize(
    "numbers",
    [
        torch.zeros(4, 300),
        torch.zeros(64, 300, dtype=torch.float64),
        torch.zeros(2, 64, 300),
        torch.zeros(64, 300, device="meta"),
    ],
    ids=["few", "float64", "three axes", "meta"],
)
def test_other_products_are_left_to_pytorch(numbers: torch.Tensor) -> None:
    layer = Linear(300, 200)
    assert not layer._is_faster(numbers)
    if numbers.device.type == "cpu":
        layer = layer.to(numbers.dtype)
        torch.testing.assert_close(layer(numbers), layer.bias.expand(*numbers.shape[:-1], 200))


def test_bfloat16_is_left_to_pytorch() -> None:
    layer, a = Linear(300, 200), torch.randn(64, 300)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(a).dtype is torch.bfloat16
