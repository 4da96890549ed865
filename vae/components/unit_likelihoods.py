"""Likelihoods of x in [0, 1]: the first of the decoder's outputs is a logit."""

from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Distribution

from vae.base.records import Domain
from vae.components.distributions import ContinuousBernoulli as ContinuousBernoulliOfOne
from vae.components.likelihood_base import Likelihood, elements
from vae.components.slopes import Slope, bernoulli_slope

GREY = (
    "Grey values under a Bernoulli likelihood give a cross-entropy, not a log-likelihood. Compare "
    "it only with the same likelihood on the same data, or binarize the data."
)


class Bernoulli(Likelihood):
    """Each element is 1 with probability sigmoid(h), else 0. Exact for binary x. For grey values
    in [0, 1] it is the usual cross-entropy of pytorch/examples, not a density
    (Loaiza-Ganem & Cunningham 2019)."""

    support = "unit"
    discrete = True
    form = "cross-entropy"
    browser = "sigmoid"

    @staticmethod
    def caveat(domain: Domain) -> str:
        return "" if domain.levels == 2 else GREY

    def forward(self, h: Tensor) -> Distribution:
        logits = h.squeeze(-1 - self.dims)  # (..., 1, *event) → (..., *event)
        return elements(TorchBernoulli(logits=logits, validate_args=False), self.dims)

    def slope(self, h: Tensor, u: Tensor) -> Slope:
        return bernoulli_slope(h, u)


BINARY = (
    "Binary values under a continuous Bernoulli likelihood have no log-likelihood: the density at "
    "0 and 1 grows without bound as the decoder becomes certain. Choose likelihood bernoulli."
)


class ContinuousBernoulli(Likelihood):
    """The continuous Bernoulli, η = h: a density of grey values in [0, 1]. It adds the missing
    normaliser to the cross-entropy (Loaiza-Ganem & Cunningham 2019,
    https://arxiv.org/abs/1907.06845)."""

    support = "unit"
    browser = "continuousBernoulli"

    @staticmethod
    def caveat(domain: Domain) -> str:
        return BINARY if domain.levels == 2 else ""

    def forward(self, h: Tensor) -> Distribution:
        return elements(ContinuousBernoulliOfOne(h.squeeze(-1 - self.dims)), self.dims)
