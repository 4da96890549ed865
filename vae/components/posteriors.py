"""Posteriors: the encoder's output → q(z|x).

A posterior is a module built from the number of latent dimensions Z and its options. `outputs` is
the number of encoder outputs that it needs. It maps these outputs, (B, outputs), to a distribution
with batch shape (B,) and event shape (Z,). A posterior without density (the point mass) has no KL.

Three posteriors transform the same noise eps ~ N(0, I): they scale it along each axis (Diagonal),
multiply it by a triangular matrix (Full) or pass it through invertible networks (Flow). The
density follows from the determinant of the transform.
"""

from functools import cached_property
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.distributions.constraints import independent, real
from zuko.flows import MAF

from vae.base.options import Option

# Importing zuko turns off torch's argument checks globally: restore torch's default
Distribution.set_default_validate_args(__debug__)


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


class Transformed(Distribution):
    """z = f(z_0) for z_0 ~ base: ln q(z) = ln base(z_0) − ln |det ∂f/∂z_0|.

    For the tensor that the last `rsample` returned, `log_prob` and `origin` are stored. Any other
    z is inverted exactly, in Z passes through each autoregressive transform. Mean and standard
    deviation have no closed form: both are estimated from the same `mean_samples` samples, drawn
    from torch's default generator at first access.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch's own attribute
    support = independent(real, 1)  # type: ignore[no-untyped-call]
    has_rsample = True
    mean_samples = 64

    def __init__(self, base: Distribution, transform: Any) -> None:
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)
        self.base = base
        self.transform = transform
        self._latest: tuple[Tensor, Tensor, Tensor] | None = None  # z, z_0, ln q(z)

    def _draw(self, sample_shape: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return z and z_0 (*sample_shape, B, Z), and ln q(z) (*sample_shape, B)."""
        z_0 = self.base.rsample(sample_shape)
        z, log_det = self.transform.call_and_ladj(z_0)
        return z, z_0, self.base.log_prob(z_0) - log_det

    def _inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_0 = f⁻¹(z) (..., B, Z) and ln q(z) (..., B)."""
        if self._latest is not None and z is self._latest[0]:
            return self._latest[1:]
        z_0, log_det = self.transform.inv.call_and_ladj(z)  # log_det of f⁻¹
        return z_0, self.base.log_prob(z_0) + log_det

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        self._latest = self._draw(sample_shape)
        return self._latest[0]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Return samples without gradient. Their density is not stored: it would have no gradient
        either."""
        with torch.no_grad():
            return self._draw(sample_shape)[0]

    def log_prob(self, value: Tensor) -> Tensor:
        return self._inverse(value)[1]

    def origin(self, z: Tensor) -> Tensor:
        """Return z_0 = f⁻¹(z), (..., B, Z)."""
        return self._inverse(z)[0]

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        z, _, _ = self._draw((self.mean_samples,))
        return z.mean(0), z.var(0)  # (B, Z) each

    @property
    def mean(self) -> Tensor:
        return self._moments[0]

    @property
    def variance(self) -> Tensor:
        return self._moments[1]


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

    def moments(self, h: Tensor) -> Moments:
        """Return the parameters of a posterior with a written-out gradient."""
        raise NotImplementedError

    def slope(self, q: Moments, noise: Tensor, of_z: Tensor, weight: float) -> Tensor:
        """Return the gradient of f(z) + weight · KL(q || N(0, I)) for h, from that of f for the
        sample z = mu + sigma · noise, (B, Z)."""
        raise NotImplementedError


class Diagonal(Posterior):
    """A Gaussian with a variance for each latent dimension, without correlations.

    N(mu, diag sigma²), h = (mu, ln sigma²) (Kingma & Welling 2014, section 3,
    https://arxiv.org/abs/1312.6114)."""

    gaussian = True
    factorises = True

    @property
    def outputs(self) -> int:
        return 2 * self.latent_dim

    def forward(self, h: Tensor) -> Distribution:
        mu, log_var = h.chunk(2, dim=-1)  # (B, Z) each
        sigma = torch.exp(0.5 * log_var)
        return Independent(Normal(mu, sigma, validate_args=False), 1, validate_args=False)

    def moments(self, h: Tensor) -> Moments:
        mu, log_var = (part.contiguous() for part in h.chunk(2, dim=-1))
        return Moments(mu, log_var, torch.exp(0.5 * log_var))

    def slope(self, q: Moments, noise: Tensor, of_z: Tensor, weight: float) -> Tensor:
        of_mu = torch.add(of_z, q.mu, alpha=weight)
        of_sigma = (of_z * noise).add_(q.sigma, alpha=weight) * q.sigma  # times sigma
        return torch.cat([of_mu, of_sigma.sub_(weight).mul_(0.5)], -1)


