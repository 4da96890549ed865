"""Statistics of a model on held-out examples: cost of a latent swap, ELBO, posterior widths.

A latent swap tests whether the decoder uses z: with z ~ q(z|x) and z' ~ q(z|x') of a random other
example x', the swap costs ln p(x|z) − ln p(x|z') nats. Under the exact posterior its mean is at
least I(x; z), because the mean of ln p(x|z') over z' is at most ln p(x); it is 0 for a decoder
that ignores z. A conditional model keeps the class of x.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from vae.analysis.loaded_run import LoadedRun
from vae.base import rng
from vae.batches import Batch
from vae.components.likelihoods import LIKELIHOODS
from vae.components.terms import kl, reconstruction_error
from vae.diagnostics.findings import ModelStats
from vae.model import VAE

EXAMPLES = 500  # the standard error of a mean is then a 22nd of the spread
CHUNK = 64  # examples decoded at once: a categorical over 256 levels makes 256 outputs a pixel


def model_stats(loaded: LoadedRun) -> ModelStats:
    """Return the statistics on at most EXAMPLES test, else validation, else training examples.

    Raises ValueError if there are fewer than two.
    """
    split = loaded.default_split()
    rows = np.random.default_rng(loaded.seed).permutation(loaded.subset(split, EXAMPLES))
    if len(rows) < 2:
        raise ValueError("A latent swap needs at least two examples.")
    return stats_of(loaded.model, loaded.batches(rows).fixed(loaded.seed), split, loaded.seed)


def stats_of(model: VAE, batch: Batch, split: str, seed: int) -> ModelStats:
    """Return the statistics on the examples of a batch of a split, two or more."""
    with torch.no_grad(), rng.stream(model.device, seed, "page"):
        error, rate, z, width = _terms(model, batch)
        other = _decoded(model, batch, z.roll(1, 0))
        misfit = _misfit(model, batch, z)
    cost = (other - error).double()
    return ModelStats(
        split=split,
        examples=len(batch.x),
        elbo=None if rate is None else -float((error + rate).mean()),
        swap=float(cost.mean()),
        swap_se=float(cost.std() / math.sqrt(len(cost))),
        narrowest=None if width is None else float(width.log().mean(0).exp().min()),
        spread=_spread(model.units(batch.x)),
        misfit=misfit,
        levels=model.domain.levels,
        sd=float((error if rate is None else error + rate).double().std()),
    )


def _misfit(model: VAE, batch: Batch, z: Tensor) -> float | None:
    """Return the root mean squared error of x as a share of a fixed σ; None without one.

    ln p(E[x|z] | z) − ln p(x|z) = Σ (x − E[x|z])² / 2σ², in every unit of x.
    """
    if LIKELIHOODS[model.config.likelihood].noise != "fixed" or batch.x.isnan().any():
        return None
    total = 0.0
    for part, x, y in _parts(batch):
        px = model.likelihood(z[part], y)
        total += float(2 * (px.log_prob(px.mean) - px.log_prob(x)).double().sum())
    return math.sqrt(max(total, 0.0) / batch.x.numel())


def _spread(u: Tensor) -> float:
    """Return the standard deviation of all observed values."""
    return float(u[~u.isnan()].std())


def _parts(batch: Batch) -> Iterator[tuple[slice, Tensor, Tensor | None]]:
    for start in range(0, len(batch.x), CHUNK):
        part = slice(start, start + CHUNK)
        yield part, batch.x[part], None if batch.y is None else batch.y[part]


def _terms(model: VAE, batch: Batch) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
    """Return −ln p(x|z) (N,), KL (N,), z (N, Z) and the posterior σ (N, Z)."""
    errors, rates, latents, widths = [], [], [], []
    for _, x, y in _parts(batch):
        out = model(x, 1, y)
        errors.append(reconstruction_error(out)[0])
        latents.append(out.z[0])
        if model.has_kl:
            rates.append(kl(out))
            widths.append(out.q.stddev)
    rate, width = (torch.cat(found) if found else None for found in (rates, widths))
    return torch.cat(errors), rate, torch.cat(latents), width


def _decoded(model: VAE, batch: Batch, z: Tensor) -> Tensor:
    """Return −ln p(x|z) for z (N, Z), (N,)."""
    found = [-model.likelihood(z[part], y).log_prob(x) for part, x, y in _parts(batch)]
    return torch.cat(found)
