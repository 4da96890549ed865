"""Probes: how well simple classifiers read the class from the latents.

A linear probe (logistic regression on standardised latents) asks whether classes can be parted by
planes (Alain & Bengio 2017, https://arxiv.org/abs/1610.01644), a k-NN probe whether neighbours
share their class. Accuracies are shares of the examples, each judged by a classifier that has not
seen it (stratified cross-validation), with Wilson's 95 % interval for N trials; beside them stands
chance, the share of the largest class. The interval takes the examples for independent; that folds
share most of their training data makes it a little too narrow.
"""

import math
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from vae.records import Floats, Ints

FOLDS = 5
NEIGHBOURS = 10
Z95 = 1.959963984540054  # 97.5 % of a normal distribution lie below it


class Share(NamedTuple):
    """A share of examples between 0 and 1, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(hits: int, trials: int) -> Share:
    """hits / trials with its 95 % score interval (Wilson 1927), right near 0 and 1 too."""
    share, square = hits / trials, Z95**2 / trials
    centre = (share + square / 2) / (1 + square)
    half = Z95 / (1 + square) * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    return Share(share, max(0.0, centre - half), min(1.0, centre + half))


def probe(means: Floats, labels: Ints, seed: int) -> dict[str, Share]:
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
    found = {}
    for name, classifier in _classifiers(min(counts[counts >= FOLDS])).items():
        guessed = cross_val_predict(classifier, means, labels, cv=folds)
        found[name] = wilson(int((guessed == labels).sum()), len(labels))
    return found | {"chance": wilson(int(counts.max()), len(labels))}


def _classifiers(least: int) -> dict[str, Pipeline | KNeighborsClassifier]:
    """The two probes; `least` is the size of the smallest class."""
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return {"linear": linear, "knn": KNeighborsClassifier(min(NEIGHBOURS, least))}
