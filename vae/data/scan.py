"""Range and kind of the values of an array, found in one pass, a piece at a time.

The scan of a mapped array takes as long as reading its file. It is therefore stored in the cache,
and used again as long as the file has the same path, size and time of change.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae.base import files, visitors
from vae.base.progress import report
from vae.data.download import cache
from vae.data.mapping import Array, Place, in_file, pieces, place_of

MOST = 64  # values in memory
_latest: dict[tuple[Place, str], Any] = {}  # the latest last
SETTLED = 2.0  # seconds; a file that changed more recently could change again at the same time
FEW = 2  # different values that a scan lists
HEAD = 100  # rows that often show that there are more


class Scan(NamedTuple):
    """Values of an array. Values NaN count for `missing` only."""

    low: float  # NaN if every value is
    high: float
    missing: bool  # whether a value is NaN
    whole: bool  # whether every value is a whole number
    integers: bool  # whether the type of the array holds whole numbers only
    values: tuple[float, ...]  # all different values in order if there are at most FEW, else ()

    @property
    def finite(self) -> bool:
        """Whether no value is infinite or NaN."""
        return not self.missing and bool(np.isfinite([self.low, self.high]).all())


def scanned(x: Array) -> Scan:
    """Return the scan of an array of numbers that is not empty."""
    *numbers, values = stored(x, "scan", lambda: list(_scan(x)))
    return Scan._make([*numbers, tuple(values)])


def stored(x: Array, kind: str, compute: Callable[[], Any]) -> Any:
    """Return the JSON value that `compute` returns for an array: of a mapped array from the cache,
    if it is there."""
    place = place_of(x)
    if place is None or not any(place.state):  # in memory, or of a file that was removed
        return compute()
    value = _latest.pop((place, kind), None)
    if value is None:
        value = _from_cache(place, kind, compute)
    _latest[place, kind] = value
    for old in list(_latest)[:-MOST]:
        _latest.pop(old, None)
    return value


def _from_cache(place: Place, kind: str, compute: Callable[[], Any]) -> Any:
    file, name = _file(place, kind), repr(place)
    saved = files.read_sealed(file)
    if saved is not None and saved["place"] == name:
        return saved["value"]
    value = compute()
    is_settled = time.time() - place.state.modified / 1e9 > SETTLED
    if is_settled and not visitors.is_read_only():
        with suppress(OSError, ValueError):  # it is computed again next time
            file.parent.mkdir(parents=True, exist_ok=True)
            files.write_sealed(file, {"place": name, "value": value}, sync=False)
    return value


def _file(place: Place, kind: str) -> Path:
    key = hashlib.sha256(repr((place.path, place.layout, kind)).encode()).hexdigest()
    return cache() / "scans" / f"{key[:32]}.json"


def _scan(x: Array) -> Scan:
    head = in_file(x)[:HEAD]
    values = _few(head[head == head])
    low, high, missing, whole, done = np.inf, -np.inf, False, True, 0
    for part in pieces(x):
        done += len(part)
        ends = np.fmin.reduce(part, axis=None), np.fmax.reduce(part, axis=None)
        is_missing = x.dtype.kind == "f" and bool(np.isnan(part.min()))
        part = part[part == part] if is_missing else part
        low, high = np.fmin(low, float(ends[0])), np.fmax(high, float(ends[1]))
        missing |= is_missing
        whole = whole and (x.dtype.kind in "biu" or bool((part == np.rint(part)).all()))
        values = _joined(values, part)
        report("Looking at the values…", done / len(x))
    ends = (float(low), float(high)) if low <= high else (np.nan, np.nan)
    return Scan(*ends, missing, whole, x.dtype.kind in "biu", values or ())


def _few(part: Array) -> tuple[float, ...] | None:
    """Return the different values of a part in order; None for more than FEW."""
    found = np.unique(part)
    return tuple(found.astype(float).tolist()) if len(found) <= FEW else None


def _joined(values: tuple[float, ...] | None, part: Array) -> tuple[float, ...] | None:
    """Return the different values with those of a further part; None for more than FEW."""
    if values is None:
        return None
    known = np.zeros(part.shape, bool)
    for value in values:
        known |= part == value
    if known.all():
        return values
    more = _few(part[~known])
    found = (*values, *(more or ()))
    return tuple(sorted(found)) if more is not None and len(found) <= FEW else None
