"""Kinds of examples by their axes, and kinds of the columns of a mixed table (N, D): each kind of
column has its own likelihood.

x has one number for each column: 0 or 1 of a binary column, the position among its names of a
category, the value itself of all others; NaN was not observed. u = (g(x) − location) / scale,
where g is the identity, ln x of positive values or ln(1 + x) of counts. Location and scale are
those of g(x) over the training rows. A binary column has u = x. A category with K names has the
scale K − 1, so u is a position from 0 to 1.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

EXAMPLES = ("", "vectors", "series", "pictures")  # by the number of their axes
REAL, POSITIVE, COUNT, BINARY, CATEGORY = "real", "positive", "count", "binary", "category"
Numbers = NDArray[Any]


def _same(x: Numbers) -> Numbers:
    return x


def _log(x: Numbers) -> Numbers:
    return np.asarray(np.log(np.maximum(x, np.finfo(np.float32).tiny)))


class Kind(NamedTuple):
    """A row of KINDS."""

    about: str  # values and distribution, in words
    g: Callable[[Numbers], Numbers] = _same
    back: Callable[[Numbers], Numbers] = _same  # the inverse of g
    named: bool = False  # whether x is the position of a name


class Columns(NamedTuple):
    """Names of the columns of a table, as a data set or the manifest of a run has them."""

    event_shape: tuple[int, ...]  # (D,)
    columns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    entries: tuple[tuple[str, ...], ...] = ()  # names of the values of each column, or ()


KINDS: dict[str, Kind] = {
    REAL: Kind("any number, under a Gaussian"),
    POSITIVE: Kind("numbers above 0, under a log-normal", _log, np.exp),
    COUNT: Kind("0, 1, 2, …, under a negative binomial", np.log1p, np.expm1),
    BINARY: Kind("two entries, under a Bernoulli", named=True),
    CATEGORY: Kind("one of several names, under a categorical distribution", named=True),
}


def kind_of(shape: Sequence[int]) -> str:
    """Return the kind of examples of this shape: "vectors", "series" or "pictures"."""
    return EXAMPLES[len(shape)]


def transformed(x: Numbers, kinds: tuple[str, ...]) -> Numbers:
    """Return g(x) of each column of x (N, D), float64; x itself without kinds."""
    if not kinds:
        return x
    columns = [KINDS[kind].g(x[:, k].astype(np.float64)) for k, kind in enumerate(kinds)]
    return np.stack(columns, 1)


def restored(values: Numbers, kinds: tuple[str, ...]) -> Numbers:
    """Return x (N, D) from g(x) of each column; the values themselves without kinds."""
    if not kinds:
        return values
    return np.stack([KINDS[kind].back(values[:, k]) for k, kind in enumerate(kinds)], 1)
