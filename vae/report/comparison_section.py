"""The comparison of runs in a report: settings, curves, rate–distortion planes, verdicts.

A configuration has one colour throughout. Values are nats per example; intervals are 95 %
confidence intervals of the mean over seeds.
"""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import combinations
from typing import Any, NamedTuple

from vae.base.numbers import number
from vae.base.statistics import MIN_SEEDS, Verdict, by_seed, interval, verdict
from vae.experiments import configurations
from vae.experiments.configurations import Entry, Fold, line, mean_line
from vae.figures import comparison
from vae.figures.palette import CLASSES
from vae.figures.quantities import TERMS
from vae.figures.rate_distortion import RunPoint, rate_distortion
from vae.report.html import Page, dot, section, table

Reports = Mapping[str, Sequence[Mapping[str, Any]]]  # name of a run → its reports
CURVES, PLANE = 300, 340  # pixels high
PLANES = 4  # charts at most, the largest groups first


class Group(NamedTuple):
    """The runs by configuration, with the labels and colours of these."""

    folds: list[Fold]
    names: list[str]
    slots: dict[str, int]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Group":
        folds = configurations.fold(entries)
        slots = configurations.slots({}, [fold.key for fold in folds], CLASSES)
        return cls(folds, configurations.labels(folds), slots)

    def slot(self, fold: Fold) -> int | None:
        return self.slots.get(fold.key)


def settings(group: Group) -> str:
    """Return HTML: the settings that differ between configurations, then the common ones."""
    differ = configurations.differing(group.folds)
    every = list(dict.fromkeys(name for fold in group.folds for name in fold.settings))
    first = group.folds[0].settings
    shared = [
        [escape(configurations.spell(name)), escape(configurations.written(first.get(name)))]
        for name in every
        if name not in differ
    ]
    alike = f'<div class="columns">{table((), shared)}</div>'
    if len(group.folds) == 1:
        shared.append(["seed", ", ".join(map(str, group.folds[0].seeds))])
        return section("Settings", f'<div class="columns">{table((), shared)}</div>')
    heads = ["", *(_head(group, fold, name) for fold, name in _named(group))]
    rows = [_row(group, name) for name in differ]
    rows.append(["seed", *(", ".join(map(str, fold.seeds)) for fold in group.folds)])
    parts = [f'<div class="scroll">{table(heads, rows)}</div>', "<h3>The same in all</h3>", alike]
    return section("Settings", *parts, about="Marked values differ between configurations.")


def _named(group: Group) -> list[tuple[Fold, str]]:
    return list(zip(group.folds, group.names, strict=True))


def _head(group: Group, fold: Fold, name: str) -> str:
    return dot(group.slot(fold)) + escape(name)


def _row(group: Group, name: str) -> list[str]:
    values = (escape(configurations.written(fold.settings.get(name))) for fold in group.folds)
    return [escape(configurations.spell(name)), *(f"<mark>{value}</mark>" for value in values)]


def curves(page: Page, group: Group, reports: Reports) -> str:
    """Return HTML: reconstruction, KL and ELBO over training, validation dashed."""
    drawn: list[comparison.RunCurve] = []
    for fold, name in _named(group):
        for quantity in TERMS:
            for split in ("train", "val"):
                drawn += _lines(fold, escape(name), group.slot(fold), quantity, split, reports)
    chart = page.chart(
        comparison.overlaid_curves(drawn, "epoch", CURVES), "Curves of training", CURVES
    )
    about = (
        "Nats per example. Solid lines are means over the training batches since the last report. "
        "Dashed lines are validation values of the weights at that moment. Thick lines are means "
        "over seeds, with 95 % intervals from three seeds on."
    )
    return section("Curves", _legend(group), chart, about=about)


def _legend(group: Group) -> str:
    names = (f"<span>{_head(group, f, name)}</span>" for f, name in _named(group))
    return f'<p class="small">{" &nbsp; ".join(names)}</p>'


