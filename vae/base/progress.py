"""Progress of long work: the completed share, from 0 to 1, never decreasing.

A long computation takes a progress function and calls it often with the completed share. If the
function raises, the computation ends. A computation of several parts gives each part a separate
function.

Work deep inside a call that rarely takes long, such as reading data, reports to the watcher of its
thread, if there is one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from itertools import pairwise

Progress = Callable[[float], None]
Watcher = Callable[[str, float], None]  # name of the work, completed share
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


class Cancelled(Exception):
    """Raised by a progress function to end the work."""


def silent(share: float) -> None:
    """A progress function that does nothing."""


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Send the reports of this thread inside the block to a watcher; if it raises, the work
    ends."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def report(work: str, share: float) -> None:
    """Report the completed share of a work to the watcher, if there is one."""
    if watcher := _watcher.get():
        watcher(work, share)


def parts(progress: Progress, weights: Sequence[float]) -> list[Progress]:
    """Return a progress function for each of several consecutive parts.

    Each takes the completed share of its part, 0 to 1. `weights` are the parts' lengths, such as
    seconds.
    """
    ends = [sum(weights[:i]) / sum(weights) for i in range(len(weights) + 1)]
    return [partial(_within, progress, *pair) for pair in pairwise(ends)]


def _within(progress: Progress, low: float, high: float, share: float) -> None:
    progress(min(high, low + (high - low) * share))
