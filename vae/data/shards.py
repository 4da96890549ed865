"""Files of arrays in one folder: a series each, or the parts of one array of examples (shards).

Arrays of three or four axes, N×H×W and so on, are shards. Arrays of two axes may be T×C or N×D.
They are shards if their names count parts (x-part-3.npy), or if neighbouring rows are unrelated:
the steps of a series are correlated, the examples of a shuffled data set are not.
"""

import re
from collections.abc import Sequence

import numpy as np

from vae.base.numbers import fixed, plural
from vae.data.arrays import Array, times
from vae.data.description import AUTO, Description
from vae.data.errors import LIMIT, DataError

NAMES = re.compile(r"(^|[-_.])(shard|part|chunk|batch|block)s?[-_.]?\d|\d[-_]of[-_]\d", re.I)
ROWS, FILES = 1000, 3  # that are compared
LEAST = 16  # rows of a file, for a correlation of neighbours
RELATED = 0.2  # mean correlation of neighbouring rows, from here on


def shard_reason(arrays: Sequence[Array], names: Sequence[str], wanted: Description) -> str:
    """Return the reason why these arrays are the parts of one array; "" if each is a series."""
    axes = {array.ndim for array in arrays}
    count = plural(len(names), "file")
    if axes != {2}:
        return "" if axes == {1} else f"{count} of examples, such as {times(arrays[0].shape)}."
    if wanted.data_layout != AUTO:
        return "" if wanted.data_layout == "series" else f"{count} of examples, joined in order."
    if len({array.shape[1] for array in arrays}) > 1:
        return ""
    if all(NAMES.search(name) for name in names):
        return f"{count} whose names count parts: each row is an example."
    related = correlation(arrays)
    if related is None or related >= RELATED:
        return ""
    return (
        f"{count}; neighbouring rows are unrelated (correlation {fixed(related, 2)}), so each row "
        "is an example. Choose series if each file is one."
    )


def correlation(arrays: Sequence[Array]) -> float | None:
    """Return the mean over columns of the correlation of neighbouring rows in the first files;
    None if they have too few rows."""
    found = [_neighbours(array[:ROWS]) for array in arrays[:FILES] if len(array) >= LEAST]
    return float(np.mean(found)) if found else None


def _neighbours(array: Array) -> float:
    x = np.nan_to_num(array.astype(np.float64), posinf=0, neginf=0)
    x = (x - x.mean(0))[:, x.std(0) > 0]
    if not x.shape[1]:
        return 1.0  # constant: no sign of examples
    return float(((x[1:] * x[:-1]).sum(0) / (x * x).sum(0)).mean())


def joined_shards(arrays: Sequence[Array], names: Sequence[str]) -> Array:
    """Return the examples of all files, one after the other; DataError for different shapes."""
    for array, name in zip(arrays, names, strict=True):
        if array.shape[1:] != arrays[0].shape[1:]:
            raise DataError(
                f"{name} has examples of {times(array.shape[1:])}, and {names[0]} of "
                f"{times(arrays[0].shape[1:])}: give all files examples of one shape."
            )
    if sum(array.nbytes for array in arrays) > LIMIT:
        raise DataError(
            f"{len(arrays):,} files hold more than {LIMIT // 2**30} GiB: join them in one .npy "
            "file, which can be larger than the memory."
        )
    return np.concatenate(list(arrays))
