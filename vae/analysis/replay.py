"""Replay: the kept frames of a run as one sequence in one plane, so that movement means change.

A model is as good after any rotation of its latents as before, as far as a round prior is
concerned, so between two frames the whole picture may turn without anything having been learned.
Orthogonal Procrustes (Schönemann 1966, https://doi.org/10.1007/BF02289451) takes that out: of all
rotations and reflections R, and translations, the one that brings frame t nearest to frame t + 1,

    x' = x R + b,   R = U Vᵀ,   U S Vᵀ = (x - x̄)ᵀ (y - ȳ),   b = ȳ - x̄ R.

Nothing is scaled: distances within a frame stay as they are. It goes from the last frame, which
stays where it is, back to the first, from frame to frame, each to its aligned successor; what is
left, the residual, is the movement that no rotation explains.

Letters: T frames, N examples, Z latent dimensions, M reconstructed examples, S samples. Latents
have no unit; a residual is the root mean square distance of a point, in units of z. NumPy alone.
"""

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Examples, Floats, Frame, Ints

Doubles = NDArray[np.float64]
_GOLDEN = (5**0.5 - 1) / 2  # multiples of it fill an interval evenly


class Motion(NamedTuple):
    """A rotation or reflection followed by a translation, x' = x R + b."""

    rotation: Doubles  # R, (Z, Z), orthogonal; its determinant is -1 for a reflection
    offset: Doubles  # b, (Z,)

    def __call__(self, points: NDArray[Any]) -> Doubles:
        """Points (N, Z) moved."""
        return np.asarray(points, np.float64) @ self.rotation + self.offset


class Plane(NamedTuple):
    """The plane that all frames are drawn in: places are (x - centre) @ basis."""

    centre: Doubles  # (Z,)
    basis: Doubles  # (Z, 2), orthonormal columns; for Z = 1 the second is zero
    axes: tuple[str, str]


class Replay(NamedTuple):
    """The frames of a run, ascending in step."""

    step: Ints  # (T,)
    epoch: Doubles  # (T,)
    latents: Floats  # (T, N, Z) as they were
    motions: tuple[Motion, ...]  # T, the last of them the identity
    plane: Plane
    aligned: Floats  # (T, N, 2) places in the plane after alignment
    raw: Floats  # (T, N, 2) and without it
    origin: Floats  # (2, T, 2) where z = 0 lies, aligned and raw
    residual: Floats  # (2, T) distance to the next frame, aligned and raw; 0 for the last
    reconstructions: Floats  # (T, M, *event)
    samples: Floats  # (T, S, *event)


def procrustes(points: NDArray[Any], target: NDArray[Any]) -> Motion:
    """The motion that brings points (N, Z) nearest to `target` (N, Z) in the sum of squares.

    Schönemann 1966 for the rotation. Raises ValueError if the shapes differ.
    """
    x, y = (np.asarray(a, np.float64) for a in (points, target))
    if x.shape != y.shape or x.ndim != 2:
        raise ValueError(f"Alignment needs two frames of one shape, not {x.shape} and {y.shape}.")
    left, _, right = np.linalg.svd((x - x.mean(0)).T @ (y - y.mean(0)))
    rotation = left @ right
    return Motion(rotation, y.mean(0) - x.mean(0) @ rotation)


def distance(points: NDArray[Any], target: NDArray[Any]) -> float:
    """Root mean square distance between the points of two frames (N, Z), in units of z."""
    difference = np.asarray(points, np.float64) - target
    return float(np.sqrt((difference**2).sum(1).mean()))


def align(latents: NDArray[Any]) -> tuple[Motion, ...]:
    """For every frame of latents (T, N, Z) its motion: each to its aligned successor, the last
    stays."""
    size = latents.shape[2]
    motions = [Motion(np.eye(size), np.zeros(size))]
    for t in range(len(latents) - 2, -1, -1):
        motions.append(procrustes(latents[t], motions[-1](latents[t + 1])))
    return tuple(reversed(motions))


