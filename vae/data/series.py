"""Series: T time steps of C channels, (N, C, T), with NaN after the end of the shorter ones.

A series ends after its last step with an observed value. NaN before that is a value that was not
observed; the steps after it are no part of the series. Both have no term in the likelihood, and
only the first kind is counted as missing and filled in.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vae.base.numbers import percent
from vae.base.records import Ints
from vae.data.arrays import Array
from vae.data.errors import LIMIT, DataError
from vae.data.mapping import pieces
from vae.data.scan import scanned

Flags = NDArray[np.bool_]
MOST_CHANNELS = 6  # that a flat row is offered to be divided into
RAGGED = (16, 5)  # least columns, and least different lengths, of rows that are padded series
NAMED = 12  # channels in a sentence, at most


def lengths(x: Array) -> Ints:
    """Return the number of steps of each series x (N, C, T) until its last observed one, (N,)."""
    if x.dtype.kind != "f":
        return np.full(len(x), x.shape[2], np.int64)
    return np.concatenate([_lengths(part) for part in pieces(x)])


def _lengths(x: Array) -> Ints:
    present = np.logical_not(np.isnan(x).all(1))
    last = present.shape[1] - present[:, ::-1].argmax(1)
    return np.where(present.any(1), last, 0).astype(np.int64)


def after_end(x: Array) -> Flags:
    """Return whether each value of examples x (N, *event) lies after the end of its series; no
    value of vectors and pictures does."""
    if x.ndim != 3:
        return np.zeros(x.shape, bool)
    beyond = np.arange(x.shape[2]) >= lengths(x)[:, None]  # (N, T)
    return np.broadcast_to(beyond[:, None], x.shape)


def holes(x: Array) -> Flags:
    """Return whether each value of examples x (N, *event) was not observed, (N, *event)."""
    return np.isnan(x) & ~after_end(x)


def channel_ends(x: Array) -> tuple[Array, Array]:
    """Return the lowest and the highest observed value of each channel of series (N, C, T),
    (C,) each."""
    low = [np.fmin.reduce(part, (0, 2)) for part in pieces(x)]
    high = [np.fmax.reduce(part, (0, 2)) for part in pieces(x)]
    return np.fmin.reduce(low, 0), np.fmax.reduce(high, 0)


def same_steps(x: Array, test: Array) -> tuple[Array, Array]:
    """Return both parts of series (N, C, T) with as many steps, NaN after the ends of one."""
    steps = max(x.shape[2], test.shape[2])
    parts = []
    for part in (x, test):
        more = ((0, 0), (0, 0), (0, steps - part.shape[2]))
        same = part.shape[2] == steps
        parts.append(
            part if same else np.pad(part.astype(np.float32), more, constant_values=np.nan)
        )
    return parts[0], parts[1]


def trimmed(x: Array) -> Array:
    """Return series (N, C, T) without the last steps that none of them has."""
    if x.ndim != 3 or x.dtype.kind != "f" or not scanned(x).missing:
        return x
    return x[:, :, : max(1, int(lengths(x).max()))]


def with_lengths(x: Array, steps: Array, file: str) -> Array | None:
    """Return series (N, T, C), or (N, T), with NaN after their ends; None if `steps` (N,) are not
    their lengths.

    x is (N, T, C), (N, C, T) or (N, T) with one value, such as 0 or NaN, after every end; or
    (ΣT, C), with one series after the other.
    """
    if steps.ndim != 1 or steps.dtype.kind not in "iu" or x.dtype.kind not in "biuf":
        return None
    if not steps.size or steps.min() < 1 or x.ndim > 3:
        return None
    counts = steps.astype(np.int64)
    if len(counts) < len(x) and x.ndim == 2 and counts.sum() == len(x):
        return padded(np.split(x, np.cumsum(counts)[:-1]), file)
    if x.ndim == 3 and x.shape[1] < counts.max() <= x.shape[2]:
        x = x.transpose(0, 2, 1)
    if x.ndim == 1 or len(counts) != len(x) or counts.max() > x.shape[1]:
        return None
    beyond = np.arange(x.shape[1]) >= counts[:, None]
    rest = x[beyond]
    if not rest.size or not (np.isnan(rest).all() or (rest == rest.flat[0]).all()):
        return None
    found = x.astype(np.float32)
    found[beyond] = np.nan
    return found


def padded(parts: Sequence[Array], file: str) -> Array:
    """Return series (T, C) of different lengths as one array (N, T, C), NaN after their ends."""
    longest, width = max(map(len, parts)), parts[0].shape[1]
    if 4 * len(parts) * longest * width > LIMIT:
        raise DataError(
            f"{file}: {len(parts):,} series of up to {longest:,} steps need more than "
            f"{LIMIT // 2**30} GiB when the shorter ones are padded: cut the longest ones."
        )
    x = np.full((len(parts), longest, width), np.nan, np.float32)
    for row, part in zip(x, parts, strict=True):
        row[: len(part)] = part
    return x


def ragged_reason(array: Array) -> str:
    """Return the reason why the rows of a table (N, D) are padded series; "" if they are not:
    rows of many lengths that end in NaN and have no other NaN."""
    if array.dtype.kind != "f" or array.shape[1] < RAGGED[0] or not scanned(array).missing:
        return ""
    steps = lengths(array[:, None])
    count = sum(int(np.isnan(part).sum()) for part in pieces(array))
    gaps = count - int((array.shape[1] - steps).sum())
    if gaps or len(np.unique(steps)) < RAGGED[1]:
        return ""
    return f"Rows end in NaN after {steps.min():,} to {steps.max():,} values: series."


def series_note(x: Array, channels: tuple[str, ...]) -> str:
    """Return sentences on the lengths of series (N, C, T), and on values that are missing before
    their ends; "" for series of one length without any."""
    steps, found = lengths(x), []
    if steps.min() < x.shape[2]:
        found.append(
            f"Lengths: {steps.min():,} to {steps.max():,} steps, median {int(np.median(steps)):,}."
            " The steps after the end of a series are not part of it: the likelihood leaves them "
            "out, and the encoder receives where the series ends."
        )
    gone = sum((holes(part).sum((0, 2)) for part in pieces(x)), np.zeros(x.shape[1], int))
    if gone.any():
        inside = int(steps.sum()) * x.shape[1]
        names = channel_names(channels, x.shape[1])
        each = ", ".join(f"{names[k]} {gone[k]:,}" for k in np.flatnonzero(gone)[:NAMED])
        found.append(
            f"Not observed: {gone.sum():,} of {inside:,} values before the ends "
            f"({percent(gone.sum() / inside, 1)}): {each}."
        )
    return " ".join(found)


def channel_names(columns: Sequence[str], count: int) -> list[str]:
    """Return the names of the channels: those of their columns, or channel 1, channel 2, …."""
    return list(columns) or [f"channel {k + 1}" for k in range(count)]
