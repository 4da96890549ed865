"""Arrays that stay in their file, so that the examples may be larger than the memory.

An array is a mapping, whose views cost nothing, and its rows are read from the file when they are
used. The system ends a process that reads a page of a mapping that its file no longer has; a read
fails with a sentence. A mapped file is never changed here.
"""

import mmap
import os
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from vae.base.files import FileState, file_state, state_of
from vae.base.records import Ints
from vae.data.errors import DataError

Array = NDArray[Any]
MAPPED = 2**27  # bytes; a larger .npy file is mapped
PIECE = 2**24  # bytes of an array that are looked at together
MOST = 2**30  # bytes of one read
HAS_ADVICE = hasattr(os, "posix_fadvise")  # whether this system can be asked to read ahead
HAS_READS = hasattr(os, "pread")  # Windows lacks it, and lets nobody cut a mapped file


class Mapping(np.memmap[Any, Any]):
    """The mapping of a file, with a handle of the file in the state in which it was opened."""

    handle: int
    state: FileState

    def check(self) -> None:
        """Raise DataError if the file has changed."""
        if state_of(os.fstat(self.handle)) != self.state:
            self.refuse()

    def read(self, places: list[int], sizes: list[int]) -> bytearray:
        """Return the bytes at these places of the file, one after the other. Raises DataError if
        the file has changed or ends before."""
        self.check()
        content = bytearray().join(map(os.pread, repeat(self.handle), sizes, places))
        if len(content) != sum(sizes):
            self.refuse()
        return content

    def refuse(self) -> None:
        """Raise the DataError of a file that has changed."""
        raise DataError(
            f"{self.filename} has changed while it was in use: restore the file. Write a new "
            "version of data under another name and rename it."
        )


def open_array(path: Path) -> Array:
    """Return the array in an .npy file as a mapping that cannot be written."""
    state = file_state(path)
    whole = np.load(path, mmap_mode="r", allow_pickle=False).view(Mapping)
    whole.handle, whole.state = os.open(path, os.O_RDONLY), state
    finalize(whole, os.close, whole.handle)
    whole.check()
    return np.asarray(whole)


def mapping_of(x: Array) -> Mapping | None:
    """Return the mapping that an array is a view of; None for an array in memory."""
    found: Any = x
    while isinstance(found, np.ndarray) and not isinstance(found, Mapping):
        found = found.base
    return found if isinstance(found, Mapping) else None


class FileRows(np.ndarray[Any, Any]):
    """A view of a mapping, (N, …), whose rows are read from the file: `x[rows]` is in memory."""

    def __getitem__(self, key: Any) -> Any:
        whole, rows = mapping_of(self), self._rows(key)
        if whole is None or rows is None or not HAS_READS:
            return super().__getitem__(key)
        if rows.size and not -len(self) <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"The rows of an array of {len(self)} are 0 to {len(self) - 1}.")
        found = self._read(whole, rows.reshape(-1) % len(self))
        return found.reshape(*rows.shape, *self.shape[1:])

    def _rows(self, key: Any) -> Ints | None:
        """Return the rows of a slice, a number, numbers or flags; None for other keys."""
        if isinstance(key, slice):
            return np.arange(*key.indices(len(self)))
        rows = np.asarray(0.5 if isinstance(key, tuple) else key)
        if rows.dtype == bool and rows.shape == (len(self),):
            return np.flatnonzero(rows)
        return rows if rows.dtype.kind in "iu" else None

    def _read(self, whole: Mapping, rows: Ints) -> Array:
        """Return these rows (n,), in memory."""
        if not len(rows):
            return np.empty((0, *self.shape[1:]), self.dtype)
        inner = list(zip(self.shape[1:], self.strides[1:], strict=True))
        before = -sum(min(0, stride * (size - 1)) for size, stride in inner)
        length = self.itemsize + sum(abs(stride) * (size - 1) for size, stride in inner)
        together = np.arange(1, len(rows)) % max(1, MOST // length) != 0
        together &= (np.diff(rows) == 1) & (self.strides[0] == length)
        firsts = np.concatenate([[0], np.flatnonzero(~together) + 1])
        places = _distance(self, whole) - before + self.strides[0] * rows[firsts]
        sizes = length * np.diff(firsts, append=len(rows))
        content = whole.read(places.tolist(), sizes.tolist())
        strides = (length, *self.strides[1:])
        shape = (len(rows), *self.shape[1:])
        return np.ascontiguousarray(np.ndarray(shape, self.dtype, content, before, strides))


def in_file(x: Array) -> Array:
    """Return a mapped array as one whose rows are read from its file."""
    return x if mapping_of(x) is None else x.view(FileRows)


def pieces(x: Array) -> Iterator[Array]:
    """Yield the rows of an array in order, PIECE bytes at a time."""
    rows = max(1, PIECE // max(1, x[:1].nbytes))
    x = in_file(x)
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


def _distance(x: Array, whole: Mapping) -> int:
    """Return the bytes of the file before the first value of a view of its mapping."""
    inside = x.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return int(inside + whole.offset)


class ReadAhead:
    """Asks the system to read rows of a mapped array before they are used."""

    def __init__(self, x: Array) -> None:
        whole = mapping_of(x)
        assert whole is not None
        self.start, self.stride, self.length = _distance(x, whole), x.strides[0], x[:1].nbytes
        self.whole = whole

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
            os.posix_fadvise(self.whole.handle, offset, size, os.POSIX_FADV_WILLNEED)
