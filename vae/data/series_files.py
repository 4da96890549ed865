"""A folder or a .zip with one series a file, .npy or text table → arrays.

    walk/1.csv, walk/2.csv, run/1.csv …  the first folder is the class
    1.npy, 2.npy, 3.npy …                no classes

A text table has a time step in each line and a channel in each column. An array is T or T×C; of
two axes, that one is the channel whose length all files share, or the shorter one. Shorter series
end in NaN.
"""

import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from vae.data.arrays import Array, Raw, natural, times
from vae.data.column import Column, plain, reason
from vae.data.columns import Table
from vae.data.csv_dialect import Dialect, cells, decoded, dialect_of
from vae.data.csv_header import Row, is_number
from vae.data.csv_table import table_of, unpacked
from vae.data.description import (
    NONE,
    Description,
    Guess,
    Reading,
    chosen,
    grouped,
    joined,
    listed,
)
from vae.data.errors import LIMIT, DataError
from vae.data.folders import HIDDEN, Member, divided, folder_guess, folder_labels, parts_of
from vae.data.formats import header_shape, parsing
from vae.data.series import padded

ENDING = re.compile(r"\.(npy|csv|tsv|txt)(\.gz)?$", re.I)
ABOUT = re.compile(r"(^|/)(readme|licen[cs]e|notes|about|labels?|classes|metadata)\b[^/]*$", re.I)
LEAST = 3  # files of one series each
SAMPLE, ALIKE = 5, 4  # files whose beginnings decide, and how many must be alike
HEAD = 65_536  # bytes of a beginning
TIMES = ("t", "time", "times", "timestamp", "seconds", "sec", "s", "ms", "date", "datetime")
KIND = "series"


class Channels(NamedTuple):
    """The columns of the first table that are channels, and the settings that led there."""

    first: str  # name of the first table
    titles: tuple[Row, ...]
    dialect: Dialect
    places: tuple[int, ...]
    names: tuple[str, ...]
    guesses: tuple[Guess, ...]
    notes: tuple[str, ...]


def series_in(members: Sequence[Member]) -> list[Member]:
    """Return the files that hold one series each, none unless there are at least LEAST of one
    ending whose beginnings are alike."""
    visible = [m for m in members if not HIDDEN.search(m.name) and not ABOUT.search(m.name)]
    endings = {_ending(m) for m in visible}
    if len(endings) != 1 or "" in endings or len(visible) < LEAST:
        return []
    some = np.linspace(0, len(visible) - 1, SAMPLE).astype(int)
    head, count = Counter(_head(visible[k]) for k in some).most_common(1)[0]
    return visible if head and count >= ALIKE else []


def read_series(file: str, members: Sequence[Member], wanted: Description) -> Raw:
    """Return the series in the files of a folder or archive, (N, T, C), with their labels; raises
    DataError."""
    found = sorted(series_in(members), key=lambda m: [natural(part) for part in m.parts])
    used = {m.name for m in found}
    left = [(m.name, "no series") for m in members if m.name not in used]
    folders, test = parts_of([m.parts[:-1] for m in found])
    classes = [parts[0] if parts else "" for parts in folders]
    label = folder_guess(classes, wanted, KIND)
    labels = None if label.value == NONE else folder_labels(classes, file, KIND)
    free = len(test) if test.all() else int((~test).sum())
    order = np.argsort(test, kind="stable")  # the test part last
    found, labels = [found[k] for k in order], None if labels is None else labels[order]
    is_array = _ending(found[0]) == "npy"
    channels = None if is_array else _channels(found[0], wanted)
    parts = _arrays(found) if channels is None else [_table(m, channels) for m in found]
    guesses, notes = (channels.guesses, channels.notes) if channels else ((), ())
    raw = Raw(
        padded(parts, file),
        labels,
        names=np.array([m.name for m in found]),
        reading=Reading((label, *guesses), "file", len(members), grouped(left), notes),
        columns=channels.names if channels else (),
        series=f"{len(found):,} files of one series each.",
    )
    return raw if free == len(test) else divided(raw, free)


