"""A folder or a .zip with one series a file, .npy or text table → arrays.

    walk/1.csv, walk/2.csv, run/1.csv …  the first folder is the class
    1.npy, 2.npy, 3.npy …                no classes

An array is T or T×C; of two axes, that one is the channel whose length all files share, or the
shorter one. `series_tables` reads text. Shorter series end in NaN. `shards` decides whether the
files hold the examples of one array instead.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vae.data.arrays import Array, Raw, natural, times
from vae.data.csv_dialect import decoded
from vae.data.csv_header import is_number
from vae.data.csv_table import unpacked
from vae.data.description import NONE, Description, Guess, LeftOut, Reading, grouped
from vae.data.errors import DataError
from vae.data.folders import HIDDEN, Member, divided, folder_guess, folder_labels, parts_of
from vae.data.formats import header_shape, parsing
from vae.data.series import padded
from vae.data.series_tables import channels_of, joined_tables, numbers_of, series_of
from vae.data.shards import FILES, joined_shards, shard_reason

ENDING = re.compile(r"\.(npy|csv|tsv|txt)(\.gz)?$", re.I)
ABOUT = re.compile(r"(^|/)(readme|licen[cs]e|notes|about|labels?|classes|metadata)\b[^/]*$", re.I)
LEAST = 3  # files of one series each
SAMPLE, ALIKE = 5, 4  # files whose beginnings decide, and how many must be alike
HEAD = 65_536  # bytes of a beginning


def series_in(members: Sequence[Member]) -> list[Member]:
    """Return the files that hold one series each, none unless there are at least LEAST of one
    ending whose beginnings are alike."""
    visible = [m for m in members if not HIDDEN.search(m.name) and not ABOUT.search(m.name)]
    endings = {_ending(m) for m in visible}
    if len(endings) != 1 or "" in endings or len(visible) < LEAST:
        return []
    some = np.linspace(0, len(visible) - 1, SAMPLE).astype(int)
    head, count = Counter(_head(visible[k]) for k in some).most_common(1)[0]
    return visible if head and count >= ALIKE else []


def read_series(file: str, members: Sequence[Member], wanted: Description) -> Raw:
    """Return the series in the files of a folder or archive, (N, T, C), or the examples of which
    each file holds some, with their labels; raises DataError."""
    found = sorted(series_in(members), key=lambda m: [natural(part) for part in m.parts])
    is_array = _ending(found[0]) == "npy"
    arrays = [_array(m) for m in found] if is_array else [numbers_of(m) for m in found[:FILES]]
    reason = shard_reason(arrays, [m.name for m in found], wanted)
    if reason and not is_array:
        return joined_tables(found, _left(found, members), wanted, reason)
    files = _files_of(file, found, members, wanted, "files" if reason else "series")
    if reason:
        return _joined_arrays(files, [arrays[k] for k in files.order], reason)
    channels = None if is_array else channels_of(files.found[0], wanted)
    parts = _time_first(arrays) if channels is None else [series_of(m, channels) for m in found]
    guesses, notes = (channels.guesses, channels.notes) if channels else ((), ())
    raw = Raw(
        padded([parts[k] for k in files.order], file),
        files.labels,
        names=np.array([m.name for m in files.found]),
        reading=files.reading(guesses, notes),
        columns=channels.names if channels else (),
        series=f"{len(found):,} files of one series each.",
    )
    return raw if files.free == len(found) else divided(raw, files.free)


class Files(NamedTuple):
    """Files in the order of the rows, the test part last, with the classes of their folders."""

    found: list[Member]
    order: Array  # (N,) of the files by name
    free: int  # files before the test part
    label: Guess
    labels: Array | None  # (N,)
    left: tuple[LeftOut, ...]

    def reading(self, guesses: tuple[Guess, ...] = (), notes: tuple[str, ...] = ()) -> Reading:
        number = len(self.found) + sum(one.number for one in self.left)
        return Reading((self.label, *guesses), "file", number, self.left, notes)


def _files_of(
    file: str, found: list[Member], members: Sequence[Member], wanted: Description, kind: str
) -> Files:
    folders, test = parts_of([m.parts[:-1] for m in found])
    classes = [parts[0] if parts else "" for parts in folders]
    label = folder_guess(classes, wanted, kind)
    labels = None if label.value == NONE else folder_labels(classes, file, kind)
    free = len(test) if test.all() else int((~test).sum())
    order = np.argsort(test, kind="stable")  # the test part last
    labels = None if labels is None else labels[order]
    return Files([found[k] for k in order], order, free, label, labels, _left(found, members))


def _left(found: Sequence[Member], members: Sequence[Member]) -> tuple[LeftOut, ...]:
    used = {m.name for m in found}
    return grouped((m.name, "no series") for m in members if m.name not in used)


def _joined_arrays(files: Files, parts: list[Array], reason: str) -> Raw:
    """Return the examples of all files."""
    x = joined_shards(parts, [m.name for m in files.found])
    counts = [len(part) for part in parts]
    labels = None if files.labels is None else np.repeat(files.labels, counts)
    raw = Raw(x, labels, reading=files.reading(), rows=reason)
    return raw if files.free == len(parts) else divided(raw, sum(counts[: files.free]))


def _ending(member: Member) -> str:
    """Return the kind of a file by its name; "" for another one."""
    match = ENDING.search(member.name)
    return "" if match is None else match[1].lower()


def _head(member: Member) -> str:
    """Return the form of a file by its beginning: axes of an array, or separator, width and names
    of a table of numbers; "" for another one."""
    try:
        with member.open() as file:
            if _ending(member) == "npy":
                axes = len(header_shape(file, member.size, member.name))
                return f"{axes} axes" if 1 <= axes <= 4 else ""
            packed = member.name.lower().endswith(".gz")  # cannot be unpacked in part
            content = unpacked(file.read() if packed else file.read(HEAD), member.name)
        lines = [line for line in decoded(content, member.name)[0].splitlines() if line.strip()]
        return _form(lines[:3])
    except (DataError, OSError, EOFError):
        return ""


def _form(lines: list[str]) -> str:
    """Return separator, width and names of the first lines of a table; "" if it holds no numbers
    in more than one line."""
    if len(lines) < 2:
        return ""
    separator = next((one for one in (";", "\t", ",") if one in lines[1]), None)
    rows = [[cell.strip() for cell in line.split(separator)] for line in lines]
    numbers = [c for c in rows[1] if is_number(c, "point") or is_number(c, "comma")]
    has_names = not any(is_number(c, "point") or is_number(c, "comma") for c in rows[0])
    names = rows[0] if has_names else len(rows[0])
    return f"{separator} {names}" if numbers and len(rows[1]) == len(rows[0]) else ""


def _time_first(parts: list[Array]) -> list[Array]:
    """Return series (T, C) of arrays (T,), (T, C) or (C, T)."""
    if all(part.ndim == 1 for part in parts):
        return [part[:, None] for part in parts]
    sizes = [{part.shape[axis] for part in parts} for axis in (0, 1)]
    alike = [axis for axis in (0, 1) if len(sizes[axis]) == 1]
    if not alike:
        a, b = sorted({part.shape for part in parts})[:2]
        raise DataError(
            f"The files have arrays of {times(a)} and {times(b)}: give all of them the same "
            "number of channels."
        )
    if len(alike) == 2:  # the shorter axis has the channels
        alike = [0] if min(sizes[0]) < min(sizes[1]) else [1]
    return parts if alike == [1] else [part.T for part in parts]


def _array(member: Member) -> Array:
    with parsing(member.name, "a .npy file"):
        with member.open() as file:
            header_shape(file, member.size, member.name)
        with member.open() as file:
            array = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    if array.dtype.kind not in "biuf" or not array.size or not array.ndim:
        raise DataError(
            f"{member.name} has {array.dtype} of shape {times(array.shape)}: a series has numbers "
            "of T steps, or of T×C."
        )
    return array
