"""Intervals: how sure a share of examples is.

An interval is one of 95 %: over many data sets of the same kind and size, 95 of 100 such intervals
hold the true value. Shares are between 0 and 1, and so are the ends of their intervals.
"""

import math
from typing import NamedTuple

Z95 = 1.959963984540054  # 97.5 % of a normal distribution lie below it


class Share(NamedTuple):
    """A share of examples between 0 and 1, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(hits: float, trials: float) -> Share:
    """hits / trials with its 95 % score interval (Wilson 1927), right near 0 and 1 too."""
    share, square = hits / trials, Z95**2 / trials
    centre = (share + square / 2) / (1 + square)
    half = Z95 / (1 + square) * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    return Share(share, max(0.0, centre - half), min(1.0, centre + half))


def effective(share: float, se: float, trials: int, most: float = 1.0) -> Share:
    """A share of trials that depend on each other, with the score interval of as many independent
    ones as have its standard error (Korn & Graubard 1998), at most `most` times as many: above 1
    where trials even each other out."""
    spread = share * (1 - share)
    count = min(most * trials, spread / se**2) if spread and se else float(trials)
    return wilson(share * count, count)
