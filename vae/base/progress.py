"""Progress of long work: the completed share, from 0 to 1, never decreasing.

A long computation takes a progress function and calls it often with the completed share. If the
function raises, the computation ends. A computation of several parts gives each part a separate
function.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

Progress = Callable[[float], None]


class Cancelled(Exception):
    """Raised by a progress function to end the work."""


def silent(share: float) -> None:
    """A progress function that does nothing."""


def parts(progress: Progress, weights: Sequence[float]) -> list[Progress]:
    """Return a progress function for each of several consecutive parts.

    Each takes the completed share of its part, 0 to 1. `weights` are the parts' lengths, such as
    seconds.
    """
    ends = [sum(weights[:i]) / sum(weights) for i in range(len(weights) + 1)]
    return [partial(_within, progress, *pair) for pair in pairwise(ends)]


def _within(progress: Progress, low: float, high: float, share: float) -> None:
    progress(min(high, low + (high - low) * share))
