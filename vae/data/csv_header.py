"""The header of a text table, found as pandas, Excel, R and NumPy write it."""

import re
from collections.abc import Sequence
from itertools import pairwise

from vae.data.description import AUTO, Description, Guess, chosen

POINT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?%?")
COMMA = re.compile(r"[-+]?(\d+,?\d*|,\d+)([eE][-+]?\d+)?%?")
THOUSANDS = {
    "point": re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?%?"),
    "comma": re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d+)?%?"),
}
MARKS = ("", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>", "?")  # of missing cells
Row = list[str]


def is_number(cell: str, decimal: str) -> bool:
    """Whether a cell holds a number with this decimal mark."""
    pattern = POINT if decimal == "point" else COMMA
    return bool(pattern.fullmatch(cell) or THOUSANDS[decimal].fullmatch(cell))


def header_of(
    rows: Sequence[Row], comment: Row, decimal: str, wanted: Description
) -> tuple[int, Guess, tuple[str, ...], Row]:
    """Return the number of header rows, the guess of a header, notes, and the names."""
    found, why = (False, "A line of comment has the names.") if comment else _titled(rows, decimal)
    has = bool(comment) or found
    guess = chosen(wanted, "data_header", "yes" if has else "no", why, ("yes", "no"))
    if guess.value != "yes":
        return 0, guess, (), []
    if comment and wanted.data_header == AUTO:
        return 0, guess, (), comment
    names, body = (comment, rows) if comment else (rows[0], rows[1:])
    units = _is_units(body, decimal)
    notes = (f"Line of units skipped: {', '.join(body[0])[:60]}.",) if units else ()
    return (not comment) + units, guess, notes, names


def _titled(rows: Sequence[Row], decimal: str) -> tuple[bool, str]:
    """Return whether the first row has the names of the columns, and the reason."""
    first, body = rows[0], rows[1:]
    numeric = [bool(cell) and is_number(cell, decimal) for cell in first]
    if not any(numeric):
        return True, "No cell of the first line is a number."
    if not body:
        return False, "The table has one line."
    if not first[0] and _counts([c for c in first if c], decimal):
        return True, "The first cell is empty, as in the tables of pandas."
    for k, cell in enumerate(first):
        below = [row[k] for row in body if len(row) > k and row[k]]
        is_title = not numeric[k] and cell.lower() not in MARKS
        if is_title and below and all(is_number(c, decimal) for c in below):
            return True, f"{cell} stands above a column of numbers."
    numbers = [cell for cell, number in zip(first, numeric, strict=True) if number]
    if _counts(numbers, decimal) and not any(
        _counts(_like(row, numeric), decimal) for row in body
    ):
        return True, f"The first line counts evenly ({', '.join(numbers[:3])}, …), the others not."
    return False, "The first line holds numbers like the lines below."


def _like(row: Row, numeric: Sequence[bool]) -> Row:
    return [cell for cell, number in zip(row, numeric, strict=False) if number]


def _counts(row: Row, decimal: str) -> bool:
    """Whether three or more cells are evenly spaced numbers."""
    if len(row) < 3 or not all(is_number(cell, decimal) for cell in row):
        return False
    values = [_value(cell, decimal) for cell in row]
    steps = [b - a for a, b in pairwise(values)]
    return steps[0] != 0 and all(abs(s - steps[0]) <= 1e-6 * abs(steps[0]) for s in steps)


def _value(cell: str, decimal: str) -> float:
    thousands, mark = (".", ",") if decimal == "comma" else (",", ".")
    return float(cell.rstrip("%").replace(thousands, "").replace(mark, "."))


def _is_units(body: Sequence[Row], decimal: str) -> bool:
    """Whether the first row has text above columns of numbers only, as a row of units has; empty
    cells there are values that were not observed."""
    if len(body) < 3:
        return False
    first, rest = body[0], body[1:]
    columns = range(len(first))
    below = [
        k
        for k in columns
        if all(len(r) > k and (not r[k] or is_number(r[k], decimal)) for r in rest)
    ]
    has_text = any(first[k].lower() not in MARKS for k in below)
    return has_text and not any(is_number(first[k], decimal) for k in below)
