"""Scores of disentanglement from sets of examples that share one factor.

* beta_vae: accuracy of a linear classifier that names the factor shared by the pairs of a set,
  from their mean absolute difference in each latent (Higgins et al. 2017,
  https://openreview.net/forum?id=Sy2fzU9gl, section 3);
* factor_vae: accuracy of a vote that names the factor shared by a set, from the latent that varies
  least in it (Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, section 4).

Sets are drawn from the data by the factor's discrete values, so the other factors vary in them as
they do in the data.

Letters: N examples, Z latents, F factors, S sets.
"""

import numpy as np

from vae.base.progress import Progress, silent
from vae.base.records import Ints
from vae.evaluation.disentanglement import Sample

SETS = {"train": 10_000, "test": 5_000}  # as in the study of Locatello et al. 2019
SIZE = 64  # examples, or pairs of examples, in a set


def beta_vae(sample: Sample, rng: np.random.Generator, progress: Progress = silent) -> float:
    """Return the accuracy on new sets of pairs of a linear classifier of mean |z₁ − z₂|."""
    sets = {}
    for part, count in SETS.items():
        rows, shared = _sets(sample, count, 2 * SIZE, rng, pairs=True)
        z = sample.z[rows].reshape(count, SIZE, 2, -1)
        sets[part] = np.abs(z[:, :, 0] - z[:, :, 1]).mean(1), shared  # (S, Z), (S,)
        progress(len(sets) / 3)
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(max_iter=1000).fit(*sets["train"])
    progress(1.0)
    return float(classifier.score(*sets["test"]))


def factor_vae(sample: Sample, rng: np.random.Generator, progress: Progress = silent) -> float:
    """Return the accuracy on new sets of the majority vote by the latent of least relative
    variance. A constant latent has no vote."""
    spread = sample.z.var(0, ddof=1, dtype=np.float64)
    active = spread > 1e-12
    if not active.any():
        return 0.0
    votes = {}
    for part, count in SETS.items():
        rows, shared = _sets(sample, count, SIZE, rng)
        within = sample.z[:, active][rows].var(1, ddof=1)  # (S, Z)
        table = np.zeros((sample.factors.shape[1], int(active.sum())))
        np.add.at(table, (shared, (within / spread[active]).argmin(1)), 1)
        votes[part] = table  # (F, Z)
        progress(len(votes) / len(SETS))
    named = votes["train"].argmax(0)
    return float(votes["test"][named, np.arange(len(named))].sum() / SETS["test"])


def _sets(
    sample: Sample, count: int, size: int, rng: np.random.Generator, pairs: bool = False
) -> tuple[Ints, Ints]:
    """Return the rows (S, size) of `count` sets and the factor (S,) that each set shares.

    All examples of a set have the same value of it; with `pairs`, both examples of each
    consecutive pair have.
    """
    shared = rng.integers(sample.factors.shape[1], size=count)
    rows = np.empty((count, size), np.int64)
    for f in range(sample.factors.shape[1]):
        here = shared == f
        first = rng.integers(len(sample.z), size=(int(here.sum()), size // 2 if pairs else 1))
        first = np.repeat(first, 2 if pairs else size, axis=1)
        rows[here] = _alike(sample.values[:, f], first, rng)
    return rows, shared


def _alike(values: Ints, rows: Ints, rng: np.random.Generator) -> Ints:
    """Return for each row a random row with the same value."""
    order = np.argsort(values, kind="stable")
    counts = np.bincount(values)
    start, value = np.cumsum(counts) - counts, values[rows]
    found: Ints = order[start[value] + (rng.random(rows.shape) * counts[value]).astype(np.int64)]
    return found
