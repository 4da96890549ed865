"""HDF5 files (.h5): datasets by their paths, as the arrays of an .npz.

A file can point to other files and objects: external and virtual datasets, external links and
references. None of them is followed. Sizes are checked before memory is allocated, text is read
as strings, and datasets of other objects are refused.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vae.base.numbers import byte_count
from vae.data.arrays import Array, Raw
from vae.data.description import Description
from vae.data.errors import LIMIT, DataError
from vae.data.formats import Head, parsing
from vae.data.npz import read_arrays

KIND = "an HDF5 file"
MOST = 10_000  # datasets and groups that are listed
LONGEST = 2**16  # characters of a text, on average
COMPRESSION = 1100  # times that gzip shrinks zeros, at most about


def read_h5(path: Path, wanted: Description) -> Raw:
    """Return the datasets of an HDF5 file; raises a DataError that lists them if none is
    chosen."""
    return read_arrays(Hdf5(path), wanted)


class Hdf5:
    """An HDF5 file. `heads` has the shapes of its datasets without reading the values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heads: dict[str, Head] = {}
        with opened(path) as file:
            for name, dataset in datasets(file):
                self.heads[name] = Head(dataset.shape or (), fault(dataset, path.name, name))

    def __getitem__(self, name: str) -> Array:
        with opened(self.path) as file:
            return values(file[name], self.path.name, name)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file for reading; its faults are DataErrors."""
    import h5py

    with parsing(path.name, KIND), h5py.File(path, "r", locking=False) as file:
        yield file


def datasets(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and dataset of everything below a group, without following links elsewhere."""
    import h5py

    waiting, count = [(prefix, group)], 0
    while waiting:
        path, inside = waiting.pop(0)
        for key in inside:
            count += 1
            if count > MOST:
                raise DataError(f"The file has more than {MOST:,} datasets: keep fewer.")
            if not isinstance(inside.get(key, getlink=True), h5py.HardLink):
                continue
            item, name = inside[key], f"{path}{key}"
            if isinstance(item, h5py.Dataset):
                yield name, item
            elif isinstance(item, h5py.Group) and name.count("/") < 8:
                waiting.append((f"{name}/", item))


def fault(dataset: Any, file: str, name: str) -> DataError | None:
    """Return why a dataset cannot be read; None if it can."""
    import h5py

    where = f"{file}: {name}"
    if dataset.is_virtual or dataset.external:
        return DataError(f"{where} lies in another file: save its values in this one.")
    if dataset.shape is None:
        return DataError(f"{where} is empty: choose another dataset.")
    if dataset.dtype.names:
        return DataError(f"{where} has named columns: save plain numbers, one row per example.")
    if dataset.dtype.hasobject and h5py.check_string_dtype(dataset.dtype) is None:
        return DataError(f"{where} holds references or lists of any length: save plain numbers.")
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    if declared > LIMIT:
        return DataError(
            f"{where} declares {byte_count(declared)}, and at most {LIMIT // 2**30} GiB are "
            "possible: use fewer examples, or a smaller type."
        )
    most = COMPRESSION * max(dataset.id.get_storage_size(), 1) if dataset.chunks else declared
    if declared > most + 2**20:
        return DataError(f"{where} is cut off: it declares {declared:,} bytes and has fewer.")
    return None


def values(dataset: Any, file: str, name: str) -> Array:
    """Return the numbers or the text of a dataset; raises DataError if it cannot be read."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{file}: {name} is no dataset: choose another one.")
    if problem := fault(dataset, file, name):
        raise problem
    if h5py.check_string_dtype(dataset.dtype) is None:
        return np.asarray(dataset[()])
    texts = np.atleast_1d(np.asarray(dataset.asstr(errors="replace")[()], object))
    if sum(map(len, texts.ravel())) > LONGEST * max(1, texts.size):
        raise DataError(f"{file}: {name} has texts that are too long.")
    longest = max(map(len, texts.ravel()), default=0)
    if 4 * longest * texts.size > LIMIT:
        raise DataError(f"{file}: {name} has texts that are too long.")
    return texts.astype(np.str_)


def attribute(item: Any, name: str) -> Any:
    """Return an attribute as a number, text or array; None without one."""
    value = item.attrs.get(name)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
