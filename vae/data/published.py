"""File formats of single published data sets: CIFAR-10 and EMNIST.

CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html, binary version): records of 3,073 bytes, the
label and then 3×32×32 values, in five data_batch files and a test_batch, in a .tar.gz. The Python
version is refused: it is a pickle, which could run code.

EMNIST: MNIST's format in a .zip, with each picture transposed.

Archives are unpacked in memory only. Declared sizes are checked before memory is allocated.
"""

import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vae.base.archives import BoundedStream, ZipArchive
from vae.data.arrays import Array, Raw
from vae.data.errors import DataError
from vae.data.formats import parsing
from vae.data.idx import GZIP_RATIO, parsed_idx

RECORD = 1 + 3 * 32 * 32
BATCH = re.compile(r"^(?:.*/)?(data_batch_\d|test_batch)\.bin$")
MOST = 2**30  # bytes that a .tar.gz, or a member of a .zip, unpacks to


def read_cifar(path: Path) -> Raw:
    """Return the pictures, (N, 3, 32, 32), and labels of cifar-10-binary.tar.gz; raises
    DataError."""
    found: dict[str, Array] = {}
    with parsing(path.name, "CIFAR-10's binary version"), _tar(path) as archive:
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


@contextmanager
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    """Yield a packed .tar, which is read in order and unpacks to MOST bytes at most."""
    with gzip.open(path) as unpacked:
        stream: Any = BoundedStream(unpacked, MOST)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            yield archive


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
    with parsing(path.name, "EMNIST's gzip.zip"), ZipArchive(path) as archive:
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
    info = archive.getinfo(name)
    if info.file_size > MOST:
        raise ValueError(f"{name} unpacks to more than it may")
    content = archive.read(info)
    with gzip.open(io.BytesIO(content)) as file:
        return parsed_idx(file, len(content) * GZIP_RATIO, name)


def _upright(x: Array, file: str) -> Array:
    """Return the transposed pictures; DataError unless they are (N, H, W)."""
    if x.ndim != 3:
        raise DataError(f"{file} holds no images of letters: download it again.")
    return x.transpose(0, 2, 1)
