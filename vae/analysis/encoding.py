"""Latent space: examples → latents, latents → examples, as records.

Everything is deterministic: z is the mean of q(z|x) or drawn from a stream that a seed fixes.
Notation: N examples, Z latent dimensions, *event the shape of one example.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae.base import rng
from vae.base.records import Encoding, Floats, Ints, Projection
from vae.batches import Batch, Batches
from vae.components.terms import kl, kl_per_dimension, reconstruction_error
from vae.model import VAE, turn

CHUNK = 1024
KL_SAMPLES = 16  # of q(z|x), for the KL of an example where it has no closed form


class Manifold(NamedTuple):
    """A grid of latents on a plane of latent space, and what the decoder makes of them."""

    z: Floats  # (R · C, Z), row by row, the second axis falling, as a picture is read
    values: Floats  # (R · C, *event)
    axes: tuple[Floats, Floats]  # coordinates along the first and second axis, (C,) and (R,)


def encode(model: VAE, batches: Batches, index: Ints, seed: int) -> Encoding:
    """Examples through the encoder, and how well each is reconstructed from its mean.

    `index` names the rows of the data set that `batches` holds.
    """
    parts: list[dict[str, Tensor]] = []
    with torch.no_grad(), rng.stream(model.device, seed, "evaluation"):
        for i, batch in enumerate(batches.chunks(CHUNK)):
            with rng.stream(model.device, seed, "page", i):  # x goes on where it was
                parts.append(_encoded(model, batch))
    found = {k: torch.cat([part[k] for part in parts]).cpu().numpy() for k in parts[0]}
    return Encoding(
        index=index,
        mean=found["mean"],
        std=found.get("std"),
        kl=found.get("kl"),
        kl_per_dimension=found.get("kl_per_dimension"),
        reconstruction=found["reconstruction"],
    )


def _encoded(model: VAE, batch: Batch) -> dict[str, Tensor]:
    """One batch of an encoding, those of its fields that exist. z is the mean of q(z|x), except
    that a KL without closed form is the mean over samples."""
    out = model(batch.x, 0, batch.y)
    found = {"mean": out.z[0], "reconstruction": reconstruction_error(out)[0]}
    if model.has_kl:
        sampled = out._replace(z=out.q.rsample(torch.Size((KL_SAMPLES,))))
        found |= {"std": out.q.stddev, "kl": kl(out if model.config.closed_kl else sampled)}
    if model.config.kl_per_dimension and model.has_kl:
        found["kl_per_dimension"] = kl_per_dimension(out)
    return found


def posterior_sample(model: VAE, batches: Batches, data_seed: int, seed: int) -> Floats:
    """One z ~ q(z|x) for each example, (N, Z), x as in `encode` with `data_seed`; the mean for a
    point posterior."""
    z, device = [], model.device
    with torch.no_grad(), rng.stream(device, data_seed, "evaluation"):
        for i, batch in enumerate(batches.chunks(CHUNK)):
            with rng.stream(device, seed, "page", i):
                z.append(model.posterior(*batch).rsample().cpu().numpy())
    return np.concatenate(z)


def errors_at(model: VAE, batches: Batches, z: Floats, seed: int) -> Floats:
    """-ln p(x|z) of each example at its own z, (N, Z) → (N,); x as in `encode` with `seed`."""
    errors = []
    with torch.no_grad(), rng.stream(model.device, seed, "evaluation"):
        for i, (x, y) in enumerate(batches.chunks(CHUNK)):
            own = torch.from_numpy(z[i * CHUNK : (i + 1) * CHUNK]).to(model.device)
            errors.append(-model.likelihood(own, y).log_prob(x).cpu().numpy())
    return np.concatenate(errors)


def pick(batches: Batches, places: Ints, seed: int) -> Floats:
    """The examples at `places` (n,) of the batches as `encode` sees them with `seed`,
    (n, *event). Stochastic binarisation draws for all examples in turn, so all are drawn again."""
    if batches.binarize != "stochastic":
        rows = torch.from_numpy(places).to(batches.x.device)
        chosen: Floats = batches.take(rows).x.cpu().numpy()
        return chosen
    picked = np.empty((len(places), *batches.x.shape[1:]), np.float32)
    with rng.stream(batches.x.device, seed, "evaluation"):
        for i, (x, _) in enumerate(batches.chunks(CHUNK)):
            here = places // CHUNK == i
            picked[here] = x.cpu().numpy()[places[here] % CHUNK]
    return picked


def prior_sample(model: VAE, count: int, seed: int, temperature: float = 1.0) -> Floats:
    """z (count, Z) from the prior, its spread about its centre (about each of its centres, where
    it has several) times `temperature`.

    A smaller count with the same seed gives the same first z.
    """
    with torch.no_grad():
        p, draws = model.prior(temperature), []
        for i in range(count):
            with rng.stream(model.device, seed, "page", i):
                draws.append(p.sample())
        z: Floats = torch.stack(draws).cpu().numpy()
        return z


def fitted_sample(means: Floats, count: int, seed: int, temperature: float = 1.0) -> Floats:
    """Noise (count, Z) from the normal distribution with the mean and the covariance of latents
    (N, Z): what there is in place of a prior sample for a model without prior.

    `temperature` and `seed` as in `prior_sample`.
    """
    draws = []
    for i in range(count):
        with rng.stream(torch.device("cpu"), seed, "page", i):
            draws.append(torch.randn(means.shape[1], dtype=torch.float64).numpy())
    covariance = np.cov(means.T, dtype=np.float64).reshape(means.shape[1], -1)
    values, vectors = np.linalg.eigh(covariance)  # some may be 0: latents that do not move
    root = vectors * np.sqrt(np.maximum(values, 0))  # (Z, Z), root rootᵀ = covariance
    z: Floats = (means.mean(0) + temperature * np.stack(draws) @ root.T).astype(np.float32)
    return z


def decode(
    model: VAE, z: Floats, noise_seed: int | None = None, labels: Ints | None = None
) -> Floats:
    """E[x|z] for z (N, Z) → (N, *event); a draw x ~ p(x|z) if `noise_seed` is given.

    A conditional model takes the class of each from `labels` (N,), by default all classes in turn.
    """
    parts = []
    y = turn(model, len(z))
    if y is not None and labels is not None:
        y = torch.from_numpy(labels).to(model.device)
    with torch.no_grad(), rng.stream(model.device, noise_seed or 0, "page"):
        for start in range(0, len(z), CHUNK):
            part = slice(start, start + CHUNK)
            own = torch.from_numpy(z[part]).to(model.device)
            px = model.likelihood(own, None if y is None else y[part])
            parts.append((px.mean if noise_seed is None else px.sample()).cpu().numpy())
    return np.concatenate(parts) if parts else np.empty((0, *model.domain.shape), np.float32)


def quantiles(count: int, share: float = 0.98) -> Floats:
    """`count` places at evenly spaced probabilities of N(0, 1), the middle `share` of it: the grid
    of Kingma & Welling 2014, appendix A."""
    edge = (1 - share) / 2
    p = torch.linspace(edge, 1 - edge, count, dtype=torch.float64)
    places: Floats = torch.special.ndtri(p).float().numpy()
    return places


def manifold(
    model: VAE,
    origin: Floats,
    first: Floats,
    second: Floats,
    coordinates: Floats,
    up: Floats | None = None,
    label: int = 0,
) -> Manifold:
    """Decode origin + a · first + b · second over a grid of coordinates a and b, b from `up`, by
    default the same as a; `up` = (0,) makes a line.

    origin, first, second (Z,); with unit vectors, a and b are values of two latent dimensions. A
    conditional model decodes all of it for the class `label`.
    """
    rows = (coordinates if up is None else up)[::-1].copy()
    a, b = np.meshgrid(coordinates, rows)
    z = origin + a.reshape(-1, 1) * first + b.reshape(-1, 1) * second
    z = z.astype(np.float32)
    values = decode(model, z, labels=np.full(len(z), label))
    return Manifold(z, values, (coordinates, rows))


def plane_of_dimensions(latent_dim: int, pair: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Origin and unit vectors of two latent dimensions, the others at 0, the prior's mean."""
    eye = np.eye(latent_dim, dtype=np.float32)
    return np.zeros(latent_dim, np.float32), eye[pair[0]], eye[pair[1]]


