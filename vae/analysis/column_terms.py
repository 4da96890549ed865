"""The reconstruction error of a table as a sum over its columns.

−ln p(x|z) = Σ_d −ln p(x_d|z), z ~ q(z|x), in nats per example, mean over the examples. A value
that was not observed has no term. Beside it stands the error of the best constant, which is fitted
to the training examples: a column whose error is no lower gains nothing from the latents.

Letters: N examples, D columns, L draws of z.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae.analysis.loaded_run import LoadedRun
from vae.base import rng
from vae.base.records import Floats, Ints
from vae.components.likelihoods import LIKELIHOODS
from vae.components.rescalings import Units, log_prob_of_each
from vae.evaluation.bound import batch_size
from vae.evaluation.constant_fit import best_constant
from vae.model import VAE

DRAWS = 10  # L


class ColumnTerms(NamedTuple):
    """Nats per example of each column, (D,) each."""

    model: Floats  # mean of −ln p(x_d|z)
    se: Floats  # its standard error over the examples
    constant: Floats  # mean of −ln p(x_d) of the best constant

    @property
    def gain(self) -> Floats:
        """Nats that the latents save, (D,)."""
        return self.constant - self.model


def column_terms(loaded: LoadedRun, rows: Ints, draws: int = DRAWS) -> ColumnTerms:
    """Return the terms of the columns for these rows of the data set."""
    model, batches = loaded.model, loaded.batches(rows)
    with torch.no_grad(), rng.stream(model.device, loaded.seed, "evaluation"):
        size = max(1, batch_size(model, 4096 * draws) // draws)
        parts = [_errors(model, x, y, draws) for x, y in batches.chunks(size)]
    each = torch.cat(parts).numpy()
    return ColumnTerms(
        model=each.mean(0),
        se=each.std(0) / np.sqrt(len(each)),
        constant=_constant(loaded, rows),
    )


def _errors(model: VAE, x: Tensor, y: Tensor | None, draws: int) -> Tensor:
    """Return −ln p(x_d|z) of each value, mean over L draws of z ~ q(z|x), (B, D)."""
    q = model.posterior(x, y)
    z = q.rsample(torch.Size((draws,))) if model.has_kl else q.mean.unsqueeze(0)  # (L, B, Z)
    return -log_prob_of_each(model.likelihood(z, y, x), x).mean(0)


def _constant(loaded: LoadedRun, rows: Ints) -> Floats:
    """Return the mean error of each column under the best constant, (D,)."""
    config, domain = loaded.run.config, loaded.model.domain
    units = Units(domain).double()
    likelihood = LIKELIHOODS[config.likelihood](domain, **config.chosen("likelihood")).double()
    known, x = (
        torch.from_numpy(loaded.inputs(part)).double() for part in (loaded.rows("train"), rows)
    )
    fit = best_constant(likelihood, units(known))
    with torch.no_grad():
        each = log_prob_of_each(units.of_x(likelihood(fit.h)), x)
    constant: Floats = -each.mean(0).float().numpy()
    return constant
