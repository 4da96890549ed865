"""A .csv file → rows of numbers, with labels if a column says so.

The first line is a header if it names a label column (label, class, target or y; whole numbers or
text), or if no cell of it is a number. A first column without a name is an index and is left out.
Commas, semicolons and tabs separate. Lines and columns count from 1 in messages, as editors show
them.
"""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from vae.data.arrays import Raw
from vae.data.dataset import LIMIT, DataError
from vae.data.formats import parsing

LABELS = ("label", "labels", "class", "target", "y")


class Layout(NamedTuple):
    """How the file is to be read."""

    delimiter: str
    names: tuple[str, ...]  # of all columns; their numbers where there is no header
    header: int  # lines of the header, 0 without one
    label: int | None  # the label column
    numbers: tuple[int, ...]  # the other columns

    @property
    def plain(self) -> bool:
        """Whether every column is one of numbers."""
        return len(self.numbers) == len(self.names)


def read_csv(path: Path) -> Raw:
    """The numbers, (N, D) int64 if all are whole, else float64; and labels, (N,), if any."""
    if path.stat().st_size * 4 > LIMIT:  # a digit and a comma become eight bytes
        raise DataError(f"{path.name} is too large for a .csv file: save it as .npz.")
    with parsing(path.name, "a .csv file in UTF-8"):
        layout = _layout(path)
        try:
            x = _numbers(path, layout)
        except ValueError:
            _explain(path, layout)
        if not np.isfinite(x).all() or x.shape[1] != len(layout.numbers):
            _explain(path, layout)
        labels = None if layout.plain else _labels(path, layout)
    if (x == np.rint(x)).all():
        x = x.astype(np.int64) if np.abs(x).max() < 2**53 else x
    return Raw(x, labels)


def _numbers(path: Path, layout: Layout) -> NDArray[np.float64]:
    """The numeric columns by NumPy's fast reader; ValueError where it stumbles."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return np.loadtxt(
            file,
            delimiter=layout.delimiter,
            comments=None,
            quotechar='"',
            skiprows=layout.header,
            usecols=None if layout.plain else layout.numbers,
            ndmin=2,
        )


def _rows(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of each row that is not empty, without the header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=layout.delimiter)
        for row in reader:
            if row and reader.line_num > layout.header:
                yield reader.line_num, row


def _layout(path: Path) -> Layout:
    with path.open(encoding="utf-8-sig", newline="") as file:
        start = file.readline(1_000_000)
        delimiter = max(",;\t", key=start.count)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter)
        first = next((row for row in reader if row), None)
        lines = reader.line_num
        second = next((row for row in reader if row), None)
    if first is None:
        raise DataError(f"{path.name} is empty.")
    names = tuple(cell.strip() for cell in first)
    lower = [name.lower() for name in names]
    label = next((lower.index(name) for name in LABELS if name in lower), None)
    header = label is not None or not any(_number(cell) is not None for cell in names)
    if header and second is None:
        raise DataError(f"{path.name} has a header and no rows.")
    index = {0} if header and not names[0] and len(names) > 1 else set()
    numbers = tuple(k for k in range(len(names)) if k not in {label, *index})
    if not numbers:
        raise DataError(f"{path.name} has labels only: add columns of numbers.")
    shown = names if header else tuple(str(k + 1) for k in range(len(names)))
    return Layout(delimiter, shown, lines if header else 0, label, numbers)


def _labels(path: Path, layout: Layout) -> NDArray[Any] | None:
    """The label column as numbers if all of it are, else as text; every row's width is checked."""
    cells = []
    for line, row in _rows(path, layout):
        _check_width(path, layout, line, row)
        if layout.label is not None:
            cells.append(row[layout.label].strip())
            if not cells[-1]:
                raise DataError(f"{path.name}, line {line}: the label is empty. Fill it in.")
    if layout.label is None:
        return None
    numbers = [_number(cell) for cell in cells]
    if None not in numbers:
        return np.array(numbers, np.float64)
    return np.array(cells)


def _check_width(path: Path, layout: Layout, line: int, row: list[str]) -> None:
    if len(row) != len(layout.names):
        raise DataError(
            f"{path.name}, line {line}: {len(row)} columns where the first line has "
            f"{len(layout.names)}. Give every line the same."
        )


def _explain(path: Path, layout: Layout) -> NoReturn:
    """Raise the sentence for the first cell that is not a finite number."""
    for line, row in _rows(path, layout):
        _check_width(path, layout, line, row)
        for column in layout.numbers:
            if _number(row[column]) is None:
                name = f" ({layout.names[column]})" if layout.header else ""
                cell = row[column].strip()[:40]
                raise DataError(
                    f"{path.name}, line {line}, column {column + 1}{name}: "
                    f"{repr(cell) if cell else 'an empty cell'} is not a finite number. Correct "
                    "or remove it; a column of text can only be the label, under the header label."
                )
    raise DataError(f"{path.name} cannot be read as a table: save it as plain .csv in UTF-8.")


def _number(cell: str) -> float | None:
    """The finite number that a cell holds, if it does."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None  # Python takes 1_000
