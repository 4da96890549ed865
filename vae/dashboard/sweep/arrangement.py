"""Rows, columns and titles of the configurations of a sweep."""

import math
from collections.abc import Sequence
from typing import Any

from vae.experiments import sweeps
from vae.experiments.configurations import Entry, Fold, written


def values_of(folds: Sequence[Fold], name: str) -> list[Any]:
    """Return the values of a setting, numbers in ascending order."""
    values = list({written(f.settings.get(name)): f.settings.get(name) for f in folds}.values())
    return sorted(values) if is_numeric(folds, name) else values


def is_numeric(folds: Sequence[Fold], name: str) -> bool:
    """Whether every value of a setting is a number."""
    return all(isinstance(f.settings.get(name), int | float) for f in folds)


def places(folds: Sequence[Fold], differ: Sequence[str], most: int) -> list[tuple[int, int]]:
    """Return row and column of each configuration, at most `most` in a row. Two settings: a row
    for each value of the first, or of the second if only that fits. Otherwise: in reading
    order."""
    for down, over in [differ, differ[::-1]] if len(differ) == 2 else []:
        rows, columns = values_of(folds, down), values_of(folds, over)
        if len(columns) <= most:
            return [
                (rows.index(f.settings.get(down)), columns.index(f.settings.get(over)))
                for f in folds
            ]
    rank = list(range(len(folds)))
    if len(differ) == 1:
        values = values_of(folds, differ[0])
        rank = [values.index(f.settings.get(differ[0])) for f in folds]
    across = min(most, math.ceil(math.sqrt(len(folds) * 1.5)))
    across = math.ceil(len(folds) / math.ceil(len(folds) / across))  # as full a last row as can be
    return [divmod(place, across) for place in rank]


def title(fold: Fold, names: Sequence[str]) -> str:
    """Return these settings of a configuration as text."""
    return sweeps.format_settings({name: fold.settings.get(name) for name in names})


def titles(folds: Sequence[Fold], differ: Sequence[str]) -> list[str]:
    """Return the text above each small chart: the differing settings, or only the value of a
    single categorical one."""
    if len(differ) == 1 and not is_numeric(folds, differ[0]):
        return [written(fold.settings.get(differ[0])) for fold in folds]
    return [title(fold, differ) for fold in folds]


def run_places(
    folds: Sequence[Fold], differ: Sequence[str], most: int
) -> list[tuple[Entry, str, tuple[int, int]]]:
    """Return every run with its title and its row and column.

    Several seeds make a row each, or a column each if the configurations do not fit side by side.
    """
    heads = titles(folds, differ)
    seeds = sorted({run.seed for fold in folds for run in fold.runs})
    if len(seeds) < 2:
        place = places(folds, differ, most)
        if len(differ) != 2:
            place = [divmod(rank, most) for rank in _ranks(folds, differ)]  # one row, if it fits
        spots = [spot for fold, spot in zip(folds, place, strict=True) for _ in fold.runs]
    else:
        ranks = _ranks(folds, differ)
        spots = [
            (seeds.index(run.seed), rank)
            for fold, rank in zip(folds, ranks, strict=True)
            for run in fold.runs
        ]
        if len(folds) > most:
            spots = [(rank, seed) for seed, rank in spots]
    if len(set(spots)) < len(spots) or max(column for _, column in spots) >= most:
        spots = [divmod(k, most) for k in range(len(spots))]  # in reading order
    more = [f" · seed {run.seed}" * (len(seeds) > 1) for fold in folds for run in fold.runs]
    runs = [(run, head) for fold, head in zip(folds, heads, strict=True) for run in fold.runs]
    return [
        (run, f"{head}{end}", spot)
        for (run, head), end, spot in zip(runs, more, spots, strict=True)
    ]


def _ranks(folds: Sequence[Fold], differ: Sequence[str]) -> list[int]:
    """Return the position of each configuration in the order of the values of its settings."""
    order = [values_of(folds, name) for name in differ]

    def key(k: int) -> list[int]:
        settings = folds[k].settings
        return [o.index(settings.get(name)) for o, name in zip(order, differ, strict=True)]

    ordered = sorted(range(len(folds)), key=key)
    return [ordered.index(k) for k in range(len(folds))]
