"""Probes: equal to scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from vae.evaluation.measures import TABLES
from vae.evaluation.probes import probe

ROWS = TABLES["probes"].functions


def test_probes_equal_scikit_learns() -> None:
    digits = load_digits()
    z = PCA(3, random_state=0).fit_transform(digits.data / 16).astype(np.float32)[:600]
    z *= np.array([1, 10, 0.1], np.float32)
    y = digits.target[:600]
    hits = {"linear": 0, "knn": 0}
    for train, test in StratifiedKFold(5, shuffle=True, random_state=7).split(z, y):
        scaler = StandardScaler().fit(z[train])
        linear = LogisticRegression(max_iter=1000).fit(scaler.transform(z[train]), y[train])
        hits["linear"] += int((linear.predict(scaler.transform(z[test])) == y[test]).sum())
        near = KNeighborsClassifier(10).fit(z[train], y[train])
        hits["knn"] += int((near.predict(z[test]) == y[test]).sum())
    found = probe(z, y, ROWS, 7)
    assert {k: found[k].value for k in hits} == {k: h / 600 for k, h in hits.items()}
    assert found["chance"].value == np.bincount(y).max() / 600
    assert probe(z, y, ROWS, 7) == found


def test_useless_latents_are_at_chance_and_perfect_ones_at_one() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(1000) < 0.3).astype(np.int64)
    noise = rng.standard_normal((1000, 3)).astype(np.float32)
    lost = probe(noise, y, ROWS, 0)
    assert lost["linear"].low <= lost["chance"].value <= lost["linear"].high
    noise[:, 1] += 20 * y
    assert probe(noise, y, ROWS, 0)["linear"].value == probe(noise, y, ROWS, 0)["knn"].value == 1
    ring = np.stack([np.cos(6 * noise[:, 0]), np.sin(6 * noise[:, 0])], 1) * (1 + y[:, None])
    parted = probe(ring.astype(np.float32), y, ROWS, 0)
    assert parted["knn"].value == 1  # a ring in a ring: neighbours know it, no plane does
    assert parted["linear"].value < 0.75


def test_rare_classes_are_left_out() -> None:
    z = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    y = np.array([0] * 18 + [1] * 18 + [2] * 4)
    assert probe(z, y, ROWS, 0)["chance"].value == 0.5
    with pytest.raises(ValueError, match="two classes of at least 5"):
        probe(z, np.array([0] * 36 + [2] * 4), ROWS, 0)


def test_progress_never_decreases_and_ends_at_one() -> None:
    told: list[float] = []
    y = np.arange(60) % 3
    probe(np.eye(3, dtype=np.float32)[y], y, ROWS, 0, told.append)
    assert told == pytest.approx(np.arange(1, 11) / 15)  # chance is the third
