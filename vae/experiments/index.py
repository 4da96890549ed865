"""An index of the entries of a root, so that ten thousand runs are not read at every start.

The file `.index.sqlite` of the root has, for each run, the key of the files that its entry was
read from, the entry as JSON, and a checksum of all three. An entry with another key, or another
checksum, is read from the run's folder again. The index is never the truth: a missing, damaged or
foreign one is made again from the folders.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from vae.base import visitors
from vae.base.criterion import Criterion
from vae.base.json_text import parse
from vae.base.records import Change
from vae.experiments.configurations import Entry, Figures

FILE = ".index.sqlite"
FORMAT = 2  # raised when the meaning of a field of an entry changes
TABLE = f"entries_{FORMAT}_{len(Entry._fields)}"
SECONDS = 0.5  # to wait for another process that writes
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError, MemoryError)  # errors of a damaged file


class Known(NamedTuple):
    """An entry, and the key of the files that it was read from."""

    key: str
    entry: Entry


def load(root: Path) -> dict[str, Known]:
    """Return the name of each run in the index with its entry; nothing from a damaged index."""
    found: dict[str, Known] = {}
    if not (root / FILE).is_file():
        return found
    with suppress(sqlite3.Error, OSError, *DAMAGE), _opened(root) as base:
        for name, key, text, check in base.execute(f"SELECT * FROM {TABLE}"):
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                if check == _checksum(name, key, text):
                    found[name] = Known(key, _decoded(text))
    return found


def store(root: Path, rows: Mapping[str, Known], gone: Iterable[str] = ()) -> None:
    """Write these runs into the index and remove those that are `gone`; a failure leaves it as it
    is, or without the file."""
    if visitors.is_read_only():
        return
    try:
        with _opened(root) as base, base:
            base.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (name PRIMARY KEY, key, entry, sum)")
            for name, (key, entry) in rows.items():
                with suppress(ValueError):  # a number that JSON lacks
                    line = (name, key, _encoded(entry))
                    whole = (*line, _checksum(*line))
                    base.execute(f"INSERT OR REPLACE INTO {TABLE} VALUES (?, ?, ?, ?)", whole)
            base.executemany(f"DELETE FROM {TABLE} WHERE name = ?", [(name,) for name in gone])
    except sqlite3.OperationalError:  # busy, or a disk that is full or read-only
        return
    except DAMAGE:
        with suppress(OSError):
            (root / FILE).unlink()
    except OSError:
        return


@contextmanager
def _opened(root: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(root / FILE, timeout=SECONDS)) as base:
        yield base


def _checksum(name: str, key: str, entry: str) -> int:
    return zlib.crc32("\0".join((name, key, entry)).encode())


def _encoded(entry: Entry) -> str:
    nested = {name: getattr(entry, name)._asdict() for name in ("val", "test", "best_by")}
    changes = [change._asdict() for change in entry.changes]
    return json.dumps(entry._asdict() | nested | {"changes": changes}, allow_nan=False)


def _decoded(text: str) -> Entry:
    """Return an entry; raises for a text of another kind."""
    given: dict[str, Any] = parse(text.encode())
    more = {
        "changes": tuple(Change(**change) for change in given["changes"]),
        "val": Figures(**given["val"]),
        "test": Figures(**given["test"]),
        "best_by": Criterion(**given["best_by"]),
        "tags": tuple(given["tags"]),
    }
    return Entry(**given | more)
