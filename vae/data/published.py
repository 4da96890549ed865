"""Formats that single published data sets came in: CIFAR's records, EMNIST's zip, SVHN's .mat.

CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html, binary version): records of 3,073 bytes, the
label and then 3×32×32 values, in five data_batch files and a test_batch, in a .tar.gz. (The
version for Python is a pickle, which could run code, and is not read.)

EMNIST: MNIST's format, in a .zip, each picture transposed.

MATLAB 5 (https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf), by `scipy.io`: arrays
of real numbers only, no cells, structures or objects.

Nothing is unpacked to disk. What a file declares is checked before memory is asked for.
"""

import gzip
import io
import math
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from vae.data.arrays import Array, Raw
from vae.data.dataset import LIMIT, DataError
from vae.data.formats import GZIP_RATIO, parsed_idx, parsing

RECORD = 1 + 3 * 32 * 32
BATCH = re.compile(r"^(?:.*/)?(data_batch_\d|test_batch)\.bin$")
MOST = 2**30  # bytes of one member of an archive
ZLIB_RATIO = 1032
MAT_BYTES = {  # a number of each kind that is read
    **{"double": 8, "single": 4, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2},
    **{"int32": 4, "uint32": 4, "int64": 8, "uint64": 8},
}


def read_cifar(path: Path) -> Raw:
    """The pictures, (N, 3, 32, 32), and labels in CIFAR-10's cifar-10-binary.tar.gz."""
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
            "(cifar-10-binary.tar.gz; the one for Python is a pickle and is refused)."
        )
    train = np.concatenate([found[name] for name in sorted(found)])
    return Raw(*_pictures(train), *((None, None) if test is None else _pictures(test)))


def _records(archive: tarfile.TarFile, member: tarfile.TarInfo, file: str) -> Array:
    """The records of a batch, (N, 3073)."""
    opened = archive.extractfile(member)
    content = b"" if opened is None or member.size > MOST else opened.read()
    if not content or len(content) != member.size or len(content) % RECORD:
        raise DataError(
            f"{file}: {member.name} has {member.size:,} bytes and not records of {RECORD:,}: "
            "download it again."
        )
    return np.frombuffer(content, np.uint8).reshape(-1, RECORD)


def _pictures(records: Array) -> tuple[Array, Array]:
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def read_emnist(path: Path) -> Raw:
    """The letters, (N, 28, 28), upright, and labels 1 to 26 in EMNIST's gzip.zip."""
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
    if x.ndim != 3:
        raise DataError(f"{file} holds no images of letters: download it again.")
    return x.transpose(0, 2, 1)


def read_mat_family(path: Path) -> Raw:
    """X, (N, 3, H, W), and y of a MATLAB file as SVHN's; the test part beside train_…."""
    beside = path.with_name(path.name.replace("train", "test"))
    test = read_mat(beside) if beside != path and beside.is_file() else (None, None)
    return Raw(*read_mat(path), *test)


def read_mat(path: Path) -> tuple[Array, Array | None]:
    """Return X of (H, W, C, N) as (N, C, H, W), and y as (N,) with 10 for 0, of a MATLAB file."""
    with parsing(path.name, "a MATLAB 5 file (a newer one is HDF5: save it with -v7)"):
        arrays = _arrays(path)
    if "X" not in arrays or arrays["X"].ndim != 4:
        raise DataError(
            f"{path.name} has {', '.join(arrays) or 'no array'}: it needs X, of H×W×C×N, and y."
        )
    labels = arrays["y"].reshape(-1) if "y" in arrays else None
    if labels is not None and labels.size and labels.min() == 1 and labels.max() == 10:
        labels = labels % 10
    return arrays["X"].transpose(3, 2, 0, 1), labels


def _arrays(path: Path) -> dict[str, Array]:
    """Return the arrays of real numbers in a MATLAB 5 file by name.

    The declared sizes are checked before the values are read. zlib packs at most 1032 to 1.
    """
    from scipy.io import loadmat, whosmat  # type: ignore[import-untyped]

    with path.open("rb") as file:
        if file.read(128)[126:] not in (b"IM", b"MI"):
            raise DataError(f"{path.name} is not a MATLAB 5 file: save it as .npz, or with -v7.")
    sizes = {
        name: math.prod(shape) * MAT_BYTES[kind]
        for name, shape, kind in whosmat(path)
        if kind in MAT_BYTES and min(shape, default=0) >= 0
    }
    if sum(sizes.values()) > min(LIMIT, ZLIB_RATIO * path.stat().st_size):
        raise DataError(f"{path.name} declares more values than it has: download it again.")
    found = loadmat(path, variable_names=list(sizes))
    arrays = {name: found[name] for name in sizes}
    return {n: a.astype(a.dtype.newbyteorder("="), copy=False) for n, a in arrays.items()}
