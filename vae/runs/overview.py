"""The runs of a root: their names by time of creation, those at work, and those that changed.

Looking at ten thousand runs takes a disk a second. A process looks at all of them when it starts
and once a minute, and between that at those that have changed. A new, renamed or deleted run
changes the time of the root. Every other change by this package replaces an empty file with the
run's name in the folder `.changed` of the root (`glance.mark`), and with it the time of that
folder. A root without a change costs two calls of `stat`, and a change costs a look at one run,
for any number of runs and of writers. The folder holds the marks of the last minutes, and can be
removed at any time.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from vae.base.files import FileState, file_state
from vae.runs import glance
from vae.runs.names import NAME
from vae.runs.run import Run

SETTLED = 100_000_000  # nanoseconds after which a folder has another time at its next change
LOOK_SECONDS = 60.0  # between two looks at all runs, for changes that left no mark
ROOTS = 8  # in memory


class Overview:
    """The runs of a root as this process last saw them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._states: dict[Path, FileState] = {}  # of the root and of its marks
        self._inodes: dict[str, int] = {}  # name of a run → its folder
        self._marks: dict[str, FileState] = {}  # name of a run → its mark
        self._created: dict[str, tuple[str, str]] = {}  # name → its place in the order of runs
        self._versions: dict[str, int] = {}  # name → number of the last look that found a change
        self._order: tuple[str, ...] = ()  # the newest first
        self._active: tuple[str, ...] = ()  # the oldest first
        self._looks, self._next_look = 0, 0.0

    def names(self) -> tuple[str, ...]:
        """Return the names of all runs, the newest first."""
        with self._lock:
            self._refresh()
            return self._order

    def active(self) -> tuple[str, ...]:
        """Return the runs that were queued or at work at the last look, the oldest first."""
        with self._lock:
            self._refresh()
            return self._active

    def versions(self) -> dict[str, int]:
        """Return each run, the newest first, with a number that is larger after a change."""
        with self._lock:
            self._refresh()
            return {name: self._versions[name] for name in self._order}

    def _refresh(self) -> None:
        """Look at the runs that have changed since the last time."""
        before = self._inodes
        changed = self._found() | self._marked()
        if time.monotonic() >= self._next_look:
            changed = set(self._inodes)
            self._next_look = time.monotonic() + LOOK_SECONDS
            glance.remove_old_marks(self.root)
        if changed or before is not self._inodes:
            self._look(changed & self._inodes.keys())

    def _look(self, changed: set[str]) -> None:
        """Read the state of these runs, and forget those that are gone."""
        self._looks += 1
        active = set(self._active) & self._inodes.keys() - changed
        for name in changed:
            run = Run(self.root / name)
            self._created[name] = (glance.head_of(run.path).created, name)
            self._versions[name] = self._looks
            if run.status().active:
                active.add(name)
        for name in self._created.keys() - self._inodes.keys():
            del self._created[name], self._versions[name]
        oldest = sorted(self._created, key=self._created.__getitem__)
        self._active = tuple(name for name in oldest if name in active)
        self._order = tuple(reversed(oldest))

    def _found(self) -> set[str]:
        """Return the new runs, also those in the place of an earlier one."""
        if not self._is_changed(self.root):
            return set()
        with _content(self.root) as found:
            inodes = {f.name: f.inode() for f in found if NAME.fullmatch(f.name) and f.is_dir()}
        before, self._inodes = self._inodes, inodes
        return {name for name, inode in inodes.items() if before.get(name) != inode}

    def _marked(self) -> set[str]:
        """Return the runs with a new mark."""
        if not self._is_changed(self.root / glance.MARKS):
            return set()
        with _content(self.root / glance.MARKS) as found:
            marks = {f.name: file_state(Path(f.path)) for f in found if NAME.fullmatch(f.name)}
        before, self._marks = self._marks, marks
        return {name for name, state in marks.items() if before.get(name) != state}

    def _is_changed(self, folder: Path) -> bool:
        """Whether a folder may have changed since the last time. A state of this moment may not be
        the last one with its time: it is not stored."""
        state = file_state(folder)
        if self._states.get(folder) == state:
            return False
        self._states.pop(folder, None)
        if time.time_ns() - state.modified > SETTLED:
            self._states[folder] = state
        return True


@lru_cache(maxsize=ROOTS)
def overview(root: Path) -> Overview:
    """Return the overview of a root that the callers of this process share."""
    return Overview(root)


@contextmanager
def _content(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """Yield the content of a folder; nothing for one that is missing or cannot be read."""
    try:
        found = os.scandir(folder)
    except OSError:
        yield iter(())
        return
    with found:
        yield found
