"""Files in a folder or a .zip, with the classes and the parts that their folders mean.

    a.png …           no classes
    cats/1.png …      the first folder is the class, at any depth
    train/cats/1.png  and test/…: a predefined test part

A folder that holds everything else is no class.
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from vae.base.archives import ZipArchive, has_overlaps
from vae.data.arrays import MOST_CLASSES, Array, Raw
from vae.data.description import NONE, Description, Guess, chosen
from vae.data.errors import ChoiceError, DataError
from vae.data.formats import parsing

HIDDEN = re.compile(r"(^|/)(__MACOSX/|\.[^./]|Thumbs\.db$|desktop\.ini$)")
PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}
TEST = {"test", "testing"}
MOST_FILES = 2_000_000
FOLDER = "folder"  # the label of a file is the name of its folder


class Member(NamedTuple):
    """A file in a folder or archive."""

    parts: tuple[str, ...]  # of its path inside the folder or archive
    size: int  # bytes
    open: Callable[[], IO[bytes]]

    @property
    def name(self) -> str:
        return "/".join(self.parts)


def files_in(folder: Path) -> Iterator[Member]:
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
                yield Member(path.relative_to(folder).parts, path.stat().st_size, _opener(path))


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


@contextmanager
def zip_members(path: Path) -> Iterator[list[Member]]:
    """Yield the files in a .zip, read in memory while it is open; DataError for an unsafe one."""
    with ExitStack() as stack:
        with parsing(path.name, "a .zip file"):
            archive = stack.enter_context(ZipArchive(path))
            if has_overlaps(archive.infolist(), path.stat().st_size):
                raise DataError(
                    f"{path.name} has members that overlap or lie about their size: create the "
                    "archive again."
                )
            infos = [i for i in archive.infolist() if not i.is_dir()]
            members = [_member(archive, info, path.name) for info in infos]
        yield members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str) -> Member:
    """Return a file in an archive; DataError for an unsafe path or an encrypted file."""
    parts = tuple(part for part in info.filename.split("/") if part not in ("", "."))
    if not parts or info.filename.startswith("/") or ".." in parts or ":" in parts[0]:
        raise DataError(
            f"{file}: {info.filename} leads out of the archive: create the archive again."
        )
    if info.flag_bits & 1:
        raise DataError(f"{file} is locked by a password: create it again without a password.")
    return Member(parts, info.file_size, lambda: archive.open(info))


def divided(raw: Raw, free: int) -> Raw:
    """Return a raw record with the rows from `free` on as its test part."""
    labels = raw.labels
    both = (None, None) if labels is None else (labels[:free], labels[free:])
    return raw._replace(x=raw.x[:free], labels=both[0], test_x=raw.x[free:], test_labels=both[1])


def parts_of(folders: list[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], Array]:
    """Return the folders of each file below the common one and below train and test, and
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


def folder_guess(classes: Sequence[str], wanted: Description, kind: str) -> Guess:
    """Return whether the first folder is the class."""
    count = len(set(classes))
    guess, why = FOLDER, f"The {kind} lie in {count:,} folders."
    if count == 1:
        guess, why = NONE, f"All {kind} lie in one folder."
    elif count > MOST_CLASSES:
        guess, why = NONE, f"{count:,} folders are too many for classes."
    return chosen(wanted, "data_label", guess, why, (FOLDER, NONE), closed=True)


def folder_labels(names: list[str], file: str, kind: str) -> Array | None:
    """Return the folder of each file as its label; None if no file is in a folder."""
    alone = names.count("")
    if alone == len(names):
        return None
    if alone:
        raise ChoiceError(
            f"{file} has {alone:,} {kind} beside its folders and {len(names) - alone:,} in them: "
            "put each into the folder of its class, or read no classes (--data-label none).",
            "data_label",
            (NONE,),
        )
    return np.array(names)
