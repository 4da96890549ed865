"""The data set of the project: 10,000 of Fashion-MNIST's training images."""

import os
from pathlib import Path

import numpy as np
import pytest

from vae.data import INCLUDED, DataError, load, on_disk


def test_fashion_mnist_10k_has_a_thousand_of_each_class(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # its file is found from any folder
    data = load("fashion-mnist-10k")
    assert data.x.shape == (10_000, 1, 28, 28)
    assert (data.x.dtype, data.scale, data.test) == (np.uint8, 255.0, 0)
    assert data.labels is not None
    assert np.bincount(data.labels).tolist() == [1000] * 10
    assert data.classes[0] == "T-shirt/top"
    assert "MIT licence" in data.about


def test_the_licence_is_beside_the_file() -> None:
    for path in INCLUDED.values():
        licence = (path.parent / "LICENSE").read_text("utf-8")
        assert "MIT License" in licence
        assert "https://github.com/zalandoresearch/fashion-mnist" in licence
        assert os.path.getsize(path) < 5e6


def test_the_file_has_the_first_thousand_of_each_class_of_the_training_part() -> None:
    if not on_disk("fashion-mnist"):
        pytest.skip("dataset-fashion-mnist is not installed")
    ours, whole = load("fashion-mnist-10k"), load("fashion-mnist")
    assert ours.labels is not None
    assert whole.labels is not None
    train = whole.labels[: len(whole.x) - whole.test]
    rows = np.sort(np.concatenate([np.flatnonzero(train == c)[:1000] for c in range(10)]))
    assert np.array_equal(ours.x, whole.x[rows])
    assert np.array_equal(ours.labels, whole.labels[rows])
    assert ours.classes == whole.classes


def test_the_error_names_a_missing_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(INCLUDED, "fashion-mnist-10k", tmp_path / "gone.npz")
    with pytest.raises(DataError, match=r"gone\.npz"):
        load("fashion-mnist-10k")
