"""File formats of arrays: bytes → arrays. .npy and .npz as NumPy writes them, IDX as MNIST came.

IDX (LeCun, http://yann.lecun.com/exdb/mnist/): two zero bytes, a type byte, the number of axes,
each axis as a big-endian 32-bit number, then the values, big-endian; often compressed with gzip.

Nothing is unpickled. Every size is read from the header and checked, against what the file can
hold and against LIMIT, before memory is asked for.
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
GZIP_RATIO = 1100  # deflate shrinks to 1/1032 at best
EXAMPLES = ("x", "images", "image", "data", "arr_0")
LABELS = ("labels", "label", "y", "targets", "target", "arr_1")


@contextmanager
def parsing(file: str, kind: str) -> Iterator[None]:
    """Whatever a parser trips over in foreign bytes becomes one sentence about the file."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # parsers of foreign bytes raise nearly every kind
        why = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(
            f"{file} is damaged, or not {kind} ({why}): save or download it again."
        ) from error


class Head(NamedTuple):
    """What the header of an array in NumPy's format says, and why it cannot be read if so."""

    shape: tuple[int, ...]
    fault: DataError | None = None


def read_npy(path: Path) -> Array:
    """The array of a .npy file."""
    with parsing(path.name, "a .npy file"), path.open("rb") as file:
        _shape(file, path.stat().st_size, path.name)
        file.seek(0)
        return np.asarray(np.load(file, allow_pickle=False))


class Archive:
    """An open .npz file: `heads` tells its arrays without reading them."""

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
                        except DataError as fault:  # no matter, if nothing asks for this array
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
        """The examples and labels, found by their names; train and test parts if it has both."""
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
        """The array of this role, whatever its case: x_train, train_images, …"""
        by_lower = {name.lower(): name for name in self.heads}
        for base in bases:
            for name in (f"{base}_{part}", f"{part}_{base}") if part else (base,):
                if name in by_lower:
                    return by_lower[name]
        return None

    def _only(self) -> str:
        """The only array with as many axes as examples have."""
        names = [name for name, head in self.heads.items() if len(head.shape) >= 2]
        faulty = [name for name, head in self.heads.items() if head.fault]
        if len(names) == 1 or (faulty and not names):
            return (names or faulty)[0]
        shapes = {name: "×".join(map(str, head.shape)) for name, head in self.heads.items()}
        there = ", ".join(f"{name} ({shape})" for name, shape in shapes.items()) or "no array"
        raise DataError(
            f"{self.path.name} holds {there}: name the examples x, and their labels labels."
        )


def _shape(file: IO[bytes], size: int, where: str) -> tuple[int, ...]:
    """The shape that the header of a file of `size` bytes declares; DataError if it cannot be."""
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise DataError(f"{where} has named columns: save plain numbers, one row an example.")
    shape, _, dtype = readers[version](file)
    if dtype.hasobject:
        raise DataError(
            f"{where} holds Python objects, which would need unpickling, and that is refused: "
            "save numbers, or text as astype(str)."
        )
    if dtype.itemsize == 0 or any(n < 0 for n in shape):
        raise DataError(f"{where} has an impossible header ({shape} of {dtype}): save it again.")
    _check_size(math.prod(shape) * dtype.itemsize, size - file.tell(), where)
    return shape


def _check_size(declared: int, available: int, where: str) -> None:
    if declared > LIMIT:
        raise DataError(
            f"{where} declares {declared / 2**30:,.1f} GiB, and at most {LIMIT // 2**30} GiB are "
            "read: take fewer examples, or smaller numbers such as uint8."
        )
    if declared > available:
        raise DataError(
            f"{where} is cut off: its header declares {declared:,} bytes, and there are not so "
            "many: save or download it again."
        )


def read_idx(path: Path) -> Array:
    """The array of an IDX file, compressed or not."""
    size = path.stat().st_size
    zipped = path.name.lower().endswith(".gz")
    with (
        parsing(path.name, "an IDX file"),
        gzip.open(path) if zipped else path.open("rb") as file,
    ):
        return parsed_idx(file, size * GZIP_RATIO if zipped else size, path.name)


def parsed_idx(file: IO[bytes] | gzip.GzipFile, available: int, name: str) -> Array:
    """The array of an open IDX file that holds at most so many bytes."""
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
    content = file.read(declared + 1)  # to the end, where gzip checks its sum
    if len(content) != declared:
        found = "more" if len(content) > declared else f"{len(content):,}"
        raise DataError(
            f"{name} declares {declared:,} bytes and holds {found}: it is cut off or "
            "damaged; download it again."
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def read_idx_family(path: Path, labels: Path | None = None) -> Raw:
    """An IDX file of images with its labels and, for train-…, the test part beside it."""
    x = read_idx(path)
    if x.ndim == 1:
        raise DataError(
            f"{path.name} holds labels: give the images file; its labels are found beside it."
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
    """The first file that exists of those named like the images file but for these parts."""
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
