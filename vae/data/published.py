"""File formats of single published data sets: CIFAR-10, EMNIST and SVHN.

CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html, binary version): records of 3,073 bytes, the
label and then 3×32×32 values, in five data_batch files and a test_batch, in a .tar.gz. The Python
version is refused: it is a pickle, which could run code.

EMNIST: MNIST's format in a .zip, with each picture transposed.

MATLAB 5 (https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf): a header of 128 bytes,
then elements, each with a type, a length and that many bytes. An array is an element of elements:
flags, dimensions, name, values with the first dimension fastest; often compressed with zlib. This
module parses it because `scipy.io.loadmat` can crash the process (a segmentation fault within
10,000 randomly damaged files).

Archives are unpacked in memory only. Declared sizes are checked before memory is allocated.
"""

import gzip
import io
import math
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vae.data.arrays import Array, Raw
from vae.data.errors import LIMIT, DataError
from vae.data.formats import parsing
from vae.data.idx import GZIP_RATIO, parsed_idx

RECORD = 1 + 3 * 32 * 32
BATCH = re.compile(r"^(?:.*/)?(data_batch_\d|test_batch)\.bin$")
MOST = 2**30  # bytes of one member of an archive
COMPRESSED, MATRIX = 15, 14
MAT_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}


def read_cifar(path: Path) -> Raw:
    """Return the pictures, (N, 3, 32, 32), and labels of cifar-10-binary.tar.gz; raises
    DataError."""
    found: dict[str, Array] = {}
    with parsing(path.name, "CIFAR-10's binary version"), tarfile.open(path, "r:gz") as archive:
        for member in archive:
            match = BATCH.match(member.name)
            if match and member.isfile() and not member.issparse():
                found[match[1]] = _records(archive, member, path.name)
    test = found.pop("test_batch", None)
    if not found:
        raise DataError(
            f"{path.name} holds no data_batch_1.bin: give CIFAR-10's binary version "
            "(cifar-10-binary.tar.gz). The Python version is a pickle and is refused."
        )
    train = np.concatenate([found[name] for name in sorted(found)])
    return Raw(*_pictures(train), *((None, None) if test is None else _pictures(test)))


def _records(archive: tarfile.TarFile, member: tarfile.TarInfo, file: str) -> Array:
    """Return the records of a batch, (N, 3073)."""
    opened = archive.extractfile(member)
    content = b"" if opened is None or member.size > MOST else opened.read()
    if not content or len(content) != member.size or len(content) % RECORD:
        raise DataError(
            f"{file}: {member.name} has {member.size:,} bytes, not a multiple of {RECORD:,}: "
            "download it again."
        )
    return np.frombuffer(content, np.uint8).reshape(-1, RECORD)


def _pictures(records: Array) -> tuple[Array, Array]:
    """Return the pictures, (N, 3, 32, 32), and labels, (N,), of records."""
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def read_emnist(path: Path) -> Raw:
    """Return upright letters, (N, 28, 28), and labels 1 to 26 of EMNIST's gzip.zip; raises
    DataError."""
    with parsing(path.name, "EMNIST's gzip.zip"), zipfile.ZipFile(path) as archive:
        x, labels, test, test_labels = (
            _idx_member(archive, f"gzip/emnist-letters-{part}-ubyte.gz")
            for part in (
                "train-images-idx3",
                "train-labels-idx1",
                "test-images-idx3",
                "test-labels-idx1",
            )
        )
    return Raw(_upright(x, path.name), labels, _upright(test, path.name), test_labels)


def _idx_member(archive: zipfile.ZipFile, name: str) -> Array:
    content = archive.read(name)
    with gzip.open(io.BytesIO(content)) as file:
        return parsed_idx(file, len(content) * GZIP_RATIO, name)


def _upright(x: Array, file: str) -> Array:
    """Return the transposed pictures; DataError unless they are (N, H, W)."""
    if x.ndim != 3:
        raise DataError(f"{file} holds no images of letters: download it again.")
    return x.transpose(0, 2, 1)


def read_mat_family(path: Path) -> Raw:
    """Return X, (N, 3, H, W), and y of a MATLAB file; for train_…, also of test_… beside it."""
    beside = path.with_name(path.name.replace("train", "test"))
    test = read_mat(beside) if beside != path and beside.is_file() else (None, None)
    return Raw(*read_mat(path), *test)


def read_mat(path: Path) -> tuple[Array, Array | None]:
    """Return X, (H, W, C, N) in the file, as (N, C, H, W), and y, (N,), of a MATLAB 5 file.

    Labels from 1 to 10 become 1 to 9 and 0. Raises DataError."""
    with parsing(path.name, "a MATLAB 5 file (a newer one is HDF5: save it with -v7)"):
        arrays = dict(_arrays(path.read_bytes(), path.name))
    if "X" not in arrays or arrays["X"].ndim != 4:
        raise DataError(
            f"{path.name} holds {', '.join(arrays) or 'no array'}: save X, H×W×C×N, and y in it."
        )
    labels = arrays["y"].reshape(-1) if "y" in arrays else None
    if labels is not None and labels.size and labels.min() == 1 and labels.max() == 10:
        labels = labels % 10
    return arrays["X"].transpose(3, 2, 0, 1), labels


def _arrays(content: bytes, file: str) -> Iterator[tuple[str, Array]]:
    """Yield name and values of the numeric arrays of a MATLAB 5 file."""
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or len(content) < 136:
        raise DataError(f"{file} is not a MATLAB 5 file: save it as .npz, or with -v7.")
    for kind, body in _elements(memoryview(content)[128:], order):
        if kind == COMPRESSED:
            body = _inflated(body, file)
            kind, body = next(_elements(body, order))
        if kind == MATRIX and (found := _matrix(body, order, file)):
            yield found


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


def _matrix(body: memoryview, order: str, file: str) -> tuple[str, Array] | None:
    """Return name and values of an array; None if it does not hold real numbers."""
    parts = list(_elements(body, order))
    if len(parts) != 4 or parts[3][0] not in MAT_TYPES:
        return None
    dims = np.frombuffer(parts[1][1], f"{order}i4")
    dtype = np.dtype(order + MAT_TYPES[parts[3][0]])
    if (dims < 0).any() or math.prod(map(int, dims)) * dtype.itemsize != len(parts[3][1]):
        raise DataError(
            f"{file} is damaged: dimensions {dims.tolist()} do not match its values. Download it "
            "again."
        )
    values = np.frombuffer(parts[3][1], dtype).reshape(tuple(map(int, dims)), order="F")
    name = bytes(parts[2][1]).decode("latin-1").rstrip("\0")
    return name, values.astype(dtype.newbyteorder("="), copy=False)
