"""The facts that a list of runs shows of each: read again only when a file of the run has changed.

A root can hold ten thousand runs. Looking at one costs two calls of `stat`. Changes of a state set
the time of the root, so that a process that waits for one looks at nothing else.
"""

import os
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from vae.base.files import FileState, file_state
from vae.runs import manifest, recorded, status
from vae.runs.status import Status

CACHED = 65_536  # runs


class Head(NamedTuple):
    """The facts of config.json."""

    created: str  # UTC; "" if unknown
    problem: str  # the reason why it cannot be used; "" if it can
    is_recorded: bool  # by a training loop elsewhere


def head_of(path: Path) -> Head:
    """Return the facts of the config.json of a run folder."""
    return _head(path, file_state(path / "config.json"))


@lru_cache(maxsize=CACHED)
def _head(path: Path, state: FileState) -> Head:
    try:
        head = manifest.read_head(path)
    except ValueError as error:
        saved = manifest.saved(path)
        created = saved.get("created", "") if isinstance(saved, dict) else ""
        return Head(str(created), str(error), False)
    return Head(str(head.get("created", "")), "", recorded.is_recorded(head["config"]))


def saved_status(path: Path) -> Status | None:
    """Return the status in the status.json of a run folder; None if it has none."""
    return _status(path, file_state(path / "status.json"))


@lru_cache(maxsize=CACHED)
def _status(path: Path, state: FileState) -> Status | None:
    saved = status.saved(path)
    return Status.of(saved) if "state" in saved else None


def mark(root: Path) -> None:
    """Note a change of the runs of a root: its folder gets the time of now, as a new run gives
    it."""
    now = time.time_ns()
    with suppress(OSError):  # the folder of another user: the next look comes later
        os.utime(root, ns=(now, now))


def marked(root: Path) -> FileState:
    """Return the state of a root, which differs after a change of its runs."""
    return file_state(root)
