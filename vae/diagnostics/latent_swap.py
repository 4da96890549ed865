"""A checkup: what a run's reports cannot tell, measured on its model with held-out examples.

Whether a decoder heeds its latents is seen by giving it those of another example: with z ~ q(z|x)
and z' ~ q(z|x') of an example x' drawn at random, the swap costs ln p(x|z) − ln p(x|z') nats. Its
mean is at least I(x; z) where q is the exact posterior, as the mean of ln p(x|z') over z' is at
most ln p(x); a decoder that ignores z pays 0. A conditional model keeps the class of x.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from vae.analysis.loaded_run import LoadedRun
from vae.base import rng
from vae.batches import Batch
from vae.components.terms import kl, reconstruction_error
from vae.diagnostics.findings import Measured
from vae.model import VAE

EXAMPLES = 500  # the standard error of a mean is then a 22nd of the spread
CHUNK = 64  # examples decoded at once: a categorical over 256 levels makes 256 outputs a pixel


def measure(loaded: LoadedRun) -> Measured:
    """Look at a run's model with at most EXAMPLES of its test, else validation, else training
    examples. Raises ValueError if there are fewer than two."""
    split = loaded.default_split()
    rows = np.random.default_rng(loaded.seed).permutation(loaded.subset(split, EXAMPLES))
    if len(rows) < 2:
        raise ValueError("A single example cannot be exchanged for another.")
    batch = loaded.batches(rows).fixed(loaded.seed)
    with torch.no_grad(), rng.stream(loaded.model.device, loaded.seed, "page"):
        own, rate, z, width = _own(loaded.model, batch)
        other = _decoded(loaded.model, batch, z.roll(1, 0))
    cost = (other - own).double()
    return Measured(
        split=split,
        examples=len(rows),
        elbo=None if rate is None else -float((own + rate).mean()),
        swap=float(cost.mean()),
        swap_se=float(cost.std() / math.sqrt(len(cost))),
        narrowest=None if width is None else float(width.log().mean(0).exp().min()),
        spread=float(batch.x.std()),
        levels=loaded.model.domain.levels,
    )


def _parts(batch: Batch) -> Iterator[tuple[slice, Tensor, Tensor | None]]:
    for start in range(0, len(batch.x), CHUNK):
        part = slice(start, start + CHUNK)
        yield part, batch.x[part], None if batch.y is None else batch.y[part]


def _own(model: VAE, batch: Batch) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
    """−ln p(x|z) (N,), KL (N,), z (N, Z) and the posterior's σ (N, Z)."""
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
    """−ln p(x|z) (N,) for these z (N, Z)."""
    found = [-model.likelihood(z[part], y).log_prob(x) for part, x, y in _parts(batch)]
    return torch.cat(found)
