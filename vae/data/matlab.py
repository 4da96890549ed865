"""MATLAB 5 files (.mat): a table of numbers with its labels, or the pictures of SVHN.

The format (https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf) is a header of 128
bytes, then elements, each with a type, a length and that many bytes. An array is an element of
elements: flags with its class, dimensions, name, values with the first dimension fastest; often
compressed with zlib. This module parses it because `scipy.io.loadmat` can crash the process (a
segmentation fault within 10,000 randomly damaged files). Declared sizes are checked before memory
is allocated.

A row or a column of numbers becomes a vector, because MATLAB has no arrays of one axis.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vae.data.arrays import Array, Raw
from vae.data.errors import LIMIT, DataError
from vae.data.formats import Head, parsing

KIND = "a MATLAB 5 file (a newer one is HDF5: save it with -v7)"
COMPRESSED, MATRIX = 15, 14
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
STORED |= {13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8"}
CLASSES |= {15: "u8"}  # of numbers: a class can be stored in a smaller type
COMPLEX = 0x0800  # flag of an array with imaginary parts
PICTURES = "X"  # the array of SVHN's pictures, H×W×C×N


class MatFile:
    """A MATLAB 5 file. `heads` has the shape of each array, or why it is no table of numbers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heads: dict[str, Head] = {}
        self.arrays: dict[str, Array] = {}
        with parsing(path.name, KIND):
            for name, array in _arrays(path.read_bytes(), path.name):
                self.heads[name] = self._head(name, array)
                if array is not None:
                    self.arrays[name] = array

    def _head(self, name: str, array: Array | None) -> Head:
        if array is None:
            why = "no real numbers"
        elif array.ndim > 2:
            why = f"{array.ndim} axes"
        else:
            return Head(array.shape)
        remedy = "a table of numbers, one row per example, or X, H×W×C×N, and y as in SVHN"
        return Head((), DataError(f"{self.path.name}: {name} has {why}: save {remedy}."), why)

    def __getitem__(self, name: str) -> Array:
        if fault := self.heads[name].fault:
            raise fault
        return self.arrays[name]

    @property
    def has_pictures(self) -> bool:
        """Whether the file has the form of SVHN: X with four axes."""
        return PICTURES in self.arrays and self.arrays[PICTURES].ndim == 4

    def pictures(self) -> tuple[Array, Array | None]:
        """Return SVHN's pictures, (N, C, H, W), and labels (N,): 1 to 10 become 1 to 9, 0."""
        if not self.has_pictures:
            raise DataError(f"{self.path.name} has no X of H×W×C×N: download it again.")
        labels = self.arrays["y"].reshape(-1) if "y" in self.arrays else None
        if labels is not None and labels.size and labels.min() == 1 and labels.max() == 10:
            labels = labels % 10
        return self.arrays[PICTURES].transpose(3, 2, 0, 1), labels


def read_svhn(path: Path) -> Raw:
    """Return pictures and labels of a file; for train_…, also of test_… beside it."""
    return with_test_part(MatFile(path))


def with_test_part(file: MatFile) -> Raw:
    """Return pictures and labels of a file; for train_…, also of test_… beside it."""
    beside = file.path.with_name(file.path.name.replace("train", "test"))
    has_test = beside != file.path and beside.is_file()
    return Raw(*file.pictures(), *(MatFile(beside).pictures() if has_test else (None, None)))


def _arrays(content: bytes, file: str) -> Iterator[tuple[str, Array | None]]:
    """Yield name and values of each variable of a file; None without real numbers."""
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or len(content) < 136:
        raise DataError(f"{file} is not a MATLAB 5 file: save it as .npz, or with -v7.")
    for kind, body in _elements(memoryview(content)[128:], order):
        if kind == COMPRESSED:
            body = _inflated(body, file)
            kind, body = next(_elements(body, order))
        if kind == MATRIX:
            yield _matrix(body, order, file)


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield type and bytes of each element, in order."""
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        small = kind >> 16  # number of bytes stored inside the tag
        start, size, kind = (at + 4, small, kind & 0xFFFF) if small else (at + 8, size, kind)
        if start + size > len(content):
            raise ValueError("an element is cut off")
        yield kind, content[start : start + size]
        at = start + (4 if small else size)
        at += 0 if kind == COMPRESSED else -at % 8


def _inflated(body: memoryview, file: str) -> memoryview:
    """Return decompressed bytes; DataError if they are incomplete or exceed LIMIT."""
    stream = zlib.decompressobj()
    content = stream.decompress(body, LIMIT)
    if not stream.eof:
        raise DataError(f"{file} is cut off or too large: download it again.")
    return memoryview(content)


def _matrix(body: memoryview, order: str, file: str) -> tuple[str, Array | None]:
    """Return name and values of an array, without axes of length 1 of a row or a column; None for
    text, a cell, a structure, a sparse matrix or complex numbers."""
    (_, flags), (_, sizes), (_, name), *values = _elements(body, order)
    text = bytes(name).decode("latin-1").rstrip("\0")
    (flag,) = struct.unpack_from(f"{order}I", flags)
    dtype = CLASSES.get(flag & 0xFF)
    if dtype is None or flag & COMPLEX or len(values) != 1 or values[0][0] not in STORED:
        return text, None
    dims = tuple(map(int, np.frombuffer(sizes, f"{order}i4")))
    stored = np.dtype(order + STORED[values[0][0]])
    if min(dims) < 0 or math.prod(dims) * stored.itemsize != len(values[0][1]):
        raise DataError(
            f"{file} is damaged: dimensions {list(dims)} do not match its values. Download it "
            "again."
        )
    if math.prod(dims) * np.dtype(dtype).itemsize > LIMIT:
        raise DataError(
            f"{file}: {text} needs more than {LIMIT // 2**30} GiB: use fewer examples."
        )
    array = np.frombuffer(values[0][1], stored).reshape(dims, order="F").astype(dtype, copy=False)
    return text, array.reshape(-1) if array.ndim == 2 and 1 in dims else array
