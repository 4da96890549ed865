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
from torch.distributions import Distribution

from vae.base.options import Option, rows_with
from vae.base.records import Domain
from vae.components.count_likelihoods import (
    NegativeBinomial,
    Poisson,
    ZeroInflatedNegativeBinomial,
)
from vae.components.gamma_distributions import StudentT as StudentTOfOne
from vae.components.gaussian_likelihoods import Gaussian, GaussianLearned, GaussianPerDimension
from vae.components.level_likelihoods import Categorical, Logistic
from vae.components.likelihood_base import Likelihood, elements
from vae.components.mixed_likelihood import Mixed
from vae.components.slopes import floor
from vae.components.unit_likelihoods import Bernoulli, ContinuousBernoulli


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
    "mixed": Mixed,
}


def check_domain(name: str, domain: Domain, data: str = "this data set") -> None:
    """Raise ValueError if the named likelihood is undefined for the values of the data."""
    if LIKELIHOODS[name].support == "levels" and domain.levels < 2:
        raise ValueError(
            f"The {name} likelihood needs whole numbers such as the bytes of pictures, and {data} "
            f"has real values: choose likelihood {rows_with(LIKELIHOODS, support='real')}."
        )
    if LIKELIHOODS[name].support == "columns" and not domain.kinds:
        raise ValueError(
            f"The {name} likelihood needs a table with a kind for each column (data_kinds all), "
            f"and {data} has none: choose likelihood {rows_with(LIKELIHOODS, support='real')}, or "
            "such a table."
        )


def bits_per_dimension(nats: float, dimensions: int) -> float:
    """Return bits per dimension, nats / (D ln 2), from nats per example."""
    return nats / (dimensions * math.log(2))
