"""Replay: the stored frames of a run as one sequence in one plane, aligned to each other.

Under a prior N(0, I) a rotation of the latents does not change the bound, so the whole map can
rotate between two frames without any learning. Orthogonal Procrustes alignment (Schönemann 1966,
https://doi.org/10.1007/BF02289451) removes such motion: of all rotations, reflections R and
translations b it finds the one that brings frame t nearest to frame t + 1,

    x' = x R + b,   R = U Vᵀ,   U S Vᵀ = (x - x̄)ᵀ (y - ȳ),   b = ȳ - x̄ R.

Distances within a frame do not change. The alignment starts at the last frame, which stays fixed,
and aligns each frame to its aligned successor. The residual is the movement that no rotation
explains.

Letters: T frames, N examples, Z latent dimensions, M reconstructed examples, S samples. Latents
have no unit; a residual is the root mean square distance of a point, in units of z.
"""

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.analysis.projections import Plane, overview_plane
from vae.base.records import Examples, Floats, Frame, Ints

Doubles = NDArray[np.float64]
_GOLDEN = (5**0.5 - 1) / 2  # its multiples modulo 1 are evenly spread


class Motion(NamedTuple):
    """A rotation or reflection followed by a translation, x' = x R + b."""

    rotation: Doubles  # R, (Z, Z), orthogonal; its determinant is -1 for a reflection
    offset: Doubles  # b, (Z,)

    def __call__(self, points: NDArray[Any]) -> Doubles:
        """Return points (N, Z) after the motion."""
        return np.asarray(points, np.float64) @ self.rotation + self.offset


class Replay(NamedTuple):
    """The frames of a run, ascending in step."""

    step: Ints  # (T,)
    epoch: Doubles  # (T,)
    latents: Floats  # (T, N, Z) before alignment
    motions: tuple[Motion, ...]  # T, the last of them the identity
    plane: Plane
    aligned: Floats  # (T, N, 2) places in the plane after alignment
    raw: Floats  # (T, N, 2) places without alignment
    origin: Floats  # (2, T, 2) place of z = 0, aligned and raw
    residual: Floats  # (2, T) distance to the next frame, aligned and raw; 0 for the last
    reconstructions: Floats  # (T, M, *event)
    samples: Floats  # (T, S, *event)


def procrustes(points: NDArray[Any], target: NDArray[Any]) -> Motion:
    """Return the motion of points (N, Z) with the least squared distance to `target` (N, Z).

    Schönemann 1966 for the rotation. Raises ValueError if the shapes differ.
    """
    x, y = (np.asarray(a, np.float64) for a in (points, target))
    if x.shape != y.shape or x.ndim != 2:
        raise ValueError(f"Alignment needs two frames of one shape, not {x.shape} and {y.shape}.")
    left, _, right = np.linalg.svd((x - x.mean(0)).T @ (y - y.mean(0)))
    rotation = left @ right
    return Motion(rotation, y.mean(0) - x.mean(0) @ rotation)


def distance(points: NDArray[Any], target: NDArray[Any]) -> float:
    """Return the root mean square distance between two frames (N, Z), in units of z."""
    difference = np.asarray(points, np.float64) - target
    return float(np.sqrt((difference**2).sum(1).mean()))


def align(latents: NDArray[Any]) -> tuple[Motion, ...]:
    """Return the motion of each frame of latents (T, N, Z) to its aligned successor; the identity
    for the last."""
    size = latents.shape[2]
    motions = [Motion(np.eye(size), np.zeros(size))]
    for t in range(len(latents) - 2, -1, -1):
        motions.append(procrustes(latents[t], motions[-1](latents[t + 1])))
    return tuple(reversed(motions))


def usable(frames: Sequence[Frame | None], examples: Examples) -> list[Frame]:
    """Return the complete, finite frames whose shapes agree with the examples."""
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
    """Return `usable` frames, at least one, ascending in step, as one sequence.

    With one latent dimension the height of a point is the lane of its class.
    """
    latents = np.stack([frame.mean for frame in frames])
    motions, plane = align(latents), overview_plane(latents[-1])
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
    """Return the places (T, N, 2) of frames (N, Z) in the plane."""
    places = np.stack(
        [(frame.astype(np.float64) - plane.origin) @ plane.forward.T for frame in frames]
    )
    places[..., 1] += lanes
    return places.astype(np.float32)


def _lanes(examples: Examples) -> Doubles:
    """Return the height of each example, (N,): the lane of its class, the first on top, plus an
    evenly spread offset."""
    number = np.arange(len(examples.index))
    lane = np.zeros(len(number)) if examples.label is None else -examples.label.astype(np.float64)
    lanes: Doubles = lane + 0.7 * ((number * _GOLDEN) % 1 - 0.5)
    return lanes


def _residuals(frames: Sequence[NDArray[Any]]) -> Floats:
    """Return the distance of each frame to the next, (T,); 0 for the last."""
    return np.array([*(distance(a, b) for a, b in pairwise(frames)), 0.0], np.float32)


def npz(record: Replay, examples: Examples) -> bytes:
    """Return the sequence as a compressed .npz file.

    step, epoch, index, label; latents (T, N, Z) before alignment, aligned (T, N, Z) = latents @
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
