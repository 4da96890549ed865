"""Disentanglement: agreement of single latents with single factors that generated the data.

Five scores, defined as in the study of Locatello et al. 2019 (https://arxiv.org/abs/1811.12359,
appendix C), each at most 1 and higher for codes whose axes are the factors:

* mig: the lead of the most informative latent of a factor over the second, in mutual information
  as a share of the factor's entropy (Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 6);
* sap: the same lead in how well one latent alone predicts the factor: squared correlation of a
  continuous factor, accuracy of a linear classifier of a discrete one, whose lead is at most 1
  less the share of a class (Kumar et al. 2018, https://arxiv.org/abs/1711.00848);
* dci_disentanglement, dci_completeness, dci_informativeness: whether a latent depends on one
  factor, a factor on one latent, and all latents together predict it, by the importances of
  boosted trees (Eastwood & Williams 2018, https://openreview.net/forum?id=By-7dz-AZ);
* beta_vae, factor_vae: accuracy of naming the factor that a set shares (see `factor_sets`).

`chance` is the score of latents without information: 1 / F for the last two, for informativeness
the mean over factors of the largest value's share (0 where continuous), near 0 for the others.
With few examples mig is too low, because the other latents have some information by chance: by .03
with 2,000 and .2 with 300 examples for a perfect code of continuous factors.
A factor of at most 20 values is discrete. Any other is continuous; a score that needs values takes
20 bins of equal width.

A score is a function of `Draw`, in a row `Score`.

Letters: N examples, Z latents, F factors. Scores are without unit.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.progress import Progress, parts, silent
from vae.base.records import Estimate, Floats, Ints

BINS = 20
HALVES = 8  # halves of the examples that the standard errors come from
LEAST = 100  # examples below which no score is computed
WHOLE = 2  # cost of all examples relative to half of them

Matrix = NDArray[np.float64]


class Sample(NamedTuple):
    """Latents with the factors that generated their examples."""

    z: Floats  # (N, Z)
    factors: Matrix  # (N, F)
    values: Ints  # (N, F) discrete, from 0
    continuous: NDArray[np.bool_]  # (F,)

    def take(self, rows: Ints) -> "Sample":
        return Sample(self.z[rows], self.factors[rows], self.values[rows], self.continuous)


class Draw:
    """A sample, its random division into training and test halves, and a random generator.

    All scores of one draw share it, so that several may use the same fit.
    """

    def __init__(self, sample: Sample, rng: np.random.Generator) -> None:
        order = rng.permutation(len(sample.z))
        self.sample, self.rng = sample, rng
        self.train, self.test = sample.take(order[::2]), sample.take(order[1::2])
        self.progress: Progress = silent  # of the score that is being computed

    @cached_property
    def trees(self) -> dict[str, float]:
        """The three scores of DCI, from the same boosted trees."""
        return dci(self.train, self.test, int(self.rng.integers(2**31)), self.progress)


class Score(NamedTuple):
    """A score of disentanglement."""

    compute: Callable[[Draw], float]
    chance: Callable[[Sample], float] = lambda sample: 0.0  # of a code without information
    seconds: float = 1.0  # about, on all examples


def disentanglement(
    z: Floats,
    factors: Mapping[str, Floats],
    rows: Mapping[str, Score],
    seed: int,
    halves: int = 0,
    progress: Progress = silent,
) -> dict[str, Estimate]:
    """Return each score of latents (N, Z) for factors name → (N,).

    The standard error is the standard deviation of the score over random halves of the examples,
    `HALVES` unless given, which estimates that of the whole over data sets (half-sampling,
    McCarthy 1969); near chance that of mig is up to twice too wide. Constant factors are left out.
    Raises ValueError if there are fewer than two latents, two varying factors or `LEAST` examples.
    """
    sample, rng = prepared(z, factors), np.random.default_rng(seed)
    halves = halves or HALVES
    whole, *half = parts(progress, [WHOLE] + [1] * halves)
    found = scores(sample, rows, rng, whole)
    n, drawn = len(z), []
    for part in half:
        drawn.append(scores(sample.take(rng.permutation(n)[: n // 2]), rows, rng, part))
    return {
        name: Estimate(
            found[name],
            se=float(np.std([d[name] for d in drawn], ddof=1)),
            chance=row.chance(sample),
        )
        for name, row in rows.items()
    }


def prepared(z: Floats, factors: Mapping[str, Floats]) -> Sample:
    """Return latents with discrete and continuous factors; raises ValueError as above."""
    varied = [np.asarray(f, np.float64) for f in factors.values() if len(np.unique(f)) > 1]
    if z.shape[1] < 2 or len(varied) < 2 or len(z) < LEAST:
        raise ValueError(
            f"Disentanglement takes at least two latents, two factors that vary and {LEAST} "
            f"examples: here are {z.shape[1]}, {len(varied)} and {len(z)}."
        )
    continuous = np.array([len(np.unique(f)) > BINS for f in varied])
    values = [_bins(f) if c else _codes(f) for f, c in zip(varied, continuous, strict=True)]
    return Sample(z, np.stack(varied, 1), np.stack(values, 1), continuous)


def scores(
    sample: Sample,
    rows: Mapping[str, Score],
    rng: np.random.Generator,
    progress: Progress = silent,
) -> dict[str, float]:
    """Return each score of one draw from a sample."""
    draw, found = Draw(sample, rng), {}
    shares = parts(progress, [row.seconds for row in rows.values()])
    for (name, row), share in zip(rows.items(), shares, strict=True):
        draw.progress = share
        found[name] = float(row.compute(draw))
    return found


def mig(sample: Sample, progress: Progress = silent) -> float:
    """Mutual information gap: mean over factors of (I₁ − I₂) / H, of histograms of 20 bins."""
    from sklearn.metrics import mutual_info_score

    codes = [_bins(column) for column in sample.z.T]
    gaps = []
    for v in sample.values.T:
        shared = np.sort([mutual_info_score(v, code) for code in codes])  # I of each latent
        gaps.append((shared[-1] - shared[-2]) / mutual_info_score(v, v))
        progress(len(gaps) / sample.values.shape[1])
    return float(np.mean(gaps))


def sap(train: Sample, test: Sample, progress: Progress = silent) -> float:
    """Separated attribute predictability: mean over factors of the lead of the best latent."""
    gaps = []
    shares = parts(progress, [1] * len(train.continuous))
    for f, (continuous, share) in enumerate(zip(train.continuous, shares, strict=True)):
        best = np.zeros(train.z.shape[1])
        for i, latent in enumerate(train.z.T):
            if continuous:
                best[i] = _correlation(latent, train.factors[:, f])
            else:
                best[i] = _hit_rate(train, test, i, f)
            share((i + 1) / len(best))
        best.sort()
        gaps.append(best[-1] - best[-2])
    return float(np.mean(gaps))


def _correlation(a: Floats, b: Matrix) -> float:
    """Squared correlation; 0 of a constant."""
    spread = a.std(dtype=np.float64) * b.std()
    return float((np.cov(a, b, bias=True)[0, 1] / spread) ** 2) if spread > 1e-12 else 0.0


def _hit_rate(train: Sample, test: Sample, latent: int, factor: int) -> float:
    """Accuracy on test examples of a linear classifier of one latent."""
    from sklearn.svm import LinearSVC

    classifier = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
    classifier.fit(train.z[:, [latent]], train.values[:, factor])
    return float(classifier.score(test.z[:, [latent]], test.values[:, factor]))


def dci(train: Sample, test: Sample, seed: int, progress: Progress = silent) -> dict[str, float]:
    """Disentanglement and completeness from the importances (Z, F) of boosted trees, and
    informativeness: accuracy on test examples, R² (at least 0) where the factor is continuous."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    importances, accuracies = [], []
    shares = parts(progress, _trees(train))
    for f, (continuous, share) in enumerate(zip(train.continuous, shares, strict=True)):
        row = GradientBoostingRegressor if continuous else GradientBoostingClassifier
        target = [s.factors[:, f] if continuous else s.values[:, f] for s in (train, test)]
        trees = row(random_state=seed)
        trees.fit(train.z, target[0], monitor=partial(_report_stage, share))
        importances.append(trees.feature_importances_)
        accuracies.append(max(0.0, trees.score(test.z, target[1])))
    r = np.stack(importances, 1)  # (Z, F)
    return {
        "dci_disentanglement": _concentration(r),
        "dci_completeness": _concentration(r.T),
        "dci_informativeness": float(np.mean(accuracies)),
    }


