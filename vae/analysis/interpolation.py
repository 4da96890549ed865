"""Paths through latent space: along one latent, between two examples, along a difference of means.

Notation: z (Z,) a place, a path (S, Z) of S places in order, Z latent dimensions counted from 0, N
examples. Paths are in the units of z; other modules decode them. Sums are in float64, paths in
float32, the type of the decoder.

The middle of a linear path between two samples of N(0, I) has a smaller norm than nearly all
samples, about √Z; a great arc preserves the norm (White 2016, https://arxiv.org/abs/1609.04468).
This is a reason for arcs about the origin under the prior N(0, I), and under no other prior.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Floats, Ints

Doubles = NDArray[np.float64]

FINE = 200  # points for each place, from which the length of a curve is summed
NEARLY = 1e-6  # radians: places closer than this, or closer to opposite, have no unique arc


class Traversal(NamedTuple):
    """A path along one latent; all others stay at the values of the start."""

    dimension: int
    z: Floats  # (S, Z)
    start: int  # position of the start among the S places

    @property
    def places(self) -> Floats:
        """The values of the varied latent, (S,)."""
        return self.z[:, self.dimension]


class Between(NamedTuple):
    """A linear and a spherical path between two places."""

    t: Floats  # (S,) from 0 to 1
    linear: Floats  # (S, Z)
    spherical: Floats  # (S, Z)
    angle: float  # radians between the ends, seen from the origin; NaN if one is the origin
    arc: bool  # whether a unique great arc exists; if not, spherical is linear


class Difference(NamedTuple):
    """The difference of the means of two classes."""

    step: Floats  # (Z,) mean of the first − mean of the second
    examples: tuple[int, int]  # number of examples of each mean
    length: float  # ‖step / s‖, s (Z,) the standard deviations of the latents over all examples


def even(centre: Floats, unit: Floats, reach: float, steps: int) -> Floats:
    """Return evenly spaced values of each latent, centre ± reach · unit, (Z,), (Z,) → (S, Z)."""
    return np.asarray(centre + np.linspace(-reach, reach, steps)[:, None] * unit, np.float32)


def at_quantiles(z: Floats, steps: int, share: float = 0.98) -> Floats:
    """Return quantiles of each latent (N, Z) at evenly spaced probabilities that cover the middle
    `share`: (S, Z)."""
    edge = (1 - share) / 2
    return np.asarray(np.quantile(z, np.linspace(edge, 1 - edge, steps), axis=0), np.float32)


def traversal(start: Floats, dimension: int, places: Floats) -> Traversal:
    """Return the path from a start (Z,) along one latent with the values `places` (S,), ascending.
    The value nearest to the start is replaced by it, so that the start lies on the path."""
    nearest = int(np.abs(places - start[dimension]).argmin())
    z = np.repeat(start[None].astype(np.float32), len(places), axis=0)
    z[:, dimension] = places
    z[nearest, dimension] = start[dimension]
    return Traversal(dimension, z, nearest)


def change(x: Floats, z: Floats) -> float:
    """Return the change of rescaled values x (S, *event) along a path z (S, Z): mean absolute
    change of an element, per unit of z."""
    length = float(np.linalg.norm(np.diff(z.astype(np.float64), axis=0), axis=1).sum())
    changes = np.abs(np.diff(x.astype(np.float64), axis=0))
    total = changes.reshape(len(changes), -1).mean(1).sum()
    return float(total / length) if length else 0.0


def between(a: Floats, b: Floats, steps: int) -> Between:
    """Return both paths from a (Z,) to b (Z,) in S = `steps` places, ends included."""
    t, angle = np.linspace(0.0, 1.0, steps), angle_between(a, b)
    linear = lerp(a, b, t)
    arc = bool(NEARLY < angle < np.pi - NEARLY)
    spherical = slerp(a, b, t) if arc else linear
    return Between(t.astype(np.float32), linear, spherical, angle, arc)


def through(places: Floats, steps: int) -> Floats:
    """Return `steps` places at equal distances on a smooth curve through places (M, 2), in order,
    (steps, 2): the centripetal Catmull-Rom spline (Yuksel et al. 2011,
    https://doi.org/10.1016/j.cad.2010.08.008), which has no loops between two places.

    Equal consecutive places count once; a single place stays where it is.
    """
    from scipy.interpolate import CubicHermiteSpline

    apart = np.linalg.norm(np.diff(places.astype(np.float64), axis=0), axis=1)
    knots = places[np.concatenate([[True], apart > 0])].astype(np.float64)  # (K, 2)
    if len(knots) < 2:
        return np.repeat(places[:1], steps, axis=0)
    t = np.concatenate([[0.0], np.cumsum(np.sqrt(apart[apart > 0]))])
    curve = CubicHermiteSpline(t, knots, np.gradient(knots, t, axis=0))
    fine = np.linspace(0.0, t[-1], FINE * len(knots))
    lengths = np.linalg.norm(np.diff(curve(fine), axis=0), axis=1)
    way = np.concatenate([[0.0], np.cumsum(lengths)])
    return np.asarray(curve(np.interp(np.linspace(0, way[-1], steps), way, fine)), np.float32)


def angle_between(a: Floats, b: Floats) -> float:
    """Return the angle between two places (Z,) seen from the origin, in radians; NaN if one is the
    origin. The formula is accurate for small angles (Kahan 2006, "How futile are mindless
    assessments of roundoff", section 12)."""
    wide, other = a.astype(np.float64), b.astype(np.float64)
    first, second = np.linalg.norm(wide), np.linalg.norm(other)
    if not first or not second:
        return float("nan")
    wide, other = wide / first, other / second
    return float(2 * np.arctan2(np.linalg.norm(wide - other), np.linalg.norm(wide + other)))


def lerp(a: Floats, b: Floats, t: Doubles) -> Floats:
    """Return (1 − t) a + t b at each t (S,), (S, Z)."""
    share = t[:, None]
    return np.asarray(
        (1 - share) * a.astype(np.float64) + share * b.astype(np.float64), np.float32
    )


def slerp(a: Floats, b: Floats, t: Doubles) -> Floats:
    """Return sin((1 − t) θ) / sin θ · a + sin(t θ) / sin θ · b at each t (S,), (S, Z), with the
    angle θ between a and b (White 2016, https://arxiv.org/abs/1609.04468); `lerp` if
    θ is nearly 0 or nearly π, or if one end is the origin."""
    angle = angle_between(a, b)
    if not NEARLY < angle < np.pi - NEARLY:
        return lerp(a, b, t)
    first, second = np.sin((1 - t) * angle)[:, None], np.sin(t * angle)[:, None]
    z = (first * a.astype(np.float64) + second * b.astype(np.float64)) / np.sin(angle)
    return np.asarray(z, np.float32)


def class_mean(mean: Floats, labels: Ints, label: int) -> tuple[Floats, int]:
    """Return the mean (Z,) of the latents (N, Z) of one class, and its number of examples.

    Raises ValueError if the class has no examples.
    """
    members = mean[labels == label]
    if not len(members):
        raise ValueError(f"No example of class {label} is encoded: choose another class.")
    return np.asarray(members.mean(0, dtype=np.float64), np.float32), len(members)


def difference(mean: Floats, labels: Ints, first: int, second: int) -> Difference:
    """Return mean(first) − mean(second) of the latents (N, Z) of two classes.

    Raises ValueError if a class has no example.
    """
    (a, many), (b, others) = (class_mean(mean, labels, label) for label in (first, second))
    spread = mean.std(0, dtype=np.float64)
    scaled = np.divide(a - b, spread, out=np.zeros(len(spread)), where=spread > 0)
    return Difference(a - b, (many, others), float(np.linalg.norm(scaled)))


def shifted(z: Floats, step: Floats, strengths: Floats) -> Floats:
    """Return z + strength · step for each strength (S,), (S, Z)."""
    return np.asarray(z + strengths[:, None] * step, np.float32)
