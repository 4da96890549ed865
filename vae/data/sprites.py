"""Small white shapes on black, drawn with independent known factors.

After dSprites (Matthey et al. 2017, https://github.com/google-deepmind/dsprites-dataset): a
square, an ellipse or a heart with one of 6 scales, 40 orientations and 32 × 32 positions. Each
factor is uniform and independent of the others. dSprites has 64×64 pixels of 0 or 1; here the size
is an option, and a pixel's grey value is the share of its area inside the shape.

In the coordinates of a shape (u to the right, v up) all its points are within distance 1 of the
origin, so a rotation keeps it inside the same circle. The square is max(|u|, |v|) ≤ 1/√2, the
ellipse u² + 4v² ≤ 1, and the heart (p² + q² - 1)³ ≤ p²q³ with p = HEART·u, q = HEART·v + LIFT.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from vae.base.options import Option
from vae.base.records import Floats
from vae.data.dataset import Dataset
from vae.data.synthetic import number_drawn

SHAPES = ("square", "ellipse", "heart")
SCALES = 6  # evenly from 0.5 to 1
ORIENTATIONS = 40  # a full turn
PLACES = 32  # positions in x and in y
RADIUS = 0.22  # of the circle around a shape of scale 1, in widths of the picture
HEART, LIFT = 1.25, 0.25  # the curve lies within 1.25 of the point 0.25 above its origin
SUBPIXELS = 4  # points per pixel in each direction


def shapes(
    examples: int,
    seed: int,
    *,
    size: Annotated[
        int,
        Option(
            "Width and height of a picture in pixels. Larger pictures have finer outlines and "
            "take longer to learn.",
            low=12,
            high=64,
            label="Picture size",
        ),
    ] = 32,
) -> Dataset:
    """Squares, ellipses and hearts of independent size, orientation and position (after dSprites,
    Matthey et al. 2017).

    x is uint8 (N, 1, size, size). Factors: shape 0, 1, 2; scale 0.5 to 1; orientation in degrees,
    0 to 351, anticlockwise; x from left to right and y from bottom to top, 0 to 1.
    """
    n = number_drawn(examples, 5000, size * size)
    rng = np.random.default_rng(seed)
    shape, scale, turn, x, y = (
        rng.integers(count, size=n)
        for count in (len(SHAPES), SCALES, ORIENTATIONS, PLACES, PLACES)
    )
    factors = {
        "shape": shape.astype(np.float32),
        "scale": (0.5 + 0.5 * scale / (SCALES - 1)).astype(np.float32),
        "orientation": (turn * 360 / ORIENTATIONS).astype(np.float32),
        "x": (x / (PLACES - 1)).astype(np.float32),
        "y": (y / (PLACES - 1)).astype(np.float32),
    }
    return Dataset(
        name="shapes",
        x=draw_shapes(**factors, size=size),
        scale=255.0,
        labels=shape,
        classes=SHAPES,
        factors=factors,
        about="A white square, ellipse or heart on black, of independent size, orientation and "
        "position. 5,000 by default.",
    )


def draw_shapes(
    shape: Floats, scale: Floats, orientation: Floats, x: Floats, y: Floats, size: int
) -> NDArray[np.uint8]:
    """Return pictures (N, 1, size, size) of shapes with the factors of `shapes`, each (N,)."""
    pictures = np.empty((len(shape), 1, size, size), np.uint8)
    step = max(1, 500_000 // (size * SUBPIXELS) ** 2)  # pictures at a time that fit the CPU cache
    for start in range(0, len(shape), step):
        part = slice(start, start + step)
        u, v = _coordinates(scale[part], orientation[part], x[part], y[part], size * SUBPIXELS)
        inside = _inside(shape[part], u, v)
        share = inside.reshape(-1, size, SUBPIXELS, size, SUBPIXELS).mean((2, 4))
        pictures[part, 0] = np.rint(255 * share)
    return pictures


def _coordinates(
    scale: Floats, orientation: Floats, x: Floats, y: Floats, pixels: int
) -> tuple[Floats, Floats]:
    """Return u and v, each (N, pixels, pixels), of the pixels' centres, in shape coordinates."""
    at = ((np.arange(pixels) + 0.5) / pixels).astype(np.float32)
    right = at - (RADIUS + (1 - 2 * RADIUS) * x)[:, None]  # (N, pixels)
    up = (1 - at) - (RADIUS + (1 - 2 * RADIUS) * y)[:, None]
    angle = np.radians(orientation)
    cos, sin = (f(angle)[:, None] / (RADIUS * scale)[:, None] for f in (np.cos, np.sin))
    u = (cos * right)[:, None, :] + (sin * up)[:, :, None]
    v = (cos * up)[:, :, None] - (sin * right)[:, None, :]
    return u.astype(np.float32), v.astype(np.float32)


def _inside(shape: Floats, u: Floats, v: Floats) -> NDArray[np.bool_]:
    """Return whether each point lies inside the shape of its picture, (N, pixels, pixels)."""
    inside = np.empty(u.shape, np.bool_)
    for kind, rule in enumerate((_square, _ellipse, _heart)):
        rows = shape == kind
        inside[rows] = rule(u[rows], v[rows])
    return inside


def _square(u: Floats, v: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.maximum(np.abs(u), np.abs(v)) <= np.sqrt(0.5))


def _ellipse(u: Floats, v: Floats) -> NDArray[np.bool_]:
    return np.asarray(u * u + 4 * v * v <= 1)


def _heart(u: Floats, v: Floats) -> NDArray[np.bool_]:
    p, q = HEART * u, HEART * v + LIFT
    pp, qq = p * p, q * q
    round_ = pp + qq - 1
    return np.asarray(round_ * round_ * round_ <= pp * qq * q)
