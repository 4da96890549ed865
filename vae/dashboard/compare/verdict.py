"""The verdict on two configurations: a sentence and a chart."""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from vae.base.numbers import number, plural
from vae.base.statistics import MIN_SEEDS, Verdict, by_seed, interval, verdict
from vae.dashboard.compare.charts import Chosen
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import widgets
from vae.experiments import configurations
from vae.experiments.configurations import Entry, Fold
from vae.figures.paired_seeds import SeedGroup, paired_seeds
from vae.figures.palette import CLASSES

HEIGHT = 350
FIGURES = {
    "val": "validation −ELBO",
    "test": "test −ELBO",
    "nll": "test −ln p(x)",
}
HELP = {
    "side": "A configuration: runs that differ in their seed only. Finished runs count, and a "
    "repeated seed counts once.",
    "figure": "Values of the best weights of each run, nats per example; lower is better. "
    "Validation values come from training, test values from a saved evaluation.",
    "verdict": "With equal seeds on both sides, the test compares seed by seed (paired t), "
    "because a seed determines the held-out examples of both; otherwise means (Welch's t). "
    "Resolved: the 95 % interval of the difference excludes 0. About 5 in 100 pairs of equal "
    "configurations are called different. The power for a difference of three standard errors is "
    "51 % with 3 unpaired seeds per side and 81 % with 10; with 3 shared seeds it is 89 % at a "
    "correlation of 0.8, as on digits.",
}


class Judged(NamedTuple):
    """A side of the verdict: its values by seed, and counts of runs left out."""

    name: str
    values: dict[int, float]
    runs: int
    unfinished: int
    without: int  # finished runs without the value
    samples: set[int | None]  # K of −ln p(x)


def judged(fold: Fold, name: str, figure: str) -> Judged:
    """Return the values of the finished runs of a configuration."""
    done = [run for run in fold.runs if run.state == "finished"]
    found = [(run, value_of(run, figure)) for run in done]
    counted = [(run, value) for run, value in found if value is not None]
    return Judged(
        name,
        by_seed((run.seed, value) for run, value in counted),
        len(fold.runs),
        len(fold.runs) - len(done),
        len(found) - len(counted),
        {run.test.nll_samples for run, _ in counted} if figure == "nll" else set(),
    )


def value_of(entry: Entry, figure: str) -> float | None:
    """Return −ELBO or −ln p(x) of a run, nats per example; None if unknown."""
    if figure == "nll":
        return entry.test.nll
    elbo = (entry.val if figure == "val" else entry.test).elbo
    return None if elbo is None else -elbo


def sentence(a: Judged, b: Judged, found: Verdict) -> str:
    """Return the verdict as a sentence."""
    if short := [side for side in (a, b) if len(side.values) < MIN_SEEDS]:
        counts = " and ".join(f"{side.name} has {len(side.values)}" for side in short)
        return (
            f"A verdict needs at least {MIN_SEEDS} seeds a side, and {counts}: train more seeds "
            "on the Sweep page, or evaluate the existing runs."
        )
    ends = f"95 % interval {number(found.low)} to {number(found.high)}"
    if not found.resolved:
        return (
            f"**Difference not resolved.** A less B is {number(found.difference)} nats, {ends}: "
            "it may be 0. More seeds would narrow the interval."
        )
    better, worse = (a, b) if found.difference < 0 else (b, a)
    low, high = sorted((abs(found.low), abs(found.high)))
    return (
        f"**{better.name} is better than {worse.name} by {number(abs(found.difference))} nats** "
        f"(95 % interval {number(low)} to {number(high)})."
    )


