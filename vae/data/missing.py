"""Values that were not observed: NaN in the vectors or series of a data set.

A model sums ln p(x|z) over the observed values of an example, and its encoder receives 0 in the
place of the others beside the mask of the observed ones (Mattei & Frellsen 2019,
https://arxiv.org/abs/1812.02633). Values are hidden on purpose to measure how well a model fills
them in.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np

from vae.base.numbers import percent, typed
from vae.base.options import Option
from vae.base.records import Floats, Ints
from vae.data.arrays import Array
from vae.data.dataset import Dataset
from vae.data.errors import DataError
from vae.data.mapped_dataset import check_copy
from vae.data.mapping import pieces
from vae.data.scan import scanned
from vae.data.series import Flags, after_end, channel_names, series_note

NAMED = 12  # columns in a sentence, at most
HIDING = 0x48494445  # separates these random numbers from others of the same seed
HideShare = Annotated[
    float,
    Option(
        "Share of the observed values of vectors or series that are hidden at random, as if they "
        "had not been observed: the model never sees them. The error of its values there measures "
        "how well it fills in missing ones.",
        low=0,
        high=0.9,
        label="Hidden share",
        group="Data",
    ),
]


def hidden(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Return the data set without this share of its observed values, chosen at random, and with
    x before as `truth`; 0 returns it unchanged. Raises DataError for pictures."""
    if not share:
        return dataset
    if dataset.is_image:
        raise DataError(
            f"hide_share hides values of vectors or series, and {dataset.name} has pictures: set "
            "it to 0."
        )
    check_copy(dataset, 3)
    truth = np.asarray(dataset.x, np.float32)
    drawn = np.random.default_rng([seed, HIDING]).random(truth.shape, np.float32)
    x = np.where(drawn < share, np.float32(np.nan), truth)
    if np.isnan(x).all((0, *range(2, x.ndim))).any():
        raise DataError(
            f"hide_share {typed(share)} leaves a column of {dataset.name} without values: "
            "lower it."
        )
    return Dataset(*dataset)._replace(x=x, truth=truth)


def missing_in(dataset: Dataset, rows: Ints) -> Flags:
    """Return whether each value of these rows was not observed, (n, *event): those after the end
    of a series are none, hidden ones are some."""
    whole = dataset.x if dataset.truth is None else dataset.truth
    return np.isnan(dataset.x[rows]) & ~after_end(whole[rows])


def missing_parts(dataset: Dataset) -> Iterator[Flags]:
    """Yield `missing_in` of all rows in order, a piece at a time."""
    start = 0
    for part in pieces(dataset.x):
        yield missing_in(dataset, np.arange(start, start + len(part)))
        start += len(part)


def filled(x: Floats) -> Floats:
    """Return vectors (N, D) or series (N, C, T) with the mean over the examples in the place of
    missing values, for distances between examples."""
    gone = np.isnan(x)
    if not gone.any():
        return x
    count = np.maximum((~gone).sum(0), 1)
    return np.where(gone, np.nansum(x, 0, dtype=np.float64) / count, x).astype(np.float32)


def element_names(columns: Sequence[str], shape: tuple[int, ...]) -> list[str]:
    """Return the names of the values of vectors of this shape (D,), or of the channels of series
    (C, T): those of their columns, or feature 1, feature 2, …."""
    if len(shape) == 2:
        return channel_names(columns, shape[0])
    return list(columns) or [f"feature {k + 1}" for k in range(shape[0])]


def missing_note(x: Array, columns: tuple[str, ...]) -> str:
    """Return a sentence on the number of values of x (N, D) that are missing in each column, or of
    series (N, C, T) on their lengths and missing values; "" without any."""
    if x.dtype.kind != "f" or x.ndim > 3 or not scanned(x).missing:
        return ""
    if x.ndim == 3:
        return series_note(x, columns)
    counts = sum((np.isnan(part).sum(0) for part in pieces(x)), np.zeros(x.shape[1], int))
    order = [k for k in np.argsort(-counts, kind="stable") if counts[k]]
    names = element_names(columns, counts.shape)
    each = ", ".join(f"{names[k]} {counts[k]:,}" for k in order[:NAMED])
    more = f" and {len(order) - NAMED:,} more" if len(order) > NAMED else ""
    share = percent(counts.sum() / x.size, 1)
    return (
        f"Not observed: {counts.sum():,} of {x.size:,} values ({share}): {each}{more}. They are "
        "left out of the likelihood, and the encoder receives which values were observed."
    )
