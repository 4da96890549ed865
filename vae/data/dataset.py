"""The record of a data set, and its division into training, validation and test examples.

Notation: N examples, *event the shape of one: (C, H, W) for an image, (C, T) for a series of T
steps and C channels, (D,) for a vector. Rows are integers from 0 to N - 1. A predefined test part
is the last rows; the other rows are free. Shares and numbers of examples always refer to the free
rows.

Every selection of rows is stratified: each class receives its proportional count rounded down or
up. The classes with the largest remainders are rounded up (Hamilton's method of apportionment).
"""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.numbers import plural, typed
from vae.base.records import Floats, Ints
from vae.data.description import Reading
from vae.data.errors import DataError


class Dataset(NamedTuple):
    """Examples with their labels and known factors. The model's input is `x / scale`, float32.
    A value NaN was not observed."""

    name: str
    x: NDArray[np.uint8] | Floats  # (N, *event), contiguous
    scale: float  # 255 or 16 for 8-bit or 4-bit grey values, 1 for floats
    labels: Ints | None = None  # (N,) from 0
    classes: tuple[str, ...] = ()  # names of the labels
    factors: dict[str, Floats] = {}  # noqa: RUF012 (never changed) known factors: name → (N,)
    test: int = 0  # number of the last rows that form the predefined test part
    about: str = ""  # one sentence for users: content and source
    names: NDArray[np.str_] | None = None  # (N,) of the rows, such as files
    reading: Reading | None = None  # how a user's file was read
    columns: tuple[str, ...] = ()  # names of the values of a vector, or channels of a series
    truth: Floats | None = None  # x before some values were hidden on purpose
    kinds: tuple[str, ...] = ()  # of the columns of a mixed table, see `vae.base.kinds`
    entries: tuple[tuple[str, ...], ...] = ()  # names of the values of each column of it, or ()

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.x.shape[1:]

    @property
    def is_image(self) -> bool:
        return self.x.ndim == 4

    @property
    def is_series(self) -> bool:
        return self.x.ndim == 3

    @property
    def in_memory(self) -> bool:
        """Whether x lies in memory, and not in a mapped file."""
        return True

    @property
    def resident(self) -> int:
        """Bytes of memory that the examples take."""
        return self.x.nbytes

    @property
    def missing(self) -> bool:
        """Whether some values were not observed."""
        return self.x.dtype.kind == "f" and bool(np.isnan(self.x.min()))

    @property
    def observed(self) -> NDArray[np.uint8] | Floats:
        """x if every value was observed; else the observed values, (n,)."""
        return self.x[~np.isnan(self.x)] if self.missing else self.x

    @property
    def in_unit_interval(self) -> bool:
        """Whether every observed value of x / scale lies in [0, 1]."""
        values = self.observed
        return bool(values.min() >= 0 and values.max() <= self.scale)

    @property
    def is_binary(self) -> bool:
        """Whether every observed value of x / scale is 0 or 1."""
        values = self.observed
        head = values[:100]  # decides nearly every case quickly
        return all(bool(((x == 0) | (x == self.scale)).all()) for x in (head, values))

    @property
    def is_counts(self) -> bool:
        """Whether every observed value of x / scale is a whole number from 0."""
        values = self.observed
        parts = (values[:100], values) if self.scale == 1 else ()
        return bool(parts) and all(bool(((x >= 0) & (x == np.rint(x))).all()) for x in parts)

    @property
    def levels(self) -> int:
        """Number of values that x / scale can take, evenly from 0 to 1; 0 for real values."""
        if self.is_binary:
            return 2
        return round(self.scale) + 1 if self.x.dtype == np.uint8 else 0

    @property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of shape, type, scale, values and labels."""
        digest = hashlib.sha256(repr((self.x.shape, self.x.dtype.str, self.scale)).encode())
        digest.update(np.ascontiguousarray(self.x).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels, np.int64).data)
        return digest.hexdigest()[:16]


class Splits(NamedTuple):
    """Disjoint, sorted rows of a data set; together they are all its rows."""

    train: Ints
    val: Ints
    test: Ints

    def rows(self, name: str) -> Ints:
        """Return the rows of a split: "train", "val", "test" or "all"."""
        return np.sort(np.concatenate(self)) if name == "all" else getattr(self, name)


def prepare(dataset: Dataset, rows: Ints | slice = slice(None)) -> Floats:
    """Return the model's input x / scale for these rows, float32 (n, *event)."""
    return (dataset.x[rows] / np.float32(dataset.scale)).astype(np.float32)


