"""Probes: how well simple classifiers read the class from the latents.

A linear probe (logistic regression on standardised latents) asks whether classes can be parted by
planes (Alain & Bengio 2017, https://arxiv.org/abs/1610.01644), a k-NN probe whether neighbours
share their class. Accuracies are shares of the examples, each judged by a classifier that has not
seen it (stratified cross-validation), with Wilson's 95 % interval for N trials; beside them stands
chance, the share of the largest class. The interval takes the examples for independent; that folds
share most of their training data makes it a little too narrow.
"""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from vae.base.progress import Progress, silent
from vae.base.records import Floats, Ints
from vae.base.statistics import Proportion, wilson

FOLDS = 5
NEIGHBOURS = 10


def probe(
    means: Floats, labels: Ints, seed: int, progress: Progress = silent
) -> dict[str, Proportion]:
    """Accuracies "linear" and "knn", and "chance", of latents (N, Z) for classes (N,).

    Classes of fewer than `FOLDS` examples are left out. Raises ValueError if fewer than two are
    left.
    """
    values, counts = np.unique(labels, return_counts=True)
    kept = np.isin(labels, values[counts >= FOLDS])
    means, labels = means[kept], labels[kept]
    if len(np.unique(labels)) < 2:
        raise ValueError(f"Probes take two classes of at least {FOLDS} examples each.")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    classifiers = _classifiers(min(counts[counts >= FOLDS]))
    hits = dict.fromkeys(classifiers, 0)
    for i, (seen, judged) in enumerate(folds.split(means, labels)):
        for j, (name, row) in enumerate(classifiers.items()):
            classifier = clone(row).fit(means[seen], labels[seen])
            hits[name] += int((classifier.predict(means[judged]) == labels[judged]).sum())
            progress((i + (j + 1) / len(classifiers)) / FOLDS)
    found = {name: wilson(hit, len(labels)) for name, hit in hits.items()}
    return found | {"chance": wilson(int(counts.max()), len(labels))}


def _classifiers(least: int) -> dict[str, Pipeline | KNeighborsClassifier]:
    """The two probes; `least` is the size of the smallest class."""
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return {"linear": linear, "knn": KNeighborsClassifier(min(NEIGHBOURS, least))}
