"""Columns with roles → the arrays of a data set."""

import re

import numpy as np

from vae.base.records import Floats
from vae.data.arrays import Array, Raw
from vae.data.column import Column
from vae.data.column_kinds import coded
from vae.data.columns import LEAST_STEPS, UCR, Roles
from vae.data.description import Reading

NOTHING = np.empty(0)


def examples_raw(roles: Roles, reading: Reading) -> Raw:
    """Return the columns of the examples with the other ones."""
    if not roles.kinds:
        return raw_of(roles, reading, stacked(roles.examples))
    found = coded(roles.examples, roles.kinds)
    return raw_of(roles, reading, found.x)._replace(kinds=roles.kinds, entries=found.names)


def raw_of(roles: Roles, reading: Reading, x: Array = NOTHING) -> Raw:
    """Return the examples x with the classes, factors and row names (N,) of the columns."""
    return Raw(
        x,
        None if roles.label is None else roles.label.values,
        names=None if roles.names is None else roles.names.values.astype(np.str_),
        factors={c.name: factor_values(c) for c in roles.factors},
        reading=reading,
        pixels=_pixels(roles),
        series=_series(roles),
        columns=tuple(column.name for column in roles.examples),
    )


def _pixels(roles: Roles) -> str:
    """Return a reason to read the columns as pixels; "" without one."""
    names = [column.name for column in roles.examples]
    if names and all(re.match(r"pix|px|\d+x\d+$", name, re.I) for name in names):
        return f"The columns have names of pixels, such as {names[0]}."
    square = [guess for guess in roles.guesses if "square picture" in guess.why]
    return square[0].why if square else ""


def _series(roles: Roles) -> str:
    """Return a reason to read the columns as time steps; "" without one."""
    names = [column.name for column in roles.examples]
    found = [re.fullmatch(r"(t|time|step|timestep)[ _-]?(\d+)", name, re.I) for name in names]
    steps = [int(match[2]) for match in found if match]
    if len(steps) == len(names) >= LEAST_STEPS and steps == sorted(set(steps)):
        return f"The columns have names of time steps, such as {names[0]}."
    return next((guess.why for guess in roles.guesses if guess.why.endswith(UCR)), "")


def stacked(columns: tuple[Column, ...]) -> Array:
    """Return columns side by side, (N, D): bytes, whole numbers or float64 with NaN for empty
    cells."""
    arrays = [column.values for column in columns]
    if not all(column.is_whole and not column.missing.any() for column in columns):
        return np.column_stack(arrays).astype(np.float64)
    ends = [float(end) for a in arrays for end in (a.min(), a.max())]
    if min(ends) >= 0 and max(ends) <= 255:
        return np.column_stack([a.astype(np.uint8) for a in arrays])
    kind = np.int64 if max(-min(ends), max(ends)) < 2**53 else np.float64
    return np.column_stack([a.astype(kind) for a in arrays])


def factor_values(column: Column) -> Floats:
    """Return a factor as numbers: text becomes the position among its sorted entries."""
    if not column.is_text:
        return column.values.astype(np.float32)
    return np.unique(column.values, return_inverse=True)[1].astype(np.float32)


def joint_factors(roles: Roles, test: Roles) -> dict[str, Floats]:
    """Return the factors of the columns that both parts of a data set have, of all rows."""
    others = {c.name: c for c in test.factors}
    return {
        c.name: factor_values(c._replace(values=np.concatenate([c.values, other.values])))
        for c in roles.factors
        if (other := others.get(c.name))
    }
