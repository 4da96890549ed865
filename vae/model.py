"""The VAE: networks, likelihood, posterior and prior of a configuration in one module.

x (B, *event) → q(z|x) → z (K, B, Z) → p(x|z). Notation: B batch, K samples, Z latent dimensions.
Encoder, decoder and prior work with u, the rescaled x of `vae.components.rescalings`.
"""

import contextlib
import math
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from vae.base.records import Domain
from vae.base.rng import stream
from vae.components.count_distributions import library_sizes
from vae.components.likelihood_base import Likelihood
from vae.components.likelihoods import LIKELIHOODS, check_domain
from vae.components.network_code import network_of
from vae.components.networks import Bodies
from vae.components.objectives import OBJECTIVES, Loss
from vae.components.posterior_base import Posterior
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.components.quantised import Quantised
from vae.components.rescalings import Units, described
from vae.components.terms import Pass
from vae.config import RunConfig


class VAE(nn.Module):
    """A variational autoencoder for examples of one domain.

    Raises ValueError if the network cannot take their shape or the likelihood their values.
    """

    def __init__(self, config: RunConfig, domain: Domain) -> None:
        super().__init__()
        self.config = config
        self.domain = domain
        self.units = Units(domain)
        z = config.latent_dim
        check_domain(config.likelihood, domain)
        self._likelihood = LIKELIHOODS[config.likelihood](domain, **config.chosen("likelihood"))
        self._posterior = POSTERIORS[config.posterior](z, **config.chosen("posterior"))
        coded = self._likelihood.coded_shape
        inside = domain._replace(shape=coded)
        self._prior = PRIORS[config.prior](z, inside, **config.chosen("prior"))
        self.encoder, self.decoder = self._bodies(coded)
        if domain.missing:
            self.encoder, _ = self._bodies(self._encoder_shape)
        if self.classes:
            self.offset = nn.Embedding(self.classes, math.prod(self._encoder_shape))
            nn.init.zeros_(self.offset.weight)

    @property
    def _encoder_shape(self) -> tuple[int, ...]:
        """Shape of the encoder's input: u, followed by 1 for each observed value if values may be
        missing, 0 for the others."""
        first, *rest = self._likelihood.coded_shape
        return (2 * first if self.domain.missing else first, *rest)

    def _bodies(self, event_shape: tuple[int, ...]) -> Bodies:
        """Return encoder and decoder of the configuration for examples of this shape."""
        return network_of(self.config.network)(
            event_shape,
            self._posterior.outputs,
            self.config.latent_dim + self.classes,
            self._likelihood.multiplicity,
            **self.config.chosen("network"),
        )

    @property
    def classes(self) -> int:
        """Number of classes that encoder and decoder are conditional on; 0 for none."""
        return self.domain.classes if self.config.conditional else 0

    @property
    def has_kl(self) -> bool:
        """Whether q(z|x) has a density, and the model a KL and an ELBO."""
        return self._posterior.has_density

    @property
    def mean_noise(self) -> float:
        """Variance of the mean of q(z|x), relative to the variance of q(z|x): 0 unless the mean is
        estimated from samples."""
        samples = self._posterior.mean_samples
        return 1 / samples if samples else 0.0

    @property
    def discrete(self) -> bool:
        """Whether p(x|z) is a probability and not a density: only a probability has bits."""
        return self._likelihood.discrete

    @property
    def caveat(self) -> str:
        """Why ln p(x|z) is not a log-likelihood of these data; "" if it is one."""
        return self._likelihood.caveat(self.domain)

    @property
    def units_note(self) -> str:
        """The rescaling of x and the unit of nats in sentences; "" without a rescaling."""
        return described(self.config.rescaling(self.domain), self.domain)

    @property
    def reads_size(self) -> bool:
        """Whether p(x|z) depends on the library size of x, the sum of its counts."""
        return self._likelihood.reads_size

    @property
    def size_note(self) -> str:
        """The library sizes of means and samples in sentences; "" without them."""
        return library_sizes(self.domain)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def outputs(self) -> tuple[Likelihood, Posterior]:
        """The modules that map the outputs of decoder and encoder to p(u|z) and q(z|x)."""
        return self._likelihood, self._posterior

    @property
    def codes(self) -> Quantised | None:
        """The codebook of z; None if the decoder reads z as it is."""
        return self._posterior if isinstance(self._posterior, Quantised) else None

    def scalars(self) -> dict[str, Tensor]:
        """Return the learned scalars of the likelihood: name → scalar."""
        return self._likelihood.scalars()

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Distribution:
        """Return q(z|x), of a conditional model q(z|x, y), for x (B, *event) and classes y (B,):
        batch shape (B,), event shape (Z,). The class adds a learned offset o_y to u. The first
        layer treats it like a one-hot code beside u: W(u + o_y) = Wu + b_y."""
        return self._encoded(self.encoder_input(x), y)

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return the encoder's input for x (..., *event): rescaled x, or ln(1 + x) of counts; NaN
        for values that were not observed."""
        u: Tensor = self._likelihood.encoder_input(self.units(x))
        return u

    def _encoded(self, u: Tensor, y: Tensor | None = None) -> Distribution:
        """Return q(z|u) for the encoder's input u (B, *event)."""
        q: Distribution = self._posterior(self.encoder_output(u, y))
        return q

    def encoder_output(self, u: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the encoder's output for its input u (B, *event), which becomes 0 where it was
        not observed: (B, outputs), the parameters of q(z|u)."""
        if self.domain.missing:
            mask = ~u.isnan()
            u = torch.cat([torch.where(mask, u, 0.0), mask.to(u.dtype)], 1)  # (B, 2D)
        if self.classes:
            assert y is not None
            u = u + self.offset(y).unflatten(-1, self._encoder_shape)
        with self._precision(u):
            h: Tensor = self.encoder(u)
        return h.float()

    def latents(self, q: Distribution, samples: int) -> Tensor:
        """Return K = `samples` reparameterised samples of q(z|x), or its mean for 0: (K, B, Z)."""
        return q.rsample(torch.Size((samples,))) if samples else q.mean.unsqueeze(0)

    def prior(self, temperature: float = 1.0) -> Distribution:
        """Return p(z) with its spread times `temperature`: batch shape (), event shape (Z,)."""
        p: Distribution = self._prior(self._encoded, temperature)
        return p

    def init_from_data(self, x: Tensor) -> None:
        """Initialise the prior from training examples (N, *event), before the first step."""
        u = self.encoder_input(x)
        self._prior.init_from_data(torch.where(u.isnan(), 0.0, u))

    def likelihood(
        self, z: Tensor, y: Tensor | None = None, x: Tensor | None = None
    ) -> Distribution:
        """Return p(x|z), of a conditional model p(x|z, y), for z (..., B, Z) and classes y (B,):
        batch shape (..., B), event shape *event. The class enters as a one-hot code beside z.

        If it reads the library size of counts, `log_prob` takes that of its argument. Mean and
        samples have those of the examples `x` (B, *event), by default the typical one.
        """
        z = self.decoder_input(z)
        if self.classes:
            assert y is not None
            code = one_hot(y, self.classes).to(z.dtype)  # (B, classes)
            z = torch.cat([z, code.expand(*z.shape[:-1], -1)], -1)
        with self._precision(z):
            h = self.decoder(z.reshape(-1, z.shape[-1]))
        px: Distribution = self._likelihood(h.float().unflatten(0, z.shape[:-1]))
        return self.units.of_x(px if x is None else self._likelihood.of_examples(px, x))

    def average(self, px: Distribution, weights: Tensor) -> Tensor:
        """Return Σ_k w_k E[x|z_k] for p(x|z_k) and weights, both (K, B): (B, *event). Of a
        category it is the name with the largest mean probability."""
        base = getattr(px, "base", px)
        return self.units.inverse(self._likelihood.average(base, weights))

    def forward(self, x: Tensor, samples: int = 1, y: Tensor | None = None) -> Pass:
        """Return a forward pass with K = `samples`; 0 uses the mean of q(z|x) as z, with K = 1."""
        q = self.posterior(x, y)
        z = self.latents(q, samples)
        return Pass(x, y, q, self.prior(), z, self.likelihood(z, y, x))

    def loss(self, out: Pass, scalars: dict[str, float]) -> Loss:
        """Return the configured objective of a pass, with `scalars` as its scheduled options."""
        options = self.config.chosen("objective") | scalars
        total, terms = OBJECTIVES[self.config.objective].loss(out, **options)
        for name, (term, weight) in self._posterior.loss_terms(out.q).items():
            total, terms = total + weight * term, terms | {name: term}
        return Loss(total, terms)

    def learn(self, out: Pass) -> None:
        """Change the tensors that learn without gradient, after an optimiser step on this pass."""
        self._posterior.learn(out.q)

    def code_use(self, out: Pass) -> dict[str, Tensor]:
        """Return the share of the examples of a pass with each code; {} without a codebook."""
        return self._posterior.code_use(out.q)

    def decoder_input(self, z: Tensor) -> Tensor:
        """Return the vectors that the decoder reads for z (..., Z): z, or the nearest codes."""
        return self._posterior.decoder_input(z)

    def _precision(self, x: Tensor) -> AbstractContextManager[object]:
        if self.config.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(x.device.type, torch.bfloat16)


def classes_in_turn(model: VAE, count: int) -> Tensor | None:
    """Return the classes 0, 1, …, 0, 1, … of `count` samples, (count,); None if unconditional."""
    if not model.classes:
        return None
    return torch.arange(count, device=model.device) % model.classes


def build(config: RunConfig, domain: Domain) -> VAE:
    """Return a VAE on the CPU, initialised by the configuration's seed."""
    with stream(torch.device("cpu"), config.seed, "weights"):
        return VAE(config, domain)