def _trees(sample: Sample) -> list[float]:
    """Return how many trees a stage of boosting fits for each factor: one, or one for each value
    of a discrete factor with more than two."""
    values = sample.values.max(0) + 1
    return [
        1.0 if c or v == 2 else float(v) for v, c in zip(values, sample.continuous, strict=True)
    ]


def _report_stage(progress: Progress, stage: int, trees: Any, state: Any) -> None:
    """Report progress after a stage of boosting."""
    progress((stage + 1) / trees.n_estimators)


def largest_value(sample: Sample) -> float:
    """Return the mean over factors of the most frequent value's share; 0 if continuous."""
    columns = zip(sample.values.T, sample.continuous, strict=True)
    shares = [0.0 if c else float(np.bincount(v).max() / len(v)) for v, c in columns]
    return float(np.mean(shares))


def one_factor(sample: Sample) -> float:
    """Return 1 / F, the accuracy of naming a factor at random."""
    return 1.0 / len(sample.continuous)


def _concentration(r: Matrix) -> float:
    """Return the mean over rows, weighted by their sums, of 1 − entropy / largest entropy."""
    weight = r.sum(1)
    if not weight.sum():
        return 0.0
    p = r / np.maximum(weight, 1e-300)[:, None]
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(1) / np.log(r.shape[1])
    return float(np.average(1 - entropy, weights=weight))


def _codes(values: Matrix) -> Ints:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _bins(values: Floats | Matrix) -> Ints:
    """Return the index of each value's bin among 20 bins of equal width, (N,)."""
    edges = np.linspace(values.min(), values.max(), BINS + 1)[1:-1]
    return np.digitize(values, edges)
