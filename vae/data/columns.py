"""Roles of the columns of a table: class, row name, known factors, left out, examples.

A column is left out by default if it numbers the rows, is empty, or holds dates or text without
repeated entries. A column named as in LABELS, or else the last column of text with repeated
entries, is the class.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from vae.data.arrays import MOST_CLASSES
from vae.data.column import Column, is_date, is_distinct, plain, reason
from vae.data.column_kinds import assign_kinds, without_marks
from vae.data.description import (
    AUTO,
    NONE,
    Description,
    Guess,
    LeftOut,
    chosen,
    few,
    grouped,
    joined,
    listed,
    named,
)
from vae.data.errors import DataError

LABELS = (
    "label",
    "labels",
    "class",
    "class label",
    "classlabel",
    "classes",
    "target",
    "targets",
    "species",
    "diagnosis",
    "digit",
    "category",
    "variety",
    "outcome",
    "cell type",
    "celltype",
    "cluster",
    "y",
)
MOST_CHOICES = 200  # columns in a list of choices
LEAST_PIXELS = 64  # of a flat picture
LEAST_STEPS = 16  # of a series beside its class
UCR = ", as in the UCR archive of series."  # ends a reason to read rows as series
MANY = 20  # distinct whole numbers that may be classes in a small table


class Roles(NamedTuple):
    """The use of each column, and the guesses that led to it."""

    examples: tuple[Column, ...]
    label: Column | None
    names: Column | None
    factors: tuple[Column, ...]
    left_out: tuple[LeftOut, ...]
    guesses: tuple[Guess, ...]
    kinds: tuple[str, ...] = ()  # of the examples of a mixed table


class Table(NamedTuple):
    """The columns of a file."""

    file: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def find(self, name: str, setting: str) -> Column:
        return self.columns[named(name, self.names, self.file, setting)]

    def find_all(self, text: str, setting: str) -> list[Column]:
        return [self.find(name, setting) for name in listed(text)]


def assign(table: Table, wanted: Description, examples: str = "") -> Roles:
    """Return the role of every column, beside the column of the examples if it is no number.

    Raises a DataError for an unknown name, or if no column is left for the examples.
    """
    label, label_guess = _label(table, wanted)
    factors, factor_guess = _factors(table, wanted, label)
    used = {c.name for c in (label, *factors) if c}
    dropped = _dropped(table, wanted, used)
    names, names_guess = _names(table, wanted, used, dropped)
    if names:
        dropped.pop(names.name, None)
        used.add(names.name)
    rest = tuple(c for c in table.columns if c.name not in used and c.name not in dropped)
    if examples:
        dropped |= {c.name: f"beside the examples in {examples}" for c in rest}
        rest = ()
    elif not rest:
        raise DataError(
            f"{table.file} has no column of numbers for the examples: add some. Its columns are "
            f"{few(table.names)}."
        )
    for column in rest:
        if column.note:
            raise DataError(
                f"{table.file}: column {column.name} {column.note}: leave it out (--data-ignore)."
            )
    ignore = chosen(
        wanted, "data_ignore", joined(list(dropped)), _why_left(table, dropped), table.names
    )
    rest = tuple(map(without_marks, rest))
    kinds, kinds_guess = assign_kinds(rest, wanted, table.file)
    guesses = (label_guess, factor_guess, names_guess, kinds_guess, ignore)
    return Roles(rest, label, names, factors, grouped(dropped.items()), guesses, kinds)


def same_roles(like: Roles, wanted: Description, table: Table) -> Description:
    """Return settings that give the columns of a test part the roles of the training part; an
    empty column is left out only if that of the training part is."""
    names = set(table.names)
    roles = {}
    for guess in like.guesses:
        known = [name for name in listed(guess.value) if name in names]
        is_whole = guess.value in names or guess.setting == "data_kinds"
        roles[guess.setting] = guess.value if is_whole else joined(known)
    return replace(wanted, **roles)


def _label(table: Table, wanted: Description) -> tuple[Column | None, Guess]:
    """Return the column of the class, if any."""
    is_short = len(table.columns) <= MOST_CHOICES
    possible = [c.name for c in table.columns if is_short and _reason_against(c) is None]
    choices = (NONE, *possible) if is_short else ()
    found, why = _guessed_label(table, wanted)
    guess = chosen(wanted, "data_label", found.name if found else NONE, why, choices)
    if guess.value == NONE:
        return None, guess
    column = table.find(guess.value, "data_label")
    against = _reason_against(column)
    if against:
        raise DataError(f"{table.file}: column {column.name} {against}: choose another label.")
    return column, guess._replace(value=column.name)


def _guessed_label(table: Table, wanted: Description) -> tuple[Column | None, str]:
    taken = table.find_all(wanted.data_factors, "data_factors")
    taken += table.find_all(wanted.data_ignore, "data_ignore")
    names = {wanted.data_names, *(c.name for c in taken)}
    free = [c for c in table.columns if c.name not in names]
    titles = [plain(c.name) for c in free]
    why = "No column has the name or the entries of classes."
    for name in LABELS:
        if name in titles and not (name == "y" and "x" in titles):
            column = free[titles.index(name)]
            if not (against := _reason_against(column)):
                return column, f"The column has the name {column.name.strip()!r}."
            why = f"Column {column.name} {against}."
    for column in reversed(free):
        count = len(np.unique(column.present)) if column.is_text else 0
        repeats = 0 < count <= len(column.values) / 2 and not is_date(column)
        if repeats and not _reason_against(column):
            return column, f"The last column of text has {count:,} different entries."
    return _beside_pixels(free) or _before_series(free) or (None, why)


def _beside_pixels(columns: Sequence[Column]) -> tuple[Column, str] | None:
    """Return the first or last column of few whole numbers if the others are a square picture."""
    size = len(columns) - 1
    if size < LEAST_PIXELS or math.isqrt(size) ** 2 != size or not all(map(_is_bytes, columns)):
        return None
    for column, rest in ((columns[0], columns[1:]), (columns[-1], columns[:-1])):
        highest = max(int(c.values.max()) for c in rest)
        if len(np.unique(column.values)) <= MANY and highest > int(column.values.max()):
            return column, f"{size:,} bytes of a square picture stand beside few whole numbers."
    return None


def _before_series(columns: Sequence[Column]) -> tuple[Column, str] | None:
    """Return the first of columns without names if it holds few whole numbers, and all others real
    numbers: the form of the UCR archive (Dau et al. 2019)."""
    if len(columns) <= LEAST_STEPS or not all(c.name.isdigit() for c in columns):
        return None
    label, rest = columns[0], columns[1:]
    if _reason_against(label) or label.is_text or len(np.unique(label.present)) > MANY:
        return None
    real = sum(not c.is_text and not (c.is_whole and len(c.present)) for c in rest)
    if any(c.is_text for c in rest) or real < 0.9 * len(rest):
        return None
    count = len(np.unique(label.present))
    return label, f"{count} whole numbers stand before {len(rest):,} real numbers{UCR}"


def _is_bytes(column: Column) -> bool:
    v = column.values
    return v.dtype.kind in "iu" and bool(v.min() >= 0) and bool(v.max() <= 255)


def _reason_against(column: Column) -> str | None:
    """Return the reason why a column cannot be the class; None if it can."""
    present = column.present
    if column.note or not len(present):
        return column.note or "is empty"
    if not column.is_whole and not column.is_text:
        return "has numbers that are not whole, so it is no class"
    distinct = len(np.unique(present))
    if distinct > MOST_CLASSES:
        return f"has {distinct:,} different entries, and at most {MOST_CLASSES:,} can be classes"
    if not column.is_text and distinct > max(MANY, len(present) / 2):
        return f"has {distinct:,} different numbers in {len(present):,} rows, so it is no class"
    return None


def _factors(
    table: Table, wanted: Description, label: Column | None
) -> tuple[tuple[Column, ...], Guess]:
    """Return the columns of known factors: by default a target of real numbers."""
    found = [
        c
        for c in table.columns
        if c is not label and plain(c.name) in LABELS[:8] and not c.is_text and not c.is_whole
    ]
    why = "A target of real numbers is no input." if found else "No column is a known factor."
    free = [c.name for c in table.columns if c is not label]
    guess = chosen(wanted, "data_factors", joined([c.name for c in found]), why, free)
    return tuple(table.find_all(guess.value, "data_factors")), guess


def _dropped(table: Table, wanted: Description, used: set[str]) -> dict[str, str]:
    """Return the columns that are left out, with a reason for each."""
    free = [c for c in table.columns if c.name not in used]
    if wanted.data_ignore != AUTO:
        return {
            c.name: "left out by hand" for c in table.find_all(wanted.data_ignore, "data_ignore")
        }
    named, numbers_only = wanted.data_names, wanted.data_kinds == NONE
    reasons = {c.name: reason(c, numbers_only) for c in free if c.name != named}
    return {name: why for name, why in reasons.items() if why}


def _why_left(table: Table, dropped: dict[str, str]) -> str:
    if not dropped:
        return "Every other column has numbers or entries that repeat."
    reasons = [f"{name}: {why}" for name, why in list(dropped.items())[:4]]
    return "; ".join(reasons) + "."


def _names(
    table: Table, wanted: Description, used: set[str], dropped: dict[str, str]
) -> tuple[Column | None, Guess]:
    """Return the column of row names: a left-out one with a different entry in every row."""
    possible = [c for c in table.columns if c.name not in used and is_distinct(c)]
    by_hand = dropped if wanted.data_ignore != AUTO else {}
    free = [c for c in possible if c.name not in by_hand]
    titled = [c for c in free if wanted.data_ignore != NONE and reason(c)]
    titled += [c for c in possible if c.is_text and c not in titled and c.name not in dropped]
    titled = [c for c in titled if not is_date(c)]
    found = titled[0] if titled else None
    why = "Every row has a different entry." if found else "No column names the rows."
    guess = chosen(
        wanted,
        "data_names",
        found.name if found else NONE,
        why,
        (NONE, *(c.name for c in possible)),
    )
    if guess.value == NONE:
        return None, guess
    return table.find(guess.value, "data_names"), guess


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names as pandas gives them: Unnamed: 0 without a name, a.1 for a second a."""
    found: list[str] = []
    for k, given in enumerate(names):
        name = given.strip() or f"Unnamed: {k}"
        title, n = name, 0
        while title in found:
            n += 1
            title = f"{name}.{n}"
        found.append(title)
    return found
