"""File formats of arrays: NumPy's .npy and .npz, and the IDX format of MNIST.

IDX (LeCun, http://yann.lecun.com/exdb/mnist/): two zero bytes, a type byte, the number of axes,
each axis as a big-endian 32-bit number, then the values, big-endian; often compressed with gzip.

Pickled objects are refused. Before memory is allocated, every size in a header is checked against
the size of the file and against LIMIT.
"""

import gzip
import math
import re
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from vae.data.arrays import Array, Raw
from vae.data.dataset import LIMIT, DataError

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
IDX_NAME = re.compile(r"^(?P<start>.*)images(?P<middle>[-.]idx)\d(?P<end>-ubyte)(\.gz)?$", re.I)
GZIP_RATIO = 1100  # deflate compresses at most by 1032
EXAMPLES = ("x", "images", "image", "data", "arr_0")
LABELS = ("labels", "label", "y", "targets", "target", "arr_1")


@contextmanager
def parsing(file: str, kind: str) -> Iterator[None]:
    """Convert every exception inside the block to a DataError about the file."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # parsers of damaged files raise nearly every type
        why = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(
            f"{file} is damaged, or not {kind} ({why}): save or download it again."
        ) from error


class Head(NamedTuple):
    """Shape in the header of an array in NumPy's format, or the error if it is unreadable."""

    shape: tuple[int, ...]
    fault: DataError | None = None


def read_npy(path: Path) -> Array:
    """Return the array of a .npy file; DataError if it is damaged, too large or pickled."""
    with parsing(path.name, "a .npy file"), path.open("rb") as file:
        _shape(file, path.stat().st_size, path.name)
        file.seek(0)
        return np.asarray(np.load(file, allow_pickle=False))