def show(entries: Sequence[Entry], picked: Chosen) -> None:
    """Draw the choice of two configurations and a measure, and the verdict."""
    folds = configurations.fold(entries)
    if len(folds) < 2:
        st.info("A verdict compares two configurations; there is only one. Train another.")
        return
    labels = configurations.labels(folds)
    titles = {
        fold.key: name if len(fold.runs) > 1 else f"{name} (1 seed)"
        for fold, name in zip(folds, labels, strict=True)
    }
    known = {fold.key: fold for fold in folds}
    first, second = _defaults(folds, picked)
    left, right = st.columns([6, 5], gap="large")
    row = left.columns([5, 5, 4])
    a, b = (
        widgets.choose(
            place, side.upper(), f"compare_{side}", titles, fold.key, HELP["side"], link=side
        )
        for place, side, fold in zip(row, "ab", (first, second), strict=False)
    )
    figure = widgets.choose(
        row[2], "Measure", "compare_figure", FIGURES, "val", HELP["figure"], link="measure"
    )
    if a == b:
        left.info("A and B are the same configuration: choose another for one of them.")
    elif not configurations.comparable(known[a].runs[0], known[b].runs[0]):
        left.info(
            "These two cannot be compared: their data, split, preprocessing or likelihood differ, "
            "so their nats are not comparable."
        )
    else:
        both = [judged(known[key], titles[key], figure) for key in (a, b)]
        slots = configurations.slots(picked.slots, [a, b], CLASSES)
        with left:
            found = _say(both)
        if found and all(side.values for side in both):
            with right:
                _draw(both, [slots.get(key) for key in (a, b)], found.paired, figure)
            left.caption(
                "Lower is better. Dots: seeds, a line joins equal ones. Diamonds: means, from "
                "three seeds on with their 95 % interval."
            )


def _defaults(folds: Sequence[Fold], picked: Chosen) -> tuple[Fold, Fold]:
    """Return the first two selected configurations, else the two comparable ones with the most
    seeds."""
    mine = [fold for key in picked.slots for fold in folds if fold.key == key]
    rest = sorted((f for f in folds if f not in mine), key=lambda fold: -len(fold.seeds))
    first, *others = [*mine, *rest]
    alike = [f for f in others if configurations.comparable(first.runs[0], f.runs[0])]
    return first, [*mine[1:], *alike, *others][0]


def _say(both: Sequence[Judged]) -> Verdict | None:
    """Show and return the verdict; None if the values are not comparable."""
    kinds = both[0].samples | both[1].samples
    if len(kinds) > 1:
        text = " and ".join(f"{k:,}" for k in sorted(k or 0 for k in kinds))
        st.info(f"−ln p(x) was estimated with K = {text} samples: evaluate all runs with one K.")
        return None
    found = verdict(both[0].values, both[1].values)
    st.markdown(sentence(both[0], both[1], found), help=HELP["verdict"] + lesson_link("bound"))
    for text in filter(None, [*(_about(side) for side in both), _how(found)]):
        st.caption(text)
    return found


def _draw(both: Sequence[Judged], slots: Sequence[int | None], paired: bool, figure: str) -> None:
    drawn = [
        SeedGroup(side.name, slot, side.values, interval(list(side.values.values())))
        for side, slot in zip(both, slots, strict=True)
    ]
    plot(
        paired_seeds(drawn, f"{FIGURES[figure]}, nats per example", paired),
        key="compare_sides",
        revision=" ".join([figure, *(side.name for side in both)]),
        height=HEIGHT,
        label="Every seed of both sides, and their means with 95 % intervals",
    )


def _how(found: Verdict) -> str:
    if not found.enough:
        return ""
    return (
        "Seed by seed: both sides have the same seeds (paired t, 95 %)."
        if found.paired
        else "The sides have different seeds: means compared (Welch's t, 95 %)."
    )


def _about(side: Judged) -> str:
    """Return a side's mean, and the number of runs left out, as text."""
    values = list(side.values.values())
    count = "" if len(values) == side.runs else f" of {plural(len(values), 'seed')}"
    parts = [f"{side.name}: no value"]
    if values:
        one = interval(values)
        ends = (
            f", 95 % interval {number(one.low)} to {number(one.high)}"
            if len(values) >= MIN_SEEDS
            else ""
        )
        parts = [f"{side.name}: mean{count} {number(one.mean)} nats{ends}"]
    if side.unfinished:
        parts.append(f"{side.unfinished} not finished")
    if side.without:
        parts.append(f"{side.without} without a saved evaluation")
    return " · ".join(parts)
