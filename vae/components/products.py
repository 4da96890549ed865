"""Matrix products on the processor, by the faster of the two libraries that PyTorch brings.

PyTorch multiplies float32 matrices with MKL, which uses half of the width of the vector units of
AMD's processors; oneDNN uses all of it, and is no slower on Intel's. It multiplies bfloat16 too.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

HAS_ONEDNN = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")
FAST_DTYPES = (torch.float32, torch.bfloat16)
SMALLEST = 1 << 21  # products of numbers; for fewer, calls from Python outweigh the gain


def product(a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return a Wᵀ + b, (B, out), from a (B, in), W (out, in) and b (out,), without a gradient."""
    if HAS_ONEDNN and a.dtype in FAST_DTYPES:
        found: Tensor = torch.ops.mkldnn._linear_pointwise(a, weight, bias, "none", [], "")
        return found
    return linear(a, weight, bias)


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for products in bfloat16."""
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return HAS_ONEDNN and native


class Linear(nn.Linear):
    """nn.Linear, with the same weights and the same results to float error."""

    def forward(self, a: Tensor) -> Tensor:
        """Return a Wᵀ + b of a (…, in)."""
        if not self._is_faster(a):
            return super().forward(a)
        found: Tensor = _Product.apply(a, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return found

    def _is_faster(self, a: Tensor) -> bool:
        return (
            HAS_ONEDNN
            and a.ndim == 2
            and a.device.type == "cpu"
            and a.dtype is self.weight.dtype is torch.float32
            and len(a) * self.weight.numel() >= SMALLEST
            and not torch.is_autocast_enabled("cpu")
        )


class _Product(torch.autograd.Function):
    """`product` with its gradient, by the chain rule of a layer (see `vae.training.layers`)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(a, weight)
        return product(a, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor | None, ...]:
        a, weight = ctx.saved_tensors
        for_a, for_weight, for_bias = ctx.needs_input_grad
        return (
            product(delta, weight.T) if for_a else None,
            product(delta.T, a.T) if for_weight else None,
            delta.sum(0) if for_bias else None,
        )
