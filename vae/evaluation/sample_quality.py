"""Fidelity: how well samples of a model pass for real examples, and whether none are missing.

All is measured in one stated space: at most 50 principal components of training examples' values,
Euclidean distances in the units of the data, without whitening. That is no perceptual space: what
is compared is pixels, and figures of another space, such as the FID's, are not comparable. The
components come from the training part, so that neither side that is judged has shaped them.

* precision, recall: the share of samples that lie within a ball around a real example, and of real
  examples within a ball around a sample; the ball of an example reaches to its k-th nearest
  neighbour on its own side, k = 5 (Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991,
  eq. 1-2);
* density: in how many balls of real examples a sample lies, over k: 1 where both sides are alike,
  more where samples crowd (Naeem et al. 2020, https://arxiv.org/abs/2002.09797, eq. 5);
* coverage: the share of real examples whose ball holds a sample, near 1 − 2⁻ᵏ = .97 at best (eq. 6
  and 9);
* squared_frechet: |m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁S₂)^½) of the means and covariances of both
  sides, in squared units of the data, the squared distance of the normal distributions that have
  them (Dowson & Landau 1982; Heusel et al. 2017, https://arxiv.org/abs/1706.08500, eq. 6).

The first four depend on how many examples a side has. All sides have N / 2 here: each half of the
real examples against a half of the samples, the mean over 20 halvings by lot. `reference` is what
the two halves of the real examples score against each other.

The squared distance of N against N examples is too large by about c / N, and of N / 2 by twice
that, so 2 d(N) − d(N / 2) is free of it (extrapolation in 1 / N as in Chong & Forsyth 2020,
https://arxiv.org/abs/1911.07023); what falls below 0 by chance is 0.

How sure they are, halves say too (half-sampling, McCarthy 1969): what a half scores less what the
other half scores, over 2, has the standard error of the mean of both; that of the distance is the
spread over all halves, as both err to the same side. Of coverage, which counts neighbours among
neighbours, other halvings of the same examples have other means, and the mean of them all is surer
than one of them by that spread: it is taken off, down to half of the variance. From it come
intervals of 95 %, a little too wide (for shares near 1 by up to a half): Wilson's for shares,
Student's for others.

Letters: N examples, D values of each, d components.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from vae.base.progress import Progress, silent
from vae.base.records import Floats
from vae.base.statistics import Proportion, adjusted_wilson

COMPONENTS = 50  # at most
PER_COMPONENT = 10  # examples that a component takes
NEIGHBOURS = 5  # k
HALVINGS = 20
T95 = 2.0859634472658364  # 97.5 % of Student's t with HALVINGS degrees of freedom lie below it
LEAST = 100  # examples below which nothing is said
EQUAL = 1e-9  # of the mean squared length: by so much, equal squared distances may differ
SHARES = ("precision", "recall", "coverage")
FIGURES = ("precision", "recall", "density", "coverage", "squared_frechet")
COVERAGE = FIGURES.index("coverage")

Matrix = NDArray[np.float64]


class Likeness(NamedTuple):
    """A figure of samples against real examples, the ends of its 95 % interval, and what real
    examples score against each other."""

    value: float
    low: float
    high: float
    reference: float


class Space(NamedTuple):
    """Principal components, in the units of the data."""

    mean: Floats  # (D,)
    axes: Floats  # (D, d), orthonormal
    variance: float  # of the training examples in it, in squared units of the data
    explained: float  # the share of all their variance that this is

    @classmethod
    def of(cls, training: Floats, judged: int) -> "Space":
        """That of training examples (M, *event), for so many examples to be judged: the fewer, the
        fewer components. Raises ValueError if there are too few or they do not vary."""
        flat = training.reshape(len(training), -1)
        if min(judged, len(flat)) < LEAST:
            raise ValueError(
                f"Fidelity takes at least {LEAST} examples and {LEAST} training examples: here "
                f"are {judged} and {len(flat)}."
            )
        if not flat.std(0).any():
            raise ValueError("The training examples are all the same: they span no space.")
        d = min(COMPONENTS, judged // PER_COMPONENT, flat.shape[1], len(flat) - 1)
        fitted = PCA(d, random_state=0).fit(flat)
        held = fitted.explained_variance_.sum(), fitted.explained_variance_ratio_.sum()
        return cls(fitted.mean_, fitted.components_.T, *map(float, held))

    def place(self, x: Floats) -> Matrix:
        """x (N, *event) in this space, (N, d)."""
        with np.errstate(invalid="ignore"):  # of infinite values, which `fidelity` refuses
            placed: Matrix = ((x.reshape(len(x), -1) - self.mean) @ self.axes).astype(np.float64)
        return placed


class Side(NamedTuple):
    """Examples or samples, each with a ball that reaches to its k-th nearest neighbour."""

    x: Matrix  # (n, d)
    squared: Matrix  # (n,) squared lengths
    reach: Matrix  # (n,) squared radii

    @classmethod
    def of(cls, x: Matrix) -> "Side":
        squared: Matrix = (x**2).sum(1)
        found = _distances(x, x, squared, squared)
        np.fill_diagonal(found, math.inf)
        reach = np.partition(found, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
        return cls(x, squared, reach + EQUAL * squared.mean())


def fidelity(
    real: Matrix, sampled: Matrix, seed: int, progress: Progress = silent
) -> dict[str, Likeness]:
    """Every figure of samples against as many real examples, (N, d) each.

    Raises ValueError if there are fewer than `LEAST` of them, or values that are not finite.
    """
    assert len(real) == len(sampled)
    if len(real) < LEAST:
        raise ValueError(f"Fidelity takes at least {LEAST} examples: here are {len(real)}.")
    if not np.isfinite(sampled).all():
        raise ValueError("Some samples have values that are not finite: the model diverged.")
    rng, rows = np.random.default_rng(seed), len(real)
    middle = real.mean(0)  # about it, squared lengths are small and their differences exact
    own, other = [], []
    for i in range(HALVINGS):
        a, b = _halves(real - middle, rng)
        s, t = _halves(sampled - middle, rng)
        own.append([_figures(a, s), _figures(b, t)])
        progress((i + 0.7) / HALVINGS)
        other.append([*near(a, b).values(), _unbiased(a.x, b.x)])
        progress((i + 1) / HALVINGS)
    halves = np.array(own)  # (halvings, 2, figures)
    value = halves.mean((0, 1))
    variance = (np.diff(halves, axis=1) ** 2).mean((0, 1)) / 4
    spread = (1 - 1 / HALVINGS) * halves.mean(1).var(0, ddof=1)
    variance[COVERAGE] = max(variance[COVERAGE] - spread[COVERAGE], variance[COVERAGE] / 2)
    se = np.sqrt(variance)
    value[-1] = 2 * squared_frechet(real, sampled) - value[-1]
    se[-1] = halves[:, :, -1].std(ddof=1)
    reference = np.maximum(np.mean(other, 0), 0)
    return {
        name: Likeness(*_interval(name, float(value[i]), float(se[i]), rows), float(reference[i]))
        for i, name in enumerate(FIGURES)
    }


def _halves(side: Matrix, rng: np.random.Generator) -> tuple[Side, Side]:
    """Two halves by lot; of an odd number one is left out."""
    order, half = rng.permutation(len(side)), len(side) // 2
    return Side.of(side[order[:half]]), Side.of(side[order[half : 2 * half]])


def _figures(real: Side, sampled: Side) -> list[float]:
    return [*near(real, sampled).values(), squared_frechet(real.x, sampled.x)]


def near(real: Side, sampled: Side) -> dict[str, float]:
    """Precision, recall, density and coverage."""
    across = _distances(real.x, sampled.x, real.squared, sampled.squared)
    inside = across <= real.reach[:, None]  # (real, sampled)
    return {
        "precision": float(inside.any(0).mean()),
        "recall": float((across <= sampled.reach).any(1).mean()),
        "density": float(inside.sum(0).mean()) / NEIGHBOURS,
        "coverage": float(inside.any(1).mean()),
    }


def squared_frechet(a: Matrix, b: Matrix) -> float:
    """|m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁S₂)^½) of two sides (N, d), as it comes: too large by about
    c / N."""
    covariances = [np.cov(side, rowvar=False).reshape(side.shape[1], -1) for side in (a, b)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.maximum(values, 0))  # root rootᵀ = S₁, so rootᵀ S₂ root ~ S₁S₂
    mixed = np.maximum(np.linalg.eigvalsh(root.T @ covariances[1] @ root), 0)
    apart = a.mean(0) - b.mean(0)
    traces = sum(float(np.trace(c)) for c in covariances)
    return float(apart @ apart) + traces - 2 * float(np.sqrt(mixed).sum())


def _unbiased(a: Matrix, b: Matrix) -> float:
    """The squared distance without its first-order bias, from the two halves of each side."""
    parts = [squared_frechet(a[i::2], b[i::2]) for i in (0, 1)]
    return 2 * squared_frechet(a, b) - sum(parts) / 2


def _interval(name: str, value: float, se: float, trials: int) -> Proportion:
    """A figure with the ends of its interval; none of them is below 0."""
    if name in SHARES:
        return adjusted_wilson(value, se, trials, most=4 if name == "coverage" else 1)
    if name == "density":
        se = max(se, 1 / (NEIGHBOURS * trials))  # that of one sample in one ball
    return Proportion(*(max(0.0, value + t * se) for t in (0, -T95, T95)))


def _distances(a: Matrix, b: Matrix, a_squared: Matrix, b_squared: Matrix) -> Matrix:
    """Squared distances (n, m) of a (n, d) and b (m, d)."""
    found: Matrix = a @ (-2 * b.T)
    found += a_squared[:, None]
    found += b_squared
    return found
