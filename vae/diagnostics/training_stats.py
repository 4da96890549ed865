"""Statistics of a run's training curves, computed from its reports.

The score of a run is the value that selects its best weights: the ELBO, a bound of the objective
or −reconstruction, in nats per example, larger is better; on validation examples or, without
them, on training examples. The span is the total gain of the score: highest − first. A change as
a share of the span does not depend on the number of pixels or the unit of x.

**The trained value** of a run is the mean over the last `LAST` of its epochs, for the score, the
KL and the KL of each latent alike. A single report would be noisy: a train report may cover a few
examples only (`vae/base/epoch_means.py`).

Letters: T epochs with a score, Z latent dimensions. A value that a damaged report lacks is NaN.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from vae.base.criterion import Criterion
from vae.base.epoch_means import Counter, Reports, end_of_epoch, epoch_means
from vae.base.numbers import plain
from vae.base.records import Floats

LAST = 0.1  # share of the epochs in an average that replaces one noisy value


class TrainingStats(NamedTuple):
    """Statistics of training, nats per example."""

    criterion: Criterion  # defines the score
    split: str  # "val" or "train"
    epoch: Floats  # (T,) ascending
    value: Floats  # (T,) the score
    train: Floats  # (T,) the training score, mean over the epoch before
    beta: Floats  # (T,) NaN without β
    sigma: Floats  # (T,) the smallest learned σ, in the unit of rescaled x; NaN without one
    kl: float | None  # mean of the last LAST of the epochs
    kl_per_dimension: Floats | None  # (Z,) likewise
    perplexity: float | None  # of the codes, likewise
    loss: tuple[float, float]  # before training, and the highest since
    loss_splits: tuple[str, str]  # of these two reports
    peak: float  # epoch of the highest loss
    reach: float  # Σ of the learning rate over the steps: how far Adam can have moved a weight
    steps: int

    @property
    def span(self) -> float:
        """Total gain of the score, never negative."""
        return float(self.value.max() - self.value[0]) if len(self.value) else 0.0

    @property
    def range(self) -> float:
        """The span plus the loss of the averaged score since its best."""
        lost = float(self.smooth.max() - self.smooth[-1]) if len(self.value) else 0.0
        return self.span + lost

    @property
    def tail(self) -> Floats:
        """The last LAST of the epochs."""
        return self.epoch[-max(1, round(LAST * len(self.epoch))) :]

    @property
    def last_epochs(self) -> str:
        """The epochs of a mean over the last LAST of them, for people: "epoch 9"."""
        ends = [plain(epoch) for epoch in self.tail]
        if len(ends) < 2:
            return f"epoch {ends[0]}" if ends else "before training"
        return f"mean of epochs {ends[0]} to {ends[-1]}"

    @property
    def smooth(self) -> Floats:
        """The score averaged over the preceding LAST of the epochs, (T,)."""
        return _smooth(self.value)

    @property
    def smooth_train(self) -> Floats:
        """The training score averaged likewise, (T,); NaN before its first value."""
        first = int(np.isnan(self.train).sum())
        late = _smooth(self.train[first:]) if len(self.train) > first else self.train[:0]
        return np.concatenate([np.full(len(self.train) - len(late), np.nan), late])

    @property
    def trained(self) -> float | None:
        """The score of the trained model, the mean over the last LAST of the epochs; None without
        one."""
        return float(self.smooth[-1]) if len(self.value) else None

    @property
    def gap(self) -> float:
        """Training score − validation score at the end; 0 if unknown."""
        return (
            float(np.nan_to_num(self.smooth_train[-1] - self.smooth[-1]))
            if len(self.value)
            else 0.0
        )

    @property
    def jitter(self) -> float:
        """Standard deviation of the score about its trend in the later half of training.

        It is 1.4826 times the median of |second differences| / √6, which ignores a slope and a
        few sudden changes; NaN for fewer than five points.
        """
        later = self.value[len(self.value) // 2 :]
        if len(later) < 5:
            return float("nan")
        return float(1.4826 * np.median(np.abs(np.diff(later, 2))) / 6**0.5)

    def gain(self, share: float) -> float:
        """Return the gain of the averaged score in the last `share` of the epochs; NaN for fewer
        than two points."""
        if len(self.value) < 2:
            return float("nan")
        back = min(max(1, round(share * (len(self.value) - 1))), len(self.value) - 1)
        return float(self.smooth[-1] - self.smooth[-1 - back])


def training_stats(
    reports: Reports, criterion: Criterion, counter: Counter = float
) -> TrainingStats:
    """Return the statistics of a run whose best weights `criterion` selects.

    `counter` returns the number of training examples after a step; by default all steps count the
    same.
    """
    reports = list(reports)
    parts = {name: [r for r in reports if r.get("split") == name] for name in ("val", "train")}
    split = "val" if parts["val"] else "train"
    rows = parts[split]
    train = epoch_means(parts["train"], lambda r: _score(r, criterion), counter)
    score = epoch_means(rows, lambda r: _score(r, criterion), counter)
    ends = list(score)
    late = set(_tail(ends))
    kl = _means(rows, late, lambda r: _number(r.get("kl")), counter)
    per = _means(rows, late, lambda r: _vector(r.get("kl_per_dimension")), counter)
    used = _means(rows, late, lambda r: _number(_terms(r).get("perplexity")), counter)
    lasts = [found[-1] for end, found in _epochs(rows).items() if end in score]
    first, highest, peak, splits = _losses(reports)
    return TrainingStats(
        criterion=criterion,
        split=split,
        epoch=np.array(ends, np.float32),
        value=np.array(list(score.values())),
        train=np.array([train.get(end, np.nan) for end in ends]),
        beta=np.array([_number(r.get("beta")) for r in lasts]),
        sigma=np.array([_sigma(r) for r in lasts]),
        kl=float(np.mean(kl)) if kl else None,
        kl_per_dimension=_together(per),
        perplexity=float(np.mean(used)) if used else None,
        loss=(first, highest),
        loss_splits=splits,
        peak=peak,
        reach=reach(reports),
        steps=max((int(r["step"]) for r in reports), default=0),
    )


def _epochs(reports: list[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """Return the reports of each epoch, by its end, ascending."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for report in reports:
        found.setdefault(end_of_epoch(report), []).append(report)
    return dict(sorted(found.items()))


