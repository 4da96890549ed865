"""Priors: p(z).

A prior is a module built from the number of latent dimensions Z, the domain of the data and its
options. It maps the encoder, u → q(z|u) for rescaled examples u, and a temperature to a
distribution with batch shape () and event shape (Z,). Only some priors use the encoder. The
temperature is a factor on the spread around each centre: 1 is the prior itself, 0 the centres,
which have no density.

Notation: C is the number of components of a mixture.
"""

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.distributions import (
    AffineTransform,
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)
from zuko.distributions import NormalizingFlow
from zuko.flows import NSF

from vae.base.options import Option
from vae.base.records import Domain
from vae.components.posteriors import Transformed

# Importing zuko turns off torch's argument checks globally: restore torch's default
Distribution.set_default_validate_args(__debug__)

FLOOR = 1e-5  # least standard deviation of a learned component

Encoder = Callable[[Tensor], Distribution]  # u (B, *event) → q(z|u), u the rescaled x

Components = Annotated[
    int,
    Option(
        "Number of components of the mixture. More components fit the encoded data more closely "
        "and take longer.",
        low=1,
        high=10_000,
    ),
]


def _normal(mean: Tensor, scale: Tensor) -> Distribution:
    """Return N(mean, diag scale²) with event shape (Z,)."""
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


def _floored(q: Distribution) -> Distribution:
    """Return q with standard deviations of at least `FLOOR`, before its transforms if it has any.

    A component that fits a single example otherwise shrinks to a point together with q(z|x),
    which costs no KL, until the gradient of its density overflows.
    """
    if isinstance(q, Transformed):
        return Transformed(_floored(q.base), q.transform)
    if isinstance(q, MultivariateNormal):
        diagonal = q.scale_tril.diagonal(dim1=-2, dim2=-1)
        missing = (FLOOR - diagonal).clamp(min=0.0).diag_embed()
        return MultivariateNormal(q.mean, scale_tril=q.scale_tril + missing, validate_args=False)
    return _normal(q.mean, q.stddev.clamp(min=FLOOR))


def _mixture(logits: Tensor, components: Distribution) -> Distribution:
    """Return Σ_c w_c p_c(z), w = softmax(logits), for `components` of batch shape (C,)."""
    weights = Categorical(logits=logits, validate_args=False)
    return MixtureSameFamily(weights, components, validate_args=False)


class Prior(nn.Module):
    """p(z). The KL between a Gaussian posterior and a Gaussian prior has a closed form. If both
    factorise over latent dimensions, it is a sum over the dimensions."""

    gaussian = False
    factorises = False
    encodes = False  # p(z) depends on q(z|x) and is initialised from training examples
    unit_normal = False  # p(z) is N(0, I)

    def __init__(self, latent_dim: int, domain: Domain) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.domain = domain

    def init_from_data(self, u: Tensor) -> None:
        """Initialise the prior from rescaled training examples (N, *event), before the first
        step."""

    def forward(self, posterior: Encoder, temperature: float = 1.0) -> Distribution:
        """Return p(z), batch shape (), event shape (Z,)."""
        raise NotImplementedError


class Standard(Prior):
    """The standard normal distribution, without learned parameters.

    N(0, I) (Kingma & Welling 2014, section 3, https://arxiv.org/abs/1312.6114)."""

    gaussian = True
    factorises = True
    unit_normal = True
    loc: Tensor
    scale: Tensor

    def __init__(self, latent_dim: int, domain: Domain) -> None:
        super().__init__(latent_dim, domain)
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self, posterior: Encoder, temperature: float = 1.0) -> Distribution:
        return _normal(self.loc, temperature * self.scale)


