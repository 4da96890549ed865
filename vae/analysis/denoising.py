"""What a model restores: corrupted examples go in, and what comes out is held against clean ones.

Errors are measured against the clean x, whatever the encoder was given: −ln p(x|z) in nats at z =
mean of q(z|x̃), and the mean squared difference over the values of an example, in squared units of
x. A model restores where its output is nearer to x than x̃ is. Letters: N examples.
"""

from typing import NamedTuple

import numpy as np
import torch

from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Floats, Ints


class Restored(NamedTuple):
    """Corrupted examples after the way through latent space."""

    values: Floats  # (N, *event) E[x|z] at the mean of q(z|x̃)
    reconstruction: Floats  # (N,) -ln p(x|z) of the clean x there, nats
    squared: Floats  # (N,) of the values against the clean x, in squared units of x
    damage: Floats  # (N,) the same of the corrupted examples themselves


def restore(loaded: LoadedRun, x: Floats, corrupted: Floats, rows: Ints) -> Restored:
    """Clean and corrupted examples (N, *event), as the model sees them; `rows` of the data set
    tell a conditional model their classes."""
    model, labels = loaded.model, loaded.data.labels
    y = None
    if model.classes:
        assert labels is not None
        y = torch.from_numpy(labels[rows])
    with torch.no_grad():
        out = model(torch.from_numpy(corrupted), 0, y)
        values: Floats = out.px.mean[0].numpy()
        error: Floats = -out.px.log_prob(torch.from_numpy(x))[0].numpy()
    return Restored(values, error, squared_error(values, x), squared_error(corrupted, x))


def squared_error(a: Floats, b: Floats) -> Floats:
    """Mean squared difference of each example (N, *event) over its values, (N,), in squared units
    of x."""
    apart = (a.astype(np.float64) - b).reshape(len(a), -1)
    return np.asarray((apart**2).mean(1), np.float32)
