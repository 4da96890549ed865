"""Surprise: a percentile is a rank, and its text never exceeds it."""

import numpy as np
import pytest

from vae.analysis.ranking import ORDERS, BoundTerms, percent, percentile


def judged(n: int = 50, kl: bool = True) -> BoundTerms:
    rng = np.random.default_rng(1)
    error, divergence = (rng.permutation(n).astype(np.float32) for _ in range(2))
    divergence *= 100  # so that the order of the ELBO is not that of the reconstruction
    z = np.zeros((n, 2), np.float32)
    return BoundTerms(np.arange(n), z, error, divergence if kl else None)


@pytest.mark.parametrize("kl", [True, False])
@pytest.mark.parametrize("n", [1, 7, 180])
def test_the_percentile_of_the_kth_worst_is_its_rank(n: int, kl: bool) -> None:
    record = judged(n, kl)
    order = ORDERS["worst-elbo"].order(record, np.arange(n), 0)
    share = percentile(record.bound[order], record.bound)
    np.testing.assert_allclose(share, (n - np.arange(1, n + 1)) / n)
    np.testing.assert_array_equal(order, np.argsort(-record.bound))
    np.testing.assert_array_equal(ORDERS["best-elbo"].order(record, np.arange(n), 0), order[::-1])


def test_a_percentile_counts_the_less_surprising_examples() -> None:
    among = np.array([3, 1, 2, 2], np.float32)
    found = percentile(np.array([0, 1, 2, 2.5, 3, 9], np.float32), among)
    np.testing.assert_array_equal(found, [0, 0, 0.25, 0.75, 0.75, 1])


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0.0 %"),
        (179 / 180, "99.4 %"),
        (59_999 / 60_000, "99.9 %"),
        (1, "100 %"),
        (0.07, "7.0 %"),
    ],
)
def test_only_a_whole_share_is_100_percent(share: float, words: str) -> None:
    assert percent(share) == words
