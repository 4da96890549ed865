"""Units of the numbers of a training loop: nats per example, KL ≥ 0, parts that add up.

A reconstruction in nats per example is a sum over the D values of an example, averaged over the
examples. Losses of libraries often average over the values as well. Such a mean is recognised by
the best constant output, of which the numbers are known from the examples: a first report far
below its nats is no sum. Added to a KL in nats, the mean trains another β (`beta_conventions`).
"""

import math

import numpy as np

from vae.base.numbers import compact, number
from vae.base.records import Floats

UNITS = {"nats per example": 1.0, "bits per example": math.log(2)}  # → nats
BELOW = 0.01  # nats by which an estimate of a KL from samples may be negative
APART = 0.01  # share by which the sum of parts may differ, or so many nats
LEAST = 16  # values of an example from which sum and mean are told apart
FACTOR = 4  # a first report is worse than the best constant output, or better by less


def factor(units: str) -> float:
    """Return the nats of one unit. Raises ValueError for an unknown unit."""
    if units not in UNITS:
        raise ValueError(
            f"Unknown units {units!r}; one of {', '.join(UNITS)}: sums over the values of an "
            "example and over the latents, averaged over the examples."
        )
    return UNITS[units]


def check_kl(kl: float, step: int, name: str = "kl") -> None:
    """Raise ValueError for a negative KL."""
    if kl < -BELOW:
        raise ValueError(
            f"{name} is {number(kl)} nats at step {step}, and a KL divergence is never negative: "
            "½ Σ (μ² + σ² − 1 − ln σ²) for N(μ, σ²) and N(0, 1). Check its signs."
        )


def check_parts(kl: float, parts: Floats, step: int) -> None:
    """Raise ValueError unless the KL of each latent (Z,) is valid and they add up to the KL."""
    for k in np.flatnonzero(parts < -BELOW)[:1]:
        check_kl(float(parts[k]), step, f"kl_per_dimension of z{k + 1}")
    total = float(parts.sum(dtype=np.float64))
    if abs(total - kl) > APART * max(1.0, abs(kl)):
        raise ValueError(
            f"kl_per_dimension adds up to {number(total)} nats at step {step}, and kl is "
            f"{number(kl)}: both are averages over the same examples, and kl is the sum over the "
            "latents, not their mean."
        )


def warning(first: float, originals: Floats, likelihood: str, beta: float, latents: int) -> str:
    """Return a sentence if the reconstruction of the first report looks like a mean over the
    values of an example, with the β that the loss trains; else ""."""
    present = originals[~np.isnan(originals)]
    size = round(present.size / max(len(originals), 1))  # values that were observed
    if size < LEAST or first <= 0:
        return ""
    squares, entropy = _constants(present)
    if first * FACTOR > size * max(squares, entropy):
        return ""
    try:  # loads torch, in this rare case only
        from vae.components.likelihoods import LIKELIHOODS
        from vae.config.beta_conventions import CONVENTIONS, OTHER, SQUARED_ERROR, Context
    except ImportError:  # the recorder is installed without the rest
        return _sentence(first, size, entropy or squares)
    kind = LIKELIHOODS[likelihood].form if likelihood in LIKELIHOODS else OTHER
    is_square = kind == SQUARED_ERROR
    each = squares if is_square else entropy
    if not each or first * FACTOR > size * each:
        return ""
    context = Context(size, max(latents, 1), batch=1, n_data=1, kind=kind)
    trained = CONVENTIONS["mse" if is_square else "bce"].ours_from(beta, context)
    return (
        f"{_sentence(first, size, each)} A loss that adds {compact(beta)} times the KL to this "
        f"mean trains β = {compact(trained)}{' at σ = 1' if is_square else ''}."
    )


def _sentence(first: float, size: int, each: float) -> str:
    return (
        f"The first reconstruction is {number(first)}, and the best constant output needs about "
        f"{number(size * each)} nats per example: this is a mean over the {size:,} values of an "
        f"example, not their sum. Record {size:,} times as much."
    )


def _constants(present: Floats) -> tuple[float, float]:
    """Return squared error and cross-entropy of the best constant value, per present value; the
    latter is 0 for values outside [0, 1]."""
    mean, squares = float(present.mean()), float(present.var())
    if present.min() < 0 or present.max() > 1 or not 0 < mean < 1:
        return squares, 0.0
    return squares, -mean * math.log(mean) - (1 - mean) * math.log1p(-mean)
