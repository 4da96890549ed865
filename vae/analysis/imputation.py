"""Imputation: values that were not observed, expected by a model from the observed ones.

With K draws z_k ~ q(z|x_o) and weights w_k ∝ p(x_o|z_k) p(z_k) / q(z_k|x_o), Σ w_k = 1, the
expectation of x given its observed values x_o is about Σ w_k E[x|z_k] (Mattei & Frellsen 2019,
https://arxiv.org/abs/1812.02633, section 3). Without a density of q, z is the output of the
encoder and K = 1.

Where values were hidden on purpose, the expectation is compared with them: root mean squared
errors in the units of each column, beside those of the column's mean over the observed training
values. Letters: N examples, D values of each, K draws.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae.analysis.dataset_summary import moments
from vae.analysis.loaded_run import LoadedRun
from vae.base import rng
from vae.base.records import Floats, Ints
from vae.batches import collected
from vae.model import VAE

Flags = NDArray[np.bool_]
DRAWS = 100  # K
NUMBERS = 2**22  # decoder outputs computed at a time, at most


class Imputed(NamedTuple):
    """Examples with the values that a model expects from the observed ones."""

    rows: Ints  # (N,) of the data set
    observed: Floats  # (N, D) NaN where not observed
    expected: Floats  # (N, D) E[x | observed values]

    @property
    def is_observed(self) -> Flags:
        """Whether each value was observed, (N, D)."""
        return ~np.isnan(self.observed)

    @property
    def completed(self) -> Floats:
        """The observed values, and the expected ones where there are none, (N, D)."""
        return np.where(self.is_observed, self.observed, self.expected)


class HiddenErrors(NamedTuple):
    """Errors at values that were hidden on purpose; NaN for a column without any."""

    counts: Ints  # (D,) hidden values
    model: Floats  # (D,) root mean squared error of the model, in the unit of the column
    mean: Floats  # (D,) that of the mean of the column's observed training values
    sd: Floats  # (D,) standard deviation of these values

    @property
    def total(self) -> tuple[float, float]:
        """Both errors over all hidden values, each in standard deviations of its column."""
        counts = np.where(self.counts > 0, self.counts, 0)
        return (_pooled(self.model, self.sd, counts), _pooled(self.mean, self.sd, counts))


def _pooled(error: Floats, sd: Floats, counts: Ints) -> float:
    """Return the root of the mean of squared errors in units of the SD, weighted by counts."""
    square = np.nan_to_num(error / np.where(sd > 0, sd, 1)) ** 2
    return float(np.sqrt((square * counts).sum() / max(1, counts.sum())))


def impute(loaded: LoadedRun, rows: Ints, draws: int = DRAWS) -> Imputed:
    """Return the rows of the data set with the values that the model expects."""
    model, batches = loaded.model, loaded.batches(rows)
    each = draws * math.prod(model.domain.shape) * model.outputs[0].multiplicity
    with torch.no_grad(), rng.stream(model.device, loaded.seed, "evaluation"):
        chunks = batches.chunks(max(1, NUMBERS // each))
        parts = ({"x": _expected(model, x, y, draws)} for x, y in chunks)
        expected: Floats = collected(parts, len(batches))["x"].numpy()
    return Imputed(rows, loaded.inputs(rows), expected)


def _expected(model: VAE, x: Tensor, y: Tensor | None, draws: int) -> Tensor:
    """Return E[x | observed values], (B, D)."""
    q = model.posterior(x, y)
    if not model.has_kl:
        return model.likelihood(q.mean, y).mean
    z = q.rsample(torch.Size((draws,)))  # (K, B, Z)
    px = model.likelihood(z, y)
    log_weights = model.prior().log_prob(z) + px.log_prob(x) - q.log_prob(z)  # (K, B)
    weights = log_weights.double().softmax(0).to(x.dtype)
    return torch.einsum("kb,kb...->b...", weights, px.mean)


def hidden_errors(loaded: LoadedRun, found: Imputed) -> HiddenErrors | None:
    """Return the errors at the hidden values of these rows; None if none were hidden."""
    if loaded.data.truth is None:
        return None
    truth = loaded.data.truth[found.rows] / np.float32(loaded.data.scale)
    hidden = np.isnan(found.observed) & ~np.isnan(truth)  # (N, D)
    known = moments(loaded.data, loaded.run.config, loaded.rows("train"))
    by_model, by_mean = (_root(truth - guess, hidden) for guess in (found.expected, known.mean))
    return HiddenErrors(hidden.sum(0), by_model, by_mean, known.sd)


def _root(difference: Floats, chosen: Flags) -> Floats:
    """Return the root mean square of the chosen values of each column; NaN without any."""
    square = np.where(chosen, difference.astype(np.float64) ** 2, 0).sum(0)
    count = chosen.sum(0)
    root = np.sqrt(square / np.maximum(count, 1))
    return np.asarray(np.where(count > 0, root, np.nan), np.float32)
