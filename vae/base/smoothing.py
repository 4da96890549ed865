"""Smoothed curves: the exponential mean over the epochs until each value.

Notation: values v_1 … v_T at epochs t_1 ≤ … ≤ t_T; τ is the span of the mean, in epochs.
"""

import math

import numpy as np

from vae.base.records import Floats


def exponential_mean(epoch: Floats, value: Floats, span: float) -> Floats:
    """Return the exponential mean of values (T,) at epochs (T,), over `span` epochs, (T,).

    m_i = Σ_{j ≤ i} w_ij v_j / Σ_{j ≤ i} w_ij with w_ij = exp(−(t_i − t_j) / τ). The weights of the
    present and of earlier values sum to one from the first value on, so that no start value biases
    the mean (the correction of Kingma & Ba 2015, section 3, https://arxiv.org/abs/1412.6980), and
    unequal distances between reports count. A value that is not finite has no weight and no mean.
    """
    means = np.full(len(value), np.nan, np.float32)
    total, weight, last = 0.0, 0.0, 0.0
    for i, (t, v) in enumerate(zip(epoch.tolist(), value.tolist(), strict=True)):
        if not math.isfinite(v):
            continue
        decay = math.exp(-max(t - last, 0.0) / span)
        total, weight, last = total * decay + v, weight * decay + 1.0, t
        means[i] = total / weight
    return means
