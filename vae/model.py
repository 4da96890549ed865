"""The VAE: networks, likelihood, posterior and prior put together as the configuration says.

x (B, *event) → q(z|x) → z (K, B, Z) → p(x|z). Notation: B batch, K samples, Z latent dimensions.
"""

import contextlib
import os
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae import streams
from vae.config import RunConfig
from vae.likelihoods import LIKELIHOODS
from vae.networks import NETWORKS
from vae.objectives import OBJECTIVES, Loss, Pass
from vae.posteriors import POSTERIORS
from vae.priors import PRIORS

WORTH_THREADS = 200_000_000  # operations a step below which threads cost more than they bring


class VAE(nn.Module):
    """A variational autoencoder for examples of one shape.

    Raises ValueError if the network cannot take that shape.
    """

    def __init__(self, config: RunConfig, event_shape: tuple[int, ...], n_data: int = 0) -> None:
        super().__init__()
        self.config = config
        self.event_shape = tuple(event_shape)
        self.n_data = n_data
        self._posterior = POSTERIORS[config.posterior]
        self._likelihood = LIKELIHOODS[config.likelihood](
            event_shape, **config.chosen("likelihood")
        )
        self.prior = PRIORS[config.prior](config.latent_dim, **config.chosen("prior"))
        self.encoder, self.decoder = NETWORKS[config.network](
            event_shape,
            self._posterior.multiplicity * config.latent_dim,
            config.latent_dim,
            self._likelihood.multiplicity,
            **config.chosen("network"),
        )

    @property
    def has_kl(self) -> bool:
        """Whether q(z|x) has a density, so that KL and ELBO exist."""
        return self._posterior.has_density

    @property
    def discrete(self) -> bool:
        """Whether p(x|z) is a probability (not a density), so that bits make sense."""
        return self._likelihood.discrete

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def scalars(self) -> dict[str, Tensor]:
        """Learned numbers worth plotting: name → scalar."""
        return self._likelihood.scalars()

    def posterior(self, x: Tensor) -> Distribution:
        """q(z|x) for x (B, *event): batch shape (B,), event shape (Z,)."""
        with self._precision(x):
            h = self.encoder(x)
        return self._posterior.build(h.float())

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x|z) for z (..., Z): batch shape (...), event shape *event."""
        with self._precision(z):
            h = self.decoder(z.reshape(-1, z.shape[-1]))
        px: Distribution = self._likelihood(h.float().unflatten(0, z.shape[:-1]))
        return px

    def forward(self, x: Tensor, samples: int = 1, y: Tensor | None = None) -> Pass:
        """One forward pass with K = `samples`; 0 takes the mean of q(z|x) for z, with K = 1."""
        q = self.posterior(x)
        z = q.rsample(torch.Size((samples,))) if samples else q.mean.unsqueeze(0)  # (K, B, Z)
        return Pass(x, y, q, self.prior(), z, self.likelihood(z), self.n_data)

    def loss(self, out: Pass, scalars: dict[str, float]) -> Loss:
        """The configured objective, its scheduled options replaced by `scalars`."""
        options = self.config.chosen("objective") | scalars
        return OBJECTIVES[self.config.objective](out, **options)

    def _precision(self, x: Tensor) -> AbstractContextManager[object]:
        if self.config.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(x.device.type, torch.bfloat16)


def build(config: RunConfig, event_shape: tuple[int, ...], n_data: int = 0) -> VAE:
    """A VAE with the weights that the configuration's seed gives, on the CPU."""
    with streams.stream(torch.device("cpu"), config.seed, "weights"):
        return VAE(config, event_shape, n_data)


class Cost(NamedTuple):
    """What a model takes."""

    weights: int
    flops: int  # floating-point operations of one training step, forward and backward

    @property
    def threads(self) -> int:
        """CPU threads that a training step is worth: small products are done sooner by one."""
        return (os.cpu_count() or 1) if self.flops > WORTH_THREADS else 1


def cost(config: RunConfig, event_shape: tuple[int, ...]) -> Cost:
    """The cost of a configuration; raises ValueError if the network cannot take the shape."""
    products: list[int] = []

    def count(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        """Add the products of one layer: a convolution shares its weights over places."""
        if isinstance(layer, nn.ConvTranspose2d):
            products.append(given[0].numel() * layer.weight[0].numel())
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            products.append(made.numel() * layer.weight[0].numel())

    vae = build(config, event_shape)  # for real: torch takes a second to wake its meta device
    for layer in vae.modules():
        layer.register_forward_hook(count)
    with torch.no_grad():
        vae.encoder(torch.zeros(1, *event_shape))
        vae.decoder(torch.zeros(config.posterior_samples, config.latent_dim))
    # A product and a sum each, and the backward pass does twice what the forward pass does
    flops = 2 * 3 * config.batch_size * sum(products)
    return Cost(sum(p.numel() for p in vae.parameters()), flops)
