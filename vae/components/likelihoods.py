"""Likelihoods: the decoder's output → p(x|z).

A likelihood is a module built from the domain of the data and its options. It maps the decoder's
output h, (..., multiplicity, *event), to a distribution with batch shape (...) and event shape
*event. `log_prob` is in nats per example, summed over the event.

x is the model's input: pictures scaled to [0, 1], vectors in their own units. A model whose domain
has a scale gives the rescaled u in the place of x (`vae.components.rescalings`): σ is then in
units of that scale, the standard deviation of a column. For data with L levels, x takes the values
k / (L − 1), k = 0 … L − 1. The log of a probability of such values (`discrete`)
can be compared between likelihoods and converted to bits. The log of a density depends on the unit
of x and has no upper bound.
"""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Distribution, Independent, Normal

from vae.base.options import Option, rows_with
from vae.base.records import Domain
from vae.components.distributions import ContinuousBernoulli as ContinuousBernoulliOfOne
from vae.components.distributions import GridCategorical, GridLogistic
from vae.components.slopes import Slope, bernoulli_slope, floor, floored, gaussian_slope


class Likelihood(nn.Module):
    """p(x|z), from `multiplicity` decoder outputs per element of x."""

    multiplicity: int = 1
    support = "real"  # values of x: "real", "unit" for [0, 1], "levels" for whole numbers
    discrete = False  # log_prob is the log of a probability, so bits are defined
    noise = ""  # scale of the noise: "fixed", "learned", "per element" (learned) or "" for none
    form = "other"  # of −ln p(x|z) up to a constant: "squared error" / (2σ²), "cross-entropy"
    browser = ""  # formula of E[x|z] in the browser (dashboard/plot/decoder.js), or "" for none

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.domain = domain
        self.dims = len(domain.shape)

    @staticmethod
    def caveat(domain: Domain) -> str:
        """Return the reason why log_prob is not a log-likelihood of such data, or ""."""
        return ""

    def scalars(self) -> dict[str, Tensor]:
        """Return the learned scalars to plot: name → scalar."""
        return {}

    def slope(self, h: Tensor, u: Tensor) -> Slope:
        """Return −ln p(u|z) and its gradient for the decoder's output, h and u (B, D)."""
        raise NotImplementedError

    def learned_gradient(self, mean: Tensor) -> Tensor:
        """Return the gradient for the learned parameter from the mean of `Slope.learned`."""
        return mean

    def mean_constants(self) -> Tensor:
        """Return the numbers besides h that `browser` needs, each for an equal part of x."""
        return torch.empty(0)


def _elements(distribution: Distribution, dims: int) -> Distribution:
    """Return the distribution of an example with independent elements, the last `dims` axes."""
    return Independent(distribution, dims, validate_args=False)


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
        return _elements(TorchBernoulli(logits=logits, validate_args=False), self.dims)

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
        return _elements(ContinuousBernoulliOfOne(h.squeeze(-1 - self.dims)), self.dims)


def _gaussian(h: Tensor, sigma: Tensor, dims: int) -> Distribution:
    """Return N(x; h, sigma²) from the decoder's output h, (..., 1, *event)."""
    mean = h.squeeze(-1 - dims)
    return _elements(Normal(mean, sigma.expand_as(mean), validate_args=False), dims)


class Gaussian(Likelihood):
    """N(x; h, σ² I) with a fixed σ."""

    noise = "fixed"
    form = "squared error"
    browser = "identity"
    sigma: Tensor

    def __init__(
        self,
        domain: Domain,
        *,
        sigma: Annotated[
            float,
            Option(
                "Standard deviation of the noise around a reconstruction, in units of x "
                "(pictures: black 0, white 1), or of a column's standard deviation if columns are "
                "standardised. Larger values tolerate larger errors: blurrier pictures and a "
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

    def slope(self, h: Tensor, u: Tensor) -> Slope:
        return gaussian_slope(h, u, self.sigma)


class GaussianLearned(Likelihood):
    """N(x; h, σ² I) with one σ for all elements, trained together with the weights
    (sigma-VAE, Rybkin et al. 2021, https://arxiv.org/abs/2006.13202, section 3.1)."""

    noise = "learned"
    form = "squared error"
    browser = "identity"
    LOWEST = -14.0  # of ln sigma²: far below any real noise; keeps float32 finite
    # Sigma begins at 1, because training stalls from a low start. At the standard deviation 1 of
    # rescaled columns it would explain uncorrelated columns alone, and no latent would open (a
    # latent opens where its eigenvalue exceeds sigma², Lucas et al. 2019, section 4).
    START, START_RESCALED = 1.0, 0.5

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        start = self.START_RESCALED if domain.scale else self.START
        self.log_var = nn.Parameter(torch.full(self._shape(), 2 * math.log(start)))

    def _shape(self) -> tuple[int, ...]:
        return ()

    def _sigma(self) -> Tensor:
        return (0.5 * floor(self.log_var, self.LOWEST)).exp()

    def forward(self, h: Tensor) -> Distribution:
        return _gaussian(h, self._sigma(), self.dims)

    def slope(self, h: Tensor, u: Tensor) -> Slope:
        return gaussian_slope(h, u, self._sigma())

    def learned_gradient(self, mean: Tensor) -> Tensor:
        return floored(mean, self.log_var >= self.LOWEST)

    def scalars(self) -> dict[str, Tensor]:
        return {"sigma": self._sigma().detach()}


class GaussianPerDimension(GaussianLearned):
    """N(x; h, diag σ²) with a σ for each element of x, trained together with the weights.

    An element that never varies (the border of a picture) drives its sigma to the floor of e⁻⁷.
    There it adds 6.1 nats to ln p(x|z) for any model.
    """

    noise = "per element"
    form = "other"

    def _shape(self) -> tuple[int, ...]:
        return self.domain.shape

    def scalars(self) -> dict[str, Tensor]:
        """Return the smallest and the largest sigma."""
        sigma = self._sigma().detach()
        return {"sigma_min": sigma.min(), "sigma_max": sigma.max()}


class Logistic(Likelihood):
    """The discretised logistic on the levels of the data, μ = ½ + h, with one learned scale for
    each channel of a picture or for a whole vector (Kingma et al. 2016,
    https://arxiv.org/abs/1606.04934; Salimans et al. 2017). The mean is E[x|z]."""

    support = "levels"
    discrete = True
    noise = "learned"
    browser = "logistic"
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
        return _elements(GridLogistic(mu, self._scale(), self.domain.levels), self.dims)

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
    browser = "categorical"

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
    """Raise ValueError if the named likelihood is undefined for the values of the data."""
    if LIKELIHOODS[name].support == "levels" and domain.levels < 2:
        raise ValueError(
            f"The {name} likelihood needs whole numbers such as the bytes of pictures, and {data} "
            f"has real values: choose likelihood {rows_with(LIKELIHOODS, support='real')}."
        )


def bits_per_dimension(nats: float, dimensions: int) -> float:
    """Return bits per dimension, nats / (D ln 2), from nats per example."""
    return nats / (dimensions * math.log(2))
