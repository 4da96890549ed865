"""The runs of a root folder: one by its name, all of them, and what was thrown away.

What is no run's name (a hidden folder such as `.uploads`, a lock, a file) is passed over. A
deleted run lies in `.trash/NAME~TIME` (nanoseconds since 1970), whole, and can be brought back for
a week.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from vae.base import files
from vae.runs.names import NAME, NameTakenError, checked_name
from vae.runs.run import Run

TRASH = ".trash"
KEPT_SECONDS = 7 * 24 * 3600.0  # that a deleted run can be brought back


class Deleted(NamedTuple):
    """A run that was thrown away."""

    path: Path
    name: str
    when: float  # seconds since 1970


def find(root: Path | str, name: str) -> Run:
    """The run of that name; raises ValueError naming those there are."""
    run = Run(Path(root) / checked_name(name))
    if not run.path.is_dir():
        names = ", ".join(r.name for r in listing(root)[:8]) or "none yet"
        raise ValueError(f"There is no run {name!r} in {root}; there are: {names}.")
    return run


def listing(root: Path | str) -> list[Run]:
    """Every run, the newest first."""
    try:
        folders = [p for p in Path(root).iterdir() if p.is_dir() and NAME.fullmatch(p.name)]
    except OSError:
        return []
    return [Run(p) for p in sorted(folders, key=_created, reverse=True)]


def _created(path: Path) -> tuple[str, str]:
    header = files.read_json(path / "config.json")
    created = header.get("created", "") if isinstance(header, dict) else ""
    return str(created), path.name


def rename(run: Run, name: str) -> Run:
    """The run under another name.

    Raises ValueError with a sentence for a name that is taken or cannot be a folder's, and for a
    run that is at work.
    """
    target = run.path.parent / checked_name(name)
    if target == run.path:
        return run
    with _still(run, "renamed"):
        _move(run.path, target)
    return Run(target)


def delete(run: Run) -> Deleted:
    """Throw a run away, to be brought back with `restore`; what has lain there too long goes.

    Raises ValueError with a sentence for a run that is at work.
    """
    trash = run.path.parent / TRASH
    now = time.time_ns()
    with _still(run, "deleted"):
        trash.mkdir(exist_ok=True)
        target = trash / f"{run.name}~{now}"
        _move(run.path, target)
    empty_trash(run.path.parent)
    return Deleted(target, run.name, now / 1e9)


def restore(deleted: Deleted) -> Run:
    """Bring a run back; raises ValueError if its name is taken or it is gone for good."""
    if not deleted.path.is_dir():
        raise ValueError(f"The run {deleted.name} is no longer there: it was deleted for good.")
    target = deleted.path.parents[1] / deleted.name
    _move(deleted.path, target)
    return Run(target)


def trash(root: Path | str) -> list[Deleted]:
    """What can be brought back, the latest first."""
    found = []
    for path in (Path(root) / TRASH).glob("*~*"):
        name, _, when = path.name.rpartition("~")
        if NAME.fullmatch(name) and when.isdecimal():
            found.append(Deleted(path, name, int(when) / 1e9))
    return sorted(found, key=lambda deleted: deleted.when, reverse=True)


def empty_trash(root: Path | str, seconds: float = KEPT_SECONDS) -> None:
    """Delete for good what was thrown away longer ago than that."""
    for deleted in trash(root):
        if time.time() - deleted.when > seconds:
            shutil.rmtree(deleted.path, ignore_errors=True)


@contextmanager
def _still(run: Run, done: str) -> Iterator[None]:
    """Keep a run from being started meanwhile; raises ValueError if it is at work."""
    busy = ValueError(f"{run.name} is at work: stop or pause it before it is {done}.")
    if not run.path.is_dir():
        raise ValueError(f"There is no run {run.name!r} any more.")
    try:
        with FileLock(run.path / "status.lock", timeout=5), run.lock():
            if run.status().alive:
                raise busy
            yield
    except Timeout:
        raise busy from None


def _move(source: Path, target: Path) -> None:
    """Rename a folder; raises ValueError with a sentence if that cannot be."""
    if target.exists():
        raise NameTakenError(target.name)
    try:
        os.rename(source, target)
    except OSError as error:
        raise ValueError(f"Cannot move {source}: {files.reason(error)}.") from None
