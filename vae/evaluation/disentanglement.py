"""Disentanglement: whether each latent stands for one factor that generated the data.

Five scores, defined as in the study of Locatello et al. 2019 (https://arxiv.org/abs/1811.12359,
appendix C), each at most 1 and higher for codes whose axes are the factors:

* mig: how far the latent that tells most of a factor is ahead of the second, in mutual information
  as a share of the factor's entropy (Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 6);
* sap: the same lead in how well one latent alone predicts the factor: squared correlation of a
  continuous factor, accuracy of a linear classifier of a discrete one, which ends at 1 less the
  share of a class (Kumar et al. 2018, https://arxiv.org/abs/1711.00848, section 3);
* dci_disentanglement, dci_completeness, dci_informativeness: whether a latent serves one factor, a
  factor is served by one latent, and all latents together predict it, by the importances of
  boosted trees (Eastwood & Williams 2018, https://openreview.net/forum?id=By-7dz-AZ, section 2);
* beta_vae: accuracy of a linear classifier that names the factor that the examples of a set of
  pairs share, from their mean absolute difference in each latent (Higgins et al. 2017,
  https://openreview.net/forum?id=Sy2fzU9gl, section 3);
* factor_vae: accuracy of the vote that names the factor that a set of examples shares, from the
  latent that varies least in it (Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, section 4).

A code that tells nothing is at its `chance`: 1 / F for the last two, for informativeness the mean
over factors of the largest value's share (0 where continuous), for the others near 0. With few
examples mig falls short, since chance makes the latents beside the best one tell something: by
.03 with 2,000 and .2 with 300 for a perfect code of continuous factors.
A factor of at most 20 values is discrete; any other is continuous, and where a score needs values
it takes 20 bins of equal width. Sets that share a factor are found in the data by these values,
so the other factors vary in them as they do in the data.

Letters: N examples, Z latents, F factors, S sets. Scores are without unit.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from sklearn.svm import LinearSVC

from vae.base.progress import Progress, parts, silent
from vae.base.records import Floats, Ints

BINS = 20
SETS = {"train": 10_000, "test": 5_000}  # of the sampled scores, as in the study
SIZE = 64  # examples, or pairs of examples, in a set
HALVES = 8  # halves of the examples that the standard errors come from
LEAST = 100  # examples below which nothing is said
WORK = {"mig": 1, "sap": 1, "dci": 30, "beta_vae": 3, "factor_vae": 1}  # seconds of each, about
WHOLE = 2  # what all examples take against half of them

Matrix = NDArray[np.float64]


class Score(NamedTuple):
    """A score, its standard error over the choice of examples, and that of a code that tells
    nothing."""

    value: float
    se: float
    chance: float


class Sample(NamedTuple):
    """Latents with the factors that generated their examples."""

    z: Floats  # (N, Z)
    factors: Matrix  # (N, F)
    values: Ints  # (N, F) discrete, from 0
    continuous: NDArray[np.bool_]  # (F,)

    def take(self, rows: Ints) -> "Sample":
        return Sample(self.z[rows], self.factors[rows], self.values[rows], self.continuous)


def disentanglement(
    z: Floats,
    factors: Mapping[str, Floats],
    seed: int,
    halves: int = HALVES,
    *,
    progress: Progress = silent,
) -> dict[str, Score]:
    """Every score of latents (N, Z) for factors name → (N,).

    A standard error is the spread of the score over random halves of the examples, which is that
    of the whole from data set to data set (half-sampling, McCarthy 1969); near its chance that of
    mig is up to twice too wide. Factors that do not vary
    are left out. Raises ValueError if there are fewer than two latents, two such factors or
    `LEAST` examples.
    """
    sample, rng = prepared(z, factors), np.random.default_rng(seed)
    whole, *half = parts(progress, [WHOLE] + [1] * halves)
    found = scores(sample, rng, whole)
    n, drawn = len(z), []
    for told in half:
        drawn.append(scores(sample.take(rng.permutation(n)[: n // 2]), rng, told))
    chance = dict.fromkeys(("beta_vae", "factor_vae"), 1 / sample.factors.shape[1])
    chance["dci_informativeness"] = float(np.mean(_largest(sample)))
    return {
        name: Score(value, float(np.std([d[name] for d in drawn], ddof=1)), chance.get(name, 0.0))
        for name, value in found.items()
    }


def prepared(z: Floats, factors: Mapping[str, Floats]) -> Sample:
    """Latents and factors made ready; raises ValueError where scores make no sense."""
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
    sample: Sample, rng: np.random.Generator, progress: Progress = silent
) -> dict[str, float]:
    """Every score once."""
    order = rng.permutation(len(sample.z))
    train, test = sample.take(order[::2]), sample.take(order[1::2])
    told = dict(zip(WORK, parts(progress, list(WORK.values())), strict=True))
    return {
        "mig": mig(sample, told["mig"]),
        "sap": sap(train, test, told["sap"]),
        **dci(train, test, int(rng.integers(2**31)), told["dci"]),
        "beta_vae": beta_vae(sample, rng, told["beta_vae"]),
        "factor_vae": factor_vae(sample, rng, told["factor_vae"]),
    }


def mig(sample: Sample, progress: Progress = silent) -> float:
    """Mutual information gap: mean over factors of (I₁ − I₂) / H, of histograms of 20 bins."""
    codes = [_bins(column) for column in sample.z.T]
    gaps = []
    for v in sample.values.T:
        told = np.sort([mutual_info_score(v, code) for code in codes])
        gaps.append((told[-1] - told[-2]) / mutual_info_score(v, v))
        progress(len(gaps) / sample.values.shape[1])
    return float(np.mean(gaps))


def sap(train: Sample, test: Sample, progress: Progress = silent) -> float:
    """Separated attribute predictability: mean over factors of the lead of the best latent."""
    gaps = []
    shares = parts(progress, [1] * len(train.continuous))
    for f, (continuous, told) in enumerate(zip(train.continuous, shares, strict=True)):
        best = np.zeros(train.z.shape[1])
        for i, latent in enumerate(train.z.T):
            if continuous:
                best[i] = _correlation(latent, train.factors[:, f])
            else:
                best[i] = _hit_rate(train, test, i, f)
            told((i + 1) / len(best))
        best.sort()
        gaps.append(best[-1] - best[-2])
    return float(np.mean(gaps))


def _correlation(a: Floats, b: Matrix) -> float:
    """Squared correlation; 0 of a constant."""
    spread = a.std(dtype=np.float64) * b.std()
    return float((np.cov(a, b, bias=True)[0, 1] / spread) ** 2) if spread > 1e-12 else 0.0


def _hit_rate(train: Sample, test: Sample, latent: int, factor: int) -> float:
    """Accuracy on test examples of a linear classifier of one latent."""
    classifier = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
    classifier.fit(train.z[:, [latent]], train.values[:, factor])
    return float(classifier.score(test.z[:, [latent]], test.values[:, factor]))


def dci(train: Sample, test: Sample, seed: int, progress: Progress = silent) -> dict[str, float]:
    """Disentanglement and completeness from the importances (Z, F) of boosted trees, and
    informativeness: accuracy on test examples, R² (at least 0) where the factor is continuous."""
    importances, known = [], []
    shares = parts(progress, _trees(train))
    for f, (continuous, told) in enumerate(zip(train.continuous, shares, strict=True)):
        row = GradientBoostingRegressor if continuous else GradientBoostingClassifier
        target = [s.factors[:, f] if continuous else s.values[:, f] for s in (train, test)]
        trees = row(random_state=seed)
        trees.fit(train.z, target[0], monitor=partial(_grown, told))
        importances.append(trees.feature_importances_)
        known.append(max(0.0, trees.score(test.z, target[1])))
    r = np.stack(importances, 1)  # (Z, F)
    return {
        "dci_disentanglement": _concentration(r),
        "dci_completeness": _concentration(r.T),
        "dci_informativeness": float(np.mean(known)),
    }


def _trees(sample: Sample) -> list[float]:
    """How many trees a stage of boosting takes for each factor: one for each value of a discrete
    one of more than two."""
    values = sample.values.max(0) + 1
    return [
        1.0 if c or v == 2 else float(v) for v, c in zip(values, sample.continuous, strict=True)
    ]


def _grown(progress: Progress, stage: int, trees: Any, state: Any) -> None:
    """What boosting calls after each stage."""
    progress((stage + 1) / trees.n_estimators)


def _largest(sample: Sample) -> list[float]:
    """The share of each factor's most frequent value; 0 where it is continuous."""
    columns = zip(sample.values.T, sample.continuous, strict=True)
    return [0.0 if c else float(np.bincount(v).max() / len(v)) for v, c in columns]


