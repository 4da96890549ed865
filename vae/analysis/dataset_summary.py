"""Summary of a data set: size, range, values, classes, factors, mean and standard deviation.

All numbers refer to x as the model receives it: x / scale, binarized if the configuration
binarizes (a stochastic binarization by one draw with a fixed seed). N examples with
D = prod(*event) elements each. Standard deviations divide by N: they describe these examples.
Values that were not observed are counted, and left out of everything else. Of a mapped data set
with more values than LARGEST, statistics are those of a stratified sample; the range, the missing
values and the classes are those of all examples.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vae.base import rng
from vae.base.data_records import DataSummary, Factor, Moments
from vae.base.progress import report
from vae.base.records import Floats, Ints
from vae.batches import Batches
from vae.components.binarizations import BINARIZATIONS
from vae.config import RunConfig
from vae.data import Dataset, Splits, split
from vae.data.dataset import stratified
from vae.data.missing import missing_parts
from vae.data.scan import scanned
from vae.data.series import lengths

CHUNK = 2**21  # numbers in memory at once
MOST_DISTINCT = 10_000  # distinct real values that are counted at most
BINS = 64  # of the histogram of real values
LARGEST = 2**27  # numbers of mapped data that are all counted
CPU = torch.device("cpu")


class _Values(NamedTuple):
    """Statistics of all values of all examples."""

    distinct: int | None
    zeros: int
    edges: Floats
    counts: Ints


def summarise(dataset: Dataset, config: RunConfig) -> DataSummary:
    """Return the summary of a data set as the model receives it, with the splits of `config`.

    Raises DataError if the shares of `config` leave no training examples.
    """
    splits = split(dataset, config.val_share, config.test_share, config.seed)
    rows = examined(dataset, np.arange(len(dataset.x)))
    levels = config.domain(dataset).levels
    values = _values(dataset, config, levels, rows)
    each = moments(dataset, config, rows)
    low, high = _range(dataset, config)
    mean = float(each.mean.mean(dtype=np.float64))
    spread = each.sd.astype(np.float64) ** 2 + (each.mean.astype(np.float64) - mean) ** 2
    classes, counts = _classes(dataset, splits)
    whole = dataset.x if dataset.truth is None else dataset.truth
    steps = lengths(whole) if dataset.is_series else np.zeros(1, np.int64)
    return DataSummary(
        name=dataset.name,
        about=dataset.about + _sampled(dataset, rows),
        fingerprint=dataset.fingerprint,
        examples=len(dataset.x),
        shape=dataset.event_shape,
        dtype=str(dataset.x.dtype),
        scale=dataset.scale,
        binarize=config.binarize,
        levels=levels,
        distinct=values.distinct,
        low=low,
        high=high,
        mean=mean,
        sd=float(np.sqrt(spread.mean())),
        zeros=values.zeros / max(1, int(values.counts.sum())),
        constant=int((each.sd == 0).sum()),
        edges=values.edges,
        counts=values.counts,
        splits={name: len(rows) for name, rows in splits._asdict().items()},
        classes=classes,
        class_counts=counts,
        factors=tuple(_factor(name, column) for name, column in dataset.factors.items()),
        moments=each,
        missing=_missing(dataset),
        inside=int(steps.sum()) if dataset.is_series else len(dataset.x),
        shortest=int(steps.min()),
        columns=dataset.columns,
    )


def _missing(dataset: Dataset) -> Ints | None:
    """Return the number of values of each column (D,) or channel (C,) that were not observed;
    None if there are all."""
    if not dataset.missing:
        return None
    none = np.zeros(dataset.event_shape[0], np.int64)
    axes = (0, *range(2, dataset.x.ndim))
    return sum((gone.sum(axes) for gone in missing_parts(dataset)), none)


def examined(dataset: Dataset, rows: Ints) -> Ints:
    """Return the rows whose values are counted: all, or a stratified sample of a large mapped data
    set."""
    most = max(1, LARGEST // int(np.prod(dataset.event_shape)))
    return rows if dataset.in_memory else stratified(dataset.labels, rows, most, 0)


def _sampled(dataset: Dataset, rows: Ints) -> str:
    """Return a sentence on the sample, if there is one."""
    if len(rows) == len(dataset.x):
        return ""
    return f" Mean, SD and counts of values are those of {len(rows):,} examples, drawn at random."


def model_inputs(dataset: Dataset, config: RunConfig, rows: Ints) -> Floats:
    """Return these rows as the model receives them in evaluation, (N, *event)."""
    values: Floats = Batches(dataset, rows, config, CPU).fixed(config.seed).x.numpy()
    return values


def moments(dataset: Dataset, config: RunConfig, rows: Ints) -> Moments:
    """Return mean and standard deviation of each element over these rows, or those `examined`.
    Raises ValueError without rows.

    Sums are of differences from the first example, which keeps precision for large, similar
    values; an element that never varies has a standard deviation of exactly 0.
    """
    if not len(rows):
        raise ValueError("There are no such examples: choose another split or class.")
    rows = examined(dataset, rows)
    origin: NDArray[np.float64] | None = None
    first = second = count = np.zeros(dataset.event_shape)
    for x in _chunks(dataset, config, rows):
        wide = x.astype(np.float64)
        origin = _first(wide) if origin is None else origin
        wide -= origin
        count = count + (wide == wide).sum(0)
        first = first + np.nansum(wide, 0)
        second = second + np.nansum(np.square(wide, out=wide), 0)
    assert origin is not None
    n = np.maximum(count, 1)
    variance = np.maximum(second / n - (first / n) ** 2, 0)
    mean, sd = (origin + first / n).astype(np.float32), np.sqrt(variance).astype(np.float32)
    return Moments(mean, sd, len(rows))


def _first(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first observed value of each element (*event) of x (N, *event); 0 without one."""
    place = np.argmax(x == x, axis=0)[None]
    first: NDArray[np.float64] = np.nan_to_num(np.take_along_axis(x, place, 0)[0])
    return first


