"""Likelihoods: the decoder's output → p(x|z).

A likelihood is a module built from the domain of the data and its own options. It is called with
the decoder's output h, (..., multiplicity, *event), and returns a distribution with batch shape
(...) and event shape *event; `log_prob` is in nats per example, summed over the event.

x is what the model sees: pictures scaled to [0, 1], vectors as they are. Of data with L levels, x
takes the values k / (L − 1), k = 0 … L − 1. The log of a probability of such values (`discrete`)
can be compared between likelihoods and told in bits; the log of a density depends on the unit of x
and has no upper bound.
"""

import math
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Distribution, Independent, Normal

from vae.base.options import Option, rows_with
from vae.base.records import Domain
from vae.components.distributions import ContinuousBernoulli as ContinuousBernoulliOfOne
from vae.components.distributions import GridCategorical, GridLogistic


class Likelihood(nn.Module):
    """p(x|z), from `multiplicity` decoder outputs per element of x."""

    multiplicity: int = 1
    support = "real"  # values of x: "real", "unit" for [0, 1], "levels" for whole numbers
    discrete = False  # log_prob is the log of a probability, so that bits are defined
    noise = ""  # its scale is "fixed", "learned", or "per element" (learned); "" if it has none
    form = "other"  # of −ln p(x|z) up to a constant: "squared error" / (2σ²), "cross-entropy"

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.domain = domain
        self.dims = len(domain.shape)

    @staticmethod
    def caveat(domain: Domain) -> str:
        """Return why log_prob is not a log-likelihood of such data; "" if it is one."""
        return ""

    def scalars(self) -> dict[str, Tensor]:
        """Learned numbers worth plotting: name → scalar."""
        return {}


def _elements(distribution: Distribution, dims: int) -> Distribution:
    """The distribution of an example whose elements, the last `dims` axes, are independent."""
    return Independent(distribution, dims, validate_args=False)


GREY = (
    "Grey values under a Bernoulli likelihood: a cross-entropy and not a log-likelihood. Compare "
    "it only with the same likelihood on the same data, or binarise the data."
)


class Bernoulli(Likelihood):
    """Each element is 1 with the probability sigmoid(h), else 0. Exact for binary x; for
    grey values in [0, 1] it is the customary cross-entropy of pytorch/examples and not a density
    (Loaiza-Ganem & Cunningham 2019)."""

    support = "unit"
    discrete = True
    form = "cross-entropy"

    @staticmethod
    def caveat(domain: Domain) -> str:
        return "" if domain.levels == 2 else GREY

    def forward(self, h: Tensor) -> Distribution:
        logits = h.squeeze(-1 - self.dims)  # (..., 1, *event) → (..., *event)
        return _elements(TorchBernoulli(logits=logits, validate_args=False), self.dims)


BINARY = (
    "Binary values under a continuous Bernoulli likelihood: its density at 0 and 1 grows without "
    "bound as the decoder becomes sure, so it is no likelihood of them. Choose likelihood "
    "bernoulli."
)


class ContinuousBernoulli(Likelihood):
    """The continuous Bernoulli, η = h: a density of grey values in [0, 1], which is the
    cross-entropy and the normaliser that it lacks (Loaiza-Ganem & Cunningham 2019,
    https://arxiv.org/abs/1907.06845)."""

    support = "unit"

    @staticmethod
    def caveat(domain: Domain) -> str:
        return BINARY if domain.levels == 2 else ""

    def forward(self, h: Tensor) -> Distribution:
        return _elements(ContinuousBernoulliOfOne(h.squeeze(-1 - self.dims)), self.dims)


def _gaussian(h: Tensor, sigma: Tensor, dims: int) -> Distribution:
    mean = h.squeeze(-1 - dims)
    return _elements(Normal(mean, sigma.expand_as(mean), validate_args=False), dims)


class Gaussian(Likelihood):
    """N(x; h, σ² I) with a fixed σ."""

    noise = "fixed"
    form = "squared error"
    sigma: Tensor

    def __init__(
        self,
        domain: Domain,
        *,
        sigma: Annotated[
            float,
            Option(
                "Standard deviation of the noise around a reconstruction, in units of x "
                "(pictures: black 0, white 1). Larger forgives more: blurrier pictures, a "
                "smaller KL.",
                low=1e-3,
                high=100.0,
                log=True,
                label="Noise σ",
            ),
        ] = 0.1,
    ) -> None:
        super().__init__(domain)
        self.register_buffer("sigma", torch.tensor(float(sigma)), persistent=False)

    def forward(self, h: Tensor) -> Distribution:
        return _gaussian(h, self.sigma, self.dims)


