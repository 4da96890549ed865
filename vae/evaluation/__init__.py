"""Evaluation: one yardstick for every run, whatever it was trained on.

Everything is in nats per example and a pure function of (model, examples, seed). With L posterior
samples, reconstruction = -1/L Σ ln p(x|z_l), z_l ~ q(z|x); the KL is analytic. With K importance
samples, -ln p(x) is estimated by -ln 1/K Σ p(x, z_k) / q(z_k|x), an upper bound in expectation
that tightens as K grows (Burda et al. 2016, https://arxiv.org/abs/1509.00519, eq. 8); whether the
weights can be trusted, `importance` says. A standard error over the examples is that of the mean
as an estimate for all data of their kind: spread of one example / √N.

`bound` has this, example by example. A full evaluation takes longer: `full` asks what the latents
hold, and how good samples are.
"""

from collections.abc import Mapping
from typing import Any

import torch

from vae.base import rng
from vae.base.progress import Progress, parts, silent
from vae.base.records import Evaluation, Floats, Ints
from vae.batches import Batches
from vae.evaluation.bound import (
    FULL,
    active_interval,
    active_units,
    at_once,
    log_likelihood,
    log_weights,
    record_of,
    seen,
    with_bits_and_notes,
)
from vae.evaluation.extended import Known, completed, pace, seconds
from vae.model import VAE

__all__ = [
    "FULL",
    "active_interval",
    "active_units",
    "evaluate",
    "log_likelihood",
    "log_weights",
]

CHUNK = 256  # examples at a time, at most


def evaluate(
    model: VAE,
    batches: Batches,
    *,
    elbo_samples: int = 10,
    nll_samples: int = 0,
    seed: int = 0,
    full: bool = False,
    labels: Ints | None = None,
    factors: Mapping[str, Floats] | None = None,
    training: Batches | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Judge a model on examples. `run`, `split` and `checkpoint` are left for the caller.

    Only a full evaluation looks at what is known of the examples, `labels` (N,) and `factors` name
    → (N,), and at `training`, examples of the training part, whose principal components samples
    are compared in. `progress` is told the share that is done, and may raise to end it. Raises
    ValueError if there are no examples or elbo_samples is below 1.
    """
    if not len(batches):
        raise ValueError("There is no example to evaluate on: choose another split.")
    if elbo_samples < 1 or nll_samples < 0:
        raise ValueError("Evaluation takes at least 1 ELBO sample, and 0 or more for -ln p(x).")
    weigh = nll_samples if model.has_kl and not model.caveat else 0
    weights = [1.0, 0.0]
    if full:
        rest = seconds(model, len(batches), labels, factors or {})
        weights = [2 * pace(model) * len(batches) * (elbo_samples + weigh), sum(rest.values())]
    first, second = parts(progress, weights)
    found = _seen(model, batches, elbo_samples, weigh, seed, full, first)
    record = with_bits_and_notes(model, record_of(model, found, weigh), nll_samples)
    if not full:
        missing = "Not asked for: it takes longer, and the full evaluation (--full) has it."
        return record._replace(notes=record.notes | dict.fromkeys(FULL, missing))
    means = torch.cat([part["mean"] for part in found]).cpu().numpy()
    posteriors = [part.get("posteriors") for part in found]
    known = Known(batches, means, posteriors, labels, factors or {}, training)
    record = completed(model, record, known, seed, second)
    progress(1.0)
    return record


def _seen(
    model: VAE,
    batches: Batches,
    samples: int,
    weigh: int,
    seed: int,
    full: bool,
    progress: Progress,
) -> list[dict[str, Any]]:
    """What the examples say, chunk by chunk."""
    found = []
    chunk = at_once(model, CHUNK)
    sizes = [min(chunk, len(batches) - i) for i in range(0, len(batches), chunk)]
    with torch.no_grad(), rng.stream(model.device, seed, "evaluation"):
        for batch, told in zip(batches.chunks(chunk), parts(progress, sizes), strict=True):
            found.append(seen(model, batch, samples, weigh, full, told))
    return found
