"""Variants: a run repeated with one setting changed and the same seed.

The seed fixes the split, the order of the batches and every other draw, so that only the change
makes the two runs differ. Another row of a table (another objective, say) brings its options
along, and the list of changes names them.
"""

import re
from typing import Any

from vae.base.options import Field, check, coerce
from vae.config import RunConfig, fields
from vae.experiments import sweeps
from vae.experiments.admission import admitted_data
from vae.experiments.configurations import written
from vae.runs import Run, notes

DATA = ("data", "examples", "seed")  # settings that determine the examples
LONGEST = 64  # letters of a run's name


def settings(config: RunConfig) -> list[Field]:
    """Return the settings that a variant can change: all that apply, except the seed."""
    return [
        f for f in fields(config.network) if config.get(f.name) is not None and f.name != "seed"
    ]


def changed(run: Run, name: str, value: Any) -> RunConfig:
    """Return the configuration of a run with one setting changed, checked against its data.

    Raises ValueError if nothing changes, if the combination is not valid, or if the data are no
    longer those of the run.
    """
    run.require_network()
    before = run.config
    field = sweeps.field_of(name, before.network)
    value = coerce(field, value)
    check(field, value)
    if value == before.get(name):
        raise ValueError(f"{run.name} has {field.label} {written(value)}: choose another value.")
    config = sweeps.changed(before, {name: value})
    check_variant(run, config)
    return config


def check_variant(run: Run, config: RunConfig) -> None:
    """Raise ValueError if a variant of a run is not valid, or if the data of the run differ from
    those it was trained on."""
    before = run.config
    run.require_code()
    data = admitted_data(config)
    same = _data_settings(config) == _data_settings(before)
    if same and data.fingerprint != run.header["data"]["fingerprint"]:
        raise ValueError(
            f"The data of {run.name} ({before.data}) differ from those it was trained on: "
            "restore the old file."
        )


def _data_settings(config: RunConfig) -> list[Any]:
    return [*(config.get(name) for name in DATA), config.chosen("data")]


def format_changes(before: RunConfig, after: RunConfig) -> str:
    """Return the differences of two configurations as text: "β 1 → 4"."""
    parts = [
        f"{field.label} {written(before.get(field.name))} → {written(after.get(field.name))}"
        for field in {f.name: f for c in (before, after) for f in fields(c.network)}.values()
        if before.get(field.name) != after.get(field.name)
    ]
    return ", ".join(parts)


def free_name(run: Run, field: str, value: Any) -> str:
    """Return the default name of a variant: "NAME-beta-4", or the next free one."""
    change = re.sub(r"[^A-Za-z0-9._]+", "-", f"{field}-{written(value)}").strip("-")[:24]
    stem = f"{run.name[: LONGEST - 4 - len(change)]}-{change}"
    taken = {path.name for path in run.path.parent.glob(f"{stem}*")}
    free = (name for k in range(1, len(taken) + 2) if (name := f"{stem}-{k}") not in taken)
    return next(free) if stem in taken else stem


def create(run: Run, config: RunConfig, name: str) -> Run:
    """Create a variant in the queue, beside its run; its notes name the run and the changes.

    `check_variant` has accepted the configuration. Raises ValueError for a name that is taken or
    not valid.
    """
    variant = Run.create(run.path.parent, config, config.load_data(), name)
    changes = format_changes(run.config, config)
    notes.change(variant.path, notes=f"branched from {run.name}: {changes}")
    return variant
