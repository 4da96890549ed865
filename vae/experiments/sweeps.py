"""Sweeps: the runs of a grid over one or two settings, with several seeds.

A grid combines every value of each axis with every value of the others. Seeds count up from the
configuration's seed, and the k-th seed of every combination trains before any (k + 1)-th, so that
results for the whole grid come early. A combination that `RunConfig` or the data refuse stays in
the plan with the error, and has no run.

The tag `sweep:NAME` in the notes of each run defines the sweep; there is no other record of it.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae.base.numbers import typed
from vae.base.options import Field, coerce, refuse_unknown
from vae.config import TABLES, RunConfig, fields
from vae.experiments.admission import admitted_data
from vae.experiments.configurations import Fold, differing, spell, written
from vae.runs import Run, listing, notes
from vae.runs.names import NAME

TAG = "sweep:"
LONGEST = 30  # letters of a sweep's name, at most
AXES, MOST, SEEDS = 2, 200, 20  # axes, runs and seeds of a sweep at most
DIGITS = 4  # significant digits of the values of a range
RANGES: dict[str, Callable[[float, float, int], Any]] = {
    "linear": np.linspace,
    "log": np.geomspace,
}


class Axis(NamedTuple):
    """A setting and the values that it takes, each once."""

    field: str
    values: tuple[Any, ...]


class Arm(NamedTuple):
    """One combination: its changes, and its configuration or the reason for having none."""

    changes: dict[str, Any]
    config: RunConfig | None
    problem: str = ""

    @property
    def name(self) -> str:
        """Its name beside the other combinations."""
        return format_settings(self.changes)


def format_settings(changes: Mapping[str, Any]) -> str:
    """Return settings and their values as text: "β 0.5 · learning rate 0.01"."""
    parts = (f"{spell(name)} {written(value)}" for name, value in changes.items())
    return " · ".join(parts) or "one configuration"


def field_of(name: str, network: str = "") -> Field:
    """Return the setting of a name spelled with _ or -, the options of a network in a file
    included; raises ValueError with all names."""
    name = name.strip().replace("-", "_")
    found = {field.name: field for field in fields(network)}
    refuse_unknown([name], list(found))
    return found[name]


def axis(text: str, network: str = "") -> Axis:
    """Parse an axis: "beta=0.5,1,2", "lr=log:1e-4:1e-2:5" (from, to, count) or
    "latent_dim=linear:2:10:5". Semicolons separate values that contain commas:
    "hidden=512,256;64". Raises ValueError."""
    name, equals, values = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} names no values: write it like beta=0.5,1,2.")
    return axis_of(name, values, network)


def axis_of(name: str, values: str, network: str = "") -> Axis:
    """Return the axis of a setting with its values given as text; raises ValueError."""
    field = field_of(name, network)
    if field.name == "seed":
        raise ValueError("The seed is not an axis: set the number of seeds instead.")
    kind, _, rest = values.strip().partition(":")
    found: list[Any]
    if kind in RANGES and field.type in (int, float):
        found = spread(field, kind, *_ends(field, rest))
    else:
        parted = ";" if ";" in values or isinstance(field.default, tuple) else ","
        found = [part.strip() for part in values.split(parted) if part.strip()]
    if not found:
        raise ValueError(f"{field.name} has no values yet: give some, separated by commas.")
    return Axis(field.name, tuple(dict.fromkeys(coerce(field, value) for value in found)))


def _ends(field: Field, text: str) -> tuple[float, float, int]:
    try:
        low, high, count = text.split(":")
        return float(low), float(high), int(count)
    except ValueError:
        raise ValueError(
            f"A range of {field.name} is from, to and count, such as log:0.1:10:5, not {text!r}."
        ) from None


def spread(field: Field, kind: str, low: float, high: float, count: int) -> list[float]:
    """Return `count` values from low to high, evenly spaced ("linear") or with a constant factor
    ("log"), rounded to four digits, or to whole numbers for an integer setting."""
    if not 2 <= count <= MOST:
        raise ValueError(f"A range has 2 to {MOST} values, not {count}.")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("The ends of a range are finite numbers.")
    if kind == "log" and min(low, high) <= 0:
        raise ValueError("The ends of a log range are above 0: choose a linear range.")
    values = RANGES[kind](low, high, count)
    if field.type is int:
        return [round(float(value)) for value in values]
    return [float(typed(value, DIGITS)) for value in values]


def changed(base: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """Return a configuration with some settings changed.

    The options of a newly chosen row have their defaults, except options of both rows that were
    set before. Raises ValueError if the result is not valid.
    """
    values = base.model_dump()
    before = {kind: getattr(base, kind) for kind in TABLES}
    after = before | {kind: changes[kind] for kind in TABLES if kind in changes}
    known = {field.name for field in fields(after["network"])}
    for field in fields(base.network):
        moved = field.kind and before[field.kind] != after[field.kind]
        foreign = field.name not in known or not field.belongs_to(after)
        if moved and (foreign or values.get(field.name) == field.default_for(before)):
            values.pop(field.name, None)
    return RunConfig.of(**values | dict(changes))


def plan(base: RunConfig, axes: Sequence[Axis], seeds: int) -> list[Arm]:
    """Return every combination of the axes, with the reason for each that cannot run.

    Raises ValueError for an axis given twice and for too many runs.
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
        admitted_data(config)
    except (ValueError, OSError) as error:
        return Arm(changes, None, str(error))
    return Arm(changes, config)


