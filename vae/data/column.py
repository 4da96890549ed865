"""A column of a table, and the reasons to leave it out by default."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vae.data.arrays import Array

IDS = re.compile(r"|(unnamed:? ?\d*)|.*\b(id|uuid|guid)|index|row( ?(id|number|name))?|no|nr|#")
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d.*)?")
LIKE_NUMBER = re.compile(r"[-+]?\d[\d.,_' ]*|[-+]?(nan|inf|infinity)", re.I)
MOST_ENTRIES = 100  # of a column of text that is a category by default
ENOUGH = 10  # rows in order that mark a column without a telling name as row numbers


class Column(NamedTuple):
    """A column: numbers with NaN for empty cells, or text with "" for empty cells."""

    name: str
    values: Array  # (N,)
    note: str = ""  # reason why its values cannot be used

    @property
    def is_text(self) -> bool:
        return self.values.dtype.kind not in "biuf"

    @property
    def missing(self) -> Array:
        """Whether each cell is empty, (N,)."""
        return np.asarray(self.values == "" if self.is_text else self.values != self.values)

    @property
    def present(self) -> Array:
        """The cells that are not empty."""
        return self.values[~self.missing]

    @property
    def is_whole(self) -> bool:
        """Whether every number is whole."""
        found = self.present
        return not self.is_text and bool((found == np.rint(found)).all())


def reason(column: Column, numbers_only: bool = False) -> str | None:
    """Return the reason for leaving a column out by default; None for a column of numbers or,
    unless `numbers_only`, a category."""
    why = column.note or next((why for test, why in REASONS if test(column)), None)
    return "text" if why is None and numbers_only and column.is_text else why


def _is_empty(column: Column) -> bool:
    return not len(column.present)


def _is_row_number(column: Column) -> bool:
    v = column.values
    if column.is_text or v.dtype.kind == "b" or len(v) < 3 or not column.is_whole:
        return False
    in_order = bool((np.diff(v.astype(float)) == 1).all())
    return in_order and (len(v) >= ENOUGH or bool(IDS.fullmatch(plain(column.name))))


def _is_id(column: Column) -> bool:
    return bool(IDS.fullmatch(plain(column.name))) and is_distinct(column)


def is_distinct(column: Column) -> bool:
    """Whether every row has an entry, and no two the same; numbers must be whole."""
    if column.missing.any() or len(column.values) < 3 or not (column.is_text or column.is_whole):
        return False
    head = column.values[:100].tolist()  # decides nearly every case quickly
    if len(set(head)) < len(head):
        return False
    return len(np.unique(column.values)) == len(column.values)


def is_date(column: Column) -> bool:
    return column.is_text and all(DATE.fullmatch(str(cell)) for cell in column.present[:100])


def is_category(column: Column) -> bool:
    """Whether a column of text has few entries, which repeat, and no typing errors of numbers."""
    if not column.is_text or is_date(column) or mostly_numbers(column):
        return False
    count = len(np.unique(column.present))
    return 2 <= count <= min(MOST_ENTRIES, len(column.values) / 2)


def mostly_numbers(column: Column) -> bool:
    """Whether most cells of a column of text are numbers."""
    cells = column.present
    return len(cells) > 0 and sum(bool(LIKE_NUMBER.fullmatch(c)) for c in cells) >= len(cells) / 2


REASONS: tuple[tuple[Callable[[Column], bool], str], ...] = (
    (_is_empty, "empty"),
    (_is_row_number, "numbers the rows in order"),
    (_is_id, "an identifier, different in every row"),
    (is_date, "dates"),
    (lambda column: column.is_text and not is_category(column), "text"),
)


def plain(name: str) -> str:
    """Return a column's name in lower case, with single spaces for other signs."""
    return " ".join(re.sub(r"[\W_]+", " ", name.strip().lower()).split())
