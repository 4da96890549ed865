"""The knee of a rate–distortion curve with its 95 % interval.

The knee is the configuration farthest below the straight line (chord) between those of lowest and
highest rate, after both axes are scaled to [0, 1] between these ends ("Kneedle", Satopää et al.
2011, https://doi.org/10.1109/ICDCSW.2011.20): the largest

    d = 1 − x − y,   x = (R − R₀) / (R₁ − R₀),   y = (D − D₁) / (D₀ − D₁).

There the slope −dD/dR of a smooth curve equals that of the chord. Before the knee a nat of rate
buys more distortion than on average over the sweep, and less beyond. Scale and chord depend on the
ends, so the knee belongs to the range of the sweep. In a sweep over β with a fixed likelihood the
slope of the optimal curve is β itself (Alemi et al. 2018, https://arxiv.org/abs/1711.00464).

**Interval.** The means over seeds are drawn again from their multivariate t distribution with
n − 1 degrees of freedom, and the knee of each draw is found between the same two ends; the
interval holds the middle 95 % of these knees in the order of the swept values. Draws of one seed
move all configurations together if all have the same seeds. It has the uncertainty of the seeds
only: a knee between two swept values is not found.

Letters: K configurations, n seeds. Rate R and distortion D are in nats per example.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.statistics import LEVEL, MIN_SEEDS

FEWEST = 4  # configurations
LEAST = 0.05  # distance to the chord below which a curve counts as straight
DRAWS = 4000
Doubles = NDArray[np.float64]
Seeds = Mapping[int, tuple[float, float]]  # seed → rate and distortion


class Knee(NamedTuple):
    """The knee among K configurations in the order of the swept values."""

    place: int  # index of the configuration
    low: int | None  # ends of the 95 % interval; None with too few seeds
    high: int | None
    slope: float  # of the chord: distortion that a nat of rate buys on average
    ends: tuple[int, int]  # configurations of lowest and highest rate
    seeds: int  # least number of a configuration


class NoKnee(NamedTuple):
    """The reason why a curve has no knee, as a sentence."""

    reason: str


def knee(configurations: Sequence[Seeds]) -> Knee | NoKnee:
    """Return the knee of configurations in the order of the swept values."""
    if len(configurations) < FEWEST:
        return NoKnee(f"A knee needs at least {FEWEST} values; there are {len(configurations)}.")
    means = np.array([np.mean(list(c.values()), axis=0) for c in configurations])  # (K, 2)
    ends = int(means[:, 0].argmin()), int(means[:, 0].argmax())
    rate, distortion = means[ends[1], 0] - means[ends[0], 0], means[ends[0], 1] - means[ends[1], 1]
    if not (rate > 0 and distortion > 0):
        return NoKnee("No knee: the reconstruction does not fall where the KL grows.")
    far = distances(means, ends)
    place, seeds = int(far.argmax()), min(map(len, configurations))
    low = high = None
    if seeds >= MIN_SEEDS:
        drawn = distances(_draws(configurations), ends)  # (draws, K)
        tail = (1 - LEVEL) / 2
        least = np.quantile(drawn[:, place], tail / (len(means) - len(ends)))  # of several places
        low, high = np.quantile(drawn.argmax(1), [tail, 1 - tail], method="inverted_cdf").tolist()
        if least <= 0:
            return NoKnee("No knee is resolved: the seeds allow a straight line.")
    if far[place] < LEAST:
        return NoKnee("No knee: the configurations lie on a straight line.")
    return Knee(place, low, high, distortion / rate, ends, seeds)


def distances(points: Doubles, ends: tuple[int, int]) -> Doubles:
    """Return the distance d of points (…, K, 2) below the chord between two of them."""
    first, last = (points[..., [end], :] for end in ends)
    scaled = (points - first) / (last - first)  # x and 1 − y
    found: Doubles = scaled[..., 1] - scaled[..., 0]
    return found


def _draws(configurations: Sequence[Seeds]) -> Doubles:
    """Return draws (draws, K, 2) of the means."""
    rng = np.random.default_rng(0)
    names = [tuple(sorted(one)) for one in configurations]
    values = [np.array([one[seed] for seed in sorted(one)]) for one in configurations]  # (n, 2)
    if len(set(names)) == 1:
        return _means(np.stack(values, axis=1), rng)
    return np.concatenate([_means(one[:, None], rng) for one in values], axis=1)


def _means(values: Doubles, rng: np.random.Generator) -> Doubles:
    """Return draws of the mean of values (n, K, 2) over n from its multivariate t distribution."""
    n = len(values)
    mean = values.mean(0)
    weights = rng.standard_normal((DRAWS, n)) / math.sqrt(n * (n - 1))
    weights /= np.sqrt(rng.chisquare(n - 1, (DRAWS, 1)) / (n - 1))
    found: Doubles = mean + np.tensordot(weights, values - mean, axes=1)
    return found
