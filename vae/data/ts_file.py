"""A .ts file of series, as sktime and the UEA archive write them (Bagnall et al. 2018) → arrays.

    # comment
    @problemName Walk
    @timeStamps false
    @classLabel true run walk
    @data
    0.1,0.2,?:1.5,1.6,1.7:run

A line of data is one series: its channels and its class, with colons between them. A question mark
is a value that was not observed. With time stamps, a value is (time,value), and the time is not
used. `@targetLabel true` has a number in place of the class: a known factor.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.base.numbers import plural
from vae.data.arrays import Array, Raw
from vae.data.beside import joined_parts, test_beside
from vae.data.csv_dialect import decoded
from vae.data.csv_table import content_of
from vae.data.description import NONE, Description, Reading, chosen
from vae.data.errors import DataError
from vae.data.formats import parsing
from vae.data.series import padded

INSIDE = "inside"  # the label of a file that contains its classes
TARGET = "target"  # name of the factor of a file with numbers in place of classes
OUTSIDE = re.compile(r":(?![^(]*\))")  # a colon that is not in a time stamp
STAMPED = re.compile(r"\([^()]*,([^,()]*)\)")


class Head(NamedTuple):
    """The settings above the data, their names in lower case, and the number of their lines."""

    values: dict[str, list[str]]
    lines: int

    def has(self, name: str) -> bool:
        return self.values.get(name, ["false"])[:1] == ["true"]

    @property
    def has_last(self) -> bool:
        """Whether the last part of a line is its class or its number."""
        return self.has("classlabel") or self.has("targetlabel")


def read_ts(path: Path, wanted: Description, test: Path | None = None) -> Raw:
    """Return the series of a .ts file, (N, T, C), with its classes, and those of its test part,
    by default NAME_TEST.ts beside NAME_TRAIN.ts; raises DataError."""
    raw = _read(path, wanted)
    test = test or test_beside(path)
    return raw if test is None else joined_parts(raw, _read(test, wanted), test.name)


def _read(path: Path, wanted: Description) -> Raw:
    with parsing(path.name, "a .ts file"):
        text, note = decoded(content_of(path), path.name)
        lines = text.splitlines()
        head = _head(lines, path.name)
        rows = list(_rows(lines, head, path.name))
    if not rows:
        raise DataError(f"{path.name} has no series below @data: add some.")
    x = padded([series for series, _ in rows], path.name)
    last = np.array([end for _, end in rows])
    has_classes = head.has("classlabel")
    guess = INSIDE if has_classes else NONE
    why = "The file contains the classes." if has_classes else "The file has no classes."
    label = chosen(wanted, "data_label", guess, why, (guess, NONE), closed=True)
    number = plural(x.shape[2], "channel")
    return Raw(
        x,
        last if label.value != NONE else None,
        factors={TARGET: _targets(last, path.name)} if head.has("targetlabel") else {},
        reading=Reading((label,), "file", notes=(note,) if note else ()),
        series=f"A .ts file of {len(x):,} series of {number}.",
    )


def _head(lines: list[str], file: str) -> Head:
    """Return the settings above the line @data; DataError without that line."""
    values: dict[str, list[str]] = {}
    for k, line in enumerate(lines):
        words = line.strip().split()
        if words and words[0].lower() == "@data":
            return Head(values, k + 1)
        if words and words[0].startswith("@"):
            values[words[0][1:].lower()] = [word.lower() for word in words[1:2]] + words[2:]
    raise DataError(f"{file} has no line @data, and so no series: give a .ts file of sktime.")


def _rows(lines: list[str], head: Head, file: str) -> Iterator[tuple[Array, str]]:
    """Yield each series (T, C) with the last part of its line, if that is no channel."""
    channels = 0
    for k, line in enumerate(lines[head.lines :], head.lines + 1):
        if not line.strip() or line.lstrip().startswith(("#", "%")):
            continue
        parts = [part.strip() for part in OUTSIDE.split(line.strip())]
        last = parts.pop() if head.has_last else ""
        channels = channels or len(parts)
        if len(parts) != channels or not channels:
            raise DataError(
                f"{file}, line {k}: {plural(len(parts), 'channel')} where the first series has "
                f"{channels}. Give every series the same channels."
            )
        yield _series(parts, head.has("timestamps"), f"{file}, line {k}"), last


def _series(parts: list[str], is_stamped: bool, where: str) -> Array:
    """Return the channels of a line as one series (T, C), NaN after the end of a shorter one."""
    cells = [STAMPED.findall(part) if is_stamped else part.split(",") for part in parts]
    series = np.full((max(map(len, cells)), len(cells)), np.nan, np.float32)
    for k, channel in enumerate(cells):
        series[: len(channel), k] = [_number(cell.strip(), where) for cell in channel]
    return series


def _number(cell: str, where: str) -> float:
    if cell.lower() in ("?", "nan", ""):
        return np.nan
    try:
        return float(cell)
    except ValueError:
        raise DataError(f"{where}: {cell[:40]!r} is no number: correct it.") from None


def _targets(last: Array, file: str) -> Array:
    return np.array([_number(end, f"{file}, @targetLabel") for end in last], np.float32)