class Mixture(Prior):
    """A learned mixture of Gaussians; each has a weight, a mean and a diagonal covariance.

    Σ_c w_c N(z; m_c, diag s_c²), w = softmax(logits) (Jiang et al. 2017, section 3.1,
    https://arxiv.org/abs/1611.05148). Training starts with equal weights, standard deviations 1
    and means drawn from N(0, I). Standard deviations stay above `FLOOR`."""

    def __init__(
        self, latent_dim: int, domain: Domain, *, prior_components: Components = 10
    ) -> None:
        super().__init__(latent_dim, domain)
        self.logits = nn.Parameter(torch.zeros(prior_components))
        self.means = nn.Parameter(torch.randn(prior_components, latent_dim))
        self.log_scales = nn.Parameter(torch.zeros(prior_components, latent_dim))

    def forward(self, posterior: Encoder, temperature: float = 1.0) -> Distribution:
        scales = self.log_scales.exp().clamp(min=FLOOR)
        return _mixture(self.logits, _normal(self.means, temperature * scales))


class Vamp(Prior):
    """The mean posterior of learned pseudo-inputs: the prior adapts to the encoder.

    (1/C) Σ_c q(z|u_c) (Tomczak & Welling 2018, https://arxiv.org/abs/1705.07120). The
    pseudo-inputs u (C, *event) start as training examples. A temperature moves each z of component
    c to E q(z|u_c) + temperature (z − E q(z|u_c)). For a Gaussian this scales the standard
    deviations. Those of a component stay above `FLOOR`, also where q(z|x) is narrower."""

    encodes = True

    def __init__(
        self, latent_dim: int, domain: Domain, *, prior_components: Components = 50
    ) -> None:
        super().__init__(latent_dim, domain)
        self.inputs = nn.Parameter(torch.rand(prior_components, *domain.shape))

    @torch.no_grad()
    def init_from_data(self, u: Tensor) -> None:
        count = len(self.inputs)
        rows = torch.arange(count, device=u.device) * len(u) // count  # evenly over u
        self.inputs.copy_(u[rows])
        if count > len(u):  # identical copies of an example would never diverge
            self.inputs.add_(0.01 * torch.randn_like(self.inputs))

    def forward(self, posterior: Encoder, temperature: float = 1.0) -> Distribution:
        q = _floored(posterior(self.inputs))
        if temperature != 1:
            shrink = AffineTransform((1 - temperature) * q.mean, temperature, event_dim=1)
            q = TransformedDistribution(q, shrink, validate_args=False)
        return _mixture(self.inputs.new_zeros(len(self.inputs)), q)


class Flow(Prior):
    """A learned normalizing flow: nearly any shape, slower to train.

    p(z) = N(f(z); 0, I) |det ∂f/∂z|, where f is a chain of autoregressive rational-quadratic
    splines on [−5, 5] and the identity outside (Durkan et al. 2019,
    https://arxiv.org/abs/1906.04032). f starts near the identity. Each transform reverses the
    order of the dimensions. Drawing z inverts f in one pass per dimension. With more than `PASSES`
    dimensions, each transform divides them at random into `PASSES` groups and takes one pass per
    group. A temperature scales the standard deviations of f(z); the only centre is f⁻¹(0)."""

    PASSES = 8
    loc: Tensor
    scale: Tensor

    def __init__(
        self,
        latent_dim: int,
        domain: Domain,
        *,
        prior_transforms: Annotated[
            int,
            Option(
                "Number of spline transforms in the chain. More transforms allow more complex "
                "shapes of p(z) and make each step slower.",
                low=1,
                high=20,
            ),
        ] = 3,
    ) -> None:
        super().__init__(latent_dim, domain)
        width = max(64, 2 * latent_dim)
        flow = NSF(
            latent_dim,
            transforms=prior_transforms,
            passes=self.PASSES,
            randperm=latent_dim > self.PASSES,
            hidden_features=(width, width),
            activation=nn.ELU,
        )
        self.transform = flow.transform
        for transform in self.transform.transforms:
            last = transform.hyper[-1] if latent_dim > 1 else transform.phi
            for parameter in last.parameters():
                parameter.data.mul_(0.01)  # 0 would be the identity, with a gradient of 0
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self, posterior: Encoder, temperature: float = 1.0) -> Distribution:
        base = _normal(self.loc, temperature * self.scale)
        flow: Distribution = NormalizingFlow(self.transform(), base)
        return flow


PRIORS: dict[str, type[Prior]] = {
    "standard": Standard,
    "mixture": Mixture,
    "vamp": Vamp,
    "flow": Flow,
}
