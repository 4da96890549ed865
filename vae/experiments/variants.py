"""Branches: a run again with one setting changed, and all else the same, the seed too.

With the seed the split, the order of the batches and every other draw stay as they were, so that
what differs between the two runs comes from the change alone. Where another row of a table is
chosen (another objective, say), its own options come with it and are told as well.
"""

import re
from typing import Any

from vae.base.options import Field, check, coerce
from vae.config import RunConfig, fields
from vae.experiments import sweeps
from vae.experiments.configurations import written
from vae.runs import Run, notes

DATA = ("data", "examples", "seed")  # settings that decide which examples there are
LONGEST = 64  # letters of a run's name


def settings(config: RunConfig) -> list[Field]:
    """What can be changed in a branch: every setting that applies, save the seed."""
    return [f for f in fields() if config.get(f.name) is not None and f.name != "seed"]


def changed(run: Run, name: str, value: Any) -> RunConfig:
    """The configuration of a run with one setting at another value, tried on its data.

    Raises ValueError with a sentence where nothing changes, where the combination is refused, and
    where the data are no longer those of the run.
    """
    before, field = run.config, sweeps.field_of(name)
    value = coerce(field, value)
    check(field, value)
    if value == before.get(name):
        raise ValueError(f"{run.name} has {field.label} {written(value)}: choose another value.")
    config = sweeps.changed(before, {name: value})
    sweeps.fits(config)
    same = _data_settings(config) == _data_settings(before)
    if same and sweeps.data_of(config).fingerprint != run.header["data"]["fingerprint"]:
        raise ValueError(
            f"The data of {run.name} ({before.data}) are not those it was trained on: bring the "
            "old file back."
        )
    return config


def _data_settings(config: RunConfig) -> list[Any]:
    return [*(config.get(name) for name in DATA), config.chosen("data")]


def told(before: RunConfig, after: RunConfig) -> str:
    """What differs, for people: "β 1 → 4"."""
    parts = [
        f"{field.label} {written(before.get(field.name))} → {written(after.get(field.name))}"
        for field in fields()
        if before.get(field.name) != after.get(field.name)
    ]
    return ", ".join(parts)


def free_name(run: Run, field: str, value: Any) -> str:
    """What the branch is called if nobody says: "NAME-beta-4", or the next that is free."""
    change = re.sub(r"[^A-Za-z0-9._]+", "-", f"{field}-{written(value)}").strip("-")[:24]
    stem = f"{run.name[: LONGEST - 4 - len(change)]}-{change}"
    taken = {path.name for path in run.path.parent.glob(f"{stem}*")}
    free = (name for k in range(1, len(taken) + 2) if (name := f"{stem}-{k}") not in taken)
    return next(free) if stem in taken else stem


def create(run: Run, config: RunConfig, name: str) -> Run:
    """The branch beside its run, waiting in the queue; its notes say what it is.

    Raises ValueError for a name that is taken or cannot be a folder's.
    """
    made = Run.create(run.path.parent, config, sweeps.data_of(config), name)
    notes.change(made.path, notes=f"branched from {run.name}: {told(run.config, config)}")
    return made
