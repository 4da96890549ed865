"""NumPy's .npy and .npz, and checks that all formats share.

Pickled objects are refused. Before memory is allocated, every size in a header is checked against
the size of the file and against LIMIT.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from vae.base.archives import ZipArchive
from vae.base.foreign import one_line
from vae.data import mapping
from vae.data.arrays import Array
from vae.data.errors import LIMIT, DataError


@contextmanager
def parsing(file: str, kind: str) -> Iterator[None]:
    """Convert every exception inside the block to a DataError about the file."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # parsers of damaged files raise nearly every type
        why = one_line(error).rstrip(".") or type(error).__name__
        raise DataError(
            f"{one_line(file)} is damaged, or not {kind} ({why}): save or download it again."
        ) from error


def read_npy(path: Path) -> Array:
    """Return the array of a .npy file, mapped if it is large; DataError if it is damaged or
    pickled."""
    with parsing(path.name, "a .npy file"), path.open("rb") as file:
        size = path.stat().st_size
        is_mapped = size > mapping.MAPPED
        header_shape(file, size, path.name, math.inf if is_mapped else LIMIT)
        if is_mapped:
            array = mapping.open_array(path)
            if array.flags.c_contiguous:
                return array
            check_size(array.nbytes, array.nbytes, f"{path.name}, which is in Fortran order,")
        file.seek(0)
        return np.asarray(np.load(file, allow_pickle=False))


class Head(NamedTuple):
    """Shape in the header of an array in NumPy's format, or the error if it is unreadable."""

    shape: tuple[int, ...]
    fault: DataError | None = None
    why: str = "not readable without running code"  # the fault in words


class Archive:
    """An .npz file. `heads` has the shapes of its arrays without reading the values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heads: dict[str, Head] = {}
        with parsing(path.name, "an .npz file"), ZipArchive(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".npy"):
                    name = info.filename.removesuffix(".npy")
                    with archive.open(info) as file:
                        where = f"{path.name}: {name}"
                        try:
                            self.heads[name] = Head(header_shape(file, info.file_size, where))
                        except DataError as fault:  # raised only when this array is read
                            self.heads[name] = Head((), fault)

    def __getitem__(self, name: str) -> Array:
        if fault := self.heads[name].fault:
            raise fault
        with (
            parsing(self.path.name, "an .npz file"),
            ZipArchive(self.path) as archive,
            archive.open(f"{name}.npy") as file,
        ):
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def header_shape(file: IO[bytes], size: int, where: str, limit: float = LIMIT) -> tuple[int, ...]:
    """Return the shape in the header of a file of `size` bytes; DataError if it is invalid, or if
    the array has more than `limit` bytes."""
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise DataError(f"{where} has named columns: save plain numbers, one row per example.")
    shape, _, dtype = readers[version](file)
    if dtype.hasobject:
        raise DataError(
            f"{where} holds Python objects. Reading them would need unpickling, which is refused: "
            "save numbers, or text as astype(str)."
        )
    if dtype.itemsize == 0 or any(n < 0 for n in shape):
        raise DataError(f"{where} has an impossible header ({shape} of {dtype}): save it again.")
    check_size(math.prod(shape) * dtype.itemsize, size - file.tell(), where, limit)
    return shape


def check_size(declared: int, available: int, where: str, limit: float = LIMIT) -> None:
    """Raise DataError if the declared bytes exceed the limit or the available bytes."""
    if declared > limit:
        raise DataError(
            f"{where} declares {declared / 2**30:,.1f} GiB, and at most {LIMIT // 2**30} GiB are "
            "possible: use fewer examples, a smaller type such as uint8, or an .npy file, which "
            "can be larger than the memory."
        )
    if declared > available:
        raise DataError(
            f"{where} is cut off: its header declares {declared:,} bytes, and the file has fewer. "
            "Save or download it again."
        )
