"""Runs side by side: which are one configuration, which may be compared, how they are called.

A *configuration* is everything that a run was asked to do but its seed: all settings and every
knob that was moved by hand. Runs of one configuration are its *seeds*.

Nats of two runs mean the same where both have one data set, divided by the same shares, seen in
the same way (binarized, told the class) under one likelihood: a density of grey values and the
probability of binary ones cannot stand in one plane. Where the seed decides which examples there
are, data are the same if they were asked for alike; else if their content is.

Numbers are nats per example. Nothing here loads torch.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae.base.criterion import ELBO, Criterion
from vae.base.options import options_of
from vae.base.records import Change, Floats
from vae.base.statistics import MIN_SEEDS, half_width
from vae.data import DATASETS

SEED = "seed"
UNIT = ("data", "examples", "val_share", "test_share", "binarize", "likelihood", "condition")
NEVER_TOLD = ("device", "threads", "frames", "precision")  # in a name, when others differ as well


class Figures(NamedTuple):
    """What a run has reached on a split; None where it does not exist or is not known."""

    elbo: float | None = None
    reconstruction: float | None = None
    kl: float | None = None
    nll: float | None = None  # -ln p(x)
    nll_samples: int | None = None  # importance samples that it was estimated with
    epoch: float | None = None  # of the weights
    best: float | None = None  # value of the criterion that selected the weights


class Entry(NamedTuple):
    """A run as it is listed."""

    name: str
    settings: Mapping[str, Any]  # empty where they cannot be read
    data: str = ""  # name of the data
    fingerprint: str = ""
    created: str = ""  # ISO 8601, UTC
    changes: tuple[Change, ...] = ()
    val: Figures = Figures()  # of the best weights, from their report
    test: Figures = Figures()  # of the same weights, from one saved evaluation
    best_by: Criterion = ELBO  # selected these weights
    epochs: float = 0.0  # trained
    seconds: float = 0.0  # spent training
    problem: str = ""  # why its settings cannot be used
    title: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""
    favourite: bool = False
    archived: bool = False
    state: str = ""

    @property
    def label(self) -> str:
        return self.title or self.name

    @property
    def seed(self) -> int:
        return int(self.settings[SEED])


class Fold(NamedTuple):
    """A configuration and its runs, in the order of their seeds."""

    key: str  # equal keys, equal configurations
    runs: tuple[Entry, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """Everything but the seed, with each live change as a setting of its own."""
        return _asked(self.runs[0])

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for run in self.runs})


def _asked(entry: Entry) -> dict[str, Any]:
    moved = {f"{c.field} from step {c.step:,}": c.value for c in entry.changes}
    return {k: v for k, v in entry.settings.items() if k != SEED} | moved


def _drawn(settings: Mapping[str, Any]) -> bool:
    """Whether the seed decides which examples there are: some of real data, or a formula's, which
    is told by its options."""
    row = DATASETS.get(settings["data"])
    return bool(settings["examples"]) or (row is not None and bool(options_of(row)))


def _data(entry: Entry) -> str:
    """Which data a run has: by content where the seed has no part in it."""
    return "" if _drawn(entry.settings) else entry.fingerprint


def fold(entries: Iterable[Entry]) -> list[Fold]:
    """Runs by configuration, in the order in which those first occur; runs without settings that
    can be read are left out."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.settings:
            key = json.dumps([_asked(entry), _data(entry)], sort_keys=True)
            found.setdefault(key, []).append(entry)
    return [
        Fold(key, tuple(sorted(runs, key=lambda run: (run.seed, run.name))))
        for key, runs in found.items()
    ]


def unfold(folds: Iterable[Fold]) -> list[Fold]:
    """Every run for itself, under the key of its configuration."""
    return [Fold(fold.key, (run,)) for fold in folds for run in fold.runs]


def differing(folds: Sequence[Fold]) -> list[str]:
    """The settings that are not the same in all configurations, in their usual order."""
    names = dict.fromkeys(name for fold in folds for name in fold.settings)
    return [name for name in names if len({_text(f.settings.get(name)) for f in folds}) > 1]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def labels(folds: Sequence[Fold]) -> list[str]:
    """What each configuration is called beside the others: a single run by its title or name,
    several seeds by up to three settings in which they differ; no two alike."""
    differ = [name for name in differing(folds) if name not in NEVER_TOLD]
    few = differ if 0 < len(differ) <= 3 else []
    found = [_label(fold, few) for fold in folds]
    return [
        text if found.count(text) == 1 else f"{text} ({fold.runs[0].name})"
        for text, fold in zip(found, folds, strict=True)
    ]


