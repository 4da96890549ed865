"""The runs of a root folder: find, list, rename, delete and restore them.

Hidden folders such as `.uploads`, locks and files are not runs. A deleted run lies unchanged in
`.trash/NAME~TIME` (nanoseconds since 1970) for a week or longer, during which it can be restored.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from vae.base import files, visitors
from vae.runs import locks
from vae.runs.names import NAME, NameTakenError, check_room, checked_name
from vae.runs.overview import overview
from vae.runs.run import Run

TRASH = ".trash"
DAY = 24 * 3600.0  # seconds
TRASH_SECONDS = 7 * DAY  # during which a deleted run can be restored


class Deleted(NamedTuple):
    """A deleted run."""

    path: Path
    name: str
    when: float  # seconds since 1970


def find(root: Path | str, name: str) -> Run:
    """Return the run of a name; raises ValueError with some of the existing names."""
    run = Run(Path(root) / checked_name(name))
    if not run.path.is_dir():
        known = ", ".join(names(root)[:8]) or "none yet"
        raise ValueError(f"There is no run {name!r} in {root}; there are: {known}.")
    return run


def names(root: Path | str) -> tuple[str, ...]:
    """Return the name of every run, the newest first."""
    return overview(Path(root)).names()


def listing(root: Path | str, most: int | None = None) -> list[Run]:
    """Return every run, the newest first; or the `most` newest ones."""
    folder = Path(root)
    return [Run(folder / name) for name in names(folder)[:most]]


def active(root: Path | str) -> list[Run]:
    """Return the runs that are queued or at work, the oldest first."""
    folder = Path(root)
    found = [Run(folder / name) for name in overview(folder).active()]
    return [run for run in found if run.status().active]


def move_in(path: Path, root: Path, name: str | None) -> Run:
    """Move a complete run folder into a root, to the given name or to the first free one.

    Raises NameTakenError for a name that is taken, OSError if the root cannot be written.
    """
    check_room(root)
    for k in count(1):
        ending = f"-{k}" if k > 1 else ""
        target = root / (name or f"{path.name[: 64 - len(ending)]}{ending}")
        try:
            if not target.exists():
                os.rename(path, target)
                return Run(target)
        except OSError:
            if not target.exists():  # else another process has just created a run of this name
                raise
        if name is not None:
            break
    raise NameTakenError(target.name)


def rename(run: Run, name: str) -> Run:
    """Rename a run and return it.

    Raises ValueError for a name that is taken or not valid, and for a run in training.
    """
    target = run.path.parent / checked_name(name)
    if target == run.path:
        return run
    with _still(run, "renamed"):
        _move(run.path, target)
    return Run(target)


def delete(run: Run) -> Deleted:
    """Move a run to the trash, from which `restore` brings it back, and empty the old trash.

    Raises ValueError for a run in training.
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
    """Restore a run; raises ValueError if its name is taken or its folder is gone."""
    if not deleted.path.is_dir():
        raise ValueError(f"The run {deleted.name} is no longer there: it was deleted for good.")
    target = deleted.path.parents[1] / deleted.name
    check_room(target.parent)
    _move(deleted.path, target)
    return Run(target)


def trash(root: Path | str) -> list[Deleted]:
    """Return the deleted runs that can be restored, the latest first."""
    found = []
    for path in (Path(root) / TRASH).glob("*~*"):
        name, _, when = path.name.rpartition("~")
        if NAME.fullmatch(name) and when.isdecimal():
            found.append(Deleted(path, name, int(when) / 1e9))
    return sorted(found, key=lambda deleted: deleted.when, reverse=True)


def empty_trash(root: Path | str, seconds: float = TRASH_SECONDS) -> None:
    """Delete permanently the runs that have been in the trash for longer than `seconds`.

    A clock that jumps ahead empties no trash: the time between two changes of the root counts for
    a day at most, so that a run is deleted after days on which the root was in use.
    """
    if visitors.is_read_only():
        return
    found, age, later = trash(root), 0.0, time.time()
    ages: dict[float, float] = {}  # time of a change → seconds since then
    for when in sorted((*(d.when for d in found), *_changes(Path(root))), reverse=True):
        age += min(max(later - when, 0.0), DAY)
        ages[when] = age
        later = when
    for deleted in found:
        if ages[deleted.when] > seconds:
            shutil.rmtree(deleted.path, ignore_errors=True)


def _changes(root: Path) -> Iterator[float]:
    """Yield the time of the last change of each run, in seconds since 1970."""
    for name in names(root):
        with suppress(OSError):
            yield (root / name).stat().st_mtime


@contextmanager
def _still(run: Run, done: str) -> Iterator[None]:
    """Prevent a start of the run inside the block; raises ValueError if it is in training."""
    visitors.check_change()
    busy = ValueError(f"{run.name} is at work: stop or pause it before it is {done}.")
    try:
        with locks.held(run.path, locks.STATUS, timeout=5), run.lock():
            if run.status().alive:
                raise busy
            yield
    except Timeout:
        raise busy from None


def _move(source: Path, target: Path) -> None:
    """Rename a folder; raises ValueError on failure."""
    visitors.check_change()
    if target.exists():
        raise NameTakenError(target.name)
    try:
        os.rename(source, target)
    except OSError as error:
        raise ValueError(f"Cannot move {source}: {files.reason(error)}.") from None