def plane_of(latents: NDArray[Any]) -> Plane:
    """The plane of a frame (N, Z): the latents themselves for Z ≤ 2, else its two principal
    components, each with the sign that makes its largest weight positive."""
    x = np.asarray(latents, np.float64)
    size = x.shape[1]
    if size <= 2:
        names = ("z1", "z2")[:size] + ("",) * (2 - size)
        return Plane(np.zeros(size), np.eye(size, 2), (names[0], names[1]))
    centre = x.mean(0)
    variance, columns = np.linalg.eigh((x - centre).T @ (x - centre))  # ascending
    basis = columns[:, :-3:-1]
    largest = np.take_along_axis(basis, np.abs(basis).argmax(0)[None], axis=0)
    share = 100 * np.maximum(variance[:-3:-1], 0) / max(float(variance.sum()), 1e-300)
    first, second = (f"PC {k + 1} ({share[k]:.0f} % of variance)" for k in range(2))
    return Plane(centre, basis * np.where(largest < 0, -1, 1), (first, second))


def usable(frames: Sequence[Frame | None], examples: Examples) -> list[Frame]:
    """The frames that can be replayed: whole, finite, and of one shape with the examples."""
    whole = [f for f in frames if f is not None and _fits(f, examples)]
    shapes = [(f.mean.shape, f.samples.shape) for f in whole]
    return [f for f, shape in zip(whole, shapes, strict=True) if shape == shapes[-1]]


def _fits(frame: Frame, examples: Examples) -> bool:
    return (
        frame.mean.ndim == 2
        and len(frame.mean) == len(examples.index) > 0
        and frame.reconstructions.shape == examples.originals.shape
        and frame.samples.shape[1:] == examples.originals.shape[1:]
        and bool(np.isfinite(frame.mean).all())
    )


def replay(frames: Sequence[Frame], examples: Examples) -> Replay:
    """Frames as one sequence; they are `usable`, at least one, ascending in step.

    With one latent dimension the height of a point has no meaning: every class has its own lane.
    """
    latents = np.stack([frame.mean for frame in frames])
    motions, plane = align(latents), plane_of(latents[-1])
    moved = [motion(x) for motion, x in zip(motions, latents, strict=True)]
    offsets = np.stack([motion.offset for motion in motions])
    lanes = _lanes(examples) if latents.shape[2] == 1 else np.zeros(len(examples.index))
    zero = np.zeros_like(offsets)
    return Replay(
        step=np.array([frame.step for frame in frames]),
        epoch=np.array([frame.epoch for frame in frames], np.float64),
        latents=latents,
        motions=motions,
        plane=plane,
        aligned=_places(moved, plane, lanes),
        raw=_places(list(latents), plane, lanes),
        origin=np.stack([_places([o], plane, np.zeros(len(o)))[0] for o in (offsets, zero)]),
        residual=np.stack([_residuals(moved), _residuals(list(latents))]),
        reconstructions=np.stack([frame.reconstructions for frame in frames]),
        samples=np.stack([frame.samples for frame in frames]),
    )


def _places(frames: Sequence[NDArray[Any]], plane: Plane, lanes: Doubles) -> Floats:
    """Frames (N, Z) in the plane, (T, N, 2)."""
    places = np.stack([(frame - plane.centre) @ plane.basis for frame in frames])
    places[..., 1] += lanes
    return places.astype(np.float32)


def _lanes(examples: Examples) -> Doubles:
    """A height for each example: its class from the top down, spread evenly within the lane."""
    number = np.arange(len(examples.index))
    lane = np.zeros(len(number)) if examples.label is None else -examples.label.astype(np.float64)
    lanes: Doubles = lane + 0.7 * ((number * _GOLDEN) % 1 - 0.5)
    return lanes


def _residuals(frames: Sequence[NDArray[Any]]) -> Floats:
    """Distance of every frame to the next; 0 for the last."""
    return np.array([*(distance(a, b) for a, b in pairwise(frames)), 0.0], np.float32)


def npz(record: Replay, examples: Examples) -> bytes:
    """The sequence as a compressed .npz file.

    step, epoch, index, label; latents (T, N, Z) as they were, aligned (T, N, Z) = latents @
    rotation + offset, plane (T, N, 2) the places on the map; residual (T,).
    """
    rotation = np.stack([motion.rotation for motion in record.motions])  # (T, Z, Z)
    offset = np.stack([motion.offset for motion in record.motions])  # (T, Z)
    arrays = {
        "step": record.step,
        "epoch": record.epoch,
        "index": examples.index,
        "latents": record.latents,
        "aligned": (record.latents @ rotation + offset[:, None]).astype(np.float32),
        "plane": record.aligned,
        "rotation": rotation,
        "offset": offset,
        "residual": record.residual[0],
    }
    if examples.label is not None:
        arrays["label"] = examples.label
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
