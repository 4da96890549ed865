"""Loading of a data set by name or path, and laws over every row of the table."""

from pathlib import Path

import numpy as np
import pytest

from vae.base.options import options_of
from vae.data import DATASETS, OFFLINE, DataError, load, summary


@pytest.mark.parametrize("name", OFFLINE)
def test_every_row_has_a_valid_data_set(name: str) -> None:
    data = load(name)
    assert data.name == name
    assert data.x.dtype in (np.uint8, np.float32)
    assert data.x.ndim in (2, 4)
    assert data.x.flags.c_contiguous
    assert data.x.flags.writeable
    assert data.in_unit_interval == (name != "mixture")
    assert data.about.endswith(".")
    assert data.labels is not None
    assert data.labels.dtype == np.int64
    assert np.array_equal(np.unique(data.labels), np.arange(len(data.classes)))
    assert all(values.shape == (len(data.x),) for values in data.factors.values())


@pytest.mark.parametrize("name", OFFLINE)
def test_every_row_gives_the_requested_number_of_examples(name: str) -> None:
    data = load(name, examples=120, seed=2)
    assert len(data.x) == 120
    assert data.fingerprint == load(name, examples=120, seed=2).fingerprint
    assert data.fingerprint != load(name, examples=120, seed=3).fingerprint


@pytest.mark.parametrize(
    ("row", "option"), [(row, option) for row in OFFLINE for option in options_of(DATASETS[row])]
)
def test_every_option_has_an_effect_and_a_range(row: str, option: str) -> None:
    spec = options_of(DATASETS[row])[option]
    assert spec.option.low is not None
    low = spec.type(spec.option.low)
    changed = load(row, examples=50, options={option: low})
    assert changed.fingerprint != load(row, examples=50).fingerprint
    with pytest.raises(ValueError, match=f"{option} must be at least"):
        load(row, options={option: low - 1})


def test_digits_equal_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    theirs = load_digits()
    data = load("digits")
    assert data.scale == 16
    assert np.array_equal(data.x[:, 0], theirs.images)
    assert data.labels is not None
    assert np.array_equal(data.labels, theirs.target)
    with pytest.raises(DataError, match="digits has 1,797 examples: choose at most 1797"):
        load("digits", examples=1798)


def test_a_path_is_read_and_subset(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)
    data = load(str(tmp_path / "a.npz"), examples=10, seed=1)
    assert data.labels is not None
    assert np.bincount(data.labels).tolist() == [5, 5]
    with pytest.raises(ValueError, match="Unknown setting 'size': There are data_examples"):
        load(str(tmp_path / "a.npz"), options={"size": 8})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("digit", "did you mean digits. Choose one of digits, .*, svhn, or give the"),
        ("zzz", "There is no data set 'zzz'. Choose one of digits"),
        ("", "There is no data set ''"),
        ("/some/where/digts", "There is no data set 'digts': did you mean digits"),
        ("missing.npz", "There is no file missing.npz"),
        ("/nowhere/zzz", "There is no file /nowhere/zzz: the path exists only up to /"),
    ],
)
def test_an_unknown_name_raises_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        load(name)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean size"):
        load("moon-phases", options={"sise": 3})
    with pytest.raises(DataError, match="digits has no options: remove size"):
        load("digits", options={"size": 3})


def test_the_summary_describes_every_row() -> None:
    rows = {row.name: row for row in summary()}
    assert list(rows) == list(DATASETS)
    assert rows["digits"].examples == 1797
    assert rows["moon-phases"].shape == (1, 28, 28)
    assert rows["moon-phases"].factors == ("phase", "orientation")
    assert rows["mixture"].classes == ("1", "2", "3", "4", "5")
