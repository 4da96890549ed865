"""Nearest examples in data space, to detect samples that copy training examples.

Distances are Euclidean over all values of an example, in units of x (pictures: black 0, white 1),
of rescaled data in units of u (standardised columns: in their standard deviations), because the
column with the largest numbers would decide alone. A sample is a copy if its distance to the
training data is much smaller than the median distance of held-out examples. One matrix product per
chunk computes |a|² + |b|² − 2ab, with an error of about 10⁻⁶ |a|² in float32; the exact distances
of the few nearest candidates follow.

Letters: M queries, N examples, D values of each, k neighbours.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Floats, Ints
from vae.data.mapping import Rows

CHUNK = 4096  # examples at a time
SPARE = 4  # candidates in addition to the k nearest


class Nearest(NamedTuple):
    """The k nearest examples of each query, the nearest first."""

    place: Ints  # (M, k) positions of the examples
    distance: NDArray[np.float64]  # (M, k) in units of the values


def nearest(
    queries: Floats, among: NDArray[Any] | Rows, scale: float = 1.0, k: int = 1
) -> Nearest:
    """Return the k nearest of `among` (N, …) / scale to each of the queries (M, …); fewer than k
    if N is smaller."""
    flat = queries.reshape(len(queries), -1).astype(np.float32)
    k = min(k, len(among))
    place: NDArray[Any] = np.empty((len(flat), 0), np.int64)
    half: NDArray[Any] = np.empty((len(flat), 0), np.float32)
    for start in range(0, len(among), CHUNK):
        part = _values(among[start : start + CHUNK], scale)
        found = 0.5 * np.einsum("nd,nd->n", part, part) - flat @ part.T  # (M, n)
        best = _lowest(found, k + SPARE)
        place = np.hstack([place, best + start])
        half = np.hstack([half, np.take_along_axis(found, best, 1)])
    place = np.take_along_axis(place, _lowest(half, k + SPARE), 1)
    return _measured(flat, among, scale, np.sort(place, axis=1), k)


def _lowest(values: NDArray[Any], count: int) -> Ints:
    """Return the positions of the `count` lowest values of each row (M, n), unordered."""
    if count >= values.shape[1]:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.asarray(np.argpartition(values, count - 1, axis=1)[:, :count], np.int64)


def _values(part: NDArray[Any], scale: float) -> Floats:
    values = part.reshape(len(part), -1).astype(np.float32)
    return values if scale == 1 else values / np.float32(scale)


def _measured(
    flat: Floats, among: NDArray[Any] | Rows, scale: float, place: Ints, k: int
) -> Nearest:
    """Return the k nearest of the candidates (M, c) by their exact distances."""
    found = np.empty(place.shape)
    for query, candidates, distance in zip(flat, place, found, strict=True):
        difference = _values(among[candidates], scale).astype(np.float64) - query
        distance[:] = np.sqrt((difference**2).sum(1))
    order = np.argsort(found, axis=1, kind="stable")[:, :k]
    return Nearest(np.take_along_axis(place, order, 1), np.take_along_axis(found, order, 1))
