"""Means over the epochs of a run's reports.

A train report is the mean over the examples since the report before it. The reports of an epoch
cover unequal numbers of examples, the last one perhaps a few examples only: of 1,797 digits in
batches of 128, the last batch has 5. A mean over reports weights each with its examples.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Reports = Iterable[Mapping[str, Any]]
Counter = Callable[[int], float]  # optimiser steps → training examples used until then


def example_counter(examples: int, batch_size: int) -> Counter:
    """Return the number of examples after each step, for epochs of so many examples in batches.

    The last batch of an epoch holds the rest.
    """
    steps = math.ceil(examples / batch_size)

    def counter(step: int) -> float:
        epochs, rest = divmod(step, steps)
        return epochs * examples + min(rest * batch_size, examples)

    return counter


def end_of_epoch(report: Mapping[str, Any]) -> int:
    """Return the number of the epoch that a report belongs to, from 1; 0 before training."""
    return math.ceil(float(report["epoch"]) - 1e-6)


def epoch_means(
    reports: Reports, value: Callable[[Mapping[str, Any]], Any], counter: Counter = float
) -> dict[int, Any]:
    """Return end of epoch → mean of `value` over its reports, ascending.

    `value` returns a number or an array, NaN or None if a report has none. By default every step
    counts the same. All reports belong to one split.
    """
    groups: dict[int, list[tuple[Any, float]]] = {}
    before = 0.0
    for report in reports:
        now = counter(int(report["step"]))
        groups.setdefault(end_of_epoch(report), []).append((value(report), max(now - before, 0.0)))
        before = max(before, now)
    means = {end: _mean(groups[end]) for end in sorted(groups)}
    return {end: mean for end, mean in means.items() if mean is not None}


def _mean(parts: list[tuple[Any, float]]) -> Any:
    """Return the weighted mean of the finite values that have the shape of the last."""
    known = [(v, w) for v, w in parts if v is not None and _is_finite(v)]
    if len(known) < 2:
        return known[0][0] if known else None
    alike = [(v, w) for v, w in known if np.shape(v) == np.shape(known[-1][0])]
    total = sum(w for _, w in alike)
    if not total:  # before the first step
        alike, total = [(v, 1.0) for v, _ in alike], len(alike)
    return sum(v * w for v, w in alike) / total


def _is_finite(value: Any) -> bool:
    return math.isfinite(value) if isinstance(value, float) else bool(np.isfinite(value).all())