def _lines(
    fold: Fold, name: str, slot: int | None, quantity: str, split: str, reports: Reports
) -> list[comparison.RunCurve]:
    found = [line(reports[run.name], quantity, split, "epoch") for run in fold.runs]
    found = [one for one in found if len(one.value)]
    several = len(found) > 1
    lines = [comparison.RunCurve(name, quantity, split, slot, one, several) for one in found]
    if several:
        lines.append(comparison.RunCurve(f"{name}, mean", quantity, split, slot, mean_line(found)))
    return lines


def planes(page: Page, group: Group, entries: Sequence[Entry]) -> str:
    """Return HTML: a rate–distortion plane for each group of comparable runs."""
    parts = []
    for plane in configurations.planes(entries)[:PLANES]:
        known = [e for e in plane.entries if None not in (e.val.kl, e.val.reconstruction)]
        if known:
            folds = configurations.fold(known)
            names = dict(zip((f.key for f in group.folds), group.names, strict=True))
            spots = [_spot(f, escape(names.get(f.key, f.key)), group.slot(f)) for f in folds]
            chart = page.chart(rate_distortion(spots, PLANE), plane.label, PLANE)
            parts.append(f"<h3>{escape(plane.label)}</h3>{chart}")
    about = (
        "Best weights on validation data. On a dotted line rate + distortion, −ELBO, is "
        "constant; down and to the left is better. Each plane contains runs with comparable nats."
    )
    return section("Rate–distortion plane", *parts, about=about) if parts else ""


def _spot(fold: Fold, name: str, slot: int | None) -> RunPoint:
    rate, distortion = (
        interval(list(by_seed((run.seed, getattr(run.val, term)) for run in fold.runs).values()))
        for term in ("kl", "reconstruction")
    )
    elbo = -(rate.mean + distortion.mean)
    return RunPoint(name, fold.runs[0].settings.get("beta"), rate, distortion, elbo, slot)


def verdicts(group: Group) -> str:
    """Return HTML: verdicts on pairs of configurations with three finished seeds or more."""
    sides = [(fold, name, _values(fold)) for fold, name in _named(group)]
    sides = [side for side in sides if len(side[2]) >= MIN_SEEDS]
    sentences = [
        sentence(a[1], b[1], verdict(a[2], b[2]))
        for a, b in combinations(sides, 2)
        if configurations.comparable(a[0].runs[0], b[0].runs[0])
    ]
    if not sentences:
        return ""
    about = (
        f"Validation −ELBO of the best weights of each finished run, at least {MIN_SEEDS} seeds a "
        "side; Student's t on the differences seed by seed where both sides have the same seeds, "
        "Welch's where they have not. Of equal configurations about 5 in 100 are called different."
    )
    body = "".join(f'<p class="verdict">{text}</p>' for text in sentences)
    return section("Verdict", body, about=about)


def _values(fold: Fold) -> dict[int, float]:
    done = [run for run in fold.runs if run.state == "finished" and run.val.elbo is not None]
    return by_seed((run.seed, -float(run.val.elbo or 0.0)) for run in done)


def sentence(a: str, b: str, found: Verdict) -> str:
    """Return HTML: a verdict as a sentence. Its difference is −ELBO of A minus that of B."""
    a, b = escape(a), escape(b)
    ends = f"95 % interval {number(found.low)} to {number(found.high)}"
    if not found.resolved:
        return (
            f"<b>Difference not resolved.</b> {a} less {b} is {number(found.difference)} nats "
            f"({ends}): it may be 0."
        )
    better, worse = (a, b) if found.difference < 0 else (b, a)
    low, high = sorted((abs(found.low), abs(found.high)))
    return (
        f"<b>{better} is better than {worse} by {number(abs(found.difference))} nats</b> "
        f"(95 % interval {number(low)} to {number(high)})."
    )