def configurations(arms: Iterable[Arm], seeds: int) -> list[tuple[str, RunConfig]]:
    """Return (title, configuration) of each run in the order of training, seed after seed."""
    valid = [(arm.name, arm.config) for arm in arms if arm.config is not None]
    return [
        (f"{name} · seed {config.seed + k}", changed(config, {"seed": config.seed + k}))
        for k in range(seeds)
        for name, config in valid
    ]


def swept(folds: Sequence[Fold]) -> list[str]:
    """Return the settings in which configurations differ, without the options that another row of
    a table brings along."""
    differ = differing(folds)
    networks = {str(fold.settings.get("network")) for fold in folds}
    every = (field for network in networks for field in _fields_of(network))
    kinds = {field.name: field.kind for field in every if field.kind in differ}

    def follows(name: str) -> bool:
        kind = kinds.get(name, "")
        pairs = {(f.settings.get(kind), written(f.settings.get(name))) for f in folds}
        return bool(kind) and len(pairs) == len({row for row, _ in pairs})

    return [name for name in differ if not follows(name)]


def _fields_of(network: str) -> tuple[Field, ...]:
    """Return the settings of a run; those of the tables if its network's file cannot be read."""
    try:
        return fields(network)
    except ValueError:
        return fields()


def checked_name(name: str, known: Collection[str]) -> str:
    """Return the name if a new sweep can have it beside the known ones; else raise ValueError."""
    if name in known:
        raise ValueError(f"There is a sweep {name!r} already: choose another name.")
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise ValueError(
            f"{name!r} cannot be the name of a sweep: use up to {LONGEST} letters, digits, dots, "
            "dashes and underscores, beginning with a letter or digit."
        )
    return name


def names_of(tags: Iterable[str]) -> list[str]:
    """Return the names of the sweeps in these tags of a run."""
    return [tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG) and tag != TAG]


def taken(root: Path | str) -> set[str]:
    """Return the names of all sweeps of a root."""
    return {name for run in listing(root) for name in names_of(notes.read(run.path).tags)}


def members(root: Path | str, name: str) -> list[Run]:
    """Return the runs of a sweep, the oldest first."""
    runs = reversed(listing(root))
    return [run for run in runs if name in names_of(notes.read(run.path).tags)]


def free_name(known: Collection[str], axes: Sequence[Axis]) -> str:
    """Return an unused name made of the swept settings: "beta-1"."""
    stem = "-".join(one.field.replace("_", "-") for one in axes)[: LONGEST - 4] or "seeds"
    return next(n for k in range(1, len(known) + 2) if (n := f"{stem}-{k}") not in known)


def create(
    root: Path | str, name: str, runs: Sequence[tuple[str, RunConfig]], **first: Any
) -> tuple[list[Run], list[str]]:
    """Create the runs of a sweep in the queue; return them, and the errors of runs not created.

    `first` is the status of the first run, for a process that trains it at once. Raises ValueError
    for a name that is taken or not valid.
    """
    tag, created, refused = TAG + checked_name(name, taken(root)), list[Run](), list[str]()
    for title, config in runs:
        try:
            run = Run.create(root, config, config.load_data(), **({} if created else first))
            notes.change(run.path, title=title[: notes.LONGEST["title"]], tags=(tag,))
        except (ValueError, OSError) as error:
            refused.append(f"{title}: {error}")
        else:
            created.append(run)
    return created, refused
