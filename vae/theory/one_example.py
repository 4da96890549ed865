"""All tensors of a VAE for one example, computed by the functions that train.

The model is the linear VAE of two latents on the digits with the weights of probabilistic PCA
(Tipping & Bishop 1999), so that ln p(x) and p(z|x) have a closed form. Only the width of the
encoder is 1.5 times too large, which leaves a gap. Nats.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vae.base.records import Domain
from vae.base.rng import stream
from vae.components.objectives import elbo
from vae.components.terms import kl, reconstruction_error
from vae.config import RunConfig
from vae.data import load
from vae.evaluation.aggregate_posterior import Posteriors
from vae.model import VAE, build
from vae.theory import Doubles
from vae.theory.linear_vae import eigenvalues, exact_maximum

LATENTS, SAMPLES, WIDER = 2, 100, 1.5
DIGIT = 0  # row of the data set


class Quantity(NamedTuple):
    """A tensor of the forward pass."""

    shape: tuple[int, ...]
    value: Doubles  # of the example, and of the first sample


class Weights(NamedTuple):
    """Probabilistic PCA: x = offset + loadings z + noise."""

    offset: Doubles  # (D,)
    loadings: Doubles  # (D, Z)
    carried: Doubles  # (Z,) eigenvalues
    noise: float  # σ²


@lru_cache(maxsize=1)
def digits() -> Doubles:
    """Return the digits as rows between 0 and 1, (N, 64)."""
    found = load("digits")
    rows: Doubles = found.x.reshape(len(found.x), -1).astype(np.float64) / found.scale
    return rows


@lru_cache(maxsize=1)
def weights() -> Weights:
    """Return the maximum-likelihood solution (Tipping & Bishop 1999)."""
    x, spectrum = digits(), eigenvalues()
    noise = exact_maximum(spectrum, LATENTS)[1]
    axes = np.linalg.eigh(np.cov(x.T, bias=True))[1][:, ::-1][:, :LATENTS]  # (D, Z)
    carried = spectrum[:LATENTS]
    return Weights(x.mean(0), axes * np.sqrt(carried - noise), carried, noise)


@lru_cache(maxsize=1)
def model() -> VAE:
    """Return the VAE with these weights; its encoder is exact but for the width."""
    of = weights()
    options = {"network": "linear", "likelihood": "gaussian", "sigma": float(np.sqrt(of.noise))}
    config = RunConfig.model_validate({"latent_dim": LATENTS, **options})
    vae = build(config, Domain((1, 8, 8), levels=17))
    inverse = (of.loadings / of.carried).T  # (Z, D): E[z|x] = inverse (x − offset)
    log_var = np.log(WIDER**2 * of.noise / of.carried)
    encoder, decoder = (_linear(body) for body in (vae.encoder, vae.decoder))
    for layer, matrix, bias in (
        (encoder, np.r_[inverse, 0 * inverse], np.r_[-inverse @ of.offset, log_var]),
        (decoder, of.loadings, of.offset),
    ):
        layer.weight.data = torch.tensor(matrix, dtype=torch.float32)
        layer.bias.data = torch.tensor(bias, dtype=torch.float32)
    return vae


def _linear(body: nn.Module) -> nn.Linear:
    return next(layer for layer in body.modules() if isinstance(layer, nn.Linear))


@lru_cache(maxsize=1)
def log_evidence() -> float:
    """Return ln p(x) = ln N(x; b, WWᵀ + σ² I) (Tipping & Bishop 1999)."""
    of, x = weights(), digits()[DIGIT]
    covariance = of.loadings @ of.loadings.T + of.noise * np.eye(len(x))
    rest = x - of.offset
    square = rest @ np.linalg.solve(covariance, rest)
    log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return float(-0.5 * (square + log_det))


@lru_cache(maxsize=1)
def quantities() -> dict[str, Quantity]:
    """Return each tensor of one forward pass with `SAMPLES` samples of z, by name."""
    x = torch.tensor(digits()[[DIGIT]], dtype=torch.float32).reshape(1, 1, 8, 8)
    return quantities_of(model(), x)


def quantities_of(vae: VAE, x: Tensor, y: Tensor | None = None) -> dict[str, Quantity]:
    """Return each tensor of one forward pass of an example x (1, *event) with a Gaussian q."""
    with torch.no_grad(), stream(torch.device("cpu"), 0, "page"):
        out = vae(x, SAMPLES, y)
        of = Posteriors.of(out.q)
        assert of is not None
        error, divergence = reconstruction_error(out), kl(out)  # (K, B), (B,) or (K, B)
        found = {  # the whole tensor, and its part for the example and the first sample
            "x": (out.x, out.x[0]),
            "mu": (out.q.mean, out.q.mean[0]),
            "sigma": (out.q.stddev, out.q.stddev[0]),
            "eps": (out.z, _noise(of, out.z[0, 0])),
            "z": (out.z, out.z[0, 0]),
            "prior": (error, out.p.log_prob(out.z)[0]),
            "q": (error, out.q.log_prob(out.z)[0]),
            "likelihood": (out.px.mean, out.px.mean[0, 0]),
            "reconstruction": (error, error.mean(0)),
            "kl": (divergence, divergence.mean(0, keepdim=True)),
            "elbo": (divergence.mean(), -elbo(out).total),
        }
    return {
        name: Quantity(tuple(whole.shape), part.double().numpy())
        for name, (whole, part) in found.items()
    }


def _noise(of: Posteriors, z: Tensor) -> Tensor:
    """Return ε of z (Z,): (z − μ) / σ, or L⁻¹ (z − μ) for a full covariance."""
    rest = z - of.mean[0]
    if of.scale.ndim == 2:
        return rest / of.scale[0]
    noise: Tensor = torch.linalg.solve_triangular(of.scale[0], rest[:, None], upper=False)[:, 0]
    return noise


@lru_cache(maxsize=1)
def exact_posterior() -> tuple[Doubles, Doubles]:
    """Return mean and standard deviation of p(z|x) (Tipping & Bishop 1999).

    The loadings are orthogonal, so the latents are independent given x.
    """
    of = weights()
    mean = (of.loadings / of.carried).T @ (digits()[DIGIT] - of.offset)
    return mean, np.sqrt(of.noise / of.carried)


@lru_cache(maxsize=1)
def parameters() -> tuple[int, int]:
    """Return the number of weights of encoder (φ) and decoder (θ)."""
    sizes = [sum(p.numel() for p in b.parameters()) for b in (model().encoder, model().decoder)]
    return sizes[0], sizes[1]
