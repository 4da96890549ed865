"""Posteriors: the encoder's output → q(z|x).

A posterior is a module built from the number of latent dimensions Z and its own options. It says
how many encoder `outputs` it needs, and called with these, (B, outputs), it returns a distribution
with batch shape (B,) and event shape (Z,). A posterior without density (the point mass) has no KL.

Three of them are the same noise bent further and further: eps ~ N(0, I) is stretched along each
axis (Diagonal), multiplied by a triangular matrix (Full), or sent through invertible networks
(Flow), and the density follows from the determinant of what was done to eps.
"""

from functools import cached_property
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.distributions.constraints import independent, real
from zuko.flows import MAF

from vae.base.options import Option

# Importing zuko turns torch's checks of arguments off for everyone: this is torch's own default
Distribution.set_default_validate_args(__debug__)


class Point(Distribution):
    """All mass on one place: z = location. It has no density, so no log_prob, entropy or KL."""

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

    `log_prob` and `origin` of the tensor that the last `rsample` returned are known from drawing
    it; any other z is inverted, exactly, in Z passes through each autoregressive transform. Mean
    and standard deviation have no closed form: both are estimated from the same `mean_samples`
    draws, made by torch's default generator when one of them is first asked for.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch's own attribute
    support = independent(real, 1)  # type: ignore[no-untyped-call]
    has_rsample = True
    mean_samples = 64

    def __init__(self, base: Distribution, transform: Any) -> None:
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)
        self.base = base
        self.transform = transform
        self._drawn: tuple[Tensor, Tensor, Tensor] | None = None

    def _draw(self, sample_shape: Any) -> tuple[Tensor, Tensor, Tensor]:
        """z and z_0 (*sample_shape, B, Z), ln q(z) (*sample_shape, B)."""
        z_0 = self.base.rsample(sample_shape)
        z, log_det = self.transform.call_and_ladj(z_0)
        return z, z_0, self.base.log_prob(z_0) - log_det

    def _traced(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z_0 = f⁻¹(z) (..., B, Z) and ln q(z) (..., B)."""
        if self._drawn is not None and z is self._drawn[0]:
            return self._drawn[1:]
        z_0, log_det = self.transform.inv.call_and_ladj(z)  # that of f⁻¹
        return z_0, self.base.log_prob(z_0) + log_det

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        self._drawn = self._draw(sample_shape)
        return self._drawn[0]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """A constant: its density is not kept, which would be cut off from the parameters too."""
        with torch.no_grad():
            return self._draw(sample_shape)[0]

    def log_prob(self, value: Tensor) -> Tensor:
        return self._traced(value)[1]

    def origin(self, z: Tensor) -> Tensor:
        """z_0, from which f makes z."""
        return self._traced(z)[0]

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


class Posterior(nn.Module):
    """q(z|x). Between a Gaussian posterior and a Gaussian prior the KL has a closed form; between
    two that factorise over latent dimensions it is a sum over these."""

    has_density = True
    gaussian = False
    factorises = False
    correlates = False  # a Gaussian with a covariance matrix
    mean_samples = 0  # draws that estimate the mean; 0 if the mean is exact

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @property
    def outputs(self) -> int:
        """Encoder outputs that it needs."""
        raise NotImplementedError

    def forward(self, h: Tensor) -> Distribution:
        raise NotImplementedError


class Diagonal(Posterior):
    """A Gaussian with its own variance in each latent dimension, and no correlations.

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


class Full(Posterior):
    """A Gaussian with a full covariance: latent dimensions may be correlated given an example.

    N(mu, L Lᵀ) with L lower triangular (Kingma & Welling 2019, section 2.5.1,
    https://arxiv.org/abs/1906.02691); h = (mu, ln diag L, √Z times L below the diagonal), by
    which a row of L weighs the same at every Z and an untrained encoder starts near the
    diagonal."""

    gaussian = True
    correlates = True
    below: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        places = torch.tril_indices(latent_dim, latent_dim, -1)
        self.register_buffer("below", places, persistent=False)

    @property
    def outputs(self) -> int:
        return 2 * self.latent_dim + self.below.shape[1]

    def forward(self, h: Tensor) -> Distribution:
        z = self.latent_dim
        mu, log_diagonal, below = torch.split(h, [z, z, self.below.shape[1]], dim=-1)
        scale = log_diagonal.exp().diag_embed()  # (B, Z, Z)
        scale[..., self.below[0], self.below[1]] = below / z**0.5
        return MultivariateNormal(mu, scale_tril=scale, validate_args=False)


CONTEXT = 16  # encoder outputs that steer the transforms, whatever Z


class Flow(Posterior):
    """A Gaussian bent by an inverse autoregressive flow: freer in shape, slower to train.

    z_0 ~ N(mu, diag sigma²), then in each transform z_i ← s_i z_i + m_i, where s_i > 0 and m_i are
    a network's outputs for the dimensions before i and the context c; h = (mu, ln sigma², c)
    (Kingma et al. 2016, section 4, https://arxiv.org/abs/1606.04934). The order of the dimensions
    is reversed from one transform to the next. With Z = 1 there is nothing before, and z stays
    Gaussian. Drawing z gives its density at once; the density of a given z takes Z passes through
    each transform. The transforms start near the identity.
    """

    mean_samples = Transformed.mean_samples

    def __init__(
        self,
        latent_dim: int,
        *,
        posterior_transforms: Annotated[
            int,
            Option(
                "Autoregressive transforms that follow each other. More bend q(z|x) further from "
                "a Gaussian and make each step slower.",
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
                parameter.data.mul_(0.01)  # 0 would be the identity, and its gradient 0 too

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
