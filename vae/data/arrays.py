"""Arrays of a file → a `Dataset`: `layout` defines axes and range, this module classes and names.

Labels are whole numbers or text. The classes are the distinct labels: numbers by value, then text
with its digits by value. A missing label is no class, -1.
"""

import re
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.numbers import plural
from vae.base.records import Floats, Ints
from vae.data.description import Reading
from vae.data.errors import DataError
from vae.data.mapping import pieces
from vae.data.scan import scanned

MOST_CLASSES = 1000
Array = NDArray[Any]
BLANK = ("", "nan", "NaN")  # text of a missing label


class Raw(NamedTuple):
    """Arrays of a file before `compose`."""

    x: Array
    labels: Array | None = None
    test_x: Array | None = None
    test_labels: Array | None = None
    scale: float = 0.0  # highest possible value of bytes; 0: derived from the values
    note: str = ""  # changes of the examples, for `about`
    pixels: str = ""  # reason to read rows as flat pictures
    series: str = ""  # reason to read N×T or N×T×C as series
    rows: str = ""  # reason to read N×D as vectors
    names: Array | None = None  # of the rows, those of the test part last
    factors: dict[str, Floats] = {}  # noqa: RUF012 (never changed) of all rows
    reading: Reading = Reading()
    columns: tuple[str, ...] = ()  # names of the columns of a table x, or of the channels
    kinds: tuple[str, ...] = ()  # of the columns of a mixed table
    entries: tuple[tuple[str, ...], ...] = ()  # names of the values of each column of it


def check_finite(x: Array, file: str, missing: bool = False) -> None:
    """Raise a DataError with the count and the first position of infinity and, unless values may
    be `missing`, of NaN, if any."""
    if x.dtype.kind != "f":
        return
    found = scanned(x)
    if found.finite or (missing and np.isfinite([found.low, found.high]).all()):
        return
    count, places = 0, list[int]()
    start = 0
    for part in pieces(x):
        wrong = np.isinf(part) if missing else ~np.isfinite(part)
        if not places and wrong.any():
            places = [int(i) for i in np.unravel_index(int(np.argmax(wrong)), part.shape)]
            places[0] += start
        count += int(np.count_nonzero(wrong))
        start += len(part)
    if not count:
        return
    first, *place = places
    raise DataError(
        f"{file} holds {'infinity' if missing else 'NaN or infinity'} {count:,} times, first in "
        f"example {first} at position "
        f"{', '.join(map(str, place))} (counted from 0): remove or replace these values."
    )


def check_observed(x: Array, file: str) -> None:
    """Raise a DataError for a column of vectors (N, D), or a channel of series (N, C, T), that is
    NaN in every example."""
    if x.dtype.kind != "f" or x.ndim > 3 or not scanned(x).missing:
        return
    unit, part = ("value", "column") if x.ndim == 2 else ("channel", "channel")
    axes = (0, *range(2, x.ndim))
    if (empty := np.logical_and.reduce([np.isnan(some).all(axes) for some in pieces(x)])).any():
        raise DataError(
            f"{file}: {unit} {int(empty.argmax())} (counted from 0) of every example is NaN, not "
            f"observed: remove this {part}."
        )


class Classes(NamedTuple):
    """Classes of examples."""

    labels: Ints | None = None  # (N,) from 0; -1 without a class
    names: tuple[str, ...] = ()
    note: str = ""


def classes_of(raw: Raw, file: str) -> Classes:
    """Return the labels of both parts, numbered from 0, and the names of the classes."""
    if raw.labels is None and raw.test_labels is None:
        return Classes()
    parts = [_part(raw.labels, len(raw.x), file)]
    if raw.test_x is not None:
        parts.append(_part(raw.test_labels, len(raw.test_x), f"{file} (test part)"))
    if len({part.dtype.kind == "U" for part in parts}) > 1:
        raise DataError(
            f"{file}: the labels of one part are text, of the other numbers: make them alike."
        )
    values, index = np.unique(np.concatenate(parts), return_inverse=True)
    names = [_class_name(value) for value in values]
    order = sorted({name for name in names if name not in BLANK}, key=natural)
    if not order:
        raise DataError(f"{file}: every label is missing: fill them in, or read no classes.")
    if len(order) > MOST_CLASSES:
        raise DataError(
            f"{file} has {len(order):,} distinct labels, and at most {MOST_CLASSES:,} classes are "
            "possible: rename the labels if they are not classes."
        )
    number = {name: k for k, name in enumerate(order)}
    codes = np.array([number.get(name, -1) for name in names])
    labels = codes[index.reshape(-1)].astype(np.int64)
    return Classes(labels, tuple(order), _note(labels, order))


def _class_name(value: Any) -> str:
    """Return the name of a class: 1 for 1.0, text without spaces around it."""
    if isinstance(value, np.floating):
        return "" if np.isnan(value) else str(int(value))
    return str(value).strip()


def _note(labels: Ints, names: list[str]) -> str:
    """Return a sentence on missing labels and on classes that differ in case only."""
    missing = int((labels < 0).sum())
    found = [f"{plural(missing, 'example')} without a class."] if missing else []
    alike = {name for name, n in Counter(name.lower() for name in names).items() if n > 1}
    pairs = [name for name in names if name.lower() in alike]
    found += [f"Classes that differ in case only: {', '.join(pairs[:4])}."] if pairs else []
    return " ".join(found)


def natural(text: str) -> tuple[Any, ...]:
    """Return a key that sorts whole numbers by value, then text with its digits by value."""
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return (0, int(text), text)
    parts = re.split(r"([0-9]{1,15})", text)  # odd ones are digits
    return (1, tuple(int(p) if k % 2 else p for k, p in enumerate(parts)), text)


def _part(labels: Array | None, examples: int, file: str) -> Array:
    """Return one label per example, whole numbers or text, (N,)."""
    count = 0 if labels is None or labels.ndim == 0 else len(labels)
    if labels is None or count != examples:
        raise DataError(
            f"{file} has {plural(examples, 'example')} and {plural(count, 'label')}: give one "
            f"label per example, "
            "or no labels."
        )
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1:
        raise DataError(
            f"{file}: labels have shape {times(labels.shape)}: give one number or word per "
            "example (argmax(axis=1) converts one-hot rows to numbers)."
        )
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind in "biuU":
        return labels
    wrong = np.ones(len(labels), bool)
    if labels.dtype.kind == "f":
        whole = (np.abs(labels) < 2**53) & (labels == np.rint(labels))
        wrong = ~(whole | np.isnan(labels))
    if wrong.any():
        raise DataError(
            f"{file}: labels are whole numbers or text, and these are {labels.dtype}, such as "
            f"{labels[wrong][0]}: rename them if they are not classes."
        )
    return labels


def times(shape: tuple[int, ...]) -> str:
    """Return a shape as text, such as "6×28×28"."""
    return "×".join(map(str, shape)) or "of a single number"
