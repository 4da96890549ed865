"""Laws of the division of a data set: disjoint, complete, stratified, a function of the seed."""

import numpy as np
import pytest

from vae.data import OFFLINE, DataError, Dataset, load, prepare, split, stratified, subset

SHARES = [(0, 0), (0.1, 0), (0, 0.1), (0.1, 0.1), (0.25, 0.5), (0.001, 0.9)]


def labelled(counts: list[int], test: int = 0) -> Dataset:
    """Return a data set with these numbers of examples of each class, in mixed order."""
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    x = np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2)
    classes = tuple(map(str, range(len(counts))))
    return Dataset("some", x, 1.0, labels, classes, {"height": x[:, 0]}, test)


def check_laws(data: Dataset, val_share: float, test_share: float, seed: int) -> None:
    splits = split(data, val_share, test_share, seed)
    together = np.concatenate(splits)
    assert np.array_equal(np.sort(together), np.arange(len(data.x)))
    free = len(data.x) - data.test
    for rows, share in ((splits.val, val_share), (splits.test, test_share)):
        assert np.array_equal(rows, np.sort(rows))
        if share == 0 or (data.test and rows is splits.test):
            continue
        assert len(rows) == max(1, round(share * free))
        assert data.labels is not None
        sizes = np.bincount(data.labels[:free])
        found = np.bincount(data.labels[rows], minlength=len(sizes))
        assert (np.abs(found - share * sizes) < 1 + 1e-9).all()
    assert (len(splits.val) == 0) == (val_share == 0)


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize(("val_share", "test_share"), SHARES)
@pytest.mark.parametrize("name", OFFLINE)
def test_a_split_obeys_the_laws_for_every_data_set(
    name: str, val_share: float, test_share: float, seed: int
) -> None:
    check_laws(load(name, examples=300), val_share, test_share, seed)


def test_a_split_obeys_the_laws_for_uneven_classes() -> None:
    rng = np.random.default_rng(3)
    for seed in range(300):
        counts = rng.integers(1, (4, 12, 60)[seed % 3], rng.integers(1, 12))
        val_share, test_share = rng.random(2) * 0.45
        data = labelled(counts.tolist())
        if round(val_share * len(data.x)) + round(test_share * len(data.x)) + 2 < len(data.x):
            check_laws(data, val_share, test_share, seed)


def test_the_seed_determines_the_split() -> None:
    data = labelled([50, 50])
    first, again, other = (split(data, 0.2, 0.2, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.val, other.val)


def test_the_draw_is_uniform_within_a_class() -> None:
    """Every row of a class is held out with the same frequency."""
    data = labelled([20])
    drawn = np.concatenate([split(data, 0.25, 0, seed).val for seed in range(2000)])
    counts = np.bincount(drawn, minlength=20)  # 500 each, standard deviation 19
    assert counts.min() > 400
    assert counts.max() < 600


def test_a_predefined_test_part_replaces_the_test_share() -> None:
    data = labelled([30, 30], test=12)
    splits = split(data, 0.25, 0.9, 0)
    assert np.array_equal(splits.test, np.arange(48, 60))
    assert len(splits.val) == 12
    check_laws(data, 0.25, 0.9, 0)


def test_data_without_labels_can_be_split() -> None:
    splits = split(labelled([40])._replace(labels=None), 0.1, 0.2, 0)
    assert [len(rows) for rows in splits] == [28, 4, 8]


@pytest.mark.parametrize(
    ("val_share", "test_share", "sentence"),
    [
        (-0.1, 0, "validation share must be at least 0"),
        (0, 1.0, "test share must be at least 0 and below 1"),
        (float("nan"), 0, "validation share"),
        (0.5, 0.5, "leave nothing to train on"),
        (0.45, 0.5, "leave none to train on"),
    ],
)
def test_invalid_shares_are_refused(val_share: float, test_share: float, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        split(labelled([2, 2]), val_share, test_share, 0)


def test_rows_of_a_split_are_returned_by_name() -> None:
    splits = split(labelled([30]), 0.1, 0.2, 0)
    assert np.array_equal(splits.rows("val"), splits.val)
    assert np.array_equal(splits.rows("all"), np.arange(30))


def test_a_subset_is_stratified_and_keeps_the_test_part() -> None:
    data = labelled([60, 30, 10, 20], test=20)
    few = subset(data, 50, 0)
    assert len(few.x) == 70
    assert few.test == 20
    assert np.array_equal(few.x[-20:], data.x[-20:])
    assert few.labels is not None
    assert data.labels is not None
    sizes = np.bincount(data.labels[:100], minlength=4)
    assert (np.abs(np.bincount(few.labels[:50], minlength=4) - sizes / 2) < 1).all()
    rows = (few.x[:, 0] / 2).astype(int)  # x counts upwards, so it tells the row
    assert np.array_equal(few.labels, data.labels[rows])
    assert np.array_equal(few.factors["height"], few.x[:, 0])


def test_a_subset_can_have_all_rows_but_no_more() -> None:
    data = labelled([10, 10])
    assert subset(data, 0, 0) is data
    assert subset(data, 20, 0) is data
    with pytest.raises(DataError, match="has 20 examples: choose at most 20, or 0 for all"):
        subset(data, 21, 0)
    with pytest.raises(DataError, match="16 examples besides its test part"):
        subset(data._replace(test=4), 17, 0)


def test_stratified_draws_from_the_candidates_only() -> None:
    labels = np.arange(100) % 4
    candidates = np.arange(99, 20, -1)
    for size in (0, 1, 7, 40):
        rows = stratified(labels, candidates, size, 5)
        assert len(rows) == size
        assert np.array_equal(rows, np.unique(rows))
        assert np.isin(rows, candidates).all()
        assert np.ptp(np.bincount(labels[rows], minlength=4)) <= 1
    assert np.array_equal(stratified(labels, candidates, 1000, 5), candidates[::-1])
    assert np.array_equal(stratified(None, 10, 10, 0), np.arange(10))
    assert len(stratified(None, 10, 3, 0)) == 3


def test_prepare_divides_by_the_scale() -> None:
    x = np.array([[[[0, 8, 16]]]], np.uint8)
    seen = prepare(Dataset("grey", x, 16.0))
    assert seen.dtype == np.float32
    assert np.array_equal(seen, [[[[0, 0.5, 1]]]])


def test_the_fingerprint_differs_for_different_data() -> None:
    data = labelled([5, 5])
    assert data.labels is not None
    changed = data.x.copy()
    changed[3, 1] += 1
    others = [
        data._replace(x=changed),
        data._replace(scale=16.0),
        data._replace(labels=data.labels[::-1]),
        data._replace(labels=None),
        data._replace(x=data.x.reshape(5, 4)),
    ]
    assert len({data.fingerprint, *(other.fingerprint for other in others)}) == 6
    assert data.fingerprint == data._replace(name="other").fingerprint
