"""Runs side by side: seeds fold, data that differ stay apart, and the verdict is right as often as
it says."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from vae.base.records import Change
from vae.config import RunConfig
from vae.experiments import configurations
from vae.experiments.configurations import Entry, Line, fold, labels, planes, unfold
from vae.figures import comparison, paired_seeds
from vae.verdicts import LEAST, Interval, by_seed, interval, t_factor, verdict


def entry(name: str, fingerprint: str = "f", **more: Any) -> Entry:
    """A run of these settings; `changes` and `title` are the entry's own."""
    own = {key: more.pop(key) for key in ("title", "changes") if key in more}
    settings = RunConfig.of(**more).model_dump(mode="json")
    return Entry(name, settings, str(settings["data"]), fingerprint, **own)


# Configurations


def test_runs_that_differ_in_their_seed_alone_are_one_configuration() -> None:
    runs = [entry(f"r{s}", seed=s) for s in (2, 0, 1)] + [entry("other", beta=2.0)]
    found = fold(runs)
    assert [[run.name for run in f.runs] for f in found] == [["r0", "r1", "r2"], ["other"]]
    assert found[0].seeds == [0, 1, 2]
    assert configurations.differing(found) == ["beta"]
    assert [f.key for f in unfold(found)] == [found[0].key] * 3 + [found[1].key]


@pytest.mark.parametrize(
    "settings",
    [{"lr": 0.01}, {"latent_dim": 3}, {"epochs": 7}, {"hidden": (7,)}, {"likelihood": "gaussian"}],
)
def test_any_other_setting_makes_another_configuration(settings: dict[str, Any]) -> None:
    a, b = fold([entry("a"), entry("b", seed=1, **settings)])
    assert set(settings) <= set(configurations.differing([a, b]))


def test_a_knob_moved_by_hand_makes_another_configuration() -> None:
    moved = entry("b", seed=1, changes=(Change(40, "beta", 2.0),))
    folds = fold([entry("a"), moved])
    assert configurations.differing(folds) == ["beta from step 40"]


def test_a_file_that_has_changed_is_other_data_but_a_drawn_set_is_not() -> None:
    assert len(fold([entry("a"), entry("b", "g", seed=1)])) == 2
    drawn = {"data": "mixture", "likelihood": "gaussian"}
    assert len(fold([entry("a", **drawn), entry("b", "g", seed=1, **drawn)])) == 1
    some = {"examples": 100}
    assert len(fold([entry("a", **some), entry("b", "g", seed=1, **some)])) == 1


def test_runs_without_settings_are_left_out() -> None:
    assert fold([Entry("broken", {})]) == []
    assert planes([Entry("broken", {})]) == []
    assert fold([]) == labels([]) == configurations.differing([]) == []


def test_names_tell_what_differs_and_no_two_are_alike() -> None:
    runs = [entry(f"a{s}", seed=s) for s in range(3)]
    runs += [entry(f"b{s}", seed=s, beta=4.0) for s in range(2)]
    assert labels(fold(runs)) == ["β 1 (3 seeds)", "β 4 (2 seeds)"]
    sown = [entry(f"s{s}", seed=s, title=f"β 1 · seed {s}") for s in range(2)]
    assert labels(fold(sown)) == ["β 1 (2 seeds)"]
    twins = [entry("x", title="same"), entry("y", title="same", beta=2.0)]
    assert labels(fold(twins)) == ["same (x)", "same (y)"]
    many = {"lr": 0.1, "latent_dim": 5, "hidden": (3,), "beta": 3.0}
    told = labels(fold([*runs[:3], entry("c", **many), entry("d", seed=1, **many)]))
    assert told == ["a0 (3 seeds)", "c (2 seeds)"]


@pytest.mark.parametrize(
    "settings",
    [
        {"data": "moon-phases", "likelihood": "gaussian"},
        {"likelihood": "continuous-bernoulli"},
        {"binarize": "threshold"},
        {"condition": "labels"},
        {"val_share": 0.2},
        {"test_share": 0.2},
        {"examples": 500},
    ],
)
def test_what_changes_the_meaning_of_a_nat_makes_another_plane(settings: dict[str, Any]) -> None:
    a, b = entry("a"), entry("b", **settings)
    assert len(planes([a, b])) == 2
    assert not configurations.comparable(a, b)
    assert len({plane.label for plane in planes([a, b])}) == 2


@pytest.mark.parametrize("settings", [{"beta": 3.0}, {"latent_dim": 9}, {"seed": 5}, {"lr": 0.1}])
def test_what_does_not_change_it_stays_in_the_plane(settings: dict[str, Any]) -> None:
    (plane,) = planes([entry("a"), entry("b", **settings)])
    assert [run.name for run in plane.entries] == ["a", "b"]


def test_a_colour_stays_with_its_configuration() -> None:
    first = configurations.slots({}, ["a", "b", "c"], 3)
    assert first == {"a": 0, "b": 1, "c": 2}
    second = configurations.slots(first, ["c", "d", "b"], 3)
    assert second == {"c": 2, "d": 0, "b": 1}
    assert configurations.slots(second, ["e", "d", "b", "c"], 3) == {"d": 0, "b": 1, "c": 2}


