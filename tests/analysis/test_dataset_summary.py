"""The summary of a data set: every number equals NumPy's on the whole array."""

import math

import numpy as np
import pytest

from vae.analysis.dataset_summary import model_inputs, moments, summarise
from vae.commands import main
from vae.config import RunConfig
from vae.data import OFFLINE, DataError, Dataset, load, prepare, split

CONFIG = RunConfig.of()


def data(n: int = 90, **more: object) -> Dataset:
    """Colour pictures of 3 classes, one pixel constant, one example without a class."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, 3, 5, 4), np.uint8)
    x[:, 0, 0, 0] = 7
    labels = np.arange(n) % 3
    labels[0] = -1
    return Dataset("mine", x, 255.0, labels, ("a", "b", "c"))._replace(**more)


@pytest.mark.parametrize("name", OFFLINE)
def test_every_number_equals_numpys(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae.analysis.dataset_summary.CHUNK", 30_000)
    d = load(name, examples=500 if name != "digits" else 0)
    x = prepare(d).astype(np.float64)
    s = summarise(d, CONFIG)
    assert (s.examples, s.shape, s.dtype) == (len(x), d.event_shape, str(d.x.dtype))
    assert (s.low, s.high) == pytest.approx((x.min(), x.max()), rel=1e-6)
    assert (s.mean, s.sd) == pytest.approx((x.mean(), x.std()), rel=1e-5, abs=1e-7)
    assert s.zeros == (x == 0).mean()
    assert s.distinct == len(np.unique(d.x))
    assert s.levels == CONFIG.domain(d).levels
    assert s.counts.sum() == x.size
    assert len(s.edges) == len(s.counts) + 1
    assert s.fingerprint == d.fingerprint
    np.testing.assert_allclose(s.moments.mean, x.mean(0), atol=1e-6)
    np.testing.assert_allclose(s.moments.sd, x.std(0), atol=1e-6)
    assert s.constant == (np.ptp(d.x, axis=0) == 0).sum()
    assert s.splits == {k: len(v) for k, v in split(d, 0.1, 0.1, 0)._asdict().items()}
    for factor in s.factors:
        column = d.factors[factor.name]
        assert factor.distinct == len(set(column.tolist()))
        assert (factor.low, factor.high) == (column.min(), column.max())
    assert len(s.factors) == len(d.factors)


def test_counts_of_levels_equal_the_counts_of_bytes() -> None:
    d = data()
    s = summarise(d, CONFIG)
    np.testing.assert_array_equal(s.counts, np.bincount(d.x.reshape(-1), minlength=256))
    assert (s.levels, s.constant) == (256, 1)
    middles = (s.edges[:-1] + s.edges[1:]) / 2
    np.testing.assert_allclose(middles, np.arange(256) / 255, atol=1e-6)


def test_the_histogram_of_real_values_equals_numpys() -> None:
    d = load("mixture")
    s = summarise(d, CONFIG)
    counts, edges = np.histogram(d.x, 64)
    np.testing.assert_array_equal(s.counts, counts)
    np.testing.assert_allclose(s.edges, edges, atol=1e-5)


def test_classes_are_counted_in_each_part() -> None:
    d = data()
    s = summarise(d, CONFIG)
    assert s.classes == ("a", "b", "c", "no class")
    assert s.class_counts.sum() == 90
    np.testing.assert_array_equal(s.class_counts.sum(1), [29, 30, 30, 1])
    np.testing.assert_array_equal(s.class_counts.sum(0), list(s.splits.values()))
    plain = summarise(d._replace(labels=np.arange(90) % 3), CONFIG)
    assert plain.classes == ("a", "b", "c")
    np.testing.assert_array_equal(plain.class_counts.sum(1), [30, 30, 30])
    none = summarise(d._replace(labels=None, classes=()), CONFIG)
    assert none.classes == ()
    assert none.class_counts.shape == (0, 3)


def test_distinct_values_above_the_limit_are_not_counted() -> None:
    x = np.random.default_rng(0).standard_normal((20_000, 3)).astype(np.float32)
    assert summarise(Dataset("many", x, 1.0), CONFIG).distinct is None


def test_large_similar_values_keep_their_standard_deviation() -> None:
    x = (1e6 + np.arange(8).reshape(4, 2)).astype(np.float32)
    s = summarise(Dataset("far", x, 1.0), CONFIG.model_copy(update={"val_share": 0.0}))
    np.testing.assert_allclose(s.moments.sd, np.std(x.astype(float), 0), rtol=1e-6)


@pytest.mark.parametrize("binarize", ["threshold", "stochastic"])
def test_the_summary_describes_binarized_values(binarize: str) -> None:
    d, config = data(400), RunConfig.of(binarize=binarize)
    s = summarise(d, config)
    assert (s.levels, s.distinct, s.low, s.high) == (2, 2, 0.0, 1.0)
    x = prepare(d)
    ones = (x >= 0.5).mean() if binarize == "threshold" else x.mean()
    noise = 0 if binarize == "threshold" else 4 * 0.5 / math.sqrt(x.size)
    assert s.mean == pytest.approx(ones, abs=noise + 1e-6)
    assert s.zeros == pytest.approx(1 - s.mean, abs=1e-6)
    assert s.counts.tolist() == [round(s.zeros * x.size), x.size - round(s.zeros * x.size)]
    rows = np.array([3, 10, 77])
    assert set(np.unique(model_inputs(d, config, rows))) == {0.0, 1.0}
    np.testing.assert_array_equal(model_inputs(d, config, rows), model_inputs(d, config, rows))


def test_moments_of_a_class_use_its_examples_only() -> None:
    d = data()
    assert d.labels is not None
    rows = np.flatnonzero(d.labels == 1)
    found = moments(d, CONFIG, rows)
    np.testing.assert_allclose(found.mean, prepare(d, rows).mean(0), atol=1e-6)
    np.testing.assert_allclose(found.sd, prepare(d, rows).std(0), atol=1e-6)
    assert found.examples == 30
    with pytest.raises(ValueError, match="no such examples"):
        moments(d, CONFIG, np.empty(0, np.int64))


def test_shares_that_leave_no_examples_are_refused() -> None:
    with pytest.raises(DataError, match="leave none to train on"):
        summarise(data(3), RunConfig.of(val_share=0.4, test_share=0.5))


def test_the_command_prints_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "digits"]) == 0
    told = capsys.readouterr().out
    assert "1,797 (1,437 train, 180 val, 180 test)" in told
    assert f"fingerprint  {load('digits').fingerprint}" in told
    assert "a cross-entropy, not a log-likelihood" in told
    assert main(["data", "no-such-data"]) == 2
    assert "There is no data set" in capsys.readouterr().err
