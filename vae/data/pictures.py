"""A folder or a .zip of pictures → arrays.

    pictures/cat.png …           no classes
    pictures/cats/1.png …        the first folder is the class, at any depth
    pictures/train/cats/1.png …  and pictures/test/…: a predefined test part

A folder that holds everything else is no class. Files that are no pictures are left out and
counted. Rows are in the order of their paths, digits by value. `decoding` reads the pictures; the
members of a .zip are read in memory.
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from vae.base.archives import has_overlaps
from vae.data.arrays import MOST_CLASSES, Array, Raw, natural
from vae.data.decoded_folder import decoded_once, is_large
from vae.data.decoding import MOST_BYTES, decoded, is_picture
from vae.data.description import NONE, Description, Guess, Reading, chosen, grouped
from vae.data.errors import ChoiceError, DataError
from vae.data.formats import parsing

NAMES = re.compile(r"\.(png|jpe?g|jpe|jfif|gif|bmp|webp|tiff?|p[bgpn]m|jp2|j2k|avif|mpo)$", re.I)
HIDDEN = re.compile(r"(^|/)(__MACOSX/|\.[^./]|Thumbs\.db$|desktop\.ini$)")
PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}
TEST = {"test", "testing"}
MOST_FILES = 2_000_000
FOLDER = "folder"  # the label of a picture is the name of its folder


class Picture(NamedTuple):
    """A file in a folder or archive."""

    parts: tuple[str, ...]  # of its path inside the folder or archive
    size: int  # bytes
    open: Callable[[], IO[bytes]]

    @property
    def name(self) -> str:
        return "/".join(self.parts)


class Found(NamedTuple):
    """The pictures of a folder or archive, and the files that are none."""

    pictures: list[Picture]
    left: list[tuple[str, str]]  # name, reason


def has_pictures(folder: Path) -> bool:
    """Return whether a folder holds pictures at any depth; never for the root /."""
    if folder.resolve() == folder.resolve().parent:
        return False
    return any(_is_picture(file) for file in _files(folder) if not HIDDEN.search(file.name))


def read_folder(folder: Path, wanted: Description) -> Raw:
    """Return the pictures of a folder, (N, C, H, W), and their labels; raises DataError."""
    return _read(folder.name, sorted_out(_files(folder)), wanted, folder)


def read_zip(path: Path, wanted: Description) -> Raw:
    """Return the pictures of a .zip, (N, C, H, W), and their labels; raises DataError."""
    with ExitStack() as stack:
        with parsing(path.name, "a .zip file"):
            archive = stack.enter_context(zipfile.ZipFile(path))
            if has_overlaps(archive.infolist(), path.stat().st_size):
                raise DataError(
                    f"{path.name} has members that overlap or lie about their size: create the "
                    "archive again."
                )
            members = [i for i in archive.infolist() if not i.is_dir()]
            found = sorted_out(_member(archive, info, path.name) for info in members)
        return _read(path.name, found, wanted)


def sorted_out(files: Iterator[Picture]) -> Found:
    """Return pictures and other files."""
    found = Found([], [])
    for file in files:
        if HIDDEN.search(file.name):
            found.left.append((file.name, "hidden"))
        elif _is_picture(file):
            found.pictures.append(file)
        else:
            found.left.append((file.name, "no picture"))
    return found


def _is_picture(file: Picture) -> bool:
    """Whether a file has the ending or the content of a picture."""
    if NAMES.search(file.name):
        return True
    return 0 < file.size <= MOST_BYTES and is_picture(file.open)


def _files(folder: Path) -> Iterator[Picture]:
    """Yield the files in a folder and its subfolders, each subfolder once."""
    visited: set[str] = set()
    count = 0
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        real = os.path.realpath(place)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        for path in (Path(place, name) for name in sorted(names)):
            if path.is_file():
                count += 1
                if count > MOST_FILES:
                    raise DataError(f"{folder} has more than {MOST_FILES:,} files: split it.")
                yield Picture(path.relative_to(folder).parts, path.stat().st_size, _opener(path))


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str) -> Picture:
    """Return a file in an archive; DataError for an unsafe path or an encrypted file."""
    parts = tuple(part for part in info.filename.split("/") if part not in ("", "."))
    if not parts or info.filename.startswith("/") or ".." in parts or ":" in parts[0]:
        raise DataError(
            f"{file}: {info.filename} leads out of the archive: create the archive again."
        )
    if info.flag_bits & 1:
        raise DataError(f"{file} is locked by a password: create it again without a password.")
    return Picture(parts, info.file_size, lambda: archive.open(info))


def _read(file: str, found: Found, wanted: Description, folder: Path | None = None) -> Raw:
    """Return decoded pictures, the folders as labels, and the test part if there is one; those of
    a large folder are decoded into the cache."""
    if not found.pictures:
        raise DataError(
            f"{file} holds no pictures: put .png, .jpg, .tif or other picture files into it, or "
            "into folders named after their classes."
        )
    pictures = sorted(found.pictures, key=lambda p: [natural(part) for part in p.parts])
    folders, test = _parts([p.parts[:-1] for p in pictures])
    classes = [parts[0] if parts else "" for parts in folders]
    label = _label(classes, wanted)
    labels = None if label.value == NONE else _labels(classes, file)
    reading = Reading((label,), "file", len(pictures) + len(found.left), grouped(found.left))
    free = len(test) if test.all() else int((~test).sum())
    order = np.argsort(test, kind="stable")  # the test part last
    pictures = [pictures[k] for k in order]
    sources = [(p.name, p.size, p.open) for p in pictures]
    if folder is not None and is_large(sources):
        result = decoded_once(sources, folder, wanted)
    else:
        result = decoded(sources, file, wanted)
    names = np.array([p.name for p in pictures])
    labels = None if labels is None else labels[order]
    raw = result.joined(Raw(result.x, labels, names=names, reading=reading))
    return raw if free == len(test) else _divided(raw, free)


def _divided(raw: Raw, free: int) -> Raw:
    """Return a raw record with the rows from `free` on as its test part."""
    labels = raw.labels
    both = (None, None) if labels is None else (labels[:free], labels[free:])
    return raw._replace(x=raw.x[:free], labels=both[0], test_x=raw.x[free:], test_labels=both[1])


def _parts(folders: list[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], Array]:
    """Return the folders of each picture below the common one and below train and test, and
    whether it belongs to the test part."""
    inner = _below_common(folders)
    test = np.zeros(len(folders), bool)
    if {parts[0].lower() if parts else "" for parts in inner} <= PARTS:
        test[:] = [parts[0].lower() in TEST for parts in inner]
        inner = _below_common([parts[1:] for parts in inner])
    return inner, test


def _below_common(folders: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the folders without the first ones that all share."""
    first, last = min(folders), max(folders)
    equal = [a == b for a, b in zip(first, last, strict=False)]
    common = (*equal, False).index(False)
    return [parts[common:] for parts in folders]


def _label(classes: Sequence[str], wanted: Description) -> Guess:
    """Return whether the first folder is the class."""
    count = len(set(classes))
    guess, why = FOLDER, f"The pictures lie in {count:,} folders."
    if count == 1:
        guess, why = NONE, "All pictures lie in one folder."
    elif count > MOST_CLASSES:
        guess, why = NONE, f"{count:,} folders are too many for classes."
    return chosen(wanted, "data_label", guess, why, (FOLDER, NONE), closed=True)


def _labels(names: list[str], file: str) -> Array | None:
    """Return the folder of each picture as its label; None if no picture is in a folder."""
    alone = names.count("")
    if alone == len(names):
        return None
    if alone:
        raise ChoiceError(
            f"{file} has {alone:,} pictures beside its folders and {len(names) - alone:,} in "
            "them: put each picture into the folder of its class, or read no classes "
            "(--data-label none).",
            "data_label",
            (NONE,),
        )
    return np.array(names)
