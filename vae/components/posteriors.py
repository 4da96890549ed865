"""Posteriors: the encoder's output → q(z|x).

A posterior is a module built from the number of latent dimensions Z and its options. `outputs` is
the number of encoder outputs that it needs. It maps these outputs, (B, outputs), to a distribution
with batch shape (B,) and event shape (Z,). A posterior without density (the point mass, whose z a
codebook may quantise) has no KL.

Three posteriors transform the same noise eps ~ N(0, I): they scale it along each axis (Diagonal),
multiply it by a triangular matrix (Full) or pass it through invertible networks (Flow). The
density follows from the determinant of the transform.
"""

from functools import cached_property
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.distributions.constraints import independent, real
from zuko.flows import MAF

from vae.base.options import Option
from vae.components.posterior_base import Moments, PointMass, Posterior
from vae.components.quantised import Quantised

# Importing zuko turns off torch's argument checks globally: restore torch's default
Distribution.set_default_validate_args(__debug__)


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


POSTERIORS: dict[str, type[Posterior]] = {
    "diagonal": Diagonal,
    "full": Full,
    "flow": Flow,
    "point": PointMass,
    "quantised": Quantised,
}
