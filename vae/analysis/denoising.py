"""Denoising: corrupted examples through the model, compared with the clean ones.

Errors are measured against the clean x for every corruption x̃ of the input: −ln p(x|z) in nats at
z = mean of q(z|x̃), and the mean squared difference over the values of an example, in squared
units of x, of rescaled data of u. The model denoises an example if its output is closer to x than
x̃ is. Letters: N examples.
"""

from typing import NamedTuple

import numpy as np
import torch

from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Domain, Floats, Ints


class Denoised(NamedTuple):
    """Reconstructions of corrupted examples and their errors."""

    values: Floats  # (N, *event) E[x|z] at the mean of q(z|x̃)
    reconstruction: Floats  # (N,) −ln p(x|z) of the clean x at that z, nats
    squared: Floats  # (N,) squared error of `values` against the clean x
    damage: Floats  # (N,) squared error of the corrupted examples themselves


def denoise(loaded: LoadedRun, x: Floats, corrupted: Floats, rows: Ints) -> Denoised:
    """Encode and decode corrupted examples (N, *event) and compare the output with the clean x.

    Both are inputs of the encoder (scaled, binarized). A conditional model receives the classes
    of the `rows` (N,) of the data set.
    """
    model, labels = loaded.model, loaded.data.labels
    y = None
    if model.classes:
        assert labels is not None
        y = torch.from_numpy(labels[rows])
    with torch.no_grad():
        out = model(torch.from_numpy(corrupted), 0, y)
        values: Floats = out.px.mean[0].numpy()
        error: Floats = -out.px.log_prob(torch.from_numpy(x))[0].numpy()
    after, before = (squared_error(one, x, model.domain) for one in (values, corrupted))
    return Denoised(values, error, after, before)


def squared_error(a: Floats, b: Floats, domain: Domain) -> Floats:
    """Return the mean squared difference of each example (N, *event) over its rescaled values,
    (N,), without those that were not observed."""
    difference = (domain.rescale(a).astype(np.float64) - domain.rescale(b)).reshape(len(a), -1)
    mask = difference == difference
    total = np.where(mask, difference**2, 0).sum(1)
    return np.asarray(total / np.maximum(mask.sum(1), 1), np.float32)
