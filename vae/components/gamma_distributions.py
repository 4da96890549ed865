"""Distributions of one number whose formulas hold gamma functions: Student's t, Poisson and
negative binomial.

As in `vae.components.distributions`, `log_prob` is in nats and accurate in float32 with its
gradient. Differences of large ln Γ would lose all digits. So each ln Γ is Stirling's formula plus
a small remainder S, and the large parts cancel on paper (Loader 2000, Fast and accurate
computation of binomial probabilities):

    ln Γ(y) = (y − ½) ln y − y + ½ ln 2π + S(y)
"""

import math

import torch
from torch import Tensor

from vae.components.distributions import Elementwise

LARGE = 16.0  # y above which the series of S(y) holds to 1e-12
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)  # of S(y), in y⁻¹, y⁻³, …
HALF_LOG = 0.5 * math.log(2 * math.pi)


def remainder(y: Tensor) -> Tensor:
    """Return S(y), the remainder of Stirling's formula for ln Γ(y), y > 0."""
    is_large = y >= LARGE
    inverse = 1 / torch.where(is_large, y, LARGE)
    series = torch.zeros_like(inverse)
    for c in reversed(STIRLING):
        series = series * inverse**2 + c
    small = torch.where(is_large, 1.0, y)
    direct = torch.lgamma(small) - (small - 0.5) * small.log() + small - HALF_LOG
    return torch.where(is_large, series * inverse, direct)


class StudentT(Elementwise):
    """Student's t with `nu` degrees of freedom, location and scale: a mixture of Gaussians of all
    variances, with tails that fall like |x|^(−nu − 1). `mean` is the location, for nu ≤ 1 too."""

    def __init__(self, nu: Tensor, location: Tensor, scale: Tensor) -> None:
        super().__init__(location.shape)
        self.nu, self.location, self.scale = nu, location, scale

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln p(x) in nats, x (..., *batch). With a = nu / 2,
        ln Γ(a + ½) − ln Γ(a) = a ln(1 + 1 / 2a) + ½ ln a − ½ + S(a + ½) − S(a)."""
        a = self.nu / 2
        top = a * torch.log1p(0.5 / a) - 0.5 + remainder(a + 0.5) - remainder(a)
        y = (x - self.location) / self.scale
        return top - HALF_LOG - self.scale.log() - (a + 0.5) * torch.log1p(y**2 / self.nu)

    @property
    def mean(self) -> Tensor:
        return self.location

    def _draw(self, shape: torch.Size) -> Tensor:
        """Return samples ε / √(χ² / nu), ε normal and χ² from nu squares of normals."""
        noise = torch.randn(shape, dtype=self.location.dtype, device=self.location.device)
        half = torch._standard_gamma((self.nu / 2).expand(shape))
        return self.location + self.scale * noise * (self.nu / (2 * half)).sqrt()


class Poisson(Elementwise):
    """Counts with mean and variance exp(log_rate)."""

    def __init__(self, log_rate: Tensor) -> None:
        super().__init__(log_rate.shape)
        self.log_rate = log_rate

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln P(x) in nats, x (..., *batch): −x (e^t − 1 − t) − ½ ln 2πx − S(x) with
        t = ln(rate / x), and −rate for x = 0."""
        k = torch.where(x > 0, x, 1.0)
        t = self.log_rate - k.log()
        some = -k * (torch.expm1(t) - t) - 0.5 * k.log() - HALF_LOG - remainder(k)
        return torch.where(x > 0, some, -self.log_rate.exp())

    @property
    def mean(self) -> Tensor:
        return self.log_rate.exp()

    def _draw(self, shape: torch.Size) -> Tensor:
        return torch.poisson(self.mean.expand(shape))


class NegativeBinomial(Elementwise):
    """Counts with mean m = exp(log_mean) and variance m + dispersion m²: a Poisson distribution
    whose rate is gamma distributed. With dispersion 0 it is Poisson."""

    def __init__(self, log_mean: Tensor, dispersion: Tensor) -> None:
        super().__init__(log_mean.shape)
        self.log_mean, self.dispersion = log_mean, dispersion

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln P(x) in nats, x (..., *batch). With r = 1 / dispersion, n = r + x and
        t = ln(m / x) it is −n ln((r + m) / n) + x t + S(n) − S(r) − S(x) − ½ ln(2π x n / r), and
        −r ln(1 + m / r) for x = 0."""
        r, m = 1 / self.dispersion, self.mean
        k = torch.where(x > 0, x, 1.0)
        n, t = r + k, self.log_mean - k.log()
        step = k * torch.expm1(t) / n  # (r + m) / n − 1
        is_near = step > -0.5
        near = torch.log1p(torch.where(is_near, step, 0.0))
        deviance = n * torch.where(is_near, near, ((r + m) / n).log()) - k * t
        width = 0.5 * (k.log() + torch.log1p(k * self.dispersion)) + HALF_LOG
        some = remainder(n) - remainder(r) - remainder(k) - width - deviance
        return torch.where(x > 0, some, -r * torch.log1p(m * self.dispersion))

    @property
    def mean(self) -> Tensor:
        return self.log_mean.exp()

    def _draw(self, shape: torch.Size) -> Tensor:
        """Return Poisson samples with rates from the gamma distribution of mean m and shape r."""
        r = 1 / self.dispersion
        rate = torch._standard_gamma(r.expand(shape)) * (self.mean * self.dispersion)
        return torch.poisson(rate)
