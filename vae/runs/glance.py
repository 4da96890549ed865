"""The facts that a list of runs shows of each: read again only when a file of the run has changed.

Looking at a run costs two calls of `stat`. A change leaves a mark, so that a process that waits
for one in a root of ten thousand runs looks at nothing else.
"""

import os
import threading
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from vae.base import visitors
from vae.base.files import FileState, file_state
from vae.runs import manifest, recorded, status
from vae.runs.status import Status

CACHED = 65_536  # runs
MARKS = ".changed"  # folder of a root: a file for each run that has changed lately
MARK_SECONDS = 600.0  # much longer than between two looks of a process at all runs


class Head(NamedTuple):
    """The facts of config.json."""

    created: str  # UTC; "" if unknown
    problem: str  # the reason why it cannot be used; "" if it can
    is_recorded: bool  # by a training loop elsewhere


def head_of(path: Path) -> Head:
    """Return the facts of the config.json of a run folder."""
    folder = str(path)  # a path joined by `/` takes twice the time of the look at the file
    return _head(folder, file_state(f"{folder}/config.json"))


@lru_cache(maxsize=CACHED)
def _head(folder: str, state: FileState) -> Head:
    path = Path(folder)
    try:
        head = manifest.read_head(path)
    except ValueError as error:
        saved = manifest.saved(path)
        created = saved.get("created", "") if isinstance(saved, dict) else ""
        return Head(str(created), str(error), False)
    return Head(str(head.get("created", "")), "", recorded.is_recorded(head["config"]))


def saved_status(path: Path) -> Status | None:
    """Return the status in the status.json of a run folder; None if it has none."""
    folder = str(path)
    return _status(folder, file_state(f"{folder}/status.json"))


@lru_cache(maxsize=CACHED)
def _status(folder: str, state: FileState) -> Status | None:
    saved = status.saved(Path(folder))
    return Status.of(saved) if "state" in saved else None


def mark(path: Path) -> None:
    """Tell every process that the run in this folder has changed: see `overview`."""
    marks = path.parent / MARKS
    temporary = marks / f".{path.name}.{os.getpid()}.{threading.get_ident()}"
    with suppress(OSError):  # the folder of another user: the next look comes later
        marks.mkdir(exist_ok=True)
        temporary.touch()
        os.replace(temporary, marks / path.name)


def remove_old_marks(root: Path) -> None:
    """Remove the marks that every process has seen, or takes for granted at its next look."""
    old = time.time() - MARK_SECONDS
    for mark_ in [] if visitors.is_read_only() else (root / MARKS).glob("*"):
        with suppress(OSError):
            if mark_.stat().st_mtime < old:
                mark_.unlink()
