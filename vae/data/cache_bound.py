"""The bound of the arrays in the cache: those used least recently are removed first.

An array that a process reads is locked by it and stays. The time of its last use is that of its
description, the JSON file beside it.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vae.base.files import file_state
from vae.base.numbers import byte_count
from vae.base.progress import report
from vae.data.errors import DataError

try:
    import fcntl
except ImportError:  # Windows, which removes no file in use
    fcntl = None  # type: ignore[assignment]

VARIABLE = "VAE_LAB_CACHE_GB"
DEFAULT = "50"
YOUNG = 60.0  # seconds in which another process may be about to open its array


class Entry(NamedTuple):
    """An array of the cache."""

    used: float  # seconds since 1970
    path: Path
    size: int


def bound() -> float:
    """Return the bytes that the arrays may take together; raises DataError."""
    given = os.environ.get(VARIABLE, "") or DEFAULT
    try:
        found = float(given)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise DataError(f"{VARIABLE} is a number of gigabytes such as {DEFAULT}, not {given!r}.")
    return found * 1e9


def note_use(path: Path, handle: int) -> None:
    """Note that an array is used now, and lock it until its handle is closed."""
    with suppress(OSError):
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.utime(path.with_suffix(".json"))


def remove_oldest(folder: Path) -> None:
    """Remove arrays that are not in use until the others are within the bound."""
    entries = sorted(_entries(folder))
    excess = sum(entry.size for entry in entries) - bound()
    gone = 0
    for entry in entries:
        if gone < excess and _remove(entry):
            gone += entry.size
    if gone:
        report(f"Removed {byte_count(gone)} of older arrays from the cache ({VARIABLE})…", 1.0)


def _entries(folder: Path) -> Iterator[Entry]:
    for path in folder.glob("*.npy"):
        state = file_state(path)
        used = max(state.modified, file_state(path.with_suffix(".json")).modified)
        yield Entry(used / 1e9, path, state.size)


def _remove(entry: Entry) -> bool:
    """Remove an array, unless it is new or in use. Return whether it is gone."""
    if time.time() - entry.used < YOUNG or not fcntl:
        return False
    with suppress(OSError), entry.path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        entry.path.with_suffix(".json").unlink(missing_ok=True)
        entry.path.unlink()
        return True
    return False
