"""Evaluation: the same measures for every run, independent of its objective.

Every measure is a pure function of model, examples and seed, in nats per example unless its row
of `measures` has another unit. `bound` computes the terms of single examples, `averages` their
means, `extended` the slower measures: probes, disentanglement and sample quality.
"""

from collections.abc import Mapping
from typing import Any

import torch

from vae.base.progress import Progress, parts, silent
from vae.base.records import Evaluation, Floats, Ints
from vae.batches import Batches
from vae.evaluation.averages import active_interval, active_units
from vae.evaluation.bound import log_likelihood, log_weights
from vae.evaluation.inputs import Inputs, unmet
from vae.evaluation.measures import MEASURES, TABLES
from vae.evaluation.rows import Row, entries
from vae.model import VAE

__all__ = ["active_interval", "active_units", "evaluate", "log_likelihood", "log_weights"]


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
    """Return all measures of a model on examples; the caller sets `run`, `split`, `checkpoint`.

    Measures that need `full` read `labels` (N,), `factors` name → (N,) and `training`, examples of
    the training part. `progress` receives the completed share and may raise to cancel. Raises
    ValueError if there are no examples or elbo_samples is below 1.
    """
    if not len(batches):
        raise ValueError("There is no example to evaluate on: choose another split.")
    if elbo_samples < 1 or nll_samples < 0:
        raise ValueError("Evaluation takes at least 1 ELBO sample, and 0 or more for −ln p(x).")
    inputs = Inputs(
        model=model,
        batches=batches,
        samples=nll_samples,
        seed=seed,
        full=full,
        labels=labels,
        factors=factors or {},
        training=training,
    )
    rows: dict[str, Row] = {**MEASURES, **TABLES}
    seconds = [row.seconds(inputs) + 1e-3 if full else 0.0 for row in rows.values()]
    decoded = len(batches) * (elbo_samples + inputs.importance_samples)
    weights = (2 * inputs.pace * decoded, sum(seconds)) if full else (1.0, 0.0)
    first, second = parts(progress, weights)
    inputs.read_terms(elbo_samples, first)
    values, notes = _measured(inputs, rows, parts(second, seconds) if full else None)
    if full:
        progress(1.0)
    return Evaluation("", "", "", len(batches), values, notes)


def _measured(
    inputs: Inputs, rows: Mapping[str, Row], shares: list[Progress] | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of all rows, and notes: reasons of missing values, and cautions."""
    values: dict[str, Any] = {}
    model = inputs.model
    about = {
        "likelihood": model.caveat,
        "units": model.units_note,
        "missing": inputs.gaps.note,
        "library_size": model.size_note,
    }
    notes = {key: words for key, words in about.items() if words}
    for i, (key, row) in enumerate(rows.items()):
        inputs.progress = shares[i] if shares else silent
        with torch.no_grad():
            found, reasons = entries(key, row, inputs, unmet(row.needs, inputs))
        values |= found
        notes |= reasons
    return values, notes
