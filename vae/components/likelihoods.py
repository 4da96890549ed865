"""Likelihoods: the decoder's output → p(x|z).

A likelihood is a module built from the domain of the data and its options. It maps the decoder's
output h, (..., multiplicity, *event), to a distribution with batch shape (...) and event shape
*event. `log_prob` is in nats per example, summed over the event.

x is the model's input: pictures scaled to [0, 1], vectors in their own units. A model whose domain
has a scale gives the rescaled u in the place of x (`vae.components.rescalings`): σ is then in
units of that scale, the standard deviation of a column. For data with L levels, x takes the values
k / (L − 1), k = 0 … L − 1; counts are 0, 1, 2, … as they are. The log of a probability of such
values (`discrete`) can be compared between likelihoods and converted to bits. The log of a density
depends on the unit of x and has no upper bound.
"""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Distribution, Normal

from vae.base.options import Option, rows_with
from vae.base.records import Domain
from vae.components.count_likelihoods import (
    NegativeBinomial,
    Poisson,
    ZeroInflatedNegativeBinomial,
)
from vae.components.distributions import ContinuousBernoulli as ContinuousBernoulliOfOne
from vae.components.gamma_distributions import StudentT as StudentTOfOne
from vae.components.level_likelihoods import Categorical, Logistic
from vae.components.likelihood_base import Likelihood, elements
from vae.components.slopes import Slope, bernoulli_slope, floor, floored, gaussian_slope

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


def _gaussian(h: Tensor, sigma: Tensor, dims: int) -> Distribution:
    """Return N(x; h, sigma²) from the decoder's output h, (..., 1, *event)."""
    mean = h.squeeze(-1 - dims)
    return elements(Normal(mean, sigma.expand_as(mean), validate_args=False), dims)


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

    def best_output(self, mean: Tensor) -> Tensor:
        return mean.unsqueeze(0)

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

    def best_output(self, mean: Tensor) -> Tensor | None:
        return mean.unsqueeze(0)

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


class StudentT(GaussianLearned):
    """Student's t with location h and one learned scale σ: unlike under a Gaussian, a few values
    far from the rest hardly move the model (Lange, Little & Taylor 1989; Takahashi et al. 2018,
    https://www.ijcai.org/proceedings/2018/374)."""

    form = "other"
    browser = "identity"
    nu: Tensor
    FEWEST, START_NU = 0.0, math.log(10)  # of a learned ln ν; for ν ≤ 1, x has no mean

    def __init__(
        self,
        domain: Domain,
        *,
        degrees_of_freedom: Annotated[
            float,
            Option(
                "ν of Student's t distribution. Smaller values allow more outliers: 1 is the "
                "Cauchy distribution, above 30 it is nearly Gaussian. 0 learns ν.",
                low=0.0,
                high=1e6,
                log=True,
                label="Degrees of freedom ν",
            ),
        ] = 4.0,
    ) -> None:
        super().__init__(domain)
        self.is_fixed = degrees_of_freedom > 0
        if self.is_fixed:
            nu = torch.tensor(float(degrees_of_freedom))
            self.register_buffer("nu", nu, persistent=False)
        else:
            self.log_nu = nn.Parameter(torch.tensor(self.START_NU))

    def _nu(self) -> Tensor:
        return self.nu if self.is_fixed else floor(self.log_nu, self.FEWEST).exp()

    def best_output(self, mean: Tensor) -> None:
        """Return None: the best location depends on σ and ν."""

    def forward(self, h: Tensor) -> Distribution:
        location = h.squeeze(-1 - self.dims)
        nu, sigma = (v.expand_as(location) for v in (self._nu(), self._sigma()))
        return elements(StudentTOfOne(nu, location, sigma), self.dims)

    def scalars(self) -> dict[str, Tensor]:
        """Return σ and, if it is learned, ν."""
        learned = {} if self.is_fixed else {"degrees_of_freedom": self._nu().detach()}
        return super().scalars() | learned


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "gaussian-learned": GaussianLearned,
    "gaussian-per-dimension": GaussianPerDimension,
    "student-t": StudentT,
    "logistic": Logistic,
    "categorical": Categorical,
    "negative-binomial": NegativeBinomial,  # the first row of counts: it contains Poisson
    "poisson": Poisson,
    "zero-inflated-negative-binomial": ZeroInflatedNegativeBinomial,
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
