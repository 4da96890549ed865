"""Progress: how far long work is, as a share from 0 to 1 that never falls.

Whoever does long work takes a function and tells it the share that is done, often; the function
may raise, and that ends the work. Work that consists of parts gives each its own.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

Progress = Callable[[float], None]


class Cancelled(Exception):
    """Raised by a progress function to end the work."""


def silent(share: float) -> None:
    """For whoever does not want to know."""


def parts(progress: Progress, weights: Sequence[float]) -> list[Progress]:
    """For parts that follow each other, each with a weight such as its seconds: a function for
    each that takes its own share, 0 to 1."""
    ends = [sum(weights[:i]) / sum(weights) for i in range(len(weights) + 1)]
    return [partial(_within, progress, *pair) for pair in pairwise(ends)]


def _within(progress: Progress, low: float, high: float, share: float) -> None:
    progress(min(high, low + (high - low) * share))