def plane_of_fit(means: Floats, pair: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Mean of latents (N, Z) and the axes of two dimensions, each as long as the latents spread
    along it (standard deviation): the grid then takes the quantiles of a normal fitted to each."""
    scale = np.diag(means.std(0)).astype(np.float32)
    return means.mean(0).astype(np.float32), scale[pair[0]], scale[pair[1]]


def plane_of_pca(means: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean and first two principal axes of latents (N, Z), each axis as long as the standard
    deviation along it, so that the grid's quantiles follow the data."""
    from sklearn.decomposition import PCA

    fitted = PCA(2).fit(means)
    scale = np.sqrt(fitted.explained_variance_)[:, None]
    first, second = (fitted.components_ * scale).astype(np.float32)
    return fitted.mean_.astype(np.float32), first, second


def informativeness(encoding: Encoding) -> Floats:
    """What each latent dimension carries, (Z,): its mean KL in nats, or where dimensions have no
    KL of their own the variance of the posterior mean."""
    per_dimension = encoding.kl_per_dimension
    value: Floats = encoding.mean.var(0) if per_dimension is None else per_dimension.mean(0)
    return value


def by_kl(encoding: Encoding) -> list[int]:
    """Latent dimensions, the most informative first."""
    value = informativeness(encoding)
    return [int(i) for i in np.argsort(-value, kind="stable")]


def pair_titles(encoding: Encoding, numbers: bool = True) -> dict[int, str]:
    """Latent dimension → its title, the most informative first.

    With `numbers`, the title ends with the mean KL in nats per example or, where a dimension has
    no KL of its own, with the variance of its posterior mean.
    """
    value = informativeness(encoding)
    number = "{:.2g}" if encoding.kl_per_dimension is None else "{:.2f}"
    endings = [f" · {number.format(v)}" if numbers else "" for v in value]
    return {d: f"z{d + 1}{endings[d]}" for d in by_kl(encoding)}


def dimensions(means: Floats, pair: tuple[int, int]) -> Projection:
    """Two latent dimensions as they are, means (N, Z)."""
    axes = (f"z{pair[0] + 1} (posterior mean)", f"z{pair[1] + 1} (posterior mean)")
    return Projection(means[:, list(pair)], axes, "")