def split(dataset: Dataset, val_share: float, test_share: float, seed: int) -> Splits:
    """Return the rows of train, val and test, each class in proportion within one example.

    A predefined test part is the test split; `test_share` is then ignored. A share above 0 holds
    out at least one example. Raises a DataError for shares outside [0, 1), or if no example is
    left for training.
    """
    fixed = dataset.test > 0
    val_share, test_share = float(val_share), 0.0 if fixed else float(test_share)
    _check_shares(val_share, test_share)
    free = len(dataset.x) - dataset.test
    n_val, n_test = (max(round(s * free), 1) if s else 0 for s in (val_share, test_share))
    if n_val + n_test >= free:
        raise DataError(
            f"{dataset.name} has {plural(free, 'example')} to divide, and {n_val} for "
            f"validation and "
            f"{n_test} for the test leave none to train on: lower the shares or take more "
            "examples."
        )
    rng = np.random.default_rng(seed)
    strata = _strata(dataset.labels, np.arange(free), rng)
    sizes = np.array([len(rows) for rows in strata])
    test = _apportion(sizes * test_share, n_test, sizes, rng)
    held = test + _apportion(sizes * val_share, n_val, sizes - test, rng)
    last = np.arange(free, len(dataset.x))
    return Splits(
        train=_gather([rows[b:] for rows, b in zip(strata, held, strict=True)]),
        val=_gather([rows[a:b] for rows, a, b in zip(strata, test, held, strict=True)]),
        test=last if fixed else _gather([rows[:a] for rows, a in zip(strata, test, strict=True)]),
    )


def subset(dataset: Dataset, examples: int, seed: int) -> Dataset:
    """Return a stratified subset of `examples` free rows in their order; 0 takes all.

    A predefined test part stays complete. Raises a DataError if there are fewer free rows.
    """
    free = len(dataset.x) - dataset.test
    if not 0 <= examples <= free:
        besides = " besides its test part" if dataset.test else ""
        raise DataError(
            f"{dataset.name} has {plural(free, 'example')}{besides}: choose at most {free}, or "
            f"0 for all."
        )
    if examples in (0, free):
        return dataset
    rows = stratified(dataset.labels, free, examples, seed)
    rows = np.concatenate([rows, np.arange(free, len(dataset.x))])
    return dataset._replace(
        x=dataset.x[rows],
        labels=None if dataset.labels is None else dataset.labels[rows],
        factors={name: values[rows] for name, values in dataset.factors.items()},
        names=None if dataset.names is None else dataset.names[rows],
        truth=None if dataset.truth is None else dataset.truth[rows],
    )


def stratified(labels: Ints | None, candidates: int | Ints, size: int, seed: int) -> Ints:
    """Return `size` of the candidate rows, sorted, each class in proportion within one example.

    `candidates` are the rows to draw from, or a number n for the rows 0 to n - 1. `labels` is
    indexed by row; None ignores the classes. Returns all candidates if there are fewer.
    """
    rows = np.arange(candidates) if isinstance(candidates, int) else np.sort(candidates)
    if size >= len(rows):
        return rows
    rng = np.random.default_rng(seed)
    strata = _strata(labels, rows, rng)
    sizes = np.array([len(s) for s in strata])
    counts = _apportion(sizes * (size / len(rows)), size, sizes, rng)
    return _gather([s[:n] for s, n in zip(strata, counts, strict=True)])


def _check_shares(val_share: float, test_share: float) -> None:
    """Raise a DataError unless both shares and their sum lie in [0, 1)."""
    for name, share in (("validation", val_share), ("test", test_share)):
        if not 0 <= share < 1:
            raise DataError(
                f"The {name} share must be at least 0 and below 1, not {typed(share)}."
            )
    if val_share + test_share >= 1:
        raise DataError(
            f"A validation share of {typed(val_share)} and a test share of "
            f"{typed(test_share)} leave nothing to train on: lower one of them."
        )


def _strata(labels: Ints | None, rows: Ints, rng: np.random.Generator) -> list[Ints]:
    """Return the rows of each class that occurs, shuffled."""
    if labels is None:
        return [rng.permutation(rows)]
    present = labels[rows]
    return [rng.permutation(rows[present == label]) for label in np.unique(present)]


def _apportion(
    quotas: NDArray[np.float64], total: int, room: Ints, rng: np.random.Generator
) -> Ints:
    """Return whole counts near the quotas with the sum `total`, none above its `room`."""
    counts = np.minimum(np.floor(quotas + 1e-9).astype(np.int64), room)
    by_remainder = np.lexsort((rng.random(len(quotas)), counts - quotas))  # ties at random
    while (missing := total - int(counts.sum())) > 0:
        counts[[c for c in by_remainder if counts[c] < room[c]][:missing]] += 1
    return counts


def _gather(parts: list[Ints]) -> Ints:
    """Return the rows of all parts, sorted."""
    return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))
