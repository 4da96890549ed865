"""Examples of a mixed table as small tables: numbers as everywhere else, entries by name."""

from collections.abc import Sequence
from typing import Any

from vae.base.kinds import COUNT, REAL
from vae.base.numbers import number
from vae.base.records import Floats
from vae.data import Dataset
from vae.data.column_kinds import values_of
from vae.data.columns import unique_names
from vae.data.missing import element_names

FEW = 4  # examples side by side
ROW = 36  # px


def texts_of(x: Floats, data: Dataset) -> list[list[str]]:
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


def as_rows(x: Floats, data: Dataset, head: dict[str, Sequence[object]]) -> dict[str, object]:
    """Return a table with a row for each example x (N, D), behind the columns of `head`."""
    names = element_names(data.columns, data.event_shape)
    titles = unique_names([*head, *names])
    return dict(zip(titles, [*head.values(), *texts_of(x, data)], strict=True))


def as_pairs(
    before: Floats, after: Floats, data: Dataset, titles: Sequence[str]
) -> dict[str, object]:
    """Return a table with a row for each column, and "value → value" of the first examples."""
    names = element_names(data.columns, data.event_shape)
    found: dict[str, object] = {"column": names, "kind": list(data.kinds)}
    both = zip(texts_of(before[:FEW], data), texts_of(after[:FEW], data), strict=True)
    texts = [[f"{a or '–'} → {b}" for a, b in zip(*pair, strict=True)] for pair in both]
    for k, title in enumerate(titles[:FEW]):
        found[title] = [row[k] for row in texts]
    return found
