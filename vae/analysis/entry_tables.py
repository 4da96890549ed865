"""Examples of a mixed table as small tables: numbers as everywhere else, entries by name."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from vae.base.foreign import cell
from vae.base.kinds import COUNT, REAL, Columns
from vae.base.numbers import number
from vae.base.records import Floats
from vae.data import Dataset
from vae.data.column_kinds import values_of
from vae.data.columns import unique_names
from vae.data.missing import element_names

FEW = 4  # examples side by side
FIRST = f"original → reconstruction of the first {FEW} examples at most"
ROW = 36  # px


def texts_of(x: Floats, data: Dataset | Columns) -> list[list[str]]:
    """Return the values of each column of x (N, D) as texts, D lists of N; "" if missing."""
    kinds = data.kinds or (REAL,) * x.shape[1]
    pairs = zip(values_of(x, data), kinds, strict=True)
    return [[_text(v, kind) for v in column] for column, kind in pairs]


def _text(value: Any, kind: str) -> str:
    if isinstance(value, str):
        return value
    if value != value:
        return ""
    if kind == COUNT and value == round(value):
        return f"{int(value):,}"
    return number(float(value))


def as_rows(
    x: Floats, data: Dataset | Columns, head: Mapping[str, Sequence[object]]
) -> dict[str, Any]:
    """Return a table with a row for each example x (N, D), behind the columns of `head`."""
    names = element_names(data.columns, data.event_shape)
    titles = unique_names([*head, *names])
    return dict(zip(titles, [*head.values(), *texts_of(x, data)], strict=True))


def as_pairs(
    before: Floats, after: Floats, data: Dataset | Columns, titles: Sequence[str]
) -> dict[str, Any]:
    """Return a table with a row for each column, and "value → value" of the first examples."""
    names = element_names(data.columns, data.event_shape)
    found: dict[str, Any] = {"column": names, "kind": list(data.kinds)}
    both = zip(texts_of(before[:FEW], data), texts_of(after[:FEW], data), strict=True)
    texts = [[f"{a or '–'} → {b}" for a, b in zip(*pair, strict=True)] for pair in both]
    for k, title in enumerate(titles[:FEW]):
        found[title] = [row[k] for row in texts]
    return found


def as_csv(x: Floats, data: Dataset | Columns) -> bytes:
    """Return vectors x (N, D) as a CSV file with the names of the columns and of their entries."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(cell, element_names(data.columns, data.event_shape)))
    columns = [list(map(str, column)) for column in values_of(x, data)]
    writer.writerows(map(cell, row) for row in zip(*columns, strict=True))
    return out.getvalue().encode()
