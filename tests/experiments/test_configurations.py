"""Configurations: runs that differ only in their seed are grouped; runs on other data are
separate."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from vae.base.records import Change
from vae.base.statistics import Interval, interval
from vae.config import RunConfig
from vae.experiments import configurations
from vae.experiments.configurations import Entry, Line, fold, labels, planes, unfold
from vae.figures import comparison, paired_seeds, rate_distortion


def entry(name: str, fingerprint: str = "f", **more: Any) -> Entry:
    """Return the entry of a run with these settings, changes and title."""
    own = {key: more.pop(key) for key in ("title", "changes") if key in more}
    settings = RunConfig.of(**more).model_dump(mode="json")
    return Entry(name, settings, str(settings["data"]), fingerprint, **own)


# Configurations


def test_runs_that_differ_only_in_their_seed_are_one_configuration() -> None:
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


def test_a_live_change_makes_another_configuration() -> None:
    moved = entry("b", seed=1, changes=(Change(40, "beta", 2.0),))
    folds = fold([entry("a"), moved])
    assert configurations.differing(folds) == ["beta from step 40"]


def test_a_changed_file_is_other_data_and_another_draw_is_not() -> None:
    assert len(fold([entry("a"), entry("b", "g", seed=1)])) == 2
    drawn = {"data": "mixture", "likelihood": "gaussian"}
    assert len(fold([entry("a", **drawn), entry("b", "g", seed=1, **drawn)])) == 1
    some = {"examples": 100}
    assert len(fold([entry("a", **some), entry("b", "g", seed=1, **some)])) == 1


def test_runs_without_settings_are_left_out() -> None:
    assert fold([Entry("broken", {})]) == []
    assert planes([Entry("broken", {})]) == []
    assert fold([]) == labels([]) == configurations.differing([]) == []


def test_labels_are_distinct_and_name_the_differences() -> None:
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
def test_settings_that_change_the_unit_of_nats_make_another_plane(
    settings: dict[str, Any],
) -> None:
    a, b = entry("a"), entry("b", **settings)
    assert len(planes([a, b])) == 2
    assert not configurations.comparable(a, b)
    assert len({plane.label for plane in planes([a, b])}) == 2


@pytest.mark.parametrize("settings", [{"beta": 3.0}, {"latent_dim": 9}, {"seed": 5}, {"lr": 0.1}])
def test_other_settings_stay_in_the_plane(settings: dict[str, Any]) -> None:
    (plane,) = planes([entry("a"), entry("b", **settings)])
    assert [run.name for run in plane.entries] == ["a", "b"]


def test_a_configuration_keeps_its_colour() -> None:
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
def test_a_line_has_the_values_of_the_reports(per: str, unit: float) -> None:
    found = configurations.line(reports([1.5, None, 3.5]), "elbo", "val", per)
    np.testing.assert_array_equal(found.value, np.float32([1.5, 3.5]))
    np.testing.assert_allclose(found.x, np.float32([0, 2 * unit]))
    assert not len(configurations.line([], "elbo", "val", per).x)


def test_the_mean_of_seeds_ends_with_the_shortest_line() -> None:
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


# Pictures


def test_iso_elbo_lines_have_a_constant_sum() -> None:
    spots = [
        rate_distortion.RunPoint(
            "a", 1.0, Interval(3.0, *[math.nan] * 2, 1), Interval(20.0, 19, 21, 3), -23, 0
        ),
        rate_distortion.RunPoint(
            "b", 4.0, Interval(0.0, *[math.nan] * 2, 1), Interval(27.0, 26, 28, 3), -27, None
        ),
    ]
    chart = rate_distortion.rate_distortion(spots, 300)
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


def test_every_point_has_its_beta_or_its_name_unless_there_are_many() -> None:
    """Points with equal β have their names. Labels of close points are on different sides."""

    def grey(k: int, rate: float, distortion: float) -> rate_distortion.RunPoint:
        ends = [math.nan] * 2
        places = Interval(rate, *ends, 1), Interval(distortion, *ends, 1)
        return rate_distortion.RunPoint(f"run {k}", float(k), *places, -rate - distortion, None)

    near = [grey(1, 1.0, 20.0), grey(2, 1.01, 20.1), grey(3, 5.0, 25.0)]
    _, spots = rate_distortion.rate_distortion(near, 300).data
    assert [text.strip() for text in spots.text] == ["β 1", "β 2", "β 3"]
    assert spots.mode == "markers+text"
    assert spots.textposition[0] != spots.textposition[1]
    twin = grey(3, 9.0, 29.0)._replace(name="x" * 30, slot=1)
    _, spots, other = rate_distortion.rate_distortion([*near, twin], 300).data
    assert [text.strip() for text in spots.text] == ["β 1", "β 2", "run 3"]
    assert other.textposition == ("top left",)  # on the right it would leave the plane
    assert other.text[0].strip() == "x" * (rate_distortion.LONG - 1) + "…"
    many = [grey(k, k, 20.0 + k) for k in range(rate_distortion.FEW + 1)]
    assert rate_distortion.rate_distortion(many, 300).data[1].mode == "markers"


@pytest.mark.parametrize(("low", "high"), [(20.0, 34.0), (-3.0, 700.0), (0.01, 0.02), (5.0, 5.0)])
def test_iso_values_are_round_few_and_within(low: float, high: float) -> None:
    found = rate_distortion.iso_elbo_values(low, high)
    assert len(found) <= rate_distortion.LINES + 1
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    steps = np.diff(found)
    if len(found) > 2:
        np.testing.assert_allclose(steps, steps[0])


def test_a_seed_has_a_thin_line_and_only_a_mean_has_a_band() -> None:
    line = Line(*np.float32([[0, 1, 2], [3, 2, 1], [0, 1, 2]]))
    mean = line._replace(low=line.value - 1, high=line.value + 1)
    drawn = [
        comparison.RunCurve("s", "kl", "val", 3, line, True),
        comparison.RunCurve("m", "kl", "val", 3, mean),
        comparison.RunCurve("t", "elbo", "train", 4, line),
    ]
    traces = comparison.overlaid_curves(drawn, "epoch", 300).data
    assert [t.fill for t in traces] == [None, "toself", None, None]
    assert traces[0].line.width < traces[2].line.width
    assert {"class3" in t.line.color for t in (traces[0], traces[2])} == {True}
    assert traces[2].line.dash != "solid"
    assert traces[3].line.dash == "solid"
    assert "No curves" in comparison.overlaid_curves([], "epoch", 300).layout.annotations[0].text


def test_pairs_are_joined_only_where_they_are_pairs() -> None:
    side = paired_seeds.SeedGroup("a", 0, {0: 1.0, 1: 2.0, 2: 3.0}, interval([1.0, 2.0, 3.0]))
    other = side._replace(name="b", slot=1)
    assert len(paired_seeds.paired_seeds([side, other], "nats", True).data) == 3 + 4
    assert len(paired_seeds.paired_seeds([side, other], "nats", False).data) == 4
