"""Two files of one data set: its training and its test part.

    Walk_TRAIN.tsv, Walk_TEST.tsv    the UCR archive; the test part is found beside the other one
    train.csv, test.csv              in one folder or .zip, or uploaded together

A folder or archive is such a data set if it holds exactly one pair of an ending. All other files,
such as the same examples in another format, are left out and named.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from vae.data.arrays import Raw
from vae.data.csv_table import MOST, read_csv
from vae.data.description import Description, few
from vae.data.errors import DataError
from vae.data.folders import HIDDEN, Member
from vae.data.ts_file import read_ts

Reader = Callable[[Path, Description, Path | None], Raw]
READERS: dict[str, Reader] = {"ts": read_ts, "tsv": read_csv, "txt": read_csv, "csv": read_csv}
ENDING = re.compile(rf"\.({'|'.join(READERS)})(\.gz)?$", re.I)
PART = re.compile(r"(?<![a-z])(train|test)(?:ing)?(?![a-z])", re.I)


class Pair(NamedTuple):
    """The two files of a data set."""

    train: Member
    test: Member

    @property
    def name(self) -> str:
        """The name of the data set: that of the files without train and ending."""
        stem = ENDING.sub("", self.train.parts[-1])
        return PART.sub("", stem).strip("_-. ") or stem


def pair_in(members: Sequence[Member]) -> Pair | None:
    """Return the only pair of the first ending of READERS that has one; None without."""
    visible = [m for m in members if not HIDDEN.search(m.name)]
    for ending in READERS:
        parts: dict[tuple[str, ...], dict[str, Member]] = {}
        for member in visible:
            found, part = ENDING.search(member.name), PART.search(member.parts[-1])
            if found and part and found[1].lower() == ending:
                key = (*member.parts[:-1], PART.sub("*", member.parts[-1]).lower())
                parts.setdefault(key, {})[part[1].lower()] = member
        pairs = [Pair(**both) for both in parts.values() if len(both) == len(Pair._fields)]
        if pairs:
            return pairs[0] if len(pairs) == 1 else None
    return None


def read_pair(members: Sequence[Member], wanted: Description) -> Raw:
    """Return the arrays of the pair in a folder or archive; raises DataError."""
    pair = pair_in(members)
    assert pair is not None
    with tempfile.TemporaryDirectory() as folder:
        train, test = (_copied(member, Path(folder)) for member in pair)
        found = ENDING.search(train.name)
        assert found is not None
        raw = READERS[found[1].lower()](train, wanted, test)
    rest = [member.name for member in members if member not in pair]
    note = f"{len(rest):,} of {len(members):,} files left out, not of this pair: {few(rest)}."
    notes = (*raw.reading.notes, *([note] if rest else []))
    return raw._replace(reading=raw.reading._replace(notes=notes))


def _copied(member: Member, folder: Path) -> Path:
    """Return a copy of a file in this folder; DataError if it is too large."""
    path = folder / member.parts[-1]
    if member.size > MOST:
        raise DataError(f"{member.name} is too large for a text file: save it as .npz.")
    with member.open() as source, path.open("xb") as target:
        shutil.copyfileobj(source, target)
    return path
