"""A folder or a .zip of pictures → arrays.

    pictures/cat.png …           no classes
    pictures/cats/1.png …        the first folder is the class, at any depth
    pictures/train/cats/1.png …  and pictures/test/…: a predefined test part

A folder that holds everything else is no class. Files that are no pictures are left out and
counted. Rows are in the order of their paths, digits by value. `decoding` reads the pictures; the
members of a .zip are read in memory.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.data.arrays import Raw, natural
from vae.data.decoded_folder import decoded_once, is_large
from vae.data.decoding import MOST_BYTES, decoded, is_picture
from vae.data.description import NONE, Description, Reading, grouped
from vae.data.errors import DataError
from vae.data.folders import (
    HIDDEN,
    Member,
    divided,
    files_in,
    folder_guess,
    folder_labels,
    parts_of,
)

NAMES = re.compile(r"\.(png|jpe?g|jpe|jfif|gif|bmp|webp|tiff?|p[bgpn]m|jp2|j2k|avif|mpo)$", re.I)


class Found(NamedTuple):
    """The pictures of a folder or archive, and the files that are none."""

    pictures: list[Member]
    left: list[tuple[str, str]]  # name, reason


def has_pictures(folder: Path) -> bool:
    """Return whether a folder holds pictures at any depth; never for the root /."""
    if folder.resolve() == folder.resolve().parent:
        return False
    return any(_is_picture(file) for file in files_in(folder) if not HIDDEN.search(file.name))


def read_folder(folder: Path, wanted: Description) -> Raw:
    """Return the pictures of a folder, (N, C, H, W), and their labels; raises DataError."""
    return read_pictures(folder.name, list(files_in(folder)), wanted, folder)


def sorted_out(files: Iterable[Member]) -> Found:
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


def _is_picture(file: Member) -> bool:
    """Whether a file has the ending or the content of a picture."""
    if NAMES.search(file.name):
        return True
    return 0 < file.size <= MOST_BYTES and is_picture(file.open)


def read_pictures(
    file: str, members: Sequence[Member], wanted: Description, folder: Path | None = None
) -> Raw:
    """Return the decoded pictures of a folder or archive, (N, C, H, W), the folders as labels, and
    the test part if there is one; those of a large folder are decoded into the cache."""
    found = sorted_out(members)
    if not found.pictures:
        raise DataError(
            f"{file} holds no pictures: put .png, .jpg, .tif or other picture files into it, or "
            "into folders named after their classes."
        )
    pictures = sorted(found.pictures, key=lambda p: [natural(part) for part in p.parts])
    folders, test = parts_of([p.parts[:-1] for p in pictures])
    classes = [parts[0] if parts else "" for parts in folders]
    label = folder_guess(classes, wanted, "pictures")
    labels = None if label.value == NONE else folder_labels(classes, file, "pictures")
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
    return raw if free == len(test) else divided(raw, free)