def _concentration(r: Matrix) -> float:
    """Mean over rows, weighted by their sums, of 1 − the entropy of a row in units of the
    largest."""
    weight = r.sum(1)
    if not weight.sum():
        return 0.0
    p = r / np.maximum(weight, 1e-300)[:, None]
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(1) / np.log(r.shape[1])
    return float(np.average(1 - entropy, weights=weight))


def beta_vae(sample: Sample, rng: np.random.Generator, progress: Progress = silent) -> float:
    """Accuracy on fresh sets of pairs of a linear classifier of their mean |z₁ − z₂|."""
    sets = {}
    for part, count in SETS.items():
        rows, shared = _sets(sample, count, 2 * SIZE, rng, pairs=True)
        z = sample.z[rows].reshape(count, SIZE, 2, -1)
        sets[part] = np.abs(z[:, :, 0] - z[:, :, 1]).mean(1), shared  # (S, Z), (S,)
        progress(len(sets) / 3)
    classifier = LogisticRegression(max_iter=1000).fit(*sets["train"])
    progress(1.0)
    return float(classifier.score(*sets["test"]))


def factor_vae(sample: Sample, rng: np.random.Generator, progress: Progress = silent) -> float:
    """Accuracy on fresh sets of the majority vote by the latent of least relative variance.

    A latent that never varies has no vote."""
    spread = sample.z.var(0, ddof=1, dtype=np.float64)
    active = spread > 1e-12
    if not active.any():
        return 0.0
    votes = {}
    for part, count in SETS.items():
        rows, shared = _sets(sample, count, SIZE, rng)
        within = sample.z[:, active][rows].var(1, ddof=1)  # (S, Z)
        table = np.zeros((sample.factors.shape[1], int(active.sum())))
        np.add.at(table, (shared, (within / spread[active]).argmin(1)), 1)
        votes[part] = table  # (F, Z)
        progress(len(votes) / len(SETS))
    named = votes["train"].argmax(0)
    return float(votes["test"][named, np.arange(len(named))].sum() / SETS["test"])


