"""Intervals and comparisons: equal to scipy's, with the stated coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from vae.base.statistics import (
    MIN_SEEDS,
    Z95,
    adjusted_wilson,
    by_seed,
    difference_interval,
    half_width,
    interval,
    verdict,
    wilson,
)

# Proportions


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (3, 10), (450, 500), (1, 1)])
def test_a_score_interval_equals_scipys(hits: int, trials: int) -> None:
    found = wilson(hits, trials)
    theirs = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert found.value == hits / trials
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert stats.norm.ppf(0.975) == pytest.approx(Z95, rel=1e-15)


def test_a_score_interval_covers_the_true_proportion() -> None:
    for share in (0.1, 0.5, 0.93):
        hits = stats.binom(200, share).rvs(100, random_state=0)
        covered = sum(w.low <= share <= w.high for w in (wilson(int(h), 200) for h in hits))
        assert 90 <= covered <= 99


def test_dependent_trials_widen_the_interval_and_never_narrow_it() -> None:
    plain = wilson(30, 100)
    assert adjusted_wilson(0.3, math.sqrt(0.21 / 100), 100) == pytest.approx(plain)
    assert adjusted_wilson(0.3, 0.001, 100) == pytest.approx(plain)
    wide = adjusted_wilson(0.3, 2 * math.sqrt(0.21 / 100), 100)
    assert wide == pytest.approx(wilson(7.5, 25))
    assert adjusted_wilson(1.0, 0.0, 100) == wilson(100, 100)
    assert adjusted_wilson(0.3, 0.001, 100, most=4) == pytest.approx(wilson(120, 400))


# Means


def test_the_interval_of_a_mean_equals_scipys() -> None:
    values = [3.0, 5.0, 10.0, 4.0]
    found = interval(values)
    assert (found.mean, found.seeds) == (5.5, 4)
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], wanted)
    # From a table: t of 2 degrees of freedom is 4.303; s = 1.
    assert half_width(np.array([1.0, 2.0, 3.0])) == pytest.approx(4.302652729911275 / 3**0.5)
    assert math.isnan(interval(values[: MIN_SEEDS - 1]).low)
    assert interval([2.0, 2.0, 2.0])[:3] == (2.0, 2.0, 2.0)


def test_a_seed_that_was_run_twice_counts_once() -> None:
    assert by_seed([(0, 1.0), (0, 3.0), (1, 5.0), (2, None), (3, math.nan)]) == {0: 2.0, 1: 5.0}


# Two configurations


def test_a_verdict_equals_scipys_tests() -> None:
    rng = np.random.default_rng(3)
    for n in (3, 5, 11):
        x, y = rng.normal(10, 1, n), rng.normal(11, 3, n)
        a, b = dict(enumerate(x)), dict(enumerate(y))
        shuffled = {seed: b[seed] for seed in rng.permutation(n).tolist()}
        pairs, apart = verdict(a, shuffled), verdict(a, {seed + 100: v for seed, v in b.items()})
        assert pairs.paired
        assert not apart.paired
        for found, test in (
            (pairs, stats.ttest_rel(x, y)),
            (apart, stats.ttest_ind(x, y, equal_var=False)),
        ):
            ends = test.confidence_interval(0.95)
            assert found.difference == pytest.approx(x.mean() - y.mean())
            np.testing.assert_allclose([found.low, found.high], [ends.low, ends.high])
            assert found.resolved == (test.pvalue < 0.05)


def test_welchs_interval_equals_its_formula() -> None:
    """Welch–Satterthwaite degrees of freedom, computed here from the variances."""
    x, y = np.array([1.0, 2.0, 6.0]), np.array([2.0, 9.0, 4.0, 7.0, 20.0])
    parts = [v.var(ddof=1) / len(v) for v in (x, y)]
    freedom = sum(parts) ** 2 / sum(
        p**2 / (len(v) - 1) for p, v in zip(parts, (x, y), strict=True)
    )
    half = stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts))
    centre = x.mean() - y.mean()
    found = difference_interval(x, y, paired=False)
    np.testing.assert_allclose(found, (centre - half, centre + half))


def test_a_verdict_needs_three_seeds_a_side() -> None:
    three, two = {0: 1.0, 1: 1.1, 2: 1.2}, {0: 5.0, 1: 5.1}
    for a, b in ((three, two), (two, three), (two, two), ({}, three), ({}, {})):
        found = verdict(a, b)
        assert not found.enough
        assert not found.resolved
    assert verdict(three, {k: v + 1 for k, v in three.items()}).resolved


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
def test_equal_values_are_not_called_different() -> None:
    same = {0: 1.0, 1: 2.0, 2: 3.0}
    assert not verdict(same, same).resolved
    constant = dict.fromkeys(range(3), 1.0)
    assert not verdict(constant, dict.fromkeys(range(5, 8), 1.0)).resolved


def rate(trials: int, n: int, planted: float, rho: float | None, seed: int = 4) -> float:
    """Return the share of comparisons of n seeds a side that are resolved.

    B is worse by `planted` unpaired standard errors. The same seeds correlate by `rho`; None gives
    B different seeds.
    """
    rng = np.random.default_rng(seed)
    common, noise = rng.standard_normal((n, trials)), rng.standard_normal((2, n, trials))
    share = rho or 0.0
    x, y = math.sqrt(share) * common + math.sqrt(1 - share) * noise
    low, high = difference_interval(x, y + planted * math.sqrt(2 / n), paired=rho is not None)
    return float(((low > 0) | (high < 0)).mean())


@pytest.mark.parametrize(
    ("n", "rho", "false_positives", "power"),
    [
        (3, None, 0.0345, 0.512),
        (10, None, 0.0489, 0.807),
        (20, None, 0.0492, 0.832),
        (3, 0.8, 0.05, 0.894),
        (3, 0.0, 0.05, 0.387),
        (20, 0.0, 0.05, 0.812),
    ],
)
def test_the_rates_agree_with_theory(
    n: int, rho: float | None, false_positives: float, power: float
) -> None:
    """Known rates: for pairs from the noncentral t, for Welch from 200,000 trials. The windows are
    three and a half standard deviations of the number of trials here."""
    trials = 5000
    for planted, wanted in ((0.0, false_positives), (3.0, power)):
        window = 3.5 * math.sqrt(wanted * (1 - wanted) / trials)
        assert abs(rate(trials, n, planted, rho) - wanted) < window
