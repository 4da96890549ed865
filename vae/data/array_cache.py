"""Arrays that took long to compute, in .npy files of the cache, and mapped from there.

The name of a file is a key of its source and a tag of the source's state. A file is complete or
absent: it is written under a temporary name, and its description, a JSON file beside it, comes
last. When the source has changed, the new array takes the place of the old one. All arrays
together have a bound, `vae.data.cache_bound`.
"""

import hashlib
import math
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from vae.base import files, visitors
from vae.base.numbers import byte_count
from vae.base.progress import report
from vae.data.cache_bound import note_use, remove_oldest
from vae.data.download import CACHE, cache
from vae.data.errors import DataError
from vae.data.mapping import PIECE, Array, mapping_of, open_array, pieces, place_of

Write = Callable[["ArrayWriter"], Any]


class ArrayWriter:
    """Writes the rows of one array, in order, into an .npy file."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def begin(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Start an array of this shape."""
        self.shape, self.dtype, self.done = shape, dtype, 0
        os.lseek(self.handle, 0, os.SEEK_SET)
        header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        with open(self.handle, "wb", closefd=False) as file:
            np.lib.format.write_array_header_1_0(file, header)
        self.start = os.lseek(self.handle, 0, os.SEEK_CUR)

    def add(self, rows: Array) -> None:
        """Write further rows."""
        assert rows.shape[1:] == self.shape[1:]
        with open(self.handle, "wb", closefd=False) as file:
            file.write(np.ascontiguousarray(rows, self.dtype).data)
        self.done += len(rows)

    def widen(self, channels: int) -> None:
        """Give (N, 1, H, W) more channels, equal in the rows so far: from the last row on, because
        the new rows take the places of later old ones."""
        old, done, start = self.shape, self.done, self.start
        self.begin((old[0], channels, *old[2:]), self.dtype)
        assert self.start == start
        size = math.prod(old[1:]) * self.dtype.itemsize
        together = max(1, PIECE // (channels * size))
        for first in reversed(range(0, done, together)):
            count = min(together, done - first)
            content = os.pread(self.handle, count * size, start + first * size)
            rows = np.frombuffer(content, self.dtype).reshape(count, *old[1:])
            os.lseek(self.handle, start + first * channels * size, os.SEEK_SET)
            self.add(np.broadcast_to(rows, (count, *self.shape[1:])))
        os.lseek(self.handle, start + done * channels * size, os.SEEK_SET)
        self.done = done


def cached(source: Any, state: Any, write: Write) -> tuple[Array, Any]:
    """Return the array that `write` writes, mapped from the cache, and the JSON value that it
    returns. It is called unless the array of this source in this state is there.

    Raises DataError if the cache cannot be written.
    """
    folder = cache() / "arrays"
    key, tag = (hashlib.sha256(repr(part).encode()).hexdigest() for part in (source, state))
    path = folder / f"{key[:32]}-{tag[:16]}.npy"
    found = _read(path)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.sweep(folder)
        with FileLock(folder / f"{key[:32]}.lock"):
            if (found := _read(path)) is None:
                with files.replacing(path) as handle:
                    about = write(ArrayWriter(handle))
                found = _in_use(path, open_array(path)), about
                files.write_sealed(path.with_suffix(".json"), [about, *_form(found[0])])
                _remove_others(path, key[:32])
                remove_oldest(folder)
        return found
    except OSError as error:
        raise DataError(
            f"{files.sentence(error)} The environment variable {CACHE} sets another cache folder."
        ) from error


def _read(path: Path) -> tuple[Array, Any] | None:
    """Return the array in a file and its description; None if they are missing or damaged."""
    with suppress(OSError, ValueError, EOFError):
        about, *form = files.read_sealed(path.with_suffix(".json")) or [None]
        array = open_array(path) if form else None
        if array is not None and form == _form(array):
            return _in_use(path, array), about
    return None


def _in_use(path: Path, array: Array) -> Array:
    """Return an array of the cache, which stays there as long as this process uses it."""
    whole = mapping_of(array)
    if whole is not None and not visitors.is_read_only():
        note_use(path, whole.handle)
    return array


def _form(array: Array) -> list[Any]:
    return [list(array.shape), array.dtype.str]


def _remove_others(path: Path, key: str) -> None:
    """Remove the arrays of the same source in other states."""
    for old in path.parent.glob(f"{key}-*"):
        if old.stem != path.stem and not old.name.endswith(files.TEMPORARY):
            old.unlink(missing_ok=True)


def check_room(size: int, file: str) -> None:
    """Raise DataError if the disk of the cache lacks the room for so many bytes."""
    folder = next(p for p in (cache(), *cache().parents) if p.exists())
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"{file} needs {byte_count(size)} in the cache, {cache()}, and its disk has "
            f"{byte_count(free)} free: free some space, or name another folder in {CACHE}."
        )


def changed(x: Array, change: Callable[[Array], Array], words: str) -> Array:
    """Return `change` of x, a function of each row alone that `words` identify. A mapped array is
    changed a piece at a time, into a file of the cache."""
    place = place_of(x)
    if place is None:
        return change(x)

    def write(writer: ArrayWriter) -> dict[str, str]:
        first, done = change(x[:1]), 0
        check_room(first.nbytes * len(x), Path(place.path).name)
        writer.begin((len(x), *first.shape[1:]), first.dtype)
        for part in pieces(x):
            writer.add(change(part))
            done += len(part)
            report("Converting the values…", done / len(x))
        return {"source": place.path, "change": words}

    return cached((place.path, place.layout, words), place.state, write)[0]
