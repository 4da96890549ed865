"""Imputation: values that were not observed, expected by a model from the observed ones.

With K draws z_k ~ q(z|x_o) and weights w_k ∝ p(x_o|z_k) p(z_k) / q(z_k|x_o), Σ w_k = 1, the
expectation of x given its observed values x_o is about Σ w_k E[x|z_k] (Mattei & Frellsen 2019,
https://arxiv.org/abs/1812.02633). Without a density of q, z is the output of the
encoder and K = 1.

Where values were hidden on purpose, the expectation is compared with them: root mean squared
errors in the units of each column, beside those of the column's mean over the observed training
values. Of a column of names it is the most probable name, and the error is the share of wrong
names, beside that of the most common name. A series is compared channel by channel, and has no
values after its end. Letters: N examples, D values of each, K draws.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae.analysis.dataset_summary import moments
from vae.analysis.loaded_run import LoadedRun
from vae.base import rng
from vae.base.kinds import KINDS, REAL
from vae.base.records import Floats, Ints
from vae.batches import collected
from vae.data import Dataset
from vae.data.missing import missing_in
from vae.model import VAE

Flags = NDArray[np.bool_]
DRAWS = 100  # K
NUMBERS = 2**22  # decoder outputs computed at a time, at most


class Imputed(NamedTuple):
    """Examples with the values that a model expects from the observed ones."""

    rows: Ints  # (N,) of the data set
    observed: Floats  # (N, *event) NaN where not observed
    expected: Floats  # (N, *event) E[x | observed values]
    is_missing: Flags  # (N, *event) values that were not observed; False after the end of a series

    @property
    def is_observed(self) -> Flags:
        """Whether each value was observed, (N, *event); also False after the end of a series."""
        return ~np.isnan(self.observed)

    @property
    def completed(self) -> Floats:
        """The observed values, and the expected ones where they are missing, (N, *event)."""
        return np.where(self.is_missing, self.expected, self.observed)


class HiddenErrors(NamedTuple):
    """Errors at values that were hidden on purpose; NaN for a column without any. D columns, or
    channels of series."""

    counts: Ints  # (D,) hidden values
    model: Floats  # (D,) root mean squared error of the model, in the unit of the column
    mean: Floats  # (D,) that of the mean of the column's observed training values
    sd: Floats  # (D,) standard deviation of these values
    named: Flags  # (D,) columns of names: the errors are shares of wrong names

    @property
    def total(self) -> tuple[float, float]:
        """Both errors over all hidden numbers, each in standard deviations of its column."""
        counts = np.where(self.named, 0, self.counts)
        return (_pooled(self.model, self.sd, counts), _pooled(self.mean, self.sd, counts))

    @property
    def wrong(self) -> tuple[float, float] | None:
        """The shares of wrong names of the model and of the most common name, over all hidden
        names; None without any."""
        counts = np.where(self.named, self.counts, 0)
        if not counts.sum():
            return None
        shares = (np.nan_to_num(v) @ counts / counts.sum() for v in (self.model, self.mean))
        first, second = map(float, shares)
        return first, second


def _pooled(error: Floats, sd: Floats, counts: Ints) -> float:
    """Return the root of the mean of squared errors in units of the SD, weighted by counts."""
    square = np.nan_to_num(error / np.where(sd > 0, sd, 1)) ** 2
    return float(np.sqrt((square * counts).sum() / max(1, counts.sum())))


def impute(loaded: LoadedRun, rows: Ints, draws: int = DRAWS) -> Imputed:
    """Return the rows of the data set with the values that the model expects."""
    model, batches = loaded.model, loaded.batches(rows)
    each = draws * math.prod(model.outputs[0].coded_shape) * model.outputs[0].multiplicity
    with torch.no_grad(), rng.stream(model.device, loaded.seed, "evaluation"):
        chunks = batches.chunks(max(1, NUMBERS // each))
        parts = ({"x": _expected(model, x, y, draws)} for x, y in chunks)
        expected: Floats = collected(parts, len(batches))["x"].numpy()
    return Imputed(rows, loaded.inputs(rows), expected, missing_in(loaded.data, rows))


def _expected(model: VAE, x: Tensor, y: Tensor | None, draws: int) -> Tensor:
    """Return E[x | observed values], (B, *event)."""
    q = model.posterior(x, y)
    if not model.has_kl:
        return model.likelihood(q.mean, y).mean
    z = q.rsample(torch.Size((draws,)))  # (K, B, Z)
    px = model.likelihood(z, y)
    log_weights = model.prior().log_prob(z) + px.log_prob(x) - q.log_prob(z)  # (K, B)
    weights = log_weights.double().softmax(0).to(x.dtype)
    return model.average(px, weights)


def hidden_errors(loaded: LoadedRun, found: Imputed) -> HiddenErrors | None:
    """Return the errors at the hidden values of these rows; None if none were hidden."""
    if loaded.data.truth is None:
        return None
    truth = by_column(loaded.data.truth[found.rows] / np.float32(loaded.data.scale))
    hidden = by_column(np.isnan(found.observed)) & ~np.isnan(truth)
    mean, sd = _known(loaded)
    named = named_columns(loaded.data)
    mean = np.where(named, _most_common(loaded), mean)
    expected = by_column(found.expected)
    by_model, by_mean = _root(truth - expected, hidden), _root(truth - mean, hidden)
    wrong = (_share(truth != np.rint(other), hidden) for other in (expected, mean))
    roots = by_model, by_mean
    model, base = (np.where(named, w, r) for w, r in zip(wrong, roots, strict=True))
    return HiddenErrors(hidden.sum(0), model, base, sd, named)


def named_columns(data: Dataset) -> Flags:
    """Return whether each column, or channel of series, holds names, (D,)."""
    kinds = data.kinds or (REAL,) * data.event_shape[0]
    return np.array([KINDS[kind].named for kind in kinds])


def _most_common(loaded: LoadedRun) -> Floats:
    """Return the most common name of each column in the training examples, (D,); 0 of others."""
    named = named_columns(loaded.data)
    if not named.any():
        return np.zeros(len(named), np.float32)
    x = loaded.inputs(loaded.rows("train"))
    found = [
        np.bincount(v[v == v].astype(int)).argmax() if is_named else 0
        for v, is_named in zip(x.T, named, strict=True)
    ]
    return np.array(found, np.float32)


def _share(chosen: Flags, among: Flags) -> Floats:
    """Return the share of the chosen values among others in each column; NaN without any."""
    count = among.sum(0)
    share = (chosen & among).sum(0) / np.maximum(count, 1)
    return np.asarray(np.where(count > 0, share, np.nan), np.float32)


def _known(loaded: LoadedRun) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the observed training values of each column, or of
    each channel of series, (D,)."""
    known = moments(loaded.data, loaded.run.config, loaded.rows("train"))
    if not loaded.data.is_series:
        return known.mean, known.sd
    x = by_column(loaded.inputs(loaded.rows("train"))).astype(np.float64)
    return np.nanmean(x, 0).astype(np.float32), np.nanstd(x, 0).astype(np.float32)


def by_column(values: NDArray[Any]) -> NDArray[Any]:
    """Return vectors (N, D) as they are, series (N, C, T) as the values of each channel (N T, C),
    one series after the other."""
    return values if values.ndim == 2 else values.swapaxes(1, 2).reshape(-1, values.shape[1])


def _root(difference: Floats, chosen: Flags) -> Floats:
    """Return the root mean square of the chosen values of each column; NaN without any."""
    square = np.where(chosen, difference.astype(np.float64) ** 2, 0).sum(0)
    count = chosen.sum(0)
    root = np.sqrt(square / np.maximum(count, 1))
    return np.asarray(np.where(count > 0, root, np.nan), np.float32)
