"""Replays of several runs on one clock: fewer points and pictures of each, in one orientation.

The latents of two runs have no common orientation where the prior is N(0, I). The map of a run is
therefore rotated or mirrored, never scaled or shifted, onto that of another run: by the orthogonal
Procrustes solution (Schönemann 1966) for the last frames of the examples that both have.

The clock is the epoch. Letters: T frames, N points, M reconstructed examples, S samples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vae.analysis.replay import Doubles, Replay, procrustes
from vae.base.records import Examples, Ints

LEAST = 10  # common examples from which a rotation is computed


class Reel(NamedTuple):
    """A replay and its examples."""

    record: Replay
    examples: Examples

    @property
    def is_plane(self) -> bool:
        """Whether both coordinates of the map have a meaning."""
        return len(self.record.plane.origin) > 1


def evenly(count: int, most: int) -> Ints:
    """Return at most `most` indices below `count`, evenly spaced, the first and last included."""
    found: Ints = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
    return found


def thinned(reel: Reel, points: int, pictures: int) -> Reel:
    """Return at most so many points and pictures of a replay, without its unaligned places."""
    record, examples = reel
    rows = evenly(len(examples.index), points)
    fewer = examples._replace(
        index=examples.index[rows],
        label=None if examples.label is None else examples.label[rows],
        factors={name: values[rows] for name, values in examples.factors.items()},
        original_index=examples.original_index[:pictures],
        originals=examples.originals[:pictures],
    )
    aligned = record.aligned[:, rows]
    less = record._replace(
        latents=record.latents[:, rows],
        aligned=aligned,
        raw=aligned,
        reconstructions=record.reconstructions[:, :pictures],
        samples=record.samples[:, :pictures],
    )
    return Reel(less, fewer)


def turned(reel: Reel, target: Reel) -> Reel:
    """Return a replay whose map is rotated or mirrored onto that of `target`.

    It stays as it is with fewer than ten common examples.
    """
    indices = (reel.examples.index, target.examples.index)
    _, mine, other = np.intersect1d(*indices, return_indices=True)
    if len(mine) < LEAST or not (reel.is_plane and target.is_plane):
        return reel
    record = reel.record
    last = (record.aligned[-1][mine], target.record.aligned[-1][other])
    rotation = procrustes(*last).rotation.astype(np.float32)
    aligned = record.aligned @ rotation
    return Reel(
        record._replace(aligned=aligned, raw=aligned, origin=record.origin @ rotation),
        reel.examples,
    )


def timeline(epochs: Sequence[Doubles]) -> Doubles:
    """Return the epochs of the common clock: those of the run with the most frames, and those of
    other runs before its first and after its last one."""
    longest = max(epochs, key=len)
    other = np.concatenate(list(epochs))
    outside = other[(other < longest[0]) | (other > longest[-1])]
    found: Doubles = np.unique(np.concatenate([longest, outside]))
    return found


def position_at(epochs: Doubles, epoch: float) -> float:
    """Return the position 0 … T − 1 of a run's frames at an epoch; an end for one beyond it."""
    return float(np.interp(epoch, epochs, np.arange(len(epochs))))
