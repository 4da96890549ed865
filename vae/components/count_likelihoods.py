"""Likelihoods of counts 0, 1, 2, …: the decoder's output is the log of the mean.

The encoder receives ln(1 + x), because counts spread over decades. A size factor of each example
(the library size of a cell) is no part of these rows: p(x|z) follows from the decoder's output
alone, and a sample of the prior has no size.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.base.records import Domain
from vae.components.gamma_distributions import NegativeBinomial as NegativeBinomialOfOne
from vae.components.gamma_distributions import Poisson as PoissonOfOne
from vae.components.likelihood_base import Likelihood, elements
from vae.components.slopes import floor


class Poisson(Likelihood):
    """Counts with mean and variance exp(h): events that occur independently at one rate."""

    support = "counts"
    discrete = True
    browser = "exponential"
    MOST = 24 * math.log(2)  # of ln mean: float32 counts to 2²⁴

    def encoder_input(self, u: Tensor) -> Tensor:
        return u.clamp(min=0).log1p()

    def best_output(self, mean: Tensor) -> Tensor:
        tiny = torch.finfo(mean.dtype).tiny
        return mean.clamp(min=tiny).log().unsqueeze(0)

    def _log_mean(self, h: Tensor) -> Tensor:
        """Return ln mean for h (..., 1, *event)."""
        return -floor(-h.squeeze(-1 - self.dims), -self.MOST)

    def forward(self, h: Tensor) -> Distribution:
        return elements(PoissonOfOne(self._log_mean(h)), self.dims)


class NegativeBinomial(Poisson):
    """Counts with mean m = exp(h) and variance m + α m², with a learned dispersion α for each
    element of x: counts that spread more than Poisson's, its limit for α → 0 (Hilbe 2011; 1 / α
    is the inverse dispersion of Lopez et al. 2018, https://doi.org/10.1038/s41592-018-0229-2)."""

    browser = "exponential"
    LEAST = math.exp(-10)  # of α: the variance is then that of Poisson to 1 % up to a mean of 220

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        self.log_dispersion = nn.Parameter(torch.zeros(domain.shape))

    def _dispersion(self) -> Tensor:
        return self.LEAST + self.log_dispersion.exp()

    def forward(self, h: Tensor) -> Distribution:
        log_mean = self._log_mean(h)
        dispersion = self._dispersion().expand_as(log_mean)
        return elements(NegativeBinomialOfOne(log_mean, dispersion), self.dims)

    def scalars(self) -> dict[str, Tensor]:
        """Return the smallest and the largest dispersion."""
        dispersion = self._dispersion().detach()
        return {"dispersion_min": dispersion.min(), "dispersion_max": dispersion.max()}
