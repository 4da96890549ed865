"""Arrays that are mapped from their file: the kernel reads a page of the file when it is used, and
drops it when memory is short. So the examples may be larger than the memory.

A mapped file is never changed here. One that shrinks while it is mapped would end the process:
`check_size` compares the size before pages are read.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from vae.base.files import FileState, file_state
from vae.data.errors import DataError

Array = NDArray[Any]
MAPPED = 2**27  # bytes; a larger .npy file is mapped
PIECE = 2**24  # bytes of an array that are looked at together
HAS_ADVICE = hasattr(os, "posix_fadvise")  # whether this system can be asked to read ahead


def open_array(path: Path) -> Array:
    """Return the array in an .npy file as a mapping that cannot be written."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def mapping_of(x: Array) -> "np.memmap[Any, Any] | None":
    """Return the mapping that an array is a view of; None for an array in memory."""
    found: Any = x
    while isinstance(found, np.ndarray) and not isinstance(found, np.memmap):
        found = found.base
    return found if isinstance(found, np.memmap) else None


def pieces(x: Array) -> Iterator[Array]:
    """Yield the rows of an array in order, PIECE bytes at a time."""
    rows = max(1, PIECE // max(1, x[:1].nbytes))
    for start in range(0, len(x), rows):
        yield x[start : start + rows]


def together(first: Array, second: Array) -> Array:
    """Return the rows of two arrays as one: a view where both are all of one mapping."""
    whole = mapping_of(first)
    if whole is None or whole is not mapping_of(second):
        return np.concatenate([first, second])
    if len(whole) == len(first) + len(second):
        return np.asarray(whole)
    return np.concatenate([first, second])


class Rows:
    """Some rows of an array, in this order; only the parts that are looked at are copied."""

    def __init__(self, x: Array, rows: Array) -> None:
        self.x, self.rows = x, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice | Array) -> Array:
        found: Array = self.x[self.rows[part]]
        return found


class Place(NamedTuple):
    """Where a mapped array lies; equal places, equal values."""

    path: str
    state: FileState
    layout: tuple[Any, ...]  # distance from the start, shape, strides and type


def place_of(x: Array) -> Place | None:
    """Return the place of a mapped array; None for an array in memory."""
    whole = mapping_of(x)
    if whole is None:
        return None
    path = Path(str(whole.filename))
    layout = (_distance(x, whole), x.shape, x.strides, x.dtype.str)
    return Place(str(path), file_state(path), layout)


def _distance(x: Array, whole: "np.memmap[Any, Any]") -> int:
    """Return the bytes of the file before the first value of a view of its mapping."""
    inside = x.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return int(inside + whole.offset)


class ReadAhead:
    """Asks the system to read rows of a mapped array before they are used, and until `close` only
    these: by itself it would read megabytes around each row."""

    def __init__(self, x: Array) -> None:
        whole = mapping_of(x)
        assert whole is not None
        self.start, self.stride, self.length = _distance(x, whole), x.strides[0], x[:1].nbytes
        self.end = self.start + self.stride * len(x)
        self.path = str(whole.filename)
        self.file = os.open(self.path, os.O_RDONLY)
        finalize(self, os.close, self.file)
        self.mapping: Any = whole
        while isinstance(self.mapping, np.ndarray):
            self.mapping = self.mapping.base
        if HAS_ADVICE:
            self.mapping.madvise(mmap.MADV_RANDOM)

    def close(self) -> None:
        """Let the system read around the pages that are used, as before."""
        if HAS_ADVICE:
            self.mapping.madvise(mmap.MADV_NORMAL)

    def check_size(self) -> None:
        """Raise DataError if the file has become shorter than its mapping."""
        if os.fstat(self.file).st_size < self.end:
            raise DataError(
                f"{self.path} has become shorter while it was in use: restore the file. "
                "Write a new version of data under another name and rename it."
            )

    def request(self, rows: Array) -> None:
        """Ask for these rows (n,); returns before they are read. Adjacent rows are one request."""
        if not HAS_ADVICE or not len(rows):
            return
        ordered = np.sort(rows)
        breaks = np.flatnonzero(np.diff(ordered) * self.stride > self.length + mmap.PAGESIZE) + 1
        first = ordered[np.concatenate([[0], breaks])]
        last = ordered[np.concatenate([breaks - 1, [len(ordered) - 1]])]
        for a, b in zip(first.tolist(), last.tolist(), strict=True):
            size = (b - a) * self.stride + self.length
            offset = self.start + a * self.stride
            os.posix_fadvise(self.file, offset, size, os.POSIX_FADV_WILLNEED)
