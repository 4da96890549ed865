"""Encoding and decoding: examples → latents, latents → examples, as records.

Every function is deterministic: z is the mean of q(z|x) or a sample with a fixed seed.
Notation: N examples, Z latent dimensions, *event the shape of one example.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae.analysis.projections import Plane
from vae.base import rng
from vae.base.numbers import compact, fixed
from vae.base.records import Encoding, Floats, Ints
from vae.batches import Batch, Batches, collected
from vae.components.terms import kl, kl_per_dimension, reconstruction_error
from vae.model import VAE, classes_in_turn

CHUNK = 1024
KL_SAMPLES = 16  # samples of q(z|x) that estimate a KL without closed form


class Manifold(NamedTuple):
    """A grid of latents on a plane of latent space, decoded."""

    z: Floats  # (R · C, Z), row by row from the largest second coordinate down
    values: Floats  # (R · C, *event)
    axes: tuple[Floats, Floats]  # coordinates on the first and second axis, (C,) and (R,)
    names: tuple[str, str]  # of the coordinates


def encode(model: VAE, batches: Batches, index: Ints, seed: int) -> Encoding:
    """Return the latents of the examples in `batches`, with the KL and the reconstruction error of
    each at the posterior mean, in nats.

    `index` (N,) holds the rows of the data set that `batches` contains.
    """

    def parts() -> Iterator[dict[str, Tensor]]:
        for i, batch in enumerate(batches.chunks(CHUNK)):
            with rng.stream(model.device, seed, "page", i):  # the stream of x goes on after it
                yield _encoded(model, batch)

    with torch.no_grad(), rng.stream(model.device, seed, "evaluation"):
        found = {k: v.numpy() for k, v in collected(parts(), len(batches)).items()}
    return Encoding(
        index=index,
        mean=found["mean"],
        std=found.get("std"),
        kl=found.get("kl"),
        kl_per_dimension=found.get("kl_per_dimension"),
        reconstruction=found["reconstruction"],
    )


def _encoded(model: VAE, batch: Batch) -> dict[str, Tensor]:
    """Return the fields of `Encoding` that the model defines, for one batch. z is the mean of
    q(z|x); a KL without closed form is a mean over samples."""
    out = model(batch.x, 0, batch.y)
    found = {"mean": out.z[0], "reconstruction": reconstruction_error(out)[0]}
    if model.has_kl:
        sampled = out._replace(z=out.q.rsample(torch.Size((KL_SAMPLES,))))
        found |= {"std": out.q.stddev, "kl": kl(out if model.config.closed_kl else sampled)}
    if model.config.kl_per_dimension and model.has_kl:
        found["kl_per_dimension"] = kl_per_dimension(out)
    return found


def posterior_sample(model: VAE, batches: Batches, data_seed: int, seed: int) -> Floats:
    """Return one sample z ~ q(z|x) of each example, (N, Z); the mean without a density.

    `data_seed` fixes the binarization of x as the seed of `encode` does, `seed` the samples.
    """

    def parts() -> Iterator[dict[str, Tensor]]:
        for i, batch in enumerate(batches.chunks(CHUNK)):
            with rng.stream(model.device, seed, "page", i):
                yield {"z": model.posterior(*batch).rsample()}

    with torch.no_grad(), rng.stream(model.device, data_seed, "evaluation"):
        z: Floats = collected(parts(), len(batches))["z"].numpy()
        return z


def errors_at(model: VAE, batches: Batches, z: Floats, seed: int) -> Floats:
    """Return −ln p(x|z) of each example at its z, (N, Z) → (N,), nats; x as in `encode`."""

    def parts() -> Iterator[dict[str, Tensor]]:
        for i, (x, y) in enumerate(batches.chunks(CHUNK)):
            part = torch.from_numpy(z[i * CHUNK : (i + 1) * CHUNK]).to(model.device)
            yield {"error": -model.likelihood(part, y).log_prob(x)}

    with torch.no_grad(), rng.stream(model.device, seed, "evaluation"):
        errors: Floats = collected(parts(), len(batches))["error"].numpy()
        return errors


def pick(batches: Batches, places: Ints, seed: int) -> Floats:
    """Return the examples at positions `places` (n,) of the batches, (n, *event), as `encode` with
    this seed reads them. Stochastic binarization samples all N examples in order, so all are
    sampled again."""
    if not batches.binarization.random:
        rows = torch.from_numpy(places)
        chosen: Floats = batches.take(rows).x.cpu().numpy()
        return chosen
    picked = np.empty((len(places), *batches.x.shape[1:]), np.float32)
    with rng.stream(batches.device, seed, "evaluation"):
        for i, (x, _) in enumerate(batches.chunks(CHUNK)):
            here = places // CHUNK == i
            picked[here] = x.cpu().numpy()[places[here] % CHUNK]
    return picked


def prior_sample(model: VAE, count: int, seed: int, temperature: float = 1.0) -> Floats:
    """Return samples z (count, Z) of the prior. `temperature` multiplies the deviation from the
    mean, or from the mean of each component.

    A smaller count with the same seed returns the first of the same samples.
    """
    with torch.no_grad():
        p, draws = model.prior(temperature), []
        for i in range(count):
            with rng.stream(model.device, seed, "page", i):
                draws.append(p.sample())
        z: Floats = torch.stack(draws).cpu().numpy()
        return z


def fitted_sample(means: Floats, count: int, seed: int, temperature: float = 1.0) -> Floats:
    """Return samples (count, Z) of the normal distribution with the mean and the covariance of
    latents (N, Z). They replace prior samples for a model without prior.

    `temperature` and `seed` as in `prior_sample`.
    """
    draws = []
    for i in range(count):
        with rng.stream(torch.device("cpu"), seed, "page", i):
            draws.append(torch.randn(means.shape[1], dtype=torch.float64).numpy())
    covariance = np.cov(means.T, dtype=np.float64).reshape(means.shape[1], -1)
    values, vectors = np.linalg.eigh(covariance)  # 0 for a latent that never varies
    root = vectors * np.sqrt(np.maximum(values, 0))  # (Z, Z), root rootᵀ = covariance
    z: Floats = (means.mean(0) + temperature * np.stack(draws) @ root.T).astype(np.float32)
    return z


def decode(
    model: VAE,
    z: Floats,
    noise_seed: int | None = None,
    labels: Ints | None = None,
    x: Floats | None = None,
) -> Floats:
    """Return E[x|z] of z (N, Z), (N, *event); with `noise_seed` a sample x ~ p(x|z) instead.

    `labels` (N,) are the classes for a conditional model, by default all classes in turn. A model
    that reads library sizes takes those of examples `x` (N, *event), by default the typical one.
    """
    y = classes_in_turn(model, len(z))
    if y is not None and labels is not None:
        y = torch.from_numpy(labels).to(model.device)

    def parts() -> Iterator[dict[str, Tensor]]:
        for start in range(0, len(z), CHUNK):
            part = slice(start, start + CHUNK)
            latents = torch.from_numpy(z[part]).to(model.device)
            sized = None if x is None else torch.from_numpy(x[part]).to(model.device)
            px = model.likelihood(latents, None if y is None else y[part], sized)
            yield {"x": px.mean if noise_seed is None else px.sample()}

    if not len(z):
        return np.empty((0, *model.domain.shape), np.float32)
    with torch.no_grad(), rng.stream(model.device, noise_seed or 0, "page"):
        decoded: Floats = collected(parts(), len(z))["x"].numpy()
        return decoded


def quantiles(count: int, share: float = 0.98) -> Floats:
    """Return `count` quantiles of N(0, 1) at evenly spaced probabilities that cover the middle
    `share` of its mass: the grid of Kingma & Welling 2014, appendix A."""
    edge = (1 - share) / 2
    p = torch.linspace(edge, 1 - edge, count, dtype=torch.float64)
    places: Floats = torch.special.ndtri(p).float().numpy()
    return places


def manifold(
    model: VAE, plane: Plane, across: Floats, up: Floats | None = None, label: int = 0
) -> Manifold:
    """Decode a grid of places on a plane of latent space.

    The grid has the coordinates `across` (C,) on the first axis and `up` (R,) on the second, by
    default the same; `up` = (0,) is a line. A conditional model decodes the class `label`.
    """
    rows = (across if up is None else up)[::-1].copy()
    z = plane.latents_at(np.stack(np.meshgrid(across, rows), -1).reshape(-1, 2))
    values = decode(model, z, labels=np.full(len(z), label))
    return Manifold(z, values, (across, rows), plane.names)


def informativeness(encoding: Encoding) -> Floats:
    """Return the mean KL of each latent dimension in nats, (Z,), or the variance of its posterior
    mean where the KL does not separate by dimension. Higher is more informative."""
    per_dimension = encoding.kl_per_dimension
    value: Floats = encoding.mean.var(0) if per_dimension is None else per_dimension.mean(0)
    return value


def information_text(encoding: Encoding, value: float) -> str:
    """Return the informativeness of a latent dimension with its unit."""
    has_kl = encoding.kl_per_dimension is not None
    return f"{fixed(value)} nats" if has_kl else f"variance {compact(value, 2)}"


def by_kl(encoding: Encoding) -> list[int]:
    """Return the latent dimensions, the most informative first."""
    value = informativeness(encoding)
    return [int(i) for i in np.argsort(-value, kind="stable")]


def pair_titles(encoding: Encoding, numbers: bool = True) -> dict[int, str]:
    """Return the title of each latent dimension, the most informative first.

    With `numbers`, the title ends with the mean KL in nats per example or, where the KL does not
    separate by dimension, with the variance of the posterior mean.
    """
    value = informativeness(encoding)
    has_kl = encoding.kl_per_dimension is not None
    texts = [fixed(v) if has_kl else compact(v, 2) for v in value]
    endings = [f" · {text}" if numbers else "" for text in texts]
    return {d: f"z{d + 1}{endings[d]}" for d in by_kl(encoding)}