def _label(fold: Fold, differ: Sequence[str]) -> str:
    if len(fold.runs) == 1:
        return fold.runs[0].label
    told = " · ".join(f"{spell(name)} {written(fold.settings.get(name))}" for name in differ)
    first = fold.runs[0]
    return f"{told or first.label.removesuffix(f' · seed {first.seed}')} ({len(fold.seeds)} seeds)"


def spell(name: str) -> str:
    """A setting for people."""
    return {"beta": "β", "latent_dim": "Z", "lr": "learning rate"}.get(name, name).replace(
        "_", " "
    )


def written(value: Any) -> str:
    """A value of a setting for people; "–" where it does not apply."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


class Plane(NamedTuple):
    """Runs whose nats mean the same: one data set, divided alike, under one likelihood."""

    label: str
    entries: tuple[Entry, ...]


def planes(entries: Iterable[Entry]) -> list[Plane]:
    """Runs by what makes their nats comparable, the largest group first."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.settings:
            found.setdefault(_unit(entry), []).append(entry)
    groups = [tuple(group) for group in found.values()]
    names = [_plane_label(group[0]) for group in groups]
    heads = [
        name if names.count(name) == 1 else f"{name} · {group[0].name}"
        for name, group in zip(names, groups, strict=True)
    ]
    whole = [Plane(*pair) for pair in zip(heads, groups, strict=True)]
    return sorted(whole, key=lambda plane: -len(plane.entries))


def _unit(entry: Entry) -> str:
    """Equal for runs whose nats mean the same."""
    settings = entry.settings
    row = DATASETS.get(settings["data"])
    own = {name: settings.get(name) for name in (options_of(row) if row else ())}
    return _text([[settings.get(name) for name in UNIT], own, _data(entry)])


def _plane_label(entry: Entry) -> str:
    s = entry.settings
    parts = [entry.data or str(s["data"]), str(s["likelihood"])]
    parts += [f"binarized ({s['binarize']})"] if s["binarize"] != "none" else []
    parts += ["told the class"] if s["condition"] == "labels" else []
    return " · ".join(parts)


def comparable(a: Entry, b: Entry) -> bool:
    """Whether the nats of two runs mean the same."""
    return _unit(a) == _unit(b)


class Line(NamedTuple):
    """A quantity over training: of one seed, or the mean over several with its interval."""

    x: Floats  # (T,)
    value: Floats  # (T,)
    low: Floats | None = None  # (T,) ends of the 95 % interval of a mean
    high: Floats | None = None


def line(reports: Iterable[Mapping[str, Any]], quantity: str, split: str, per: str) -> Line:
    """A quantity of one split as its reports have it; `per` is "epoch", "step" or "seconds"."""
    kept = [(r.get(per), r.get(quantity)) for r in reports if r["split"] == split]
    points = [(x, y) for x, y in kept if x is not None and y is not None]
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return Line(x.astype(np.float32), y.astype(np.float32))


def mean_line(lines: Sequence[Line]) -> Line:
    """The mean of seeds as far as all of them have come, with its interval from three seeds on.

    Seeds of one configuration report at the same steps, so the k-th reports belong together; a
    time in seconds is the mean as well.
    """
    length = min(len(one.value) for one in lines)
    x: Floats = np.mean([one.x[:length] for one in lines], axis=0)
    values = np.stack([one.value[:length] for one in lines]).astype(np.float64)  # (seeds, T)
    mean = values.mean(0)
    if len(lines) < MIN_SEEDS:
        return Line(x, mean.astype(np.float32))
    half = half_width(values)
    return Line(x, *(part.astype(np.float32) for part in (mean, mean - half, mean + half)))


def slots(taken: Mapping[str, int], keys: Sequence[str], most: int) -> dict[str, int]:
    """A colour's number for each key: the one it had, else the lowest that is free; keys beyond
    `most` get none."""
    found = {key: taken[key] for key in keys if key in taken}
    free = iter(sorted(set(range(most)) - set(found.values())))
    for key in keys:
        if key not in found and (slot := next(free, None)) is not None:
            found[key] = slot
    return {key: found[key] for key in keys if key in found}
