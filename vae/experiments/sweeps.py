"""Sweeps: which runs one configuration becomes when a few of its settings take several values.

A sweep is a grid: every value of each axis with every value of the others, times a number of
seeds, counted up from the configuration's own. The k-th seed of every configuration comes before
any (k + 1)-th, so that the whole picture is there early, and grows surer. A combination that
`RunConfig` or the data refuse stays in the plan with its sentence, and makes no run.

What makes runs a sweep is a tag on each, `sweep:NAME`, in its notes: the folders alone say what
belongs together and how far it is.
"""

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae.base.devices import resolve
from vae.base.options import Field, coerce, refuse_unknown
from vae.config import TABLES, RunConfig, fields
from vae.data import DATASETS, SOURCES, Dataset, load, on_disk
from vae.experiments.configurations import Fold, differing, spell, written
from vae.model import cost
from vae.runs import Run, listing, notes
from vae.runs.names import NAME
from vae.runs.result_keys import FileState, file_state

TAG = "sweep:"
LONGEST = 30  # letters of a sweep's name
AXES, MOST, SEEDS = 2, 200, 20  # axes, runs and seeds of a sweep at most
DIGITS = 4  # significant ones of the values of a range
RANGES: dict[str, Callable[[float, float, int], Any]] = {
    "linear": np.linspace,
    "log": np.geomspace,
}


class Axis(NamedTuple):
    """A setting and the values that it takes, each once."""

    field: str
    values: tuple[Any, ...]


class Arm(NamedTuple):
    """One combination: what it changes, and its configuration or why there is none."""

    changes: dict[str, Any]
    config: RunConfig | None
    problem: str = ""

    @property
    def name(self) -> str:
        """What it is called beside the others."""
        return told(self.changes)


def told(changes: Mapping[str, Any]) -> str:
    """Settings and their values for people: "β 0.5 · learning rate 0.01"."""
    parts = (f"{spell(name)} {written(value)}" for name, value in changes.items())
    return " · ".join(parts) or "one configuration"


def field_of(name: str) -> Field:
    """The setting of that name, spelled with _ or -; raises ValueError naming those there are."""
    name = name.strip().replace("-", "_")
    found = {field.name: field for field in fields()}
    refuse_unknown([name], list(found))
    return found[name]


def axis(text: str) -> Axis:
    """The axis that a text asks for: "beta=0.5,1,2", "lr=log:1e-4:1e-2:5" (from, to, how many),
    "latent_dim=linear:2:10:5". Values that hold a comma are parted by a semicolon:
    "hidden=512,256;64". Raises ValueError."""
    name, equals, values = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} names no values: write it like beta=0.5,1,2.")
    return axis_of(name, values)


def axis_of(name: str, values: str) -> Axis:
    """The axis of a setting, its values as a text; raises ValueError."""
    field = field_of(name)
    if field.name == "seed":
        raise ValueError("Every configuration is run with several seeds: say how many instead.")
    kind, _, rest = values.strip().partition(":")
    found: list[Any]
    if kind in RANGES and field.type in (int, float):
        found = spread(field, kind, *_ends(field, rest))
    else:
        parted = ";" if ";" in values or isinstance(field.default, tuple) else ","
        found = [part.strip() for part in values.split(parted) if part.strip()]
    if not found:
        raise ValueError(f"{field.name} has no values yet: give some, parted by commas.")
    return Axis(field.name, tuple(dict.fromkeys(coerce(field, value) for value in found)))


def _ends(field: Field, text: str) -> tuple[float, float, int]:
    try:
        low, high, count = text.split(":")
        return float(low), float(high), int(count)
    except ValueError:
        raise ValueError(
            f"A range of {field.name} is from, to and how many, such as log:0.1:10:5, and not "
            f"{text!r}."
        ) from None


def spread(field: Field, kind: str, low: float, high: float, count: int) -> list[float]:
    """`count` values from low to high, evenly apart ("linear") or by a constant factor ("log"),
    rounded to four digits, or to whole numbers where the setting takes those."""
    if not 2 <= count <= MOST:
        raise ValueError(f"A range has 2 to {MOST} values, not {count}.")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("The ends of a range are finite numbers.")
    if kind == "log" and min(low, high) <= 0:
        raise ValueError("The ends of a log range are above 0: choose a linear one.")
    values = RANGES[kind](low, high, count)
    if field.type is int:
        return [round(float(value)) for value in values]
    return [float(f"{value:.{DIGITS}g}") for value in values]


