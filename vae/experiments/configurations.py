"""Configurations: groups of runs that differ in their seed only, and groups with comparable nats.

A *configuration* consists of all settings except the seed, and of every live change. Runs of one
configuration are its *seeds*.

The nats of two runs are comparable if both have one data set with the same split shares,
preprocessing (binarization, conditioning), likelihood and library size: a density of grey values
and a probability of binary values have no common scale. If the seed determines the examples, two
data sets count as equal if their settings are equal; otherwise, if their content is equal.

Numbers are nats per example. Nothing here loads torch.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae.base.criterion import ELBO, Criterion
from vae.base.numbers import typed
from vae.base.options import options_of
from vae.base.records import Change, Floats
from vae.base.statistics import MIN_SEEDS, half_width
from vae.components.network_file import title
from vae.data import DATASETS

SEED = "seed"
UNIT = ("data", "examples", "val_share", "test_share", "binarize", "likelihood", "condition")
NOT_IN_LABELS = ("device", "threads", "frames", "precision")


class Figures(NamedTuple):
    """Results of a run on one split; None if undefined or unknown."""

    elbo: float | None = None
    reconstruction: float | None = None
    kl: float | None = None
    nll: float | None = None  # −ln p(x)
    nll_samples: int | None = None  # importance samples of this estimate
    epoch: float | None = None  # of the weights
    best: float | None = None  # value of the criterion that selected the weights


class Entry(NamedTuple):
    """A run as one row of a table."""

    name: str
    settings: Mapping[str, Any]  # empty if they cannot be read
    data: str = ""  # name of the data
    fingerprint: str = ""
    created: str = ""  # ISO 8601, UTC
    changes: tuple[Change, ...] = ()
    val: Figures = Figures()  # of the best weights, from their report
    test: Figures = Figures()  # of the same weights, from one saved evaluation
    best_by: Criterion = ELBO  # selected these weights
    epochs: float = 0.0  # completed
    seconds: float = 0.0  # spent training
    problem: str = ""  # error of its settings
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
        """All settings except the seed, with each live change as a further setting."""
        return _settings(self.runs[0])

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for run in self.runs})


def _settings(entry: Entry) -> dict[str, Any]:
    moved = {f"{c.field} from step {c.step:,}": c.value for c in entry.changes}
    return {k: v for k, v in entry.settings.items() if k != SEED} | moved


def _drawn(settings: Mapping[str, Any]) -> bool:
    """Whether the seed determines the examples: a subset of real data, or a generated data set,
    which has options."""
    row = DATASETS.get(settings["data"])
    return bool(settings["examples"]) or (row is not None and bool(options_of(row)))


def _data(entry: Entry) -> str:
    """Return the fingerprint of a run's data; "" if the seed determines the examples."""
    return "" if _drawn(entry.settings) else entry.fingerprint


def fold(entries: Iterable[Entry]) -> list[Fold]:
    """Group runs by configuration, in order of first occurrence, without unreadable runs."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.settings:
            key = json.dumps([_settings(entry), _data(entry)], sort_keys=True)
            found.setdefault(key, []).append(entry)
    return [
        Fold(key, tuple(sorted(runs, key=lambda run: (run.seed, run.name))))
        for key, runs in found.items()
    ]


def unfold(folds: Iterable[Fold]) -> list[Fold]:
    """Return each run as a group of one, with the key of its configuration."""
    return [Fold(fold.key, (run,)) for fold in folds for run in fold.runs]


def differing(folds: Sequence[Fold]) -> list[str]:
    """Return the settings in which configurations differ, in their usual order."""
    every = [fold.settings for fold in folds]
    names = dict.fromkeys(name for settings in every for name in settings)
    return [name for name in names if len({_text(one.get(name)) for one in every}) > 1]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def labels(folds: Sequence[Fold]) -> list[str]:
    """Return distinct labels of configurations: title or name of a single run, up to three
    differing settings of several seeds."""
    differ = [name for name in differing(folds) if name not in NOT_IN_LABELS]
    few = differ if 0 < len(differ) <= 3 else []
    found = [_label(fold, few) for fold in folds]
    return [
        text if found.count(text) == 1 else f"{text} ({fold.runs[0].name})"
        for text, fold in zip(found, folds, strict=True)
    ]


def _label(fold: Fold, differ: Sequence[str]) -> str:
    if len(fold.runs) == 1:
        return fold.runs[0].label
    values = " · ".join(f"{spell(name)} {written(fold.settings.get(name))}" for name in differ)
    first = fold.runs[0]
    return (
        f"{values or first.label.removesuffix(f' · seed {first.seed}')} ({len(fold.seeds)} seeds)"
    )


def spell(name: str) -> str:
    """Return the name of a setting for people."""
    return {"beta": "β", "latent_dim": "Z", "lr": "learning rate"}.get(name, name).replace(
        "_", " "
    )


def written(value: Any) -> str:
    """Return a value of a setting for people; "–" if the setting does not apply."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return typed(value) if isinstance(value, float) else title(value)