# Curves


def reports(values: list[float | None], seconds: float = 1.0) -> list[dict[str, Any]]:
    both = (("train", 100.0), ("val", 0.0))
    return [
        {
            "split": split,
            "step": 8 * k,
            "epoch": k / 2,
            "seconds": seconds * k,
            "elbo": v and v + d,
        }
        for k, v in enumerate(values)
        for split, d in both
    ]


@pytest.mark.parametrize(("per", "unit"), [("step", 8.0), ("epoch", 0.5), ("seconds", 1.0)])
def test_a_line_has_the_numbers_of_the_reports(per: str, unit: float) -> None:
    found = configurations.line(reports([1.5, None, 3.5]), "elbo", "val", per)
    np.testing.assert_array_equal(found.value, np.float32([1.5, 3.5]))
    np.testing.assert_allclose(found.x, np.float32([0, 2 * unit]))
    assert not len(configurations.line([], "elbo", "val", per).x)


def test_the_mean_of_seeds_ends_where_the_shortest_does() -> None:
    lines = [
        configurations.line(reports([1.0, 2.0, 9.0], 1.0), "elbo", "val", "seconds"),
        configurations.line(reports([2.0, 4.0], 2.0), "elbo", "val", "seconds"),
        configurations.line(reports([3.0, 9.0], 3.0), "elbo", "val", "seconds"),
    ]
    mean = configurations.mean_line(lines)
    np.testing.assert_allclose(mean.value, [2.0, 5.0])
    np.testing.assert_allclose(mean.x, [0.0, 2.0])
    wanted = stats.t.interval(0.95, 2, 5.0, stats.sem([2.0, 4.0, 9.0]))
    np.testing.assert_allclose([mean.low[1], mean.high[1]], wanted, rtol=1e-6)
    assert configurations.mean_line(lines[:2]).low is None


# The verdict


def test_an_interval_is_students() -> None:
    values = [3.0, 5.0, 10.0, 4.0]
    found = interval(values)
    assert (found.mean, found.seeds) == (5.5, 4)
    wanted = stats.t.interval(0.95, 3, 5.5, stats.sem(values))
    np.testing.assert_allclose([found.low, found.high], wanted)
    assert t_factor(2) == pytest.approx(4.302652729911275)
    assert math.isnan(interval(values[: LEAST - 1]).low)


def test_a_seed_that_was_run_twice_counts_once() -> None:
    assert by_seed([(0, 1.0), (0, 3.0), (1, 5.0), (2, None), (3, math.nan)]) == {0: 2.0, 1: 5.0}


def test_the_verdict_is_what_scipy_says() -> None:
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


def test_it_needs_three_seeds_a_side() -> None:
    three, two = {0: 1.0, 1: 1.1, 2: 1.2}, {0: 5.0, 1: 5.1}
    for a, b in ((three, two), (two, three), (two, two), ({}, three), ({}, {})):
        found = verdict(a, b)
        assert not found.enough
        assert not found.resolved
    assert verdict(three, {k: v + 1 for k, v in three.items()}).resolved


def test_equal_values_are_not_called_different() -> None:
    same = {0: 1.0, 1: 2.0, 2: 3.0}
    assert not verdict(same, same).resolved
    constant = dict.fromkeys(range(3), 1.0)
    assert not verdict(constant, dict.fromkeys(range(5, 8), 1.0)).resolved


def rate(trials: int, n: int, planted: float, rho: float | None, seed: int = 4) -> float:
    """The share of comparisons of n seeds a side that are resolved, B worse by `planted` unpaired
    standard errors; `rho` is how far the same seeds correlate, None takes other seeds."""
    rng, hits = np.random.default_rng(seed), 0
    shift = planted * math.sqrt(2 / n)
    for _ in range(trials):
        common, own = rng.standard_normal(n), rng.standard_normal((2, n))
        share = rho or 0.0
        x, y = math.sqrt(share) * common + math.sqrt(1 - share) * own
        first = 0 if rho is not None else n
        b = {first + k: v + shift for k, v in enumerate(y)}
        hits += verdict(dict(enumerate(x)), b).resolved
    return hits / trials


@pytest.mark.parametrize(("n", "rho"), [(3, None), (3, 0.8), (5, None), (10, None)])
def test_of_100_equal_configurations_at_most_5_are_called_different(
    n: int, rho: float | None
) -> None:
    """A level of 5 % is 5 of 100 on average; what it is of many is told below."""
    assert rate(100, n, 0.0, rho) <= 0.05


@pytest.mark.parametrize(("n", "rho"), [(3, 0.8), (4, 0.8), (10, None), (20, None)])
def test_of_100_differences_of_three_standard_errors_at_least_80_are_resolved(
    n: int, rho: float | None
) -> None:
    assert rate(100, n, 3.0, rho) >= 0.8


