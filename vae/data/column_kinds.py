"""The kind of each column of a mixed table, and its entries as numbers.

A table is mixed if one of its columns of examples holds text that repeats. Each column then has a
kind (`vae.base.kinds`), guessed from its entries; a setting NAME=KIND changes one. Entries of a
binary column or a category become their positions among the sorted names, a missing cell NaN.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from vae.base.kinds import BINARY, CATEGORY, COUNT, KINDS, POSITIVE, REAL, Columns
from vae.base.numbers import number
from vae.base.records import Floats, Ints
from vae.data.arrays import Array, Raw, natural
from vae.data.column import Column
from vae.data.csv_header import MARKS
from vae.data.dataset import Dataset
from vae.data.description import (
    AUTO,
    NONE,
    Description,
    Guess,
    chosen,
    few,
    joined,
    listed,
    named,
)
from vae.data.errors import DataError

EVERY = "all"  # a setting: guess the kind of each column, also without text
MOST_NAMES = 1000  # of a category
FEW_NAMES = 10  # whole numbers that vary too little for a count may be categories
SAID = 6  # columns with their reason in a sentence
UNKNOWN = "Entries that no training example has count as not observed"
Names = tuple[tuple[str, ...], ...]


class Coded(NamedTuple):
    """A mixed table as numbers."""

    x: Array  # (N, D), float64; NaN for a missing cell
    names: Names  # of each column; () without names


def assign_kinds(
    columns: Sequence[Column], wanted: Description, file: str
) -> tuple[tuple[str, ...], Guess]:
    """Return the kind of each column, () for a table of numbers, and the setting with its reasons.
    Raises DataError for an unsuitable kind."""
    setting = wanted.data_kinds
    has_text = any(c.is_text for c in columns)
    if setting == NONE or (setting == AUTO and not has_text):
        return (), chosen(wanted, "data_kinds", NONE, "Every column holds numbers.", (EVERY, NONE))
    given = _given(columns, setting, file)
    found = [(given[c.name], "set by hand") if c.name in given else _guessed(c) for c in columns]
    for column, (kind, _) in zip(columns, found, strict=True):
        _check(column, kind, file)
    pairs = zip(columns, found, strict=True)
    value = joined([f"{c.name}={kind}" for c, (kind, _) in pairs])
    return tuple(kind for kind, _ in found), Guess("data_kinds", value, _why(columns, found))


def without_marks(column: Column) -> Column:
    """Return a column of text with "" for the marks of missing cells, such as ? and NA."""
    if not column.is_text:
        return column
    cells = [cell if cell.lower() not in MARKS else "" for cell in column.values]
    return column._replace(values=np.array(cells, np.str_))


def _given(columns: Sequence[Column], setting: str, file: str) -> dict[str, str]:
    """Return the kinds that the setting names: column → kind."""
    found = {}
    names = [c.name for c in columns]
    for part in listed(setting if setting != EVERY else NONE):
        name, sign, kind = part.rpartition("=")
        if not sign or kind.strip() not in KINDS:
            raise DataError(
                f"data_kinds lists COLUMN=KIND, such as {names[0]}={REAL}, and {part!r} is none. "
                f"The kinds are {', '.join(KINDS)}; {EVERY} guesses them all."
            )
        found[names[named(name.strip(), names, file, "data_kinds")]] = kind.strip()
    return found


def _guessed(column: Column) -> tuple[str, str]:
    """Return the kind of a column and the reason."""
    return next((kind, why) for test, kind, why in GUESSES if test(column))


def _two(column: Column) -> bool:
    return len(np.unique(column.present)) == 2


def _varies(column: Column) -> bool:
    """Whether whole numbers from 0 spread at least about as much as counts of their mean."""
    if column.is_text or not column.is_whole or column.present.min() < 0:
        return False
    values = column.present.astype(float)
    return bool(values.var() >= values.mean() / 2)


def _few(column: Column) -> bool:
    return column.is_whole and len(np.unique(column.present)) <= FEW_NAMES


def _skewed(column: Column) -> bool:
    """Whether all numbers are above 0 and their logarithms less skewed."""
    values = column.present.astype(float)
    return bool(values.min() > 0) and abs(_skew(np.log(values))) < abs(_skew(values))


def _skew(values: Array) -> float:
    """Return the mean cube of the standardised values."""
    sd = values.std()
    return float((((values - values.mean()) / sd) ** 3).mean()) if sd else 0.0


GUESSES: tuple[tuple[Callable[[Column], bool], str, str], ...] = (  # the first that applies
    (_two, BINARY, "two different entries"),
    (lambda column: column.is_text, CATEGORY, "text"),
    (_varies, COUNT, "whole numbers from 0"),
    (_few, CATEGORY, "few whole numbers, which vary less than counts"),
    (_skewed, POSITIVE, "above 0, less skewed as logarithms"),
    (lambda column: True, REAL, "numbers"),
)


def _check(column: Column, kind: str, file: str) -> None:
    """Raise a DataError if a column cannot have this kind."""
    values, entries = column.present, len(np.unique(column.present))
    faults = {
        BINARY: (entries > 2, f"{entries:,} different entries, and {BINARY} has two"),
        CATEGORY: (
            entries > MOST_NAMES,
            f"{entries:,} different entries, and a {CATEGORY} has at most {MOST_NAMES:,}",
        ),
    }
    if not KINDS[kind].named and column.is_text:
        faults[kind] = (True, f"text, such as {str(values[0])[:40]!r}, and {kind} needs numbers")
    elif kind == POSITIVE:
        least = float(values.min())
        faults[kind] = (least <= 0, f"{number(least)}, and {kind} is above 0")
    elif kind == COUNT:
        is_count = column.is_whole and values.min() >= 0
        faults[kind] = (not is_count, f"other numbers than 0, 1, 2, …, and {kind} needs these")
    elif not KINDS[kind].named and np.isinf(values).any():
        faults[kind] = (True, "infinity")
    is_wrong, words = faults.get(kind, (False, ""))
    if is_wrong:
        raise DataError(
            f"{file}: column {column.name} has {words}: choose another kind (--data-kinds), or "
            f"leave it out (--data-ignore)."
        )


def _why(columns: Sequence[Column], found: Sequence[tuple[str, str]]) -> str:
    """Return the reasons of the first columns as a sentence."""
    pairs = zip(columns, found, strict=True)
    each = [f"{c.name} {kind}: {why}" for c, (kind, why) in pairs]
    more = f"; and {len(each) - SAID:,} more" if len(each) > SAID else ""
    return "; ".join(each[:SAID]) + more + "."


def coded(columns: Sequence[Column], kinds: Sequence[str]) -> Coded:
    """Return columns of these kinds as numbers, with the names of each."""
    pairs = [_coded(c, KINDS[kind].named) for c, kind in zip(columns, kinds, strict=True)]
    return Coded(np.column_stack([x for x, _ in pairs]), tuple(names for _, names in pairs))


def _coded(column: Column, is_named: bool) -> tuple[Array, tuple[str, ...]]:
    if not is_named:
        return column.values.astype(np.float64), ()
    entries, place = np.unique(column.present, return_inverse=True)
    texts = [_text(entry) for entry in entries]
    names = sorted(texts, key=natural) if column.is_text else texts
    x = np.full(len(column.values), np.nan)
    x[~column.missing] = np.array([names.index(text) for text in texts], float)[place]
    return x, tuple(names)


def _text(entry: object) -> str:
    """Return an entry as text: 1 for 1.0."""
    if isinstance(entry, float | np.floating) and float(entry).is_integer():
        return str(int(entry))
    return str(entry)


def with_names(raw: Raw, known: Names) -> Raw:
    """Return a test part with the positions of its entries among the names of the training part.
    Other entries count as not observed, and a note names them."""
    x, unknown = raw.x.copy(), list[str]()
    for k, (names, others) in enumerate(zip(raw.entries, known, strict=True)):
        if names == others:
            continue
        place = np.array([others.index(n) if n in others else np.nan for n in names])
        is_there = ~np.isnan(x[:, k])
        x[is_there, k] = place[x[is_there, k].astype(int)]
        unknown += [name for name in names if name not in others]
    notes = [f"{UNKNOWN}: {few(unknown)}."] if unknown else []
    reading = raw.reading._replace(notes=(*raw.reading.notes, *notes))
    return raw._replace(x=x, entries=known, reading=reading)


def entry(value: float, names: Sequence[str]) -> str:
    """Return the name at a position, the more probable one of two."""
    return names[min(max(round(float(value)), 0), len(names) - 1)]


def values_of(x: Floats, data: Dataset | Columns) -> list[Array]:
    """Return the columns of x (N, D) of a table, names as text and "" for a missing one."""
    names = data.entries or ((),) * x.shape[1]
    return [_values(column, known) for column, known in zip(x.T, names, strict=True)]


def _values(column: Floats, names: tuple[str, ...]) -> Array:
    if not names:
        return column
    return np.array(["" if v != v else entry(v, names) for v in column], np.str_)


def unseen_names(data: Dataset, train: Ints) -> str:
    """Return a sentence on the names that occur in held-out rows only; "" without any."""
    found = []
    for name, column, names in zip(data.columns, data.x.T, data.entries, strict=False):
        known = np.zeros(len(column), bool)
        known[train] = True
        parts = (set(column[rows & (column == column)].astype(int)) for rows in (known, ~known))
        trained, held = parts
        found += [f"{name} = {names[k]}" for k in sorted(held - trained)] if names else []
    if not found:
        return ""
    return (
        f"Only in held-out examples: {few(found)}. A model learns to give these entries almost no "
        "probability, so they cost many nats: another seed or smaller shares may train on them."
    )


def documented(data: Dataset | Columns) -> dict[str, Array]:
    """Return the names of the columns, "columns" (D,), and of their values, "entries" (D, K) with
    "" behind the last name, for a file of arrays; nothing for a table of numbers."""
    if not any(data.entries):
        return {}
    width = max(map(len, data.entries))
    filled = [[*names, *[""] * (width - len(names))] for names in data.entries]
    return {"columns": np.array(data.columns, np.str_), "entries": np.array(filled, np.str_)}


def most_common(column: Floats, names: tuple[str, ...]) -> tuple[str, float | None]:
    """Return the most common name of a column with its share of the observed cells; "" without
    names or observed cells."""
    counts = np.bincount(column[column == column].astype(int))
    if not names or not len(counts):
        return "", None
    return names[int(counts.argmax())], float(counts.max() / counts.sum())


def are_sound(x: Array, kinds: Sequence[str], names: Names) -> bool:
    """Whether kinds and names are those of a mixed table x (N, D), or both are empty."""
    if not kinds:
        return not names
    if x.ndim != 2 or not len(kinds) == len(names) == x.shape[1] or set(kinds) - set(KINDS):
        return False
    return all(map(_is_sound, x.T, kinds, names))


def _is_sound(column: Array, kind: str, names: tuple[str, ...]) -> bool:
    """Whether the values of a column are possible for its kind and names."""
    values = column[column == column]
    if KINDS[kind].named:
        is_position = bool((values == np.rint(values)).all()) and values.min() >= 0
        return is_position and bool(values.max() < len(names)) and len(names) > 1
    least = {POSITIVE: np.finfo(np.float64).tiny, COUNT: 0.0}.get(kind, -np.inf)
    is_whole = kind != COUNT or bool((values == np.rint(values)).all())
    return not names and is_whole and bool((values >= least).all())
