"""A text table (.csv, .tsv, .txt, also with .gz) → examples, classes, factors and row names.

`csv_dialect` finds encoding, separator, decimal mark and header, `columns` the role of each
column. Messages count lines and columns from 1, as editors do.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from vae.base.numbers import plural
from vae.data.arrays import Array, Raw
from vae.data.beside import joined_parts, test_beside
from vae.data.column import Column, mostly_numbers
from vae.data.column_kinds import with_names
from vae.data.columns import Roles, Table, assign, same_roles, unique_names
from vae.data.csv_dialect import Dialect, decoded, dialect_of
from vae.data.csv_header import MARKS, is_number
from vae.data.description import BY_HAND, Description, Reading
from vae.data.errors import LIMIT, DataError
from vae.data.formats import parsing
from vae.data.table_arrays import examples_raw, joint_factors

MOST = LIMIT // 4  # bytes of a text table: a digit and a comma become eight bytes


def read_csv(path: Path, wanted: Description, test: Path | None = None) -> Raw:
    """Return the arrays of a text table, and of its test part: by default NAME_TEST beside
    NAME_TRAIN.

    Raises a DataError for a file that is too large, damaged or not a table of finite numbers and
    empty cells.
    """
    raw, roles = _read(path, wanted)
    test = test or test_beside(path)
    if test is None:
        return raw
    part, part_roles = _read(test, wanted, roles)
    _check_alike(raw, part, path.name, test.name)
    part = with_names(part, raw.entries)
    both = joined_parts(raw, part, test.name)
    return both._replace(factors=joint_factors(roles, part_roles))


def table_raw(text: str, file: str, wanted: Description) -> Raw:
    """Return the arrays of the text of a table; raises DataError."""
    with parsing(file, "a text table"):
        return _parsed(text, file, wanted, None)[0]


def _read(path: Path, wanted: Description, like: Roles | None = None) -> tuple[Raw, Roles]:
    """Return the arrays of one table and the roles of its columns, by default guessed."""
    with parsing(path.name, "a text table"):
        text, note = decoded(content_of(path), path.name)
        raw, roles = _parsed(text, path.name, wanted, like)
    notes = (*([note] if note else []), *raw.reading.notes)
    return raw._replace(reading=raw.reading._replace(notes=notes)), roles


def _parsed(text: str, file: str, wanted: Description, like: Roles | None) -> tuple[Raw, Roles]:
    dialect = dialect_of(text, file, wanted)
    table, percent = _without_percent(table_of(text, dialect, file))
    roles = assign(table, wanted if like is None else same_roles(like, wanted, table))
    _check_numbers(text, dialect, table, roles)
    notes = tuple(n for n in (*dialect.notes, percent) if n)
    reading = Reading(
        (*roles.guesses, *dialect.guesses), "column", len(table.columns), roles.left_out, notes
    )
    return examples_raw(roles, reading), roles


def _check_alike(raw: Raw, test: Raw, file: str, other: str) -> None:
    """Raise a DataError if the columns of two parts have different names."""
    pairs = zip(raw.columns, test.columns, strict=False)
    titled = [(a, b) for a, b in pairs if not (a.isdigit() and b.isdigit())]
    if differ := [pair for pair in titled if pair[0] != pair[1]]:
        here, there = differ[0]
        raise DataError(
            f"{file} has the column {here} where {other} has {there}: give both parts the same "
            "columns in the same order."
        )


def content_of(path: Path) -> bytes:
    """Return the bytes of a file, unpacked; DataError if they are too many."""
    with path.open("rb") as file:
        return unpacked(file.read(MOST + 1), path.name)


def unpacked(content: bytes, name: str) -> bytes:
    """Return the content of a file with this name, unpacked if it ends in .gz; DataError if it is
    too large."""
    if name.lower().endswith(".gz"):
        with gzip.open(io.BytesIO(content)) as file:
            content = file.read(MOST + 1)
    if len(content) > MOST:
        raise DataError(f"{name} is too large for a text table: save it as .npz.")
    return content


def table_of(text: str, dialect: Dialect, file: str) -> Table:
    """Return the columns of a table; DataError if its lines have different numbers of them."""
    _check_widths(text, dialect, file)
    return _without_marks(Table(file, tuple(_columns(text, dialect))), dialect.decimal)


def _columns(text: str, dialect: Dialect) -> Iterator[Column]:
    """Yield the columns: numbers with NaN for empty cells, or text with "" for them."""
    import pandas as pd  # type: ignore[import-untyped]

    other = "." if dialect.decimal == "comma" else ","
    frame = pd.read_csv(
        io.StringIO(text),
        sep=dialect.separator,
        decimal="," if dialect.decimal == "comma" else ".",
        thousands=other if dialect.thousands else None,
        header=None,
        names=list(range(dialect.width)),
        index_col=False,
        skiprows=dialect.lines,
        skipinitialspace=True,
        keep_default_na=False,
        na_values=[""],
        low_memory=False,
    )
    names = unique_names(dialect.names)
    for k, name in enumerate(names):
        yield Column(name, cleaned(frame[k]))


def cleaned(series: Any) -> Array:
    """Return a column of pandas as numbers, or as text without spaces around it."""
    if series.dtype.kind in "biuf":
        return np.asarray(series.to_numpy())
    cells = ["" if cell is None or cell != cell else str(cell).strip() for cell in series]
    return np.array(cells, np.str_)


def _without_marks(table: Table, decimal: str) -> Table:
    """Return the table with columns of numbers and marks of missing cells as numbers and NaN."""
    return table._replace(columns=tuple(_without_mark(c, decimal) for c in table.columns))


def _without_mark(column: Column, decimal: str) -> Column:
    if not column.is_text:
        return column
    missing = np.array([cell.lower() in MARKS for cell in column.values])
    cells = column.values[~missing]
    if not all(is_number(c, decimal) and c[-1] != "%" for c in cells):
        return column
    point = [cell.replace(",", ".") if decimal == "comma" else cell for cell in cells]
    numbers = np.full(len(missing), np.nan)
    try:
        numbers[~missing] = [float(cell) for cell in point]
    except ValueError:  # thousands
        return column
    return column._replace(values=numbers)


def _without_percent(table: Table) -> tuple[Table, str]:
    """Return the table with columns of percent as numbers, and a note on them."""
    changed = [c for c in table.columns if c.is_text and _all_percent(c)]
    if not changed:
        return table, ""
    numbers = {c.name: np.array([float(cell[:-1]) for cell in c.values]) for c in changed}
    columns = tuple(c._replace(values=numbers.get(c.name, c.values)) for c in table.columns)
    names = ", ".join(numbers)
    return table._replace(columns=columns), f"Percent signs removed: {names}."


def _all_percent(column: Column) -> bool:
    return all(cell[-1:] == "%" and is_number(cell, "point") for cell in column.values)


def _rows(text: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each row below the header that is not empty."""
    file = io.StringIO(text, newline="")
    if dialect.separator == r"\s+":
        for line, content in enumerate(file, 1):
            if line > dialect.lines and content.strip():
                yield line, content.split()
        return
    reader = csv.reader(file, delimiter=dialect.separator, skipinitialspace=True)
    for row in reader:
        if row and reader.line_num > dialect.lines:
            yield reader.line_num, row


