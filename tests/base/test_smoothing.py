"""The exponential mean of a curve equals its formula, with the weights written out."""

import numpy as np
import pytest

from vae.base.smoothing import exponential_mean


@pytest.mark.parametrize("span", [0.1, 1.0, 5.0, 1000.0])
def test_the_mean_equals_the_sum_over_all_weights(span: float) -> None:
    random = np.random.default_rng(0)
    epoch = np.sort(random.uniform(0, 20, 60)).astype(np.float32)  # at unequal distances
    value = random.normal(100, 5, 60).astype(np.float32)
    value[[7, 30]] = np.nan, np.inf
    known = np.isfinite(value)
    t, v = epoch[known].astype(np.float64), value[known].astype(np.float64)
    weights = np.tril(np.exp(-(t[:, None] - t[None]) / span))
    wanted = weights @ v / weights.sum(1)
    found = exponential_mean(epoch, value, span)
    np.testing.assert_allclose(found[known], wanted, rtol=1e-6)
    assert np.isnan(found[~known]).all()


def test_no_start_value_biases_the_mean() -> None:
    constant = np.full(50, 7.0, np.float32)
    found = exponential_mean(np.arange(50, dtype=np.float32), constant, 10.0)
    np.testing.assert_array_equal(found, constant)


def test_the_mean_counts_epochs_and_not_reports() -> None:
    """Reports of one value that come ten times as often do not change the mean of a step."""
    rarely = np.arange(0, 20, 1.0, np.float32)
    often = np.arange(0, 20, 0.1, np.float32)
    means = [exponential_mean(t, (t >= 10).astype(np.float32), 3.0)[-1] for t in (rarely, often)]
    assert means[0] == pytest.approx(means[1], abs=0.02)