class _Floor(torch.autograd.Function):
    """max(x, floor). Below the floor the gradient passes if descent leads back up, and is 0 if it
    leads further down: with `clamp`, whose gradient is 0 there, what is once below stays."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, floor: float) -> Tensor:
        ctx.save_for_backward(x >= floor)
        return x.clamp(min=floor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (above,) = ctx.saved_tensors
        return gradients[0] * (above | (gradients[0] < 0)), None


def _floor(x: Tensor, floor: float) -> Tensor:
    floored: Tensor = _Floor.apply(x, floor)  # type: ignore[no-untyped-call]
    return floored


class GaussianLearned(Likelihood):
    """N(x; h, σ² I) with one σ for all elements, learned with the weights
    (sigma-VAE, Rybkin et al. 2021, https://arxiv.org/abs/2006.13202, section 3.1)."""

    noise = "learned"
    form = "squared error"
    LOWEST = -14.0  # of ln sigma²: far below any real noise, it only keeps float32 finite

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        start = torch.zeros(self._shape())  # sigma = 1: a low start stalls
        self.log_var = nn.Parameter(start)

    def _shape(self) -> tuple[int, ...]:
        return ()

    def _sigma(self) -> Tensor:
        return (0.5 * _floor(self.log_var, self.LOWEST)).exp()

    def forward(self, h: Tensor) -> Distribution:
        return _gaussian(h, self._sigma(), self.dims)

    def scalars(self) -> dict[str, Tensor]:
        return {"sigma": self._sigma().detach()}


class GaussianPerDimension(GaussianLearned):
    """N(x; h, diag σ²) with a σ for each element of x, learned with the weights.

    An element that never varies (the border of a picture) drives its sigma to the floor of e⁻⁷,
    where it adds 6.1 nats to ln p(x|z) whatever the model knows.
    """

    noise = "per element"
    form = "other"

    def _shape(self) -> tuple[int, ...]:
        return self.domain.shape

    def scalars(self) -> dict[str, Tensor]:
        """The smallest and the largest sigma."""
        sigma = self._sigma().detach()
        return {"sigma_min": sigma.min(), "sigma_max": sigma.max()}


class Logistic(Likelihood):
    """The discretised logistic on the levels of the data, μ = ½ + h, with one learned scale for
    each channel of a picture or for a whole vector (Kingma et al. 2016,
    https://arxiv.org/abs/1606.04934; Salimans et al. 2017). Its mean is E[x|z]."""

    support = "levels"
    discrete = True
    noise = "learned"
    NARROWEST = 1 / 32  # of a bin: all but 1e-7 is then on one level

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        each = (domain.shape[0], 1, 1) if self.dims == 3 else (1,)
        start = torch.full(each, -2.0)  # a standard deviation of .25, as pictures have
        self.log_scale = nn.Parameter(start)

    def _scale(self) -> Tensor:
        narrowest = self.NARROWEST / (self.domain.levels - 1)
        return _floor(self.log_scale, math.log(narrowest)).exp()

    def forward(self, h: Tensor) -> Distribution:
        mu = 0.5 + h.squeeze(-1 - self.dims)
        return _elements(GridLogistic(mu, self._scale(), self.domain.levels), self.dims)

    def scalars(self) -> dict[str, Tensor]:
        """The scale, of several channels their mean."""
        return {"scale": self._scale().detach().mean()}


class Categorical(Likelihood):
    """A probability of its own for each level: softmax of h over L outputs per element of x (van
    den Oord et al. 2016, https://arxiv.org/abs/1601.06759). It does not know that levels have an
    order."""

    support = "levels"
    discrete = True

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        self.multiplicity = domain.levels

    def forward(self, h: Tensor) -> Distribution:
        levels = -1 - self.dims
        log_p = h.log_softmax(levels).movedim(levels, -1)  # (..., L, *event) → (..., *event, L)
        return _elements(GridCategorical(log_p), self.dims)


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "gaussian-learned": GaussianLearned,
    "gaussian-per-dimension": GaussianPerDimension,
    "logistic": Logistic,
    "categorical": Categorical,
}


def check_domain(name: str, domain: Domain, data: str = "this data set") -> None:
    """Raise ValueError if the likelihood of this name is not defined on the values of the data."""
    if LIKELIHOODS[name].support == "levels" and domain.levels < 2:
        raise ValueError(
            f"The {name} likelihood needs whole numbers such as the bytes of pictures, and {data} "
            f"has real values: choose likelihood {rows_with(LIKELIHOODS, support='real')}."
        )


def bits_per_dimension(nats: float, dimensions: int) -> float:
    """Nats per example → bits per dimension: nats / (D ln 2)."""
    return nats / (dimensions * math.log(2))
