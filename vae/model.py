"""The VAE: networks, likelihood, posterior and prior put together as the configuration says.

x (B, *event) → q(z|x) → z (K, B, Z) → p(x|z). Notation: B batch, K samples, Z latent dimensions.
"""

import contextlib
import math
import os
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from vae.base.records import Domain
from vae.base.rng import stream
from vae.components.likelihoods import LIKELIHOODS, check_domain
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES, Loss
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.components.terms import Pass
from vae.config import RunConfig

WORTH_THREADS = 200_000_000  # operations a step below which threads cost more than they bring


class VAE(nn.Module):
    """A variational autoencoder for examples of one domain.

    Raises ValueError if the network cannot take their shape or the likelihood their values.
    """

    def __init__(self, config: RunConfig, domain: Domain) -> None:
        super().__init__()
        self.config = config
        self.domain = domain
        z = config.latent_dim
        check_domain(config.likelihood, domain)
        self._likelihood = LIKELIHOODS[config.likelihood](domain, **config.chosen("likelihood"))
        self._posterior = POSTERIORS[config.posterior](z, **config.chosen("posterior"))
        self._prior = PRIORS[config.prior](z, domain, **config.chosen("prior"))
        self.encoder, self.decoder = NETWORKS[config.network](
            domain.shape,
            self._posterior.outputs,
            z + self.classes,
            self._likelihood.multiplicity,
            **config.chosen("network"),
        )
        if self.classes:
            self.offset = nn.Embedding(self.classes, math.prod(domain.shape))
            nn.init.zeros_(self.offset.weight)

    @property
    def classes(self) -> int:
        """How many classes encoder and decoder are conditional on; 0 for none."""
        return self.domain.classes if self.config.conditional else 0

    @property
    def has_kl(self) -> bool:
        """Whether q(z|x) has a density, so that KL and ELBO exist."""
        return self._posterior.has_density

    @property
    def mean_noise(self) -> float:
        """The variance of the mean of q(z|x) in variances of q(z|x): 0 unless that mean is itself
        an estimate from samples."""
        samples = self._posterior.mean_samples
        return 1 / samples if samples else 0.0

    @property
    def discrete(self) -> bool:
        """Whether p(x|z) is a probability (not a density), so that bits make sense."""
        return self._likelihood.discrete

    @property
    def caveat(self) -> str:
        """Why ln p(x|z) is no log-likelihood of these data; "" where it is one."""
        return self._likelihood.caveat(self.domain)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def scalars(self) -> dict[str, Tensor]:
        """Learned numbers worth plotting: name → scalar."""
        return self._likelihood.scalars()

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Distribution:
        """q(z|x), or q(z|x, y) of a conditional model, for x (B, *event) and classes y (B,): batch
        shape (B,), event shape (Z,). The class enters as a learned offset of x, which to the first
        layer is what a one-hot code beside x would be: W(x + o_y) = Wx + b_y."""
        if self.classes:
            assert y is not None
            x = x + self.offset(y).unflatten(-1, self.domain.shape)
        with self._precision(x):
            h = self.encoder(x)
        q: Distribution = self._posterior(h.float())
        return q

    def prior(self, temperature: float = 1.0) -> Distribution:
        """p(z), its spread times `temperature`: batch shape (), event shape (Z,)."""
        p: Distribution = self._prior(self.posterior, temperature)
        return p

    def init_from_data(self, x: Tensor) -> None:
        """Prepare what begins at the data, before the first step, from training examples
        (N, *event)."""
        self._prior.init_from_data(x)

    def likelihood(self, z: Tensor, y: Tensor | None = None) -> Distribution:
        """p(x|z), or p(x|z, y) of a conditional model, for z (..., B, Z) and classes y (B,): batch
        shape (..., B), event shape *event. The class enters as a one-hot code beside z."""
        if self.classes:
            assert y is not None
            code = one_hot(y, self.classes).to(z.dtype)  # (B, classes)
            z = torch.cat([z, code.expand(*z.shape[:-1], -1)], -1)
        with self._precision(z):
            h = self.decoder(z.reshape(-1, z.shape[-1]))
        px: Distribution = self._likelihood(h.float().unflatten(0, z.shape[:-1]))
        return px

    def forward(self, x: Tensor, samples: int = 1, y: Tensor | None = None) -> Pass:
        """One forward pass with K = `samples`; 0 takes the mean of q(z|x) for z, with K = 1."""
        q = self.posterior(x, y)
        z = q.rsample(torch.Size((samples,))) if samples else q.mean.unsqueeze(0)  # (K, B, Z)
        return Pass(x, y, q, self.prior(), z, self.likelihood(z, y))

    def loss(self, out: Pass, scalars: dict[str, float]) -> Loss:
        """The configured objective, its scheduled options replaced by `scalars`."""
        options = self.config.chosen("objective") | scalars
        return OBJECTIVES[self.config.objective].loss(out, **options)

    def _precision(self, x: Tensor) -> AbstractContextManager[object]:
        if self.config.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(x.device.type, torch.bfloat16)


def turn(model: VAE, count: int) -> Tensor | None:
    """For `count` samples of a conditional model its classes in turn, (count,); else None."""
    if not model.classes:
        return None
    return torch.arange(count, device=model.device) % model.classes


def build(config: RunConfig, domain: Domain) -> VAE:
    """A VAE with the weights that the configuration's seed gives, on the CPU."""
    with stream(torch.device("cpu"), config.seed, "weights"):
        return VAE(config, domain)


class Cost(NamedTuple):
    """What a model takes."""

    weights: int
    flops: int  # floating-point operations of one training step, forward and backward

    @property
    def threads(self) -> int:
        """CPU threads that a training step is worth: small products are done sooner by one."""
        return (os.cpu_count() or 1) if self.flops > WORTH_THREADS else 1


def cost(config: RunConfig, domain: Domain) -> Cost:
    """The cost of a configuration; raises ValueError if the network cannot take the shape."""
    products: list[int] = []

    def count(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        """Add the products of one layer: a convolution shares its weights over places."""
        if isinstance(layer, nn.ConvTranspose2d):
            products.append(given[0].numel() * layer.weight[0].numel())
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            products.append(made.numel() * layer.weight[0].numel())

    vae = build(config, domain)  # for real: torch takes a second to wake its meta device
    for layer in vae.modules():
        layer.register_forward_hook(count)
    with torch.no_grad():
        vae.encoder(torch.zeros(1, *domain.shape))
        vae.decoder(torch.zeros(config.posterior_samples, config.latent_dim + vae.classes))
    # A product and a sum each, and the backward pass does twice what the forward pass does
    flops = 2 * 3 * config.batch_size * sum(products)
    return Cost(sum(p.numel() for p in vae.parameters()), flops)