def _chunks(dataset: Dataset, config: RunConfig, rows: Ints) -> Iterator[Floats]:
    """Yield the rows in order as the model receives them, a chunk at a time."""
    batches = Batches(dataset, rows, config, CPU)
    with rng.stream(CPU, config.seed, "evaluation"):
        done = 0
        for batch in batches.chunks(max(1, CHUNK // int(np.prod(dataset.event_shape)))):
            yield batch.x.numpy()
            done += len(batch.x)
            report("Counting the values…", done / len(rows))


def _range(dataset: Dataset, config: RunConfig) -> tuple[float, float]:
    """Return the smallest and the largest value."""
    found = scanned(dataset.x)
    low, high = (float(np.float32(v) / dataset.scale) for v in (found.low, found.high))
    row = BINARIZATIONS[config.binarize]
    if row.random:  # any value between 0 and 1 can become either
        return float(low == 1), float(high > 0)
    low, high = row.apply(torch.tensor([low, high])).tolist()
    return low, high


def _values(dataset: Dataset, config: RunConfig, levels: int, rows: Ints) -> _Values:
    """Return counts in one bin per level, or in BINS bins between the extremes of real values."""
    zeros = 0
    if levels:
        counts = np.zeros(levels, np.int64)
        for x in _chunks(dataset, config, rows):
            k = np.rint(x[x == x] * (levels - 1)).astype(np.int64)
            counts += np.bincount(k.reshape(-1), minlength=levels)
        edges = (np.arange(levels + 1) - 0.5) / (levels - 1)
        return _Values(int((counts > 0).sum()), int(counts[0]), edges.astype(np.float32), counts)
    edges = np.linspace(*_range(dataset, config), BINS + 1)
    counts, found = np.zeros(BINS, np.int64), np.empty(0, np.float32)
    for x in _chunks(dataset, config, rows):
        x = x[x == x]
        counts += np.histogram(x, edges)[0]
        zeros += int((x == 0).sum())
        if len(found) <= MOST_DISTINCT:
            found = np.union1d(found, x)
    distinct = len(found) if len(found) <= MOST_DISTINCT else None
    return _Values(distinct, zeros, edges.astype(np.float32), counts)


def _classes(dataset: Dataset, splits: Splits) -> tuple[tuple[str, ...], Ints]:
    """Return the names of the classes, and their numbers of examples in train, val and test."""
    names, labels = dataset.classes, dataset.labels
    if labels is None:
        return (), np.zeros((0, 3), np.int64)
    k = np.where((labels >= 0) & (labels < len(names)), labels, len(names))
    counts = np.stack([np.bincount(k[rows], minlength=len(names) + 1) for rows in splits], axis=1)
    return ((*names, "no class"), counts) if counts[-1].any() else (names, counts[:-1])


def _factor(name: str, column: Floats) -> Factor:
    known = np.unique(column[np.isfinite(column)])
    ends = (float(known[0]), float(known[-1])) if len(known) else (np.nan, np.nan)
    return Factor(name, len(known), *ends)
