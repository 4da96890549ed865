"""The course of a run: what its reports say of how training went, in a few numbers.

The score of a run is what its best weights are chosen by: the ELBO, a bound of the objective's own
or −reconstruction, in nats per example, larger is better; of the validation examples, or where
none are held out, of the training examples. The span of a run is what its score has gained: the
highest less the first. As a share of the span, a change of the score does not depend on the number
of pixels or the unit of x.

Notation: T epochs at which the score is known, Z latent dimensions. A value that a damaged report
lacks is NaN. Everything is a pure function of the reports.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from vae.base.criterion import Criterion
from vae.base.records import Floats

Reports = Iterable[Mapping[str, Any]]
LAST = 0.1  # share of the epochs that is averaged where one value would be chance


class Course(NamedTuple):
    """How training went, nats per example."""

    criterion: Criterion  # selects the best weights, and gives the score
    split: str  # "val" or "train"
    epoch: Floats  # (T,) ascending
    value: Floats  # (T,) the score
    train: Floats  # (T,) the score of the training examples, mean over the epoch before
    beta: Floats  # (T,) NaN where the objective has none
    sigma: Floats  # (T,) the smallest learned σ, in the unit of x; NaN where none is learned
    kl: float | None  # mean of the last LAST of the epochs
    kl_per_dimension: Floats | None  # (Z,) likewise
    loss: tuple[float, float]  # what is minimised: before training, and the highest since
    peak: float  # epoch of the latter
    reach: float  # Σ of the learning rate over the steps: how far Adam can have moved a weight
    steps: int

    @property
    def span(self) -> float:
        """What the score has gained, never negative."""
        return float(self.value.max() - self.value[0]) if len(self.value) else 0.0

    @property
    def range(self) -> float:
        """The span, and what the averaged score has lost since its best: by how much it moved."""
        lost = float(self.smooth.max() - self.smooth[-1]) if len(self.value) else 0.0
        return self.span + lost

    @property
    def smooth(self) -> Floats:
        """The score averaged over LAST of the epochs, (T,): each with those before it."""
        return _smooth(self.value)

    @property
    def smooth_train(self) -> Floats:
        """That of the training examples likewise, (T,); NaN up to its first."""
        first = int(np.isnan(self.train).sum())
        late = _smooth(self.train[first:]) if len(self.train) > first else self.train[:0]
        return np.concatenate([np.full(len(self.train) - len(late), np.nan), late])

    @property
    def gap(self) -> float:
        """By how much the training examples score better at the end; 0 where that is not known."""
        return (
            float(np.nan_to_num(self.smooth_train[-1] - self.smooth[-1]))
            if len(self.value)
            else 0.0
        )

    @property
    def jitter(self) -> float:
        """Standard deviation of the score from epoch to epoch about its trend, of the later half:
        1.4826 times the median of |second differences| / √6, which a slope and a few leaps leave
        as it is; NaN for fewer than five points."""
        later = self.value[len(self.value) // 2 :]
        if len(later) < 5:
            return float("nan")
        return float(1.4826 * np.median(np.abs(np.diff(later, 2))) / 6**0.5)

    def gain(self, share: float) -> float:
        """What the averaged score has gained over the last `share` of the epochs; NaN for fewer
        than two points."""
        if len(self.value) < 2:
            return float("nan")
        back = min(max(1, round(share * (len(self.value) - 1))), len(self.value) - 1)
        return float(self.smooth[-1] - self.smooth[-1 - back])


def course_of(reports: Reports, criterion: Criterion) -> Course:
    """The course that these reports tell of a run whose best weights `criterion` selects."""
    reports = list(reports)
    parts = {name: [r for r in reports if r.get("split") == name] for name in ("val", "train")}
    split = "val" if parts["val"] else "train"
    rows, own = _epochs(parts[split]), _epochs(parts["train"])
    train = {end: _mean(_score(r, criterion) for r in group) for end, group in own.items()}
    value = np.array([_mean(_score(r, criterion) for r in group) for group in rows.values()])
    kept = np.flatnonzero(np.isfinite(value))
    ends = [end for place, end in enumerate(rows) if place in set(kept.tolist())]
    lasts = [rows[end][-1] for end in ends]
    per = [_vector(r.get("kl_per_dimension")) for r in _tail(lasts)]
    kl = _mean(_number(r.get("kl")) for r in _tail(lasts))
    start, peak, highest = _losses(reports)
    return Course(
        criterion=criterion,
        split=split,
        epoch=np.array(ends, np.float32),
        value=value[kept],
        train=np.array([train.get(end, np.nan) for end in ends]),
        beta=np.array([_number(r.get("beta")) for r in lasts]),
        sigma=np.array([_sigma(r) for r in lasts]),
        kl=kl if np.isfinite(kl) else None,
        kl_per_dimension=_together(per),
        loss=(start, highest),
        peak=peak,
        reach=_reach(reports),
        steps=max((int(r["step"]) for r in reports), default=0),
    )


def _epochs(reports: list[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """Reports by the end of the epoch that they fall into, ascending."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for report in reports:
        found.setdefault(int(np.ceil(report["epoch"] - 1e-6)), []).append(report)
    return dict(sorted(found.items()))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _mean(values: Iterable[float]) -> float:
    finite = [v for v in values if np.isfinite(v)]
    return float(np.mean(finite)) if finite else float("nan")


def _terms(report: Mapping[str, Any]) -> Mapping[str, Any]:
    terms = report.get("terms")
    return terms if isinstance(terms, dict) else {}


def _score(report: Mapping[str, Any], criterion: Criterion) -> float:
    return _number(criterion.score(report))


def _sigma(report: Mapping[str, Any]) -> float:
    found = _terms(report)
    return _number(found.get("sigma_min", found.get("sigma")))


def _vector(value: Any) -> Floats | None:
    if not isinstance(value, list | tuple) or not value:
        return None
    found = np.array([_number(v) for v in value])
    return found if np.isfinite(found).all() else None


def _together(vectors: list[Floats | None]) -> Floats | None:
    """The mean of those that there are, of one length."""
    there = [v for v in vectors if v is not None]
    alike = [v for v in there if len(v) == len(there[-1])]
    return np.mean(alike, axis=0) if alike else None


def _tail(rows: list[Any]) -> list[Any]:
    return rows[-max(1, round(LAST * len(rows))) :]


def _losses(reports: list[Mapping[str, Any]]) -> tuple[float, float, float]:
    """The loss before training (or the first there is), and epoch and value of the highest."""
    found = [(r["epoch"], _number(r.get("loss"))) for r in reports]
    found = [pair for pair in found if np.isfinite(pair[1])]
    if not found:
        return float("nan"), float("nan"), float("nan")
    epoch, highest = max(found[1:] or found, key=lambda pair: pair[1])
    return found[0][1], float(epoch), highest


def _reach(reports: list[Mapping[str, Any]]) -> float:
    reach, step = 0.0, 0
    for report in reports:
        lr = _number(report.get("lr"))
        reach += (lr if np.isfinite(lr) else 0.0) * max(0, report["step"] - step)
        step = max(step, report["step"])
    return reach


def _smooth(values: Floats) -> Floats:
    width = max(1, round(LAST * len(values)))
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    means: Floats = (sums[ends] - sums[starts]) / (ends - starts)
    return means