class Plane(NamedTuple):
    """Runs with comparable nats: one data set, one split, one likelihood."""

    label: str
    entries: tuple[Entry, ...]


def planes(entries: Iterable[Entry]) -> list[Plane]:
    """Group runs with comparable nats, the largest group first."""
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
    """Return a key that is equal for runs with comparable nats."""
    settings = entry.settings
    row = DATASETS.get(settings["data"])
    options = {name: settings.get(name) for name in (options_of(row) if row else ())}
    values = [settings.get(name) for name in UNIT]
    return _text([*values, _library_size(entry), options, _data(entry)])


def _library_size(entry: Entry) -> str:
    """Return "none" or the library size that is given; counts of older runs have none."""
    return str(entry.settings.get("library_size") or "none")


def _plane_label(entry: Entry) -> str:
    from vae.config import DEFAULTS

    s = entry.settings
    parts = [entry.data or str(s["data"]), str(s["likelihood"])]
    parts += [f"binarized ({s['binarize']})"] if s["binarize"] != DEFAULTS["binarize"] else []
    parts += ["given the library size"] if _library_size(entry) != "none" else []
    parts += ["conditioned on the class"] if s["condition"] != DEFAULTS["condition"] else []
    return " · ".join(parts)


def comparable(a: Entry, b: Entry) -> bool:
    """Whether the nats of two runs are comparable."""
    return _unit(a) == _unit(b)


class Line(NamedTuple):
    """A quantity over training: of one seed, or the mean over seeds with its interval."""

    x: Floats  # (T,)
    value: Floats  # (T,)
    epoch: Floats  # (T,) completed epochs at each value
    low: Floats | None = None  # (T,) ends of the 95 % interval of a mean
    high: Floats | None = None


def line(reports: Iterable[Mapping[str, Any]], quantity: str, split: str, per: str) -> Line:
    """Return a quantity of one split over `per`: "epoch", "step" or "seconds"."""
    values = [(r.get(per), r.get(quantity), r["epoch"]) for r in reports if r["split"] == split]
    points = [found for found in values if None not in found]
    columns = np.array(points, np.float64).reshape(-1, 3).T
    return Line(*(column.astype(np.float32) for column in columns))


def mean_line(lines: Sequence[Line]) -> Line:
    """Return the mean over seeds up to the shortest line, with its interval from three seeds on.

    Seeds of one configuration report at the same steps, so the k-th reports belong together. Times
    in seconds are averaged too.
    """
    length = min(len(one.value) for one in lines)
    x: Floats = np.mean([one.x[:length] for one in lines], axis=0)
    epoch: Floats = np.mean([one.epoch[:length] for one in lines], axis=0)
    values = np.stack([one.value[:length] for one in lines]).astype(np.float64)  # (seeds, T)
    mean = values.mean(0)
    if len(lines) < MIN_SEEDS:
        return Line(x, mean.astype(np.float32), epoch)
    half = half_width(values)
    low, high = ((mean + side).astype(np.float32) for side in (-half, half))
    return Line(x, mean.astype(np.float32), epoch, low, high)


def slots(taken: Mapping[str, int], keys: Sequence[str], most: int) -> dict[str, int]:
    """Assign a colour number to each key: its former number, else the lowest free one. Keys beyond
    `most` have none."""
    found = {key: taken[key] for key in keys if key in taken}
    free = iter(sorted(set(range(most)) - set(found.values())))
    for key in keys:
        if key not in found and (slot := next(free, None)) is not None:
            found[key] = slot
    return {key: found[key] for key in keys if key in found}