def _sets(
    sample: Sample, count: int, size: int, rng: np.random.Generator, pairs: bool = False
) -> tuple[Ints, Ints]:
    """Rows (S, size) of `count` sets, and the factor (S,) that each shares: in all examples the
    same value, or where `pairs` in every two that follow each other."""
    shared = rng.integers(sample.factors.shape[1], size=count)
    rows = np.empty((count, size), np.int64)
    for f in range(sample.factors.shape[1]):
        here = shared == f
        first = rng.integers(len(sample.z), size=(int(here.sum()), size // 2 if pairs else 1))
        first = np.repeat(first, 2 if pairs else size, axis=1)
        rows[here] = _alike(sample.values[:, f], first, rng)
    return rows, shared


def _alike(values: Ints, rows: Ints, rng: np.random.Generator) -> Ints:
    """For each of the rows one drawn from those of the same value."""
    order = np.argsort(values, kind="stable")
    counts = np.bincount(values)
    start, value = np.cumsum(counts) - counts, values[rows]
    found: Ints = order[start[value] + (rng.random(rows.shape) * counts[value]).astype(np.int64)]
    return found


def _codes(values: Matrix) -> Ints:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _bins(values: Floats | Matrix) -> Ints:
    """Which of 20 bins of equal width each value falls into, (N,)."""
    edges = np.linspace(values.min(), values.max(), BINS + 1)[1:-1]
    return np.digitize(values, edges)
