"""Gaussian likelihoods of real x: the decoder's output is the mean of each element."""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from vae.base.options import Option
from vae.base.records import Domain
from vae.components.likelihood_base import Likelihood, elements
from vae.components.slopes import Slope, floor, floored, gaussian_slope


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
    (sigma-VAE, Rybkin et al. 2021, https://arxiv.org/abs/2006.13202)."""

    noise = "learned"
    form = "squared error"
    browser = "identity"
    LOWEST = -14.0  # of ln sigma²: far below any real noise; keeps float32 finite
    # Sigma begins at 1, because training stalls from a low start. At the standard deviation 1 of
    # rescaled columns it would explain uncorrelated columns alone, and no latent would open (a
    # latent opens where its eigenvalue exceeds sigma², Lucas et al. 2019).
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
