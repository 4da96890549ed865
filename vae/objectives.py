"""Training objectives, as pure functions of one forward pass.

An objective is `f(out: Pass, *, <its own options>) -> Loss`. It holds no state and knows no step.
Everything is in nats per example: summed over the event, averaged over samples and batch.
Notation: B batch, K posterior samples, Z latent dimensions.
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from torch import Tensor
from torch.distributions import Distribution, Independent, kl_divergence

from vae.options import Option


class Pass(NamedTuple):
    """All that an objective may read: one forward pass."""

    x: Tensor  # (B, *event)
    y: Tensor | None  # (B,) labels, for a conditional model
    q: Distribution  # q(z|x), batch shape (B,), event (Z,)
    p: Distribution  # p(z), event (Z,)
    z: Tensor  # (K, B, Z) reparameterised samples of q
    px: Distribution  # p(x|z), batch shape (K, B), event (*event)
    n_data: int  # size of the training set


class Loss(NamedTuple):
    """What is differentiated, and what is plotted; scalars, nats per example."""

    total: Tensor
    terms: dict[str, Tensor]


def reconstruction_error(out: Pass) -> Tensor:
    """-ln p(x|z) of every sample, (K, B)."""
    return -out.px.log_prob(out.x)


def kl_per_dimension(out: Pass) -> Tensor:
    """KL(q(z|x) || p(z)) per latent dimension, analytic, (B, Z).

    ½ (mu² + sigma² − ln sigma² − 1) for N(mu, sigma²) against N(0, 1) (Kingma & Welling 2014,
    appendix B). Both distributions must factorise over dimensions.
    """
    assert isinstance(out.q, Independent)
    assert isinstance(out.p, Independent)
    return kl_divergence(out.q.base_dist, out.p.base_dist)


def elbo(
    out: Pass,
    *,
    beta: Annotated[
        float,
        Option(
            "Weight of the KL in the loss, without unit. 1 is the evidence lower bound; larger "
            "presses latents towards the prior (β-VAE) at the price of reconstruction.",
            low=0.0,
            high=1000.0,
            scheduled=True,
            live=True,
            label="β",
        ),
    ] = 1.0,
) -> Loss:
    """Negative ELBO, Monte Carlo over K samples (Kingma & Welling 2014, eq. 7); with beta ≠ 1 the
    β-VAE (Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl, eq. 4)."""
    reconstruction = reconstruction_error(out).mean()
    per_dimension = kl_per_dimension(out).mean(0)  # (B, Z) → (Z,)
    total = reconstruction + beta * per_dimension.sum()
    return Loss(total, {"reconstruction": reconstruction, "kl_per_dimension": per_dimension})


def reconstruction(out: Pass) -> Loss:
    """Reconstruction alone: with a point posterior, the plain autoencoder."""
    error = reconstruction_error(out).mean()
    return Loss(error, {"reconstruction": error})


OBJECTIVES: dict[str, Callable[..., Loss]] = {"elbo": elbo, "reconstruction": reconstruction}
