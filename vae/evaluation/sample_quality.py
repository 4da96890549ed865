"""Sample quality: how close samples of a model come to real examples, and how much they cover.

All statistics use one space: at most 50 principal components of training examples' values,
Euclidean distances in the units of the data (of rescaled data in their new scale, in which columns
of different units count alike), without whitening. This is no perceptual space: the statistics
compare pixels, and they are not comparable with those of another space, such as the FID. The
components come from the training part, so neither of the compared sides affects them.

* precision, recall: the share of samples within a ball around a real example, and of real examples
  within a ball around a sample; the ball of an example reaches to its k-th nearest neighbour on
  its own side, k = 5 (Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991, eq. 1-2);
* density: the number of balls of real examples around a sample, divided by k: 1 where both sides
  are alike, more where samples crowd (Naeem et al. 2020, https://arxiv.org/abs/2002.09797);
* coverage: the share of real examples whose ball holds a sample, near 1 − 2⁻ᵏ = .97 at best;
* squared_frechet: |m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁S₂)^½) of the means and covariances of both
  sides, in squared units of the data: the squared distance of normal distributions with these
  moments (Dowson & Landau 1982; Heusel et al. 2017, https://arxiv.org/abs/1706.08500, eq. 6).

A statistic is a function of `Pair`, in a row `Statistic`. The first four depend on the number of
examples on a side. All sides have N / 2 here: each half of the real examples against a half of the
samples, mean over 20 random halvings. `reference` is the statistic of the two halves of the real
examples against each other.

The squared distance of N against N examples is too large by about c / N, and of N / 2 by twice
that; 2 d(N) − d(N / 2) has no such bias (extrapolation in 1 / N as in Chong & Forsyth 2020,
https://arxiv.org/abs/1911.07023). A value below 0 by chance becomes 0.

Uncertainty comes from halves too (half-sampling, McCarthy 1969): half of the difference between
the values of two halves has the standard error of the mean of both; for the distance it is the
standard deviation over all halves, since both err to the same side. Coverage counts neighbours
among neighbours, so other halvings of the same examples have other means, and the mean over all
halvings is more certain than one halving by that variance, which is subtracted, down to half of
the variance. From the standard error come 95 % intervals, slightly too wide (for shares near 1 by
up to a half): Wilson's for shares, Student's otherwise.

Letters: N examples, n of a side, D values of an example, d components.
"""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.progress import Progress, silent
from vae.base.records import Estimate, Floats
from vae.base.statistics import LEVEL, adjusted_wilson

COMPONENTS = 50  # at most
PER_COMPONENT = 10  # examples that a component takes
NEIGHBOURS = 5  # k
HALVINGS = 20
LEAST = 100  # examples below which no statistic is computed
EQUAL = 1e-9  # of the mean squared length: rounding between equal squared distances

Matrix = NDArray[np.float64]


