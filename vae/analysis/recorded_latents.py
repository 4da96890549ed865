"""The latents of a recorded run as an encoding, for the map of a run without a network."""

import numpy as np

from vae.base.records import Encoding, Examples, Frame
from vae.theory.gaussian_kl import kl


def recorded_encoding(frame: Frame, examples: Examples, standard_prior: bool) -> Encoding:
    """Return the latents (N, Z) of a frame; with σ where ln σ² is recorded, and for the prior
    N(0, I) (`standard_prior`) with the KL of each example and dimension."""
    if frame.log_variance is None:
        return Encoding(examples.index, frame.mean, None, None, None, None)
    std = np.exp(frame.log_variance / 2)
    if not standard_prior:
        return Encoding(examples.index, frame.mean, std, None, None, None)
    per = kl(frame.mean.astype(np.float64), std.astype(np.float64)).astype(np.float32)
    return Encoding(examples.index, frame.mean, std, per.sum(1), per, None)