def _check_widths(text: str, dialect: Dialect, file: str) -> None:
    """Raise a DataError if a row has more or fewer columns than the first line."""
    for line, width in _widths(text, dialect):
        if width != dialect.width:
            raise DataError(
                f"{file}, line {line}: {plural(width, 'column')} where the first line has "
                f"{dialect.width}. Give every line the same number of columns."
            )


def _widths(text: str, dialect: Dialect) -> Iterator[tuple[int, int]]:
    """Yield the line number and the number of columns of each row below the header."""
    if '"' in text or len(dialect.separator) > 1:
        yield from ((line, len(row)) for line, row in _rows(text, dialect))
        return
    for line, content in enumerate(io.StringIO(text, newline=None), 1):
        if line > dialect.lines and content.strip(" \n"):
            yield line, content.count(dialect.separator) + 1


def _check_numbers(text: str, dialect: Dialect, table: Table, roles: Roles) -> None:
    """Raise a DataError for the first cell without a finite number in a column of examples, or in
    a column of text where most cells are numbers."""
    left = {c.name for c in roles.examples if not roles.kinds}  # kinds have checked theirs
    checked = {c.name for c in roles.examples} - left
    free = roles.guesses[-1].why != BY_HAND
    used = {c.name for c in (roles.label, roles.names, *roles.factors) if c} | checked
    for k, column in enumerate(table.columns):
        if column.name in left:
            if column.is_text or np.isinf(column.values).any():
                _explain(text, dialect, table.file, k)
        elif free and column.name not in used and column.is_text and mostly_numbers(column):
            _explain(text, dialect, table.file, k)


def _explain(text: str, dialect: Dialect, file: str, column: int) -> NoReturn:
    """Raise a DataError that names the first cell of a column without a finite number."""
    for line, row in _rows(text, dialect):
        cell = row[column].strip()
        is_missing = cell.lower() in MARKS
        if is_missing or (is_number(cell, dialect.decimal) and cell[-1:] != "%"):
            continue
        name = dialect.names[column]
        title = f" ({name})" if not name.isdigit() and name else ""
        raise DataError(
            f"{file}, line {line}, column {column + 1}{title}: "
            f"{repr(cell[:40]) if cell else 'an empty cell'} is not a finite number. Correct it, "
            f"remove its row, or leave the column out (--data-ignore {name or column + 1})."
        )
    raise DataError(f"{file} cannot be read as a table: save it as plain .csv in UTF-8.")