class Archive:
    """An .npz file. `heads` has the shapes of its arrays without reading the values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heads: dict[str, Head] = {}
        with parsing(path.name, "an .npz file"), zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".npy"):
                    name = info.filename.removesuffix(".npy")
                    with archive.open(info) as file:
                        where = f"{path.name}: {name}"
                        try:
                            self.heads[name] = Head(_shape(file, info.file_size, where))
                        except DataError as fault:  # raised only when this array is read
                            self.heads[name] = Head((), fault)

    def __getitem__(self, name: str) -> Array:
        if fault := self.heads[name].fault:
            raise fault
        with (
            parsing(self.path.name, "an .npz file"),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"{name}.npy") as file,
        ):
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    def raw(self) -> Raw:
        """Return the examples and labels, found by name; train and test part if it has both."""
        train = self._find(EXAMPLES, "train")
        if train is not None:
            test = self._find(EXAMPLES, "test")
            test_labels = self._find(LABELS, "test") if test else None
            parts = [self._get(name) for name in (self._find(LABELS, "train"), test, test_labels)]
            return Raw(self[train], parts[0], parts[1], parts[2])
        x = self._find(EXAMPLES, "") or self._only()
        labels = self._find(LABELS, "")
        if labels == "arr_1" and self.heads[labels].shape != self.heads[x].shape[:1]:
            labels = None
        return Raw(self[x], self._get(labels))

    def _get(self, name: str | None) -> Array | None:
        return None if name is None else self[name]

    def _find(self, bases: tuple[str, ...], part: str) -> str | None:
        """Return the name of the array with this role, such as x_train or train_images, in upper
        or lower case; None if it is missing."""
        by_lower = {name.lower(): name for name in self.heads}
        for base in bases:
            for name in (f"{base}_{part}", f"{part}_{base}") if part else (base,):
                if name in by_lower:
                    return by_lower[name]
        return None

    def _only(self) -> str:
        """Return the name of the only array with two or more axes; DataError otherwise."""
        names = [name for name, head in self.heads.items() if len(head.shape) >= 2]
        faulty = [name for name, head in self.heads.items() if head.fault]
        if len(names) == 1 or (faulty and not names):
            return (names or faulty)[0]
        shapes = {name: "×".join(map(str, head.shape)) for name, head in self.heads.items()}
        found = ", ".join(f"{name} ({shape})" for name, shape in shapes.items()) or "no array"
        raise DataError(
            f"{self.path.name} holds {found}: name the examples x and the labels labels."
        )


def _shape(file: IO[bytes], size: int, where: str) -> tuple[int, ...]:
    """Return the shape in the header of a file of `size` bytes; DataError if it is invalid."""
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
    _check_size(math.prod(shape) * dtype.itemsize, size - file.tell(), where)
    return shape


def _check_size(declared: int, available: int, where: str) -> None:
    """Raise DataError if the declared bytes exceed LIMIT or the available bytes."""
    if declared > LIMIT:
        raise DataError(
            f"{where} declares {declared / 2**30:,.1f} GiB, and at most {LIMIT // 2**30} GiB are "
            "possible: use fewer examples, or a smaller type such as uint8."
        )
    if declared > available:
        raise DataError(
            f"{where} is cut off: its header declares {declared:,} bytes, and the file has fewer. "
            "Save or download it again."
        )


def read_idx(path: Path) -> Array:
    """Return the array of an IDX file, compressed or not; DataError if it is damaged."""
    size = path.stat().st_size
    zipped = path.name.lower().endswith(".gz")
    with (
        parsing(path.name, "an IDX file"),
        gzip.open(path) if zipped else path.open("rb") as file,
    ):
        return parsed_idx(file, size * GZIP_RATIO if zipped else size, path.name)


def parsed_idx(file: IO[bytes] | gzip.GzipFile, available: int, name: str) -> Array:
    """Return the array of an open IDX file that holds at most `available` bytes."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not magic[3]:
        raise DataError(
            f"{name} is not an IDX file: it begins with {magic.hex(' ') or 'nothing'}, "
            "and images begin with 00 00 08 03. Check the file, or its name."
        )
    shape = struct.unpack(f">{magic[3]}I", file.read(4 * magic[3]))
    dtype = np.dtype(IDX_TYPES[magic[2]])
    declared = math.prod(shape) * dtype.itemsize
    _check_size(declared, available - file.tell(), name)
    content = file.read(declared + 1)  # up to the end, where gzip verifies its checksum
    if len(content) != declared:
        found = "more" if len(content) > declared else f"{len(content):,}"
        raise DataError(
            f"{name} declares {declared:,} bytes and holds {found}: it is cut off or "
            "damaged; download it again."
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def read_idx_family(path: Path, labels: Path | None = None) -> Raw:
    """Return images with their labels and, for train-…, the test part in the same folder."""
    x = read_idx(path)
    if x.ndim == 1:
        raise DataError(
            f"{path.name} holds labels: give the images file in the same folder instead."
        )
    labels = labels or _labels_of(path)
    test = _test_part_of(path)
    test_labels = None if test is None else _labels_of(test)
    parts = [None if p is None else read_idx(p) for p in (labels, test, test_labels)]
    return Raw(x, parts[0], parts[1], parts[2])


def _labels_of(images: Path) -> Path | None:
    return _beside(images, [("", "")], "labels", "1")


def _test_part_of(images: Path) -> Path | None:
    if "train" not in images.name:
        return None
    return _beside(images, [("train", "t10k"), ("train", "test")], "images", "3")


def _beside(images: Path, renamed: list[tuple[str, str]], what: str, axes: str) -> Path | None:
    """Return the first existing file with the name of the images file after these changes."""
    match = IDX_NAME.match(images.name)
    if match is None:
        return None
    parts = match.groupdict()
    for old, new in renamed:
        start = new.join(parts["start"].rsplit(old, 1)) if old else parts["start"]
        for middle in (parts["middle"], "-idx", ".idx"):
            for end in ("", ".gz"):
                path = images.with_name(f"{start}{what}{middle}{axes}{parts['end']}{end}")
                if path.is_file() and path != images:
                    return path
    return None
