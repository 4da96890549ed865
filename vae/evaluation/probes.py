"""Probes: accuracy of simple classifiers that predict the class from the latents.

A linear probe (logistic regression on standardised latents) tests whether planes separate the
classes (Alain & Bengio 2017, https://arxiv.org/abs/1610.01644), a k-NN probe whether neighbours
share their class. Accuracy is the share of examples with a correct prediction in stratified
5-fold cross-validation, with Wilson's 95 % interval for N trials. `chance` is the share of the
largest class. The interval assumes independent examples; folds share most of their training data,
which makes it slightly too narrow.

A probe is a function of `Folds` that returns the number of correct predictions.

Letters: N examples, Z latents.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from vae.base.progress import Progress, parts, silent
from vae.base.records import Estimate, Floats, Ints
from vae.base.statistics import wilson

FOLDS = 5
NEIGHBOURS = 10


class Folds(NamedTuple):
    """Latents, their classes, and the folds of cross-validation."""

    means: Floats  # (N, Z)
    labels: Ints  # (N,)
    splits: list[tuple[Ints, Ints]]  # rows to fit and rows to predict, FOLDS times
    progress: Progress = silent


Probe = Callable[[Folds], int]


def probe(
    means: Floats,
    labels: Ints,
    probes: Mapping[str, Probe],
    seed: int,
    progress: Progress = silent,
) -> dict[str, Estimate]:
    """Return the accuracy of each probe on latents (N, Z) with classes (N,).

    Classes with fewer than `FOLDS` examples are left out. Raises ValueError if fewer than two
    classes remain.
    """
    from sklearn.model_selection import StratifiedKFold

    values, counts = np.unique(labels, return_counts=True)
    rows = np.isin(labels, values[counts >= FOLDS])
    means, labels = means[rows], labels[rows]
    if len(np.unique(labels)) < 2:
        raise ValueError(f"Probes take two classes of at least {FOLDS} examples each.")
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(means, labels)
    folds = Folds(means, labels, list(splits))
    found = {}
    for (name, function), part in zip(
        probes.items(), parts(progress, [1.0] * len(probes)), strict=True
    ):
        hits = function(folds._replace(progress=part))
        found[name] = Estimate(**wilson(hits, len(labels))._asdict())
    return found


def correct(folds: Folds, classifier: Any) -> int:
    """Return how many examples a scikit-learn classifier predicts correctly, each by a copy that
    was fitted without its fold."""
    from sklearn.base import clone

    hits = 0
    for i, (fitted, predicted) in enumerate(folds.splits):
        model = clone(classifier).fit(folds.means[fitted], folds.labels[fitted])
        hits += int((model.predict(folds.means[predicted]) == folds.labels[predicted]).sum())
        folds.progress((i + 1) / FOLDS)
    return hits


def linear(folds: Folds) -> int:
    """Logistic regression on standardised latents."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return correct(folds, make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)))


def knn(folds: Folds) -> int:
    """The majority of the nearest neighbours: 10, or as many as the smallest class has."""
    from sklearn.neighbors import KNeighborsClassifier

    least = int(np.unique(folds.labels, return_counts=True)[1].min())
    return correct(folds, KNeighborsClassifier(min(NEIGHBOURS, least)))


def chance(folds: Folds) -> int:
    """The largest class as the answer to every example."""
    return int(np.unique(folds.labels, return_counts=True)[1].max())
