"""Locks in the folder of a run, which never create the folder.

A run can be deleted or renamed while another window or a job still has it open. A lock or a file
that such a process wrote would make a hollow run of the old name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

STATUS, WORKER = "status.lock", "worker.lock"


class GoneError(ValueError):
    """The run was deleted or renamed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no run {name!r} any more: it was deleted or renamed.")


def check_there(path: Path) -> None:
    """Raise GoneError unless there is a run folder `path`."""
    if not path.is_dir():
        raise GoneError(path.name)


def lock(path: Path, name: str, timeout: float = -1) -> FileLock:
    """Return a lock of the run folder `path`; raises GoneError if there is none."""
    check_there(path)
    return FileLock(path / name, timeout=timeout)


@contextmanager
def held(path: Path, name: str, timeout: float = -1) -> Iterator[None]:
    """Hold a lock of the run folder `path` inside the block; raises GoneError without the folder,
    Timeout if another process holds the lock for so many seconds."""
    waiting = lock(path, name, timeout)
    try:
        waiting.acquire()
    except FileNotFoundError:  # it was moved while another process held the lock
        raise GoneError(path.name) from None
    try:
        check_there(path)
        yield
    finally:
        waiting.release()