def _ending(member: Member) -> str:
    """Return the kind of a file by its name; "" for another one."""
    match = ENDING.search(member.name)
    return "" if match is None else match[1].lower()


def _head(member: Member) -> str:
    """Return the form of a file by its beginning: axes of an array, or separator, width and names
    of a table of numbers; "" for another one."""
    try:
        with member.open() as file:
            if _ending(member) == "npy":
                axes = len(header_shape(file, member.size, member.name))
                return f"{axes} axes" if axes in (1, 2) else ""
            packed = member.name.lower().endswith(".gz")  # cannot be unpacked in part
            content = unpacked(file.read() if packed else file.read(HEAD), member.name)
        lines = [line for line in decoded(content, member.name)[0].splitlines() if line.strip()]
        return _form(lines[:3])
    except (DataError, OSError, EOFError):
        return ""


def _form(lines: list[str]) -> str:
    """Return separator, width and names of the first lines of a table; "" if it holds no numbers
    in more than one line."""
    if len(lines) < 2:
        return ""
    separator = next((one for one in (";", "\t", ",") if one in lines[1]), None)
    rows = [[cell.strip() for cell in line.split(separator)] for line in lines]
    numbers = [c for c in rows[1] if is_number(c, "point") or is_number(c, "comma")]
    has_names = not any(is_number(c, "point") or is_number(c, "comma") for c in rows[0])
    names = rows[0] if has_names else len(rows[0])
    return f"{separator} {names}" if numbers and len(rows[1]) == len(rows[0]) else ""


def _arrays(members: Sequence[Member]) -> list[Array]:
    """Return series (T, C) of .npy files."""
    parts = [_array(m) for m in members]
    if all(part.ndim == 1 for part in parts):
        return [part[:, None] for part in parts]
    sizes = [{part.shape[axis] for part in parts} for axis in (0, 1)]
    alike = [axis for axis in (0, 1) if len(sizes[axis]) == 1]
    if not alike:
        a, b = sorted({part.shape for part in parts})[:2]
        raise DataError(
            f"The files have arrays of {times(a)} and {times(b)}: give all of them the same "
            "number of channels."
        )
    if len(alike) == 2:  # the shorter axis has the channels
        alike = [0] if min(sizes[0]) < min(sizes[1]) else [1]
    return parts if alike == [1] else [part.T for part in parts]


def _array(member: Member) -> Array:
    with parsing(member.name, "a .npy file"):
        with member.open() as file:
            header_shape(file, member.size, member.name)
        with member.open() as file:
            array = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or not array.size:
        raise DataError(
            f"{member.name} has {array.dtype} of shape {times(array.shape)}: a series has numbers "
            "of T steps, or of T×C."
        )
    return array


def _channels(member: Member, wanted: Description) -> Channels:
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
    return reason(column) or ""


def _table(member: Member, channels: Channels) -> Array:
    """Return the series (T, C) of a text table."""
    text, dialect = _text(member), channels.dialect
    titles, has_steps = _start(text, dialect)
    if not has_steps:
        raise DataError(f"{member.name} has no steps: remove it, or add them.")
    if titles != channels.titles:
        here, there = (" / ".join(map(joined, rows))[:80] for rows in (titles, channels.titles))
        raise DataError(
            f"{member.name} begins with the line {here}, and {channels.first} with {there}: give "
            "all files the same columns in the same order."
        )
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


def _start(text: str, dialect: Dialect) -> tuple[tuple[Row, ...], bool]:
    """Return the header rows of a table in this dialect, and whether lines follow them."""
    lines = io.StringIO(text, newline=None)
    head = list(islice(lines, dialect.lines))[dialect.skipped :]
    titles = cells([line for line in head if line.strip()], dialect.separator)
    return tuple(titles), any(line.strip() for line in lines)


def _text(member: Member) -> str:
    with parsing(member.name, "a text table"), member.open() as file:
        return decoded(unpacked(file.read(LIMIT // 4), member.name), member.name)[0]