@pytest.mark.parametrize(
    ("n", "rho", "equal", "different"),
    [
        (3, None, 0.0345, 0.512),
        (10, None, 0.0489, 0.807),
        (20, None, 0.0492, 0.832),
        (3, 0.8, 0.05, 0.894),
        (3, 0.0, 0.05, 0.387),
        (20, 0.0, 0.05, 0.812),
    ],
)
def test_these_rates_are_no_luck(
    n: int, rho: float | None, equal: float, different: float
) -> None:
    """Known rates, in pairs from the noncentral t, with Welch from 200,000 trials; the windows are
    three and a half standard deviations of so many trials as are made here."""
    trials = 5000
    for planted, wanted in ((0.0, equal), (3.0, different)):
        window = 3.5 * math.sqrt(wanted * (1 - wanted) / trials)
        assert abs(rate(trials, n, planted, rho, seed=5) - wanted) < window


# Pictures


def test_iso_elbo_lines_have_one_sum_each() -> None:
    spots = [
        comparison.Spot(
            "a", 1.0, Interval(3.0, *[math.nan] * 2, 1), Interval(20.0, 19, 21, 3), -23, 0
        ),
        comparison.Spot(
            "b", 4.0, Interval(0.0, *[math.nan] * 2, 1), Interval(27.0, 26, 28, 3), -27, None
        ),
    ]
    chart = comparison.rate_distortion(spots, 300)
    lines = chart.data[0]
    totals = {round(x + y, 6) for x, y in zip(lines.x, lines.y, strict=True) if x is not None}
    assert len(totals) >= 4
    assert len(totals) == len(chart.layout.annotations)
    told = {float(n.text.removeprefix("−ELBO ")) for n in chart.layout.annotations}
    assert told == totals
    for one in chart.layout.annotations:
        assert one.x + one.y == pytest.approx(float(one.text.removeprefix("−ELBO ")))
    drawn = {(float(x), float(y)) for t in chart.data[1:] for x, y in zip(t.x, t.y, strict=True)}
    assert drawn == {(3.0, 20.0), (0.0, 27.0)}


def test_every_spot_has_its_beta_or_its_name_unless_there_are_many() -> None:
    """A β that two spots have tells neither; words of near spots stand on different sides."""

    def grey(k: int, rate: float, distortion: float) -> comparison.Spot:
        ends = [math.nan] * 2
        places = Interval(rate, *ends, 1), Interval(distortion, *ends, 1)
        return comparison.Spot(f"run {k}", float(k), *places, -rate - distortion, None)

    near = [grey(1, 1.0, 20.0), grey(2, 1.01, 20.1), grey(3, 5.0, 25.0)]
    _, spots = comparison.rate_distortion(near, 300).data
    assert [text.strip() for text in spots.text] == ["β 1", "β 2", "β 3"]
    assert spots.mode == "markers+text"
    assert spots.textposition[0] != spots.textposition[1]
    assert spots.textposition[2] == "top left"  # on the right it would leave the plane
    twin = grey(3, 9.0, 29.0)._replace(name="x" * 30, slot=1)
    _, spots, other = comparison.rate_distortion([*near, twin], 300).data
    assert [text.strip() for text in spots.text] == ["β 1", "β 2", "run 3"]
    assert other.text[0].strip() == "x" * (comparison.LONG - 1) + "…"
    many = [grey(k, k, 20.0 + k) for k in range(comparison.FEW + 1)]
    assert comparison.rate_distortion(many, 300).data[1].mode == "markers"


@pytest.mark.parametrize(("low", "high"), [(20.0, 34.0), (-3.0, 700.0), (0.01, 0.02), (5.0, 5.0)])
def test_iso_values_are_round_few_and_within(low: float, high: float) -> None:
    found = comparison.sums(low, high)
    assert len(found) <= comparison.LINES + 1
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    steps = np.diff(found)
    if len(found) > 2:
        np.testing.assert_allclose(steps, steps[0])


def test_a_seed_is_thin_and_a_band_only_around_a_mean() -> None:
    line = Line(np.float32([0, 1, 2]), np.float32([3, 2, 1]))
    mean = line._replace(low=line.value - 1, high=line.value + 1)
    drawn = [
        comparison.Drawn("s", "kl", "val", 3, line, True),
        comparison.Drawn("m", "kl", "val", 3, mean),
        comparison.Drawn("t", "elbo", "train", 4, line),
    ]
    traces = comparison.overlaid(drawn, "epoch", 300).data
    assert [t.fill for t in traces] == [None, "toself", None, None]
    assert traces[0].line.width < traces[2].line.width
    assert {"class3" in t.line.color for t in (traces[0], traces[2])} == {True}
    assert traces[2].line.dash != "solid"
    assert traces[3].line.dash == "solid"
    assert "No report yet" in comparison.overlaid([], "epoch", 300).layout.annotations[0].text


def test_pairs_are_joined_only_where_they_are_pairs() -> None:
    side = paired_seeds.Side("a", 0, {0: 1.0, 1: 2.0, 2: 3.0}, interval([1.0, 2.0, 3.0]))
    other = side._replace(name="b", slot=1)
    assert len(paired_seeds.sides([side, other], "nats", True).data) == 3 + 4
    assert len(paired_seeds.sides([side, other], "nats", False).data) == 4