def _means(
    rows: list[Mapping[str, Any]], ends: set[int], value: Callable[..., Any], counter: Counter
) -> list[Any]:
    """Return the means of a value over each of these epochs that has it."""
    return list(
        epoch_means(
            rows, lambda r: value(r) if end_of_epoch(r) in ends else None, counter
        ).values()
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


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


def _together(vectors: list[Floats]) -> Floats | None:
    """Return the mean of the vectors that have the length of the last; None without any."""
    alike = [v for v in vectors if len(v) == len(vectors[-1])]
    return np.mean(alike, axis=0) if alike else None


def _tail(rows: list[Any]) -> list[Any]:
    return rows[-max(1, round(LAST * len(rows))) :]


def _losses(
    reports: list[Mapping[str, Any]],
) -> tuple[float, float, float, tuple[str, str]]:
    """Return the first loss, the highest later one, its epoch, and the splits of both."""
    found = [(_number(r.get("loss")), float(r["epoch"]), str(r.get("split"))) for r in reports]
    found = [one for one in found if np.isfinite(one[0])]
    if not found:
        return float("nan"), float("nan"), float("nan"), ("", "")
    first, highest = found[0], max(found[1:] or found, key=lambda one: one[0])
    return first[0], highest[0], highest[1], (first[2], highest[2])


def reach(reports: Reports) -> float:
    """Return Σ of the learning rate over the steps: how far Adam can have moved a weight; infinite
    if no report has a rate."""
    reports = list(reports)
    if reports and all(report.get("lr") is None for report in reports):
        return float("inf")
    total, step = 0.0, 0
    for report in reports:
        lr = _number(report.get("lr"))
        total += (lr if np.isfinite(lr) else 0.0) * max(0, report["step"] - step)
        step = max(step, report["step"])
    return total


def _smooth(values: Floats) -> Floats:
    width = max(1, round(LAST * len(values)))
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    means: Floats = (sums[ends] - sums[starts]) / (ends - starts)
    return means
