"""Densities on the plane of a map: mixtures of Gaussians and their highest density regions.

The aggregate posterior q(z) = 1/N Σ_n q(z|x_n) of Gaussian posteriors is a mixture of Gaussians,
and stays one under a linear map: with place = (z - origin) Aᵀ, a component N(m, S) becomes
N((m - origin) Aᵀ, A S Aᵀ). So its density in two latent dimensions or in the plane of the
principal components is exact. The same holds for the prior and for a mixture fitted to latents.

The rank of a place is the share of the mass at lower density: 0 in a hole, 1 at the mode. The
places of rank above 1 - s hold the share s of the mass (the highest density region, Hyndman
1996). Notation: N components, M places, G lines of a grid on each side.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Floats

LINES = 64  # of the grid on each side
CELLS = 2_000_000  # pairs of place and component at a time

Doubles = NDArray[np.float64]


class Blobs(NamedTuple):
    """A mixture of Gaussians on the plane."""

    mean: Floats  # (N, 2)
    covariance: Floats  # (N, 2, 2)
    weight: Floats  # (N,) sums to 1

    def thinned(self, most: int) -> "Blobs":
        """Return at most `most` evenly chosen components, weights normalised."""
        every = slice(None, None, max(1, -(-len(self.mean) // most)))
        weight = self.weight[every]
        return Blobs(self.mean[every], self.covariance[every], weight / weight.sum())


def equal(mean: Floats, covariance: Floats) -> Blobs:
    """Return Gaussians of equal weight."""
    return Blobs(mean, covariance, np.full(len(mean), 1 / max(len(mean), 1), np.float32))


def projected(
    mean: Floats, covariance: Floats, origin: Floats, forward: Floats
) -> tuple[Floats, Floats]:
    """Project means (N, Z) and (co)variances (N, Z) or (N, Z, Z): (N, 2) and (N, 2, 2)."""
    if covariance.ndim == 2:
        spread = np.einsum("iz,nz,jz->nij", forward, covariance, forward, optimize=True)
    else:
        spread = forward @ covariance @ forward.T
    return ((mean - origin) @ forward.T).astype(np.float32), spread.astype(np.float32)


def kernels(points: Floats) -> Blobs:
    """Return a kernel density estimate of points (N, 2): Gaussians with the covariance of the
    points times N^(-1/3) (Scott's rule)."""
    width = np.cov(points.T).reshape(2, 2) * len(points) ** (-1 / 3)
    width = width + np.eye(2) * (1e-6 * np.trace(width) + 1e-12)
    return equal(points, np.broadcast_to(width.astype(np.float32), (len(points), 2, 2)))


def density(blobs: Blobs, places: Floats) -> Doubles:
    """Return the density at places (M, 2), (M,), per unit of both axes."""
    (a, b), (_, d) = np.moveaxis(np.asarray(blobs.covariance, np.float64), 0, -1)
    det = np.maximum(a * d - b * b, 1e-300)
    scale = np.asarray(blobs.weight, np.float64) / (2 * math.pi * np.sqrt(det))
    inverse = (np.stack([d, -2 * b, a]) / det * -0.5).astype(np.float32)
    found = np.empty(len(places))
    size = max(1, CELLS // len(blobs.mean))
    for start in range(0, len(places), size):
        part = slice(start, start + size)
        dx = np.subtract.outer(places[part, 0], blobs.mean[:, 0]).astype(np.float32)
        dy = np.subtract.outer(places[part, 1], blobs.mean[:, 1]).astype(np.float32)
        form = dx * (inverse[0] * dx + inverse[1] * dy) + inverse[2] * (dy * dy)
        found[part] = np.exp(form, out=form) @ scale
    return found


class Field(NamedTuple):
    """A density on a grid over a part of the map, and the mass below each density."""

    x: Floats  # (G,)
    y: Floats  # (G,)
    value: Doubles  # (G, G), rows along y from the lowest up
    sorted: Doubles  # (G·G,) densities, ascending
    below: Doubles  # (G·G,) share of the mass at lower densities

    def rank(self, value: Doubles | float) -> Doubles:
        """Return the share of the mass at densities below `value`."""
        return np.asarray(np.interp(value, self.sorted, self.below))

    def level(self, share: float) -> float:
        """Return the density above which `share` of the mass lies."""
        return float(np.interp(1 - share, self.below, self.sorted))


def field_of(x: Floats, y: Floats, value: Doubles) -> Field:
    """Return the field of densities (G, G) on a grid that holds all mass."""
    ordered = np.sort(value.ravel())
    return Field(x, y, value, ordered, _below(ordered))


def _below(ordered: Doubles) -> Doubles:
    """Return the share of the mass below each of the ascending densities."""
    total = np.cumsum(ordered)
    below: Doubles = (total - ordered) / total[-1] if total[-1] else np.zeros_like(total)
    return below


def field(
    blobs: Blobs, x: tuple[float, float], y: tuple[float, float], lines: int = LINES
) -> Field:
    """Return the density on a grid between the ends of `x` and `y`.

    The mass is computed on a wider grid, up to four standard deviations of the whole mixture
    beyond those ends. Each component is blurred by half a step of that grid, so that narrow
    components do not fall between its lines.
    """
    ends = _reach(blobs, (x, y))
    half = np.diag([(high - low) / (lines - 1) / 2 for low, high in ends]) ** 2
    blurred = blobs._replace(covariance=(blobs.covariance + half).astype(np.float32))
    ordered = np.sort(_on_grid(blurred, ends, lines).ravel())
    across, up = (np.linspace(*end, lines, dtype=np.float32) for end in (x, y))
    return Field(across, up, _on_grid(blurred, (x, y), lines), ordered, _below(ordered))


def _reach(blobs: Blobs, ends: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Return the ends of each axis, extended to four standard deviations of the mixture."""
    found = []
    for axis, (low, high) in enumerate(ends):
        mean, variance = blobs.mean[:, axis], blobs.covariance[:, axis, axis]
        centre = float(blobs.weight @ mean)
        wide = 4 * float(blobs.weight @ (variance + (mean - centre) ** 2)) ** 0.5
        found.append((min(low, centre - wide), max(high, centre + wide)))
    return tuple(found)


def _on_grid(blobs: Blobs, ends: tuple[tuple[float, float], ...], lines: int) -> Doubles:
    across, up = (np.linspace(*end, lines) for end in ends)
    places = np.stack(np.meshgrid(across, up), -1).reshape(-1, 2).astype(np.float32)
    return density(blobs, places).reshape(lines, lines)


def steps(found: Field, shares: tuple[float, ...]) -> Floats:
    """Return the density in steps, (G, G), for contour lines at 1, 2, …: k on the contour that
    holds the k-th of `shares` (falling, so that k rises inwards), k + ½ half-way to the next in
    log density."""
    tiny = np.finfo(np.float64).tiny
    logs = np.log(np.maximum(found.value, tiny))
    levels = np.log(np.maximum([found.level(share) for share in shares], tiny))
    levels = np.maximum.accumulate(levels + 1e-9 * np.arange(len(levels)))
    gap = max(levels[-1] - levels[0], 1.0)
    ends = [levels[0] - gap, *levels, max(logs.max(), levels[-1] + 1e-9)]
    found_steps: Floats = np.interp(logs, ends, np.arange(len(ends))).astype(np.float32)
    return found_steps


def ellipses(mean: Floats, covariance: Floats, sigma: float, corners: int = 40) -> Floats:
    """Return the outlines (N, corners, 2) of Gaussians at `sigma` standard deviations."""
    values, vectors = np.linalg.eigh(covariance)
    root = (
        vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
    )  # (N, 2, 2), root rootᵀ = covariance
    turn = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    circle = sigma * np.stack([np.cos(turn), np.sin(turn)], -1)  # (corners, 2)
    outline: Floats = (mean[:, None, :] + circle @ root.swapaxes(1, 2)).astype(np.float32)
    return outline