def changed(base: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """A configuration with some settings changed. Where another row of a table is chosen, its
    options take their defaults, save those that both rows have and that had been set. Raises
    ValueError with a sentence for what is refused."""
    values = base.model_dump()
    before = {kind: getattr(base, kind) for kind in TABLES}
    after = before | {kind: changes[kind] for kind in TABLES if kind in changes}
    for field in fields():
        moved = field.kind and before[field.kind] != after[field.kind]
        if moved and (
            not field.belongs_to(after) or values.get(field.name) == field.default_for(before)
        ):
            values.pop(field.name, None)
    return RunConfig.of(**values | dict(changes))


def fits(config: RunConfig) -> None:
    """Raise ValueError where a configuration does not suit its data or this machine."""
    if config.data in SOURCES and not on_disk(config.data):
        raise ValueError(f"{config.data} is not on this machine yet: choose it once in Data.")
    data = data_of(config)
    config.split(data)
    cost(config, config.domain(data))
    resolve(config.device)


def plan(base: RunConfig, axes: Sequence[Axis], seeds: int) -> list[Arm]:
    """Every combination of the axes, those that cannot be run with the reason.

    Raises ValueError for an axis that is there twice, and for more runs than a sweep may have.
    """
    names = [one.field for one in axes]
    if len(set(names)) < len(names):
        raise ValueError(f"{names[0]} is swept twice: choose another second setting.")
    if len(axes) > AXES:
        raise ValueError(f"A sweep has up to {AXES} settings, not {len(axes)}.")
    if not 1 <= seeds <= SEEDS:
        raise ValueError(f"A sweep has 1 to {SEEDS} seeds, not {seeds}.")
    count = seeds * math.prod(len(one.values) for one in axes)
    if count > MOST:
        raise ValueError(f"This would be {count:,} runs; a sweep has up to {MOST}.")
    grid = product(*(one.values for one in axes))
    return [_arm(base, dict(zip(names, values, strict=True))) for values in grid]


def _arm(base: RunConfig, changes: dict[str, Any]) -> Arm:
    try:
        config = changed(base, changes)
        fits(config)
    except (ValueError, OSError) as error:
        return Arm(changes, None, str(error))
    return Arm(changes, config)


def configurations(arms: Iterable[Arm], seeds: int) -> list[tuple[str, RunConfig]]:
    """What is run and in which order: (title, configuration), seed after seed."""
    kept = [(arm.name, arm.config) for arm in arms if arm.config is not None]
    return [
        (f"{name} · seed {config.seed + k}", changed(config, {"seed": config.seed + k}))
        for k in range(seeds)
        for name, config in kept
    ]


def swept(folds: Sequence[Fold]) -> list[str]:
    """The settings in which configurations differ of themselves, without the options that only
    come with another row of a table."""
    differ = differing(folds)
    kinds = {field.name: field.kind for field in fields() if field.kind in differ}

    def follows(name: str) -> bool:
        kind = kinds.get(name, "")
        pairs = {(f.settings.get(kind), written(f.settings.get(name))) for f in folds}
        return bool(kind) and len(pairs) == len({row for row, _ in pairs})

    return [name for name in differ if not follows(name)]


def checked_name(name: str, known: Collection[str]) -> str:
    """The name, if it can be that of a new sweep beside the known ones; else ValueError."""
    if name in known:
        raise ValueError(f"There is a sweep {name!r} already: choose another name.")
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise ValueError(
            f"{name!r} cannot be the name of a sweep: use up to {LONGEST} letters, digits, dots, "
            "dashes and underscores, beginning with a letter or digit."
        )
    return name


def names_of(tags: Iterable[str]) -> list[str]:
    """The sweeps that these tags of a run name."""
    return [tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG) and tag != TAG]


def taken(root: Path | str) -> set[str]:
    """The names of the sweeps that there are."""
    return {name for run in listing(root) for name in names_of(notes.read(run.path).tags)}


def members(root: Path | str, name: str) -> list[Run]:
    """The runs of a sweep, the oldest first."""
    runs = reversed(listing(root))
    return [run for run in runs if name in names_of(notes.read(run.path).tags)]


def free_name(known: Collection[str], axes: Sequence[Axis]) -> str:
    """A name from the swept settings that none of the known sweeps has: "beta-1"."""
    stem = "-".join(one.field.replace("_", "-") for one in axes)[: LONGEST - 4] or "seeds"
    return next(n for k in range(1, len(known) + 2) if (n := f"{stem}-{k}") not in known)


def create(
    root: Path | str, name: str, runs: Sequence[tuple[str, RunConfig]], **first: Any
) -> tuple[list[Run], list[str]]:
    """Make the folders of a sweep, which wait in the queue; them, and why others could not be
    made. `first` is the status of the first one, for who trains it at once.

    Raises ValueError for a name that cannot be a sweep's or is taken.
    """
    tag, made, refused = TAG + checked_name(name, taken(root)), list[Run](), list[str]()
    for title, config in runs:
        try:
            run = Run.create(root, config, data_of(config), **({} if made else first))
            notes.change(run.path, title=title[: notes.LONGEST["title"]], tags=(tag,))
        except (ValueError, OSError) as error:
            refused.append(f"{title}: {error}")
        else:
            made.append(run)
    return made, refused


def data_of(config: RunConfig) -> Dataset:
    """The data of a configuration, loaded once for all that ask for the same; raises ValueError
    where they cannot be."""
    options, path = config.chosen("data"), Path(config.data)
    seed = config.seed if config.examples or options else 0
    state = None if config.data in DATASETS else file_state(path)
    return _load(config.data, config.examples, seed, json.dumps(options), state)


@lru_cache(maxsize=3)
def _load(data: str, examples: int, seed: int, options: str, state: FileState | None) -> Dataset:
    return load(data, examples=examples, seed=seed, options=json.loads(options))
