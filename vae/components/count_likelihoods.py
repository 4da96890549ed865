"""Likelihoods of counts 0, 1, 2, …: the first of the decoder's outputs is the log of the mean.

The encoder receives ln(1 + x), because counts spread over decades. With library_size observed the
decoder's first output becomes shares of the example by a softmax over all its elements, and the
mean is the library size ℓ of the example, the sum of its counts, times the share. ℓ is read from
x and is no part of the model: a sample of the prior has none, and gets the typical one
(`Domain.library_size`).
"""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from vae.base.options import Option
from vae.base.records import Domain
from vae.components.count_distributions import GivenSize, ZeroInflated
from vae.components.gamma_distributions import NegativeBinomial as NegativeBinomialOfOne
from vae.components.gamma_distributions import Poisson as PoissonOfOne
from vae.components.likelihood_base import Likelihood, elements
from vae.components.slopes import floor

NONE, OBSERVED = "none", "observed"
LibrarySize = Annotated[
    str,
    Option(
        "Library size ℓ: the sum of the counts of an example, the sequencing depth of a cell. "
        "none: the decoder gives the mean of each count. observed: it gives shares, and the mean "
        "is the example's ℓ times the share, so the latents need not encode the depth. Nats are "
        "then those of ln p(x|ℓ), and samples have the median ℓ.",
        choices=(NONE, OBSERVED),
        label="Library size",
    ),
]


class Poisson(Likelihood):
    """Counts with mean and variance exp(h): events that occur independently at one rate."""

    support = "counts"
    discrete = True
    browser = "counts"
    MOST = 24 * math.log(2)  # of ln mean: float32 counts to 2²⁴
    typical: Tensor

    def __init__(self, domain: Domain, *, library_size: LibrarySize = NONE) -> None:
        super().__init__(domain)
        self.reads_size = library_size == OBSERVED
        if self.reads_size:
            typical = torch.tensor(domain.library_size or 1.0)
            self.register_buffer("typical", typical, persistent=False)

    def encoder_input(self, u: Tensor) -> Tensor:
        return u.clamp(min=0).log1p()

    def first_output(self, mean: Tensor) -> Tensor:
        tiny = torch.finfo(mean.dtype).tiny
        log_mean = mean.clamp(min=tiny).log().unsqueeze(0)
        return torch.cat([log_mean, log_mean.new_zeros(self.multiplicity - 1, *mean.shape)])

    def best_output(self, mean: Tensor) -> Tensor | None:
        return self.first_output(mean)

    def forward(self, h: Tensor) -> Distribution:
        first, *rest = h.unbind(-1 - self.dims)  # (..., multiplicity, *event) → (..., *event)

        def of(log_mean: Tensor) -> Distribution:
            return self._of_mean(log_mean, *rest)

        if not self.reads_size:
            return elements(of(-floor(-first, -self.MOST)), self.dims)
        log_share = first.flatten(-self.dims).log_softmax(-1).view_as(first)
        return elements(GivenSize(log_share, of, self.typical, self.dims), self.dims)

    def of_examples(self, px: Distribution, x: Tensor) -> Distribution:
        if not self.reads_size:
            return px
        return elements(px.base_dist.of_examples(x), self.dims)  # type: ignore[attr-defined]

    def mean_constants(self) -> Tensor:
        return self.typical.reshape(1) if self.reads_size else super().mean_constants()

    def _of_mean(self, log_mean: Tensor, *outputs: Tensor) -> Distribution:
        """Return the distribution of each element from the log of its mean and the decoder's other
        outputs, (..., *event) each."""
        return PoissonOfOne(log_mean)


class NegativeBinomial(Poisson):
    """Counts with mean m = exp(h) and variance m + α m², with a learned dispersion α for each
    element of x: counts that spread more than Poisson's, its limit for α → 0 (Hilbe 2011; 1 / α
    is the inverse dispersion of Lopez et al. 2018, https://doi.org/10.1038/s41592-018-0229-2)."""

    LEAST = math.exp(-10)  # of α: the variance is then that of Poisson to 1 % up to a mean of 220

    def __init__(self, domain: Domain, *, library_size: LibrarySize = NONE) -> None:
        super().__init__(domain, library_size=library_size)
        self.log_dispersion = nn.Parameter(torch.zeros(domain.shape))

    def _dispersion(self) -> Tensor:
        return self.LEAST + self.log_dispersion.exp()

    def best_output(self, mean: Tensor) -> Tensor | None:
        """Return ln mean; None for shares, whose best values depend on α."""
        return None if self.reads_size else self.first_output(mean)

    def _of_mean(self, log_mean: Tensor, *outputs: Tensor) -> Distribution:
        return NegativeBinomialOfOne(log_mean, self._dispersion().expand_as(log_mean))

    def scalars(self) -> dict[str, Tensor]:
        """Return the smallest and the largest dispersion."""
        dispersion = self._dispersion().detach()
        return {"dispersion_min": dispersion.min(), "dispersion_max": dispersion.max()}


class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """A negative binomial count, or 0 with a probability π = sigmoid(h₂) that the decoder gives
    for each element beside ln m: counts with more zeros than their mean explains, its limit for
    π → 0 (Lopez et al. 2018, https://doi.org/10.1038/s41592-018-0229-2; Eraslan et al. 2019,
    https://doi.org/10.1038/s41467-018-07931-2). The mean of x is (1 − π) m."""

    multiplicity = 2

    def best_output(self, mean: Tensor) -> None:
        """Return None: the best π depends on α."""

    def profile(self, h: Tensor, mean: Tensor) -> Tensor | None:
        """Return the outputs with (1 − π) m = mean, which holds at every maximum (m fits the
        positive counts, π the number of zeros); None for shares."""
        if self.reads_size:
            return None
        return torch.cat([self.first_output(mean)[:1] + softplus(h), h])

    def _of_mean(self, log_mean: Tensor, *outputs: Tensor) -> Distribution:
        logit = outputs[0].expand_as(log_mean)
        return ZeroInflated(super()._of_mean(log_mean), logit)
