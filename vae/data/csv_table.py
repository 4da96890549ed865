"""A .csv file → rows of numbers, with labels if it has a label column.

The first line is a header if it names a label column (label, class, target or y; whole numbers or
text), or if none of its cells is a number. A first column without a name is an index and is
ignored. Commas, semicolons and tabs separate columns. Messages count lines and columns from 1, as
editors do.
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
    """Columns and header of a file."""

    delimiter: str
    names: tuple[str, ...]  # of all columns; their numbers without a header
    header: int  # lines of the header; 0 without one
    label: int | None  # the label column
    numbers: tuple[int, ...]  # the other columns

    @property
    def plain(self) -> bool:
        """Whether every column holds numbers."""
        return len(self.numbers) == len(self.names)


def read_csv(path: Path) -> Raw:
    """Return the numbers (N, D), int64 if all are whole, else float64, and the labels (N,) if any.

    Raises a DataError for a file that is too large, damaged or not a table of finite numbers.
    """
    if path.stat().st_size * 4 > LIMIT:  # two bytes, a digit and a comma, become eight
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
    """Return the numeric columns with NumPy's fast reader; ValueError if a cell has none."""
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
    """Yield the line number and the cells of each row below the header that is not empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=layout.delimiter)
        for row in reader:
            if row and reader.line_num > layout.header:
                yield reader.line_num, row


def _layout(path: Path) -> Layout:
    """Return the layout of a file, derived from its first two rows."""
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
    titles = names if header else tuple(str(k + 1) for k in range(len(names)))
    return Layout(delimiter, titles, lines if header else 0, label, numbers)


def _labels(path: Path, layout: Layout) -> NDArray[Any] | None:
    """Return the label column, as numbers if all its cells are numbers, otherwise as text.

    Checks the width of every row; None without a label column."""
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
    """Raise a DataError if a row has more or fewer columns than the first line."""
    if len(row) != len(layout.names):
        raise DataError(
            f"{path.name}, line {line}: {len(row)} columns where the first line has "
            f"{len(layout.names)}. Give every line the same number of columns."
        )


def _explain(path: Path, layout: Layout) -> NoReturn:
    """Raise a DataError that names the first cell without a finite number."""
    for line, row in _rows(path, layout):
        _check_width(path, layout, line, row)
        for column in layout.numbers:
            if _number(row[column]) is None:
                name = f" ({layout.names[column]})" if layout.header else ""
                cell = row[column].strip()[:40]
                raise DataError(
                    f"{path.name}, line {line}, column {column + 1}{name}: "
                    f"{repr(cell) if cell else 'an empty cell'} is not a finite number. Correct "
                    "or remove it. Only the label column, under the header label, may hold text."
                )
    raise DataError(f"{path.name} cannot be read as a table: save it as plain .csv in UTF-8.")


def _number(cell: str) -> float | None:
    """Return the finite number in a cell; None if it holds none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None  # float accepts 1_000
