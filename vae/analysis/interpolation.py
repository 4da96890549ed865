"""Paths through latent space: along one latent, between two examples, along a difference of means.

Notation: z (Z,) a place, a path (S, Z) of S places in order, Z latent dimensions, N examples; a
latent is counted from 0. What the decoder makes of a path is decoded elsewhere; here are places
only, in the units of z. Sums are in float64, paths in float32, as the decoder takes them.

Linear paths between two samples of N(0, I) pass places of a smaller norm than nearly all samples
have, about √Z; a great arc keeps the norm (White 2016, https://arxiv.org/abs/1609.04468). That is
a reason for arcs about the origin where the prior is N(0, I), and for no other prior.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Floats, Ints

Doubles = NDArray[np.float64]

NEARLY = 1e-6  # radians: with less between two places, or from opposite, there is no one arc


class Traversal(NamedTuple):
    """One latent moves, all others stay as they are at the start."""

    dimension: int
    z: Floats  # (S, Z)
    start: int  # which of the S places is the start itself

    @property
    def places(self) -> Floats:
        """The values of the latent that moves, (S,)."""
        return self.z[:, self.dimension]


class Between(NamedTuple):
    """Two ways from one place to another."""

    t: Floats  # (S,) from 0 to 1
    linear: Floats  # (S, Z)
    spherical: Floats  # (S, Z)
    angle: float  # radians between the two ends, seen from the origin; NaN where one is the origin
    arc: bool  # whether there is one great arc; if not, spherical is linear


class Difference(NamedTuple):
    """From the mean of one class to the mean of another."""

    step: Floats  # (Z,) mean of the first − mean of the second
    examples: tuple[int, int]  # that each mean is taken of
    length: float  # ‖step / s‖, s (Z,) the standard deviations of the latents over all examples


def even(centre: Floats, unit: Floats, reach: float, steps: int) -> Floats:
    """Even places of each latent, centre ± reach · unit, (Z,) and (Z,) → (S, Z)."""
    return np.asarray(centre + np.linspace(-reach, reach, steps)[:, None] * unit, np.float32)


def at_quantiles(z: Floats, steps: int, share: float = 0.98) -> Floats:
    """Places of each latent at evenly spaced probabilities of what is given, the middle `share`
    of it: (N, Z) → (S, Z)."""
    edge = (1 - share) / 2
    return np.asarray(np.quantile(z, np.linspace(edge, 1 - edge, steps), axis=0), np.float32)


def traversal(start: Floats, dimension: int, places: Floats) -> Traversal:
    """From a start (Z,) along one latent, whose values are `places` (S,), ascending, except that
    the one nearest to the start's own value gives way to it: the start lies on the path."""
    own = int(np.abs(places - start[dimension]).argmin())
    z = np.repeat(start[None].astype(np.float32), len(places), axis=0)
    z[:, dimension] = places
    z[own, dimension] = start[dimension]
    return Traversal(dimension, z, own)


def change(x: Floats, z: Floats) -> float:
    """How much x (S, *event) changes along a path z (S, Z): mean absolute change of an element in
    units of x, per unit of z. It is the length of the way in x over that in z."""
    way = float(np.linalg.norm(np.diff(z.astype(np.float64), axis=0), axis=1).sum())
    moved = np.abs(np.diff(x.astype(np.float64), axis=0))
    return float(moved.reshape(len(moved), -1).mean(1).sum() / way) if way else 0.0


def between(a: Floats, b: Floats, steps: int) -> Between:
    """Both ways from a (Z,) to b (Z,) in S = `steps` places, ends included."""
    t, angle = np.linspace(0.0, 1.0, steps), angle_between(a, b)
    linear = lerp(a, b, t)
    arc = bool(NEARLY < angle < np.pi - NEARLY)
    spherical = slerp(a, b, t) if arc else linear
    return Between(t.astype(np.float32), linear, spherical, angle, arc)


def angle_between(a: Floats, b: Floats) -> float:
    """Radians between two places (Z,) seen from the origin, also where they are few (Kahan 2006,
    "How futile are mindless assessments of roundoff", section 12); NaN where one is the origin."""
    wide, other = a.astype(np.float64), b.astype(np.float64)
    first, second = np.linalg.norm(wide), np.linalg.norm(other)
    if not first or not second:
        return float("nan")
    wide, other = wide / first, other / second
    return float(2 * np.arctan2(np.linalg.norm(wide - other), np.linalg.norm(wide + other)))


def lerp(a: Floats, b: Floats, t: Doubles) -> Floats:
    """(1 − t) a + t b at each t (S,) → (S, Z)."""
    share = t[:, None]
    return np.asarray(
        (1 - share) * a.astype(np.float64) + share * b.astype(np.float64), np.float32
    )


def slerp(a: Floats, b: Floats, t: Doubles) -> Floats:
    """sin((1 − t) θ) / sin θ · a + sin(t θ) / sin θ · b at each t (S,) → (S, Z), θ the angle
    between a and b (White 2016, section 2.1, https://arxiv.org/abs/1609.04468); `lerp` where θ is
    nearly 0 or nearly π, or where one end is the origin."""
    angle = angle_between(a, b)
    if not NEARLY < angle < np.pi - NEARLY:
        return lerp(a, b, t)
    first, second = np.sin((1 - t) * angle)[:, None], np.sin(t * angle)[:, None]
    z = (first * a.astype(np.float64) + second * b.astype(np.float64)) / np.sin(angle)
    return np.asarray(z, np.float32)


def class_mean(mean: Floats, labels: Ints, label: int) -> tuple[Floats, int]:
    """The mean (Z,) of the latents (N, Z) of one class, and how many examples it is taken of.

    Raises ValueError if there are none.
    """
    own = mean[labels == label]
    if not len(own):
        raise ValueError(f"No example of class {label} is encoded: choose another class.")
    return np.asarray(own.mean(0, dtype=np.float64), np.float32), len(own)


def difference(mean: Floats, labels: Ints, first: int, second: int) -> Difference:
    """mean(first) − mean(second) of the latents (N, Z) of two classes.

    Raises ValueError if a class has no example.
    """
    (a, many), (b, others) = (class_mean(mean, labels, label) for label in (first, second))
    spread = mean.std(0, dtype=np.float64)
    scaled = np.divide(a - b, spread, out=np.zeros(len(spread)), where=spread > 0)
    return Difference(a - b, (many, others), float(np.linalg.norm(scaled)))


def shifted(z: Floats, step: Floats, strengths: Floats) -> Floats:
    """z + strength · step for each strength (S,) → (S, Z)."""
    return np.asarray(z + strengths[:, None] * step, np.float32)
