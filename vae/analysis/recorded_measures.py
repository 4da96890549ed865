"""The measures of latents that a training loop elsewhere has recorded: they need no network.

Letters: N examples, Z latents.
"""

import numpy as np
import torch

from vae.base.records import Evaluation, Examples, Frame
from vae.evaluation.aggregate_posterior import Posteriors
from vae.evaluation.inputs import Encoded
from vae.evaluation.measures import MEASURES, TABLES
from vae.evaluation.rows import Row, entries
from vae.theory.gaussian_kl import kl

NO_WIDTH = "The loop has recorded no ln σ² of q(z|x): give log_variance to r.latents."
NO_PRIOR = "The prior of this run is not N(0, I), and its density was not recorded."


def recorded_evaluation(frame: Frame, examples: Examples, standard_prior: bool) -> Evaluation:
    """Return the measures of the latents in a frame, with `standard_prior` for p(z) = N(0, I).

    q(z|x) = N(mean, diag σ²) with the recorded ln σ². The other measures are absent.
    """
    encoded = _encoded(frame, examples)
    why = _reasons(encoded, standard_prior)
    rows: dict[str, Row] = {k: row for k, row in (MEASURES | TABLES).items() if row.of_latents}
    record = Evaluation("", "", "", len(encoded), {}, {})
    for key, row in rows.items():
        unmet = next((why[need] for need in row.needs if why.get(need)), "")
        values, notes = entries(key, row, encoded, unmet)
        record.values.update(values)
        record.notes.update(notes)
    return record


def _encoded(frame: Frame, examples: Examples) -> Encoded:
    mean = frame.mean.astype(np.float64)
    found = Encoded(labels=examples.label, factors=examples.factors)
    found.terms = {"mean": torch.from_numpy(frame.mean), "noise": torch.zeros(mean.shape)}
    if frame.log_variance is not None:
        std = np.exp(frame.log_variance.astype(np.float64) / 2)
        each = torch.from_numpy(kl(mean, std))  # (N, Z)
        found.terms |= {"kl_per_dimension": each, "kl": each.sum(1)}
        found.posteriors = [Posteriors(torch.from_numpy(mean), torch.from_numpy(std))]
    return found


def _reasons(encoded: Encoded, standard_prior: bool) -> dict[str, str]:
    """Return requirement (see `inputs.NEEDS`) → the reason why it is not met, or ""."""
    density = "" if encoded.posteriors else NO_WIDTH
    return {
        "density": density or ("" if standard_prior else NO_PRIOR),
        "labels": "" if encoded.labels is not None else "The loop has recorded no labels.",
        "factors": "" if encoded.factors else "A recorded run has no known factors.",
    }
