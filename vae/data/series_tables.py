"""Text tables in one folder: a series each, or the parts of one table.

A table of a series has a time step in each line and a channel in each column. Row numbers, times,
dates and text are no channels.
"""

import io
import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from vae.data.arrays import Array, Raw
from vae.data.column import Column, plain, reason
from vae.data.columns import Table
from vae.data.csv_dialect import Dialect, cells, decoded, dialect_of
from vae.data.csv_header import Row
from vae.data.csv_table import table_of, table_raw, unpacked
from vae.data.description import PLAIN, Description, Guess, LeftOut, chosen, joined, listed
from vae.data.errors import LIMIT, DataError
from vae.data.folders import Member
from vae.data.formats import parsing

TIMES = ("t", "time", "times", "timestamp", "seconds", "sec", "s", "ms", "date", "datetime")


class Channels(NamedTuple):
    """The columns of the first table that are channels, and the settings that led there."""

    first: str  # name of the first table
    titles: tuple[Row, ...]
    dialect: Dialect
    places: tuple[int, ...]
    names: tuple[str, ...]
    guesses: tuple[Guess, ...]
    notes: tuple[str, ...]


def numbers_of(member: Member) -> Array:
    """Return the columns of numbers of a text table, (N, D)."""
    text = _text(member)
    table = table_of(text, dialect_of(text, member.name, PLAIN), member.name)
    columns = [c.values for c in table.columns if not c.is_text]
    return np.column_stack(columns).astype(np.float64) if columns else np.empty((0, 0))


def joined_tables(
    found: Sequence[Member], left: Sequence[LeftOut], wanted: Description, reason: str
) -> Raw:
    """Return the rows of all text tables as those of one table."""
    text = _text(found[0])
    dialect = dialect_of(text, found[0].name, wanted)
    titles, parts = _start(text, dialect)[0], [text.rstrip()]
    for member in found[1:]:
        text = _text(member)
        _check_titles(member.name, _start(text, dialect)[0], found[0].name, titles)
        parts.append("\n".join(text.splitlines()[dialect.lines :]))
    raw = table_raw("\n".join(parts), found[0].name, wanted)
    rest = "; ".join(f"{one.names} ({one.why})" for one in left)
    notes = (*raw.reading.notes, *([f"Files left out: {rest}."] if rest else []))
    return raw._replace(reading=raw.reading._replace(notes=notes), rows=reason)


def channels_of(member: Member, wanted: Description) -> Channels:
    """Return the columns that are channels, by the first table: the numbers without row numbers,
    times, dates and text."""
    text = _text(member)
    dialect = dialect_of(text, member.name, wanted)
    table = table_of(text, dialect, member.name)
    dropped = {c.name: why for c in table.columns if (why := _no_channel(c))}
    given = listed(wanted.data_ignore)
    reasons = "; ".join(f"{name}: {why}" for name, why in dropped.items())
    why = f"{reasons}." if dropped else "Every column holds numbers: a channel."
    ignore = chosen(wanted, "data_ignore", joined(list(dropped)), why, table.names)
    away = {c.name for c in table.find_all(ignore.value, "data_ignore")}
    places = tuple(k for k, c in enumerate(table.columns) if c.name not in away)
    if not places:
        raise DataError(f"{member.name} has no column of numbers for the channels: add some.")
    names = tuple(table.names[k] for k in places) if _is_titled(dialect) else ()
    reason_of = {name: dropped.get(name, "left out by hand") for name in (given or dropped)}
    note = ", ".join(f"{name} ({why})" for name, why in reason_of.items())
    notes = (f"Columns that are no channel: {note}.",) if note else ()
    titles = _start(text, dialect)[0]
    return Channels(member.name, titles, dialect, places, names, (ignore, *dialect.guesses), notes)


def _is_titled(dialect: Dialect) -> bool:
    return any(not re.fullmatch(r"\d+", name) for name in dialect.names)


def _no_channel(column: Column) -> str:
    """Return why a column of a table is no channel; "" for one."""
    v = column.values
    rises = not column.is_text and len(v) > 2 and bool((np.diff(v.astype(float)) > 0).all())
    if rises and plain(column.name) in TIMES:
        return "time, rising from line to line"
    return reason(column, numbers_only=True) or ""


def series_of(member: Member, channels: Channels) -> Array:
    """Return the series (T, C) of a text table."""
    text, dialect = _text(member), channels.dialect
    titles, has_steps = _start(text, dialect)
    if not has_steps:
        raise DataError(f"{member.name} has no steps: remove it, or add them.")
    _check_titles(member.name, titles, channels.first, channels.titles)
    table: Table = table_of(text, dialect, member.name)
    columns = [table.columns[k] for k in channels.places]
    for column in columns:
        if column.is_text:
            raise DataError(
                f"{member.name}: column {column.name} holds text, such as "
                f"{str(column.present[0])[:40]!r}: correct it, or leave it out (--data-ignore "
                f"{column.name})."
            )
    return np.column_stack([column.values for column in columns]).astype(np.float64)


def _check_titles(
    file: str, titles: tuple[Row, ...], first: str, expected: tuple[Row, ...]
) -> None:
    """Raise a DataError for other header rows than those of the first file."""
    if titles != expected:
        here, there = (" / ".join(map(joined, rows))[:80] for rows in (titles, expected))
        raise DataError(
            f"{file} begins with the line {here}, and {first} with {there}: give all files the "
            "same columns in the same order."
        )


def _start(text: str, dialect: Dialect) -> tuple[tuple[Row, ...], bool]:
    """Return the header rows of a table in this dialect, and whether lines follow them."""
    lines = io.StringIO(text, newline=None)
    head = list(islice(lines, dialect.lines))[dialect.skipped :]
    titles = cells([line for line in head if line.strip()], dialect.separator)
    return tuple(titles), any(line.strip() for line in lines)


def _text(member: Member) -> str:
    with parsing(member.name, "a text table"), member.open() as file:
        return decoded(unpacked(file.read(LIMIT // 4), member.name), member.name)[0]
