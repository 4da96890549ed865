"""The base class of the posteriors q(z|x), and the point mass; `vae.components.posteriors` has the
table of rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.distributions.constraints import independent, real


class Moments(NamedTuple):
    """The parameters of N(mu, diag sigma²), (B, Z) each."""

    mu: Tensor
    log_var: Tensor
    sigma: Tensor

    def transformed(self, noise: Tensor) -> Tensor:
        """Return the sample z = mu + sigma · noise, (B, Z), for noise ~ N(0, I)."""
        return torch.addcmul(self.mu, self.sigma, noise)

    def kl_sums(self) -> Tensor:
        """Return KL(q(z|x) || N(0, I)) of each latent dimension, summed over examples, (Z,)."""
        twice = self.mu.square().addcmul_(self.sigma, self.sigma).sub_(self.log_var)
        return 0.5 * (twice.sum(0) - len(self.mu))


class Posterior(nn.Module):
    """q(z|x). The KL between a Gaussian posterior and a Gaussian prior has a closed form. If both
    factorise over latent dimensions, it is a sum over the dimensions."""

    has_density = True
    gaussian = False
    factorises = False
    correlates = False  # a Gaussian with a covariance matrix
    mean_samples = 0  # samples for estimating the mean; 0 if the mean is exact
    no_density = ""  # why there is no KL, as a sentence, for a posterior without density

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @property
    def outputs(self) -> int:
        """Number of encoder outputs."""
        raise NotImplementedError

    def forward(self, h: Tensor) -> Distribution:
        """Return q(z|x) from the encoder's outputs h, (B, outputs)."""
        raise NotImplementedError

    @classmethod
    def check(cls, latent_dim: int, option: Callable[[str], Any]) -> None:
        """Raise ValueError if the options, by name, do not suit the number of latents."""

    def decoder_input(self, z: Tensor) -> Tensor:
        """Return the vectors that the decoder reads for z (..., Z)."""
        return z

    def loss_terms(self, q: Distribution) -> dict[str, tuple[Tensor, float]]:
        """Return the terms that this posterior adds to every objective: name → mean over the
        examples, and its weight in the loss."""
        return {}

    def learn(self, q: Distribution) -> None:
        """Change the tensors that learn without gradient, from q of one training step."""

    def code_use(self, q: Distribution) -> dict[str, Tensor]:
        """Return "code_shares", the share of the examples with each code, (G, K); {} without a
        codebook."""
        return {}

    def moments(self, h: Tensor) -> Moments:
        """Return the parameters of a posterior with a written-out gradient."""
        raise NotImplementedError

    def slope(self, q: Moments, noise: Tensor, of_z: Tensor, weight: float) -> Tensor:
        """Return the gradient of f(z) + weight · KL(q || N(0, I)) for h, from that of f for the
        sample z = mu + sigma · noise, (B, Z)."""
        raise NotImplementedError


class Point(Distribution):
    """All probability mass at z = location. Without a density: no log_prob, entropy or KL."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch's own attribute
    support = independent(real, 1)  # type: ignore[no-untyped-call]
    has_rsample = True

    def __init__(self, location: Tensor) -> None:  # (B, Z)
        super().__init__(location.shape[:-1], location.shape[-1:], validate_args=False)
        self.location = location

    @property
    def mean(self) -> Tensor:
        return self.location

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.location.expand(*sample_shape, *self.location.shape)


class PointMass(Posterior):
    """A point mass: the plain autoencoder, without KL and ELBO."""

    has_density = False
    no_density = "A point posterior has no density: KL, ELBO and −ln p(x) do not exist."

    @property
    def outputs(self) -> int:
        return self.latent_dim

    def forward(self, h: Tensor) -> Distribution:
        return Point(h)