class Space(NamedTuple):
    """Principal components, in the units of the data."""

    mean: Floats  # (D,)
    axes: Floats  # (D, d), orthonormal
    variance: float  # of the training examples in this space, in squared units of the data
    explained: float  # `variance` as a share of all their variance

    @classmethod
    def of(cls, training: Floats, judged: int) -> "Space":
        """Return the space of training examples (M, *event); fewer `judged` examples take fewer
        components. Raises ValueError if there are too few examples or they are all equal."""
        from sklearn.decomposition import PCA

        flat = training.reshape(len(training), -1)
        if min(judged, len(flat)) < LEAST:
            raise ValueError(
                f"Sample quality takes at least {LEAST} examples and {LEAST} training examples: "
                f"here are {judged} and {len(flat)}."
            )
        if not flat.std(0).any():
            raise ValueError("The training examples are all the same: they span no space.")
        d = min(COMPONENTS, judged // PER_COMPONENT, flat.shape[1], len(flat) - 1)
        fitted = PCA(d, random_state=0).fit(flat)
        variance = float(fitted.explained_variance_.sum())
        explained = float(fitted.explained_variance_ratio_.sum())
        return cls(fitted.mean_, fitted.components_.T, variance, explained)

    def place(self, x: Floats) -> Matrix:
        """Return the coordinates of x (N, *event) in this space, (N, d)."""
        with np.errstate(invalid="ignore"):  # of infinite values, which `fidelity` refuses
            placed: Matrix = ((x.reshape(len(x), -1) - self.mean) @ self.axes).astype(np.float64)
        return placed


class Side:
    """Examples or samples, each with a ball that reaches to its k-th nearest neighbour."""

    def __init__(self, x: Matrix) -> None:
        self.x = x  # (n, d)

    @cached_property
    def squared(self) -> Matrix:
        """Squared lengths, (n,)."""
        squared: Matrix = (self.x**2).sum(1)
        return squared

    @cached_property
    def reach(self) -> Matrix:
        """Squared radii of the balls, (n,)."""
        squares = _distances(self.x, self.x, self.squared, self.squared)
        np.fill_diagonal(squares, math.inf)
        nearest: Matrix = np.partition(squares, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
        nearest += EQUAL * self.squared.mean()
        return nearest


class Pair:
    """Real examples and samples, with their distances computed once."""

    def __init__(self, real: Side, sampled: Side) -> None:
        self.real, self.sampled = real, sampled

    @cached_property
    def across(self) -> Matrix:
        """Squared distances of real examples and samples, (n real, n sampled)."""
        real, sampled = self.real, self.sampled
        return _distances(real.x, sampled.x, real.squared, sampled.squared)

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Whether the ball of a real example holds a sample, (n real, n sampled)."""
        inside: NDArray[np.bool_] = self.across <= self.real.reach[:, None]
        return inside

    def thinned(self, start: int) -> "Pair":
        """Every second example of both sides."""
        return Pair(Side(self.real.x[start::2]), Side(self.sampled.x[start::2]))


class Statistic(NamedTuple):
    """A statistic of samples against real examples, never negative."""

    compute: Callable[[Pair], float]
    share: bool = False  # a share of examples, at most 1
    clustered: bool = False  # counts neighbours among neighbours, as coverage does
    biased: bool = False  # too large by about c / n: extrapolated
    resolution: float = 0.0  # the standard error is at least this / N


def precision(pair: Pair) -> float:
    return float(pair.inside.any(0).mean())


def recall(pair: Pair) -> float:
    return float((pair.across <= pair.sampled.reach).any(1).mean())


def density(pair: Pair) -> float:
    return float(pair.inside.sum(0).mean()) / NEIGHBOURS


def coverage(pair: Pair) -> float:
    return float(pair.inside.any(1).mean())


def frechet(pair: Pair) -> float:
    return squared_frechet(pair.real.x, pair.sampled.x)


def fidelity(
    real: Matrix,
    sampled: Matrix,
    rows: Mapping[str, Statistic],
    seed: int,
    progress: Progress = silent,
) -> dict[str, Estimate]:
    """Return each statistic of samples against as many real examples, (N, d) each.

    Raises ValueError if there are fewer than `LEAST` of them, or values that are not finite.
    """
    assert len(real) == len(sampled)
    if len(real) < LEAST:
        raise ValueError(f"Sample quality takes at least {LEAST} examples: here are {len(real)}.")
    if not np.isfinite(sampled).all():
        raise ValueError("Some samples have values that are not finite: the model diverged.")
    centre = real.mean(0)  # small squared lengths keep the differences between them exact
    real, sampled = real - centre, sampled - centre
    rng, values, references = np.random.default_rng(seed), [], []
    for i in range(HALVINGS):
        a, b = _halves(real, rng)
        s, t = _halves(sampled, rng)
        pairs = Pair(a, s), Pair(b, t)
        values.append([[row.compute(pair) for row in rows.values()] for pair in pairs])
        progress((i + 0.7) / HALVINGS)
        references.append([_unbiased(row, Pair(a, b)) for row in rows.values()])
        progress((i + 1) / HALVINGS)
    halves = np.array(values)  # (halvings, 2, rows)
    whole, means = Pair(Side(real), Side(sampled)), np.mean(references, 0)
    return {
        name: _estimate(row, halves[:, :, i], whole, max(0.0, float(means[i])))
        for i, (name, row) in enumerate(rows.items())
    }


def _halves(side: Matrix, rng: np.random.Generator) -> tuple[Side, Side]:
    """Return two random halves; an odd number leaves one example out."""
    order, half = rng.permutation(len(side)), len(side) // 2
    return Side(side[order[:half]]), Side(side[order[half : 2 * half]])


def _unbiased(row: Statistic, pair: Pair) -> float:
    """Return the statistic of a pair, of a biased one without its bias of first order."""
    if not row.biased:
        return row.compute(pair)
    return 2 * row.compute(pair) - sum(row.compute(pair.thinned(i)) for i in (0, 1)) / 2


def _estimate(row: Statistic, halves: Matrix, whole: Pair, reference: float) -> Estimate:
    """Return the mean over `halves` (halvings, 2) with its 95 % interval."""
    from scipy import stats

    trials, value = len(whole.real.x), float(halves.mean())
    variance = float((np.diff(halves, axis=1) ** 2).mean()) / 4
    if row.clustered:
        between = (1 - 1 / HALVINGS) * float(halves.mean(1).var(ddof=1))
        variance = max(variance - between, variance / 2)
    se = math.sqrt(variance)
    if row.biased:
        value, se = 2 * row.compute(whole) - value, float(halves.std(ddof=1))
    if row.share:
        ends = adjusted_wilson(value, se, trials, most=4 if row.clustered else 1)
        return Estimate(ends.value, low=ends.low, high=ends.high, reference=reference)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, HALVINGS))
    reach = quantile * max(se, row.resolution / trials)
    low, high = max(0.0, value - reach), max(0.0, value + reach)
    return Estimate(max(0.0, value), low=low, high=high, reference=reference)


def squared_frechet(a: Matrix, b: Matrix) -> float:
    """Return |m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁S₂)^½) of two sides (n, d), too large by about
    c / n."""
    covariances = [np.cov(side, rowvar=False).reshape(side.shape[1], -1) for side in (a, b)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.maximum(values, 0))  # root rootᵀ = S₁, so rootᵀ S₂ root ~ S₁S₂
    mixed = np.maximum(np.linalg.eigvalsh(root.T @ covariances[1] @ root), 0)
    apart = a.mean(0) - b.mean(0)
    traces = sum(float(np.trace(c)) for c in covariances)
    return float(apart @ apart) + traces - 2 * float(np.sqrt(mixed).sum())


def _distances(a: Matrix, b: Matrix, a_squared: Matrix, b_squared: Matrix) -> Matrix:
    """Return the squared distances (n, m) of a (n, d) and b (m, d)."""
    found: Matrix = a @ (-2 * b.T)
    found += a_squared[:, None]
    found += b_squared
    return found
