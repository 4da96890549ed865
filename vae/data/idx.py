"""The IDX format of MNIST, and the files of one data set in this format.

IDX (LeCun, http://yann.lecun.com/exdb/mnist/): two zero bytes, a type byte, the number of axes,
each axis as a big-endian 32-bit number, then the values, big-endian; often compressed with gzip.

The files of a data set belong together by their names, …images-idx3-ubyte and …labels-idx1-ubyte,
else by their numbers of examples. Names with t10k or test are the test part.
"""

import gzip
import math
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from vae.data.arrays import Array, Raw
from vae.data.description import NONE, PLAIN, Description, Guess, Reading, chosen, grouped
from vae.data.errors import DataError
from vae.data.formats import check_size, parsing

IDX = r"[-.]idx\d?(-ubyte)?( ?\(\d+\))?(\.gz)?$"  # browsers add (1) to a second copy
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
IDX_NAME = re.compile(r"^(?P<start>.*)images(?P<middle>[-.]idx)\d(?P<end>-ubyte)(\.gz)?$", re.I)
GZIP_RATIO = 1100  # deflate compresses at most by 1032


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
    check_size(declared, available - file.tell(), name)
    content = file.read(declared + 1)  # up to the end, where gzip verifies its checksum
    if len(content) != declared:
        found = "more" if len(content) > declared else f"{len(content):,}"
        raise DataError(
            f"{name} declares {declared:,} bytes and holds {found}: it is cut off or "
            "damaged; download it again."
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


class Family(NamedTuple):
    """The IDX files of one data set."""

    images: Path
    labels: Path | None = None
    test: Path | None = None
    test_labels: Path | None = None


def read_idx_family(path: Path, wanted: Description = PLAIN) -> Raw:
    """Return images with their labels and, for train-…, the test part in the same folder."""
    labels, test = _beside(path, [("", "")], "labels", "1"), _test_part_of(path)
    test_labels = None if test is None else _beside(test, [("", "")], "labels", "1")
    return _read_family(Family(path, labels, test, test_labels), wanted, [])


def read_idx_folder(folder: Path, wanted: Description) -> Raw:
    """Return the data set in the IDX files of a folder, paired by name and by size."""
    files = idx_files(folder)
    shapes = {path: read_idx(path).shape for path in files}
    images = [path for path, shape in shapes.items() if len(shape) > 1]
    if not images:
        raise DataError(f"{files[0].name} holds labels: give the images file, too.")
    train = [path for path in images if not _is_test(path)] or images
    first = max(train, key=lambda path: shapes[path][0])
    tests = [path for path in images if _is_test(path) and path != first]
    free = [path for path, shape in shapes.items() if len(shape) == 1]
    labels = _labels_for(first, free, shapes)
    test = tests[0] if tests else None
    rest = [path for path in free if path != labels]
    test_labels = _labels_for(test, rest, shapes) if test else None
    family = Family(first, labels, test, test_labels)
    left = [(path.name, "matches no other file") for path in files if path not in family]
    left += [(p.name, "no IDX file") for p in sorted(folder.iterdir()) if p not in files]
    return _read_family(family, wanted, left)


def idx_files(folder: Path) -> list[Path]:
    """Return the files of a folder with the name of an IDX file."""
    return sorted(p for p in folder.iterdir() if p.is_file() and re.search(IDX, p.name, re.I))


def _is_test(path: Path) -> bool:
    return re.search("t10k|test", path.name, re.I) is not None


def _labels_for(
    images: Path, free: Sequence[Path], shapes: dict[Path, tuple[int, ...]]
) -> Path | None:
    """Return the labels of an images file: of its name, else of its number of examples."""
    fits = [path for path in free if shapes[path][0] == shapes[images][0]]
    stem = images.name.lower().partition("images")[0]
    named = [path for path in fits if path.name.lower().startswith(f"{stem}labels")]
    same = [path for path in fits if _is_test(path) == _is_test(images)]
    return next(iter([*named, *same, *fits]), None)


def _read_family(family: Family, wanted: Description, left: list[tuple[str, str]]) -> Raw:
    """Return the arrays of these files."""
    x = read_idx(family.images)
    if x.ndim == 1:
        raise DataError(
            f"{family.images.name} holds labels: give the images file in the same folder instead."
        )
    label = file_label(family.labels, wanted)
    if label.value == NONE:
        left += [(path.name, "no classes read") for path in family[1::2] if path]
        family = family._replace(labels=None, test_labels=None)
    parts = [None if path is None else read_idx(path) for path in family[1:]]
    used = sum(path is not None for path in family)
    reading = Reading((label,), "file", used + len(left), grouped(left))
    return Raw(x, parts[0], parts[1], parts[2], reading=reading)


def file_label(labels: Path | None, wanted: Description) -> Guess:
    """Return the file of the classes; none without one."""
    if labels is None:
        return chosen(wanted, "data_label", NONE, "No file of labels.", (NONE,), closed=True)
    why = "The file belongs to the examples by its name or its size."
    return chosen(wanted, "data_label", labels.name, why, (labels.name, NONE), closed=True)


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
