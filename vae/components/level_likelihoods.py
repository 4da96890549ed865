"""Likelihoods of x on the levels of the data, k / (L − 1) for k = 0 … L − 1: probabilities."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.base.records import Domain
from vae.components.distributions import GridCategorical, GridLogistic
from vae.components.likelihood_base import Likelihood, elements
from vae.components.slopes import floor


class Logistic(Likelihood):
    """The discretised logistic on the levels of the data, μ = ½ + h, with one learned scale for
    each channel of a picture or for a whole vector (Kingma et al. 2016,
    https://arxiv.org/abs/1606.04934; Salimans et al. 2017). The mean is E[x|z]."""

    support = "levels"
    discrete = True
    noise = "learned"
    browser = "gridLogistic"
    NARROWEST = 1 / 32  # of a bin: one level then has all probability but 1e-7

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        each = (domain.shape[0], 1, 1) if self.dims == 3 else (1,)
        start = torch.full(each, -2.0)  # standard deviation 0.25, typical of pictures
        self.log_scale = nn.Parameter(start)

    def _scale(self) -> Tensor:
        narrowest = self.NARROWEST / (self.domain.levels - 1)
        return floor(self.log_scale, math.log(narrowest)).exp()

    def forward(self, h: Tensor) -> Distribution:
        mu = 0.5 + h.squeeze(-1 - self.dims)
        return elements(GridLogistic(mu, self._scale(), self.domain.levels), self.dims)

    def scalars(self) -> dict[str, Tensor]:
        """Return the scale, averaged over the channels."""
        return {"scale": self._scale().detach().mean()}

    def mean_constants(self) -> Tensor:
        """Return the scale of each channel, or of a whole vector."""
        return self._scale()


class Categorical(Likelihood):
    """A separate probability for each level: the softmax of L outputs per element of x (van den
    Oord et al. 2016, https://arxiv.org/abs/1601.06759). It ignores the order of the levels."""

    support = "levels"
    discrete = True
    browser = "gridCategorical"

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        self.multiplicity = domain.levels

    def forward(self, h: Tensor) -> Distribution:
        levels = -1 - self.dims
        log_p = h.log_softmax(levels).movedim(levels, -1)  # (..., L, *event) → (..., *event, L)
        return elements(GridCategorical(log_p), self.dims)