class Full(Posterior):
    """A Gaussian with a full covariance: latent dimensions may be correlated given an example.

    N(mu, L Lᵀ) with L lower triangular (Kingma & Welling 2019, section 2.5.1,
    https://arxiv.org/abs/1906.02691); h = (mu, ln diag L, √Z times L below the diagonal). With
    the factor √Z the norm of a row of L does not grow with Z, and an untrained encoder starts
    near a diagonal covariance."""

    gaussian = True
    correlates = True
    below: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        below = torch.tril_indices(latent_dim, latent_dim, -1)
        self.register_buffer("below", below, persistent=False)

    @property
    def outputs(self) -> int:
        return 2 * self.latent_dim + self.below.shape[1]

    def forward(self, h: Tensor) -> Distribution:
        z = self.latent_dim
        mu, log_diagonal, below = torch.split(h, [z, z, self.below.shape[1]], dim=-1)
        scale = log_diagonal.exp().diag_embed()  # (B, Z, Z)
        scale[..., self.below[0], self.below[1]] = below / z**0.5
        return MultivariateNormal(mu, scale_tril=scale, validate_args=False)


CONTEXT = 16  # encoder outputs that condition the transforms, for any Z


class Flow(Posterior):
    """A Gaussian transformed by an inverse autoregressive flow: more flexible, slower to train.

    z_0 ~ N(mu, diag sigma²), then in each transform z_i ← s_i z_i + m_i, where s_i > 0 and m_i are
    a network's outputs for the dimensions before i and the context c; h = (mu, ln sigma², c)
    (Kingma et al. 2016, section 4, https://arxiv.org/abs/1606.04934). Each transform reverses the
    order of the dimensions. With Z = 1 no dimension precedes, and z stays Gaussian. Sampling z
    also gives its density; the density of a given z takes Z passes through each transform. The
    transforms start near the identity.
    """

    mean_samples = Transformed.mean_samples

    def __init__(
        self,
        latent_dim: int,
        *,
        posterior_transforms: Annotated[
            int,
            Option(
                "Number of autoregressive transforms in the chain. More transforms allow shapes "
                "of q(z|x) further from a Gaussian and make each step slower.",
                low=1,
                high=20,
            ),
        ] = 2,
    ) -> None:
        super().__init__(latent_dim)
        width = max(64, 2 * latent_dim)
        flow = MAF(
            latent_dim,
            CONTEXT,
            transforms=posterior_transforms,
            hidden_features=(width, width),
            activation=nn.ELU,
        )
        self.transform = flow.transform
        for transform in self.transform.transforms:
            for parameter in transform.hyper[-1].parameters():
                parameter.data.mul_(0.01)  # 0 would be the identity, with a gradient of 0

    @property
    def outputs(self) -> int:
        return 2 * self.latent_dim + CONTEXT

    def forward(self, h: Tensor) -> Distribution:
        z = self.latent_dim
        mu, log_var, context = torch.split(h, [z, z, CONTEXT], dim=-1)
        normal = Normal(mu, torch.exp(0.5 * log_var), validate_args=False)
        base = Independent(normal, 1, validate_args=False)
        return Transformed(base, self.transform(context))


class PointMass(Posterior):
    """A point mass: the plain autoencoder, without KL and ELBO."""

    has_density = False

    @property
    def outputs(self) -> int:
        return self.latent_dim

    def forward(self, h: Tensor) -> Distribution:
        return Point(h)


POSTERIORS: dict[str, type[Posterior]] = {
    "diagonal": Diagonal,
    "full": Full,
    "flow": Flow,
    "point": PointMass,
}
