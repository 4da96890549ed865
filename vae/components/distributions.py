"""Distributions of one number in [0, 1] that torch lacks or computes with less precision.

The batch shape is the shape of the parameters, the event shape is (). torch's `Independent`
combines such elements into one example. `log_prob` is in nats. Its value and its gradient are
accurate in float32 for all parameters, because no formula subtracts large or nearly equal numbers.

Notation: eta is a natural parameter; L is the number of levels, the values k / (L − 1) with
k = 0 … L − 1. Lengths are in units of x unless a comment gives another unit.
"""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import unit_interval
from torch.nn.functional import logsigmoid


class Elementwise(Distribution):
    """Base class of the distributions in this module; a subclass implements `_draw`."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch's own attribute
    support = unit_interval

    def __init__(self, batch_shape: torch.Size) -> None:
        super().__init__(batch_shape, validate_args=False)

    def _draw(self, shape: torch.Size) -> Tensor:
        """Return samples of this shape."""
        raise NotImplementedError

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return self._draw(torch.Size((*sample_shape, *self.batch_shape)))


# ln(sinh(eta / 2) / (eta / 2)) = Σ cₙ eta²ⁿ, n = 1 …, with cₙ = B₂ₙ / (2n (2n)!)
SERIES = (1 / 24, -1 / 2880, 1 / 181440, -1 / 9676800, 1 / 479001600)
NEAR = 0.5  # |eta| below which the series holds to 1e-12, where the closed forms lose digits


class ContinuousBernoulli(Elementwise):
    """p(x) = exp(eta x − A(eta)) on [0, 1], A(eta) = ln((e^eta − 1) / eta), eta = logit lambda
    (Loaiza-Ganem & Cunningham 2019, https://arxiv.org/abs/1907.06845, section 3).

    For |eta| < `NEAR`, A(eta) = eta / 2 + Σ cₙ eta²ⁿ. Otherwise
    ln p(x) = ln |eta| − ln(1 − e^−|eta|) − |eta| d, where d is the distance of x from the end of
    the interval with the largest p.
    """

    def __init__(self, eta: Tensor) -> None:
        super().__init__(eta.shape)
        self.eta = eta

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln p(x) in nats, x (..., *batch)."""
        near = self.eta.abs() < NEAR
        inner = torch.where(near, self.eta, 0.0)
        even = inner**2 * _horner(SERIES, inner**2)
        outer = torch.where(near, 1.0, self.eta).abs()  # 1: any value with finite gradients
        distance = torch.where(self.eta > 0, 1 - x, x)
        far = outer.log() - torch.log1p(-torch.exp(-outer)) - outer * distance
        return torch.where(near, inner * (x - 0.5) - even, far)

    @property
    def mean(self) -> Tensor:
        """The mean A'(eta), in units of x."""
        near = self.eta.abs() < NEAR
        inner = torch.where(near, self.eta, 0.0)
        slopes = tuple(2 * n * c for n, c in enumerate(SERIES, start=1))
        outer = torch.where(near, 1.0, self.eta).abs()
        least = 1 / outer + torch.exp(-outer) / torch.expm1(-outer)  # the mean at −|eta|
        far = torch.where(self.eta > 0, 1 - least, least)
        return torch.where(near, 0.5 + inner * _horner(slopes, inner**2), far)

    def _draw(self, shape: torch.Size) -> Tensor:
        """Return samples from the inverse of F(x) = (1 − e^(−|eta| x)) / (1 − e^−|eta|), mirrored
        for eta > 0."""
        size = self.eta.abs().clamp(min=1e-30)
        u = torch.rand(shape, dtype=size.dtype, device=size.device)
        x = (-torch.log1p(u * torch.expm1(-size)) / size).clamp(0, 1)
        return torch.where(self.eta > 0, 1 - x, x)


def _horner(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    """Return c₁ + c₂ x + c₃ x² + … by Horner's rule."""
    total = torch.zeros_like(x)
    for c in reversed(coefficients):
        total = total * x + c
    return total


class GridLogistic(Elementwise):
    """A logistic distribution with location mu and scale s, rounded to the nearest of L levels:
    P(x) = sigmoid((x + h − mu) / s) − sigmoid((x − h − mu) / s), where h is half a bin and the
    first and last bins extend to infinity (Salimans et al. 2017,
    https://arxiv.org/abs/1701.05517, eq. 2; Kingma et al. 2016)."""

    def __init__(self, mu: Tensor, s: Tensor, levels: int) -> None:
        super().__init__(mu.shape)
        self.top = levels - 1
        self.centre = mu * self.top  # centre and width are in bins
        self.width = s * self.top

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln P(x) in nats, x (..., *batch). x is rounded to the nearest level.

        sigmoid(b) − sigmoid(a) = sigmoid(b) sigmoid(−a) (1 − e^(a − b)), and b − a = 1 / width.
        """
        k = (x * self.top).round()
        below = logsigmoid((k + 0.5 - self.centre) / self.width)  # ln P(X ≤ k)
        above = logsigmoid((self.centre - k + 0.5) / self.width)  # ln P(X ≥ k)
        both = below + above + torch.log(-torch.expm1(-1 / self.width))
        return torch.where(k <= 0, below, torch.where(k >= self.top, above, both))

    @property
    def mean(self) -> Tensor:
        """The mean E[x], computed from E[k] = Σ P(X ≥ k) over k = 1 … L − 1."""
        total = torch.zeros_like(self.centre)
        for k in range(1, self.top + 1):
            total = total + torch.sigmoid((self.centre - k + 0.5) / self.width)
        return total / self.top

    def _draw(self, shape: torch.Size) -> Tensor:
        u = torch.rand(shape, dtype=self.centre.dtype, device=self.centre.device)
        k = (self.centre + self.width * torch.logit(u)).round()
        return k.clamp(0, self.top) / self.top


class GridCategorical(Elementwise):
    """A categorical distribution over L levels, given their log-probabilities (..., L) in nats."""

    def __init__(self, log_p: Tensor) -> None:
        super().__init__(log_p.shape[:-1])
        self.log_p = log_p
        self.top = log_p.shape[-1] - 1

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln P(x) in nats, x (..., *batch). x is rounded to the nearest level."""
        shape = torch.broadcast_shapes(x.shape, self.batch_shape)  # type: ignore[no-untyped-call]
        k = (x * self.top).round().long().expand(shape)
        return self.log_p.expand(*shape, -1).gather(-1, k.unsqueeze(-1)).squeeze(-1)

    @property
    def mean(self) -> Tensor:
        """The mean E[x] = Σ P(k) k / (L − 1)."""
        k = torch.arange(self.top + 1, dtype=self.log_p.dtype, device=self.log_p.device)
        return (self.log_p.exp() * k).sum(-1) / self.top

    def _draw(self, shape: torch.Size) -> Tensor:
        p = self.log_p.exp().reshape(-1, self.top + 1)  # (elements, L)
        count = shape.numel() // len(p)
        k = torch.multinomial(p, count, replacement=True)  # (elements, count)
        return k.T.reshape(shape).to(p.dtype) / self.top
