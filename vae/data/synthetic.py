"""Synthetic data sets with known generating factors.

A row is `f(examples, seed, *, <options>) -> Dataset`. `examples` 0 draws the row's default number.
Equal arguments draw equal data.

The moon is a unit sphere viewed from the front: u to the right, v up, w = sqrt(1 - u² - v²)
towards the viewer. The phase f runs from 0 (new) over 1/2 (full) to 1 (new again). With θ = 2πf
the direction of the sun is s = (sin θ, 0, -cos θ). A point n of the sphere is lit where n·s > 0:
the terminator is the half-ellipse u = cos θ · sqrt(1 - v²), and the lit share of the disc is
(1 - cos θ) / 2.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from vae.base.options import Option
from vae.base.records import Floats
from vae.data.dataset import Dataset
from vae.data.errors import LIMIT, DataError

PHASES = (
    "new moon",
    "waxing crescent",
    "first quarter",
    "waxing gibbous",
    "full moon",
    "waning gibbous",
    "last quarter",
    "waning crescent",
)

# Larger maria of the near side, (u, v, radius, depth), and the bright ground around Tycho.
MARIA = (
    (-0.30, 0.50, 0.26, 0.40),  # Imbrium
    (0.22, 0.44, 0.16, 0.38),  # Serenitatis
    (0.40, 0.14, 0.20, 0.42),  # Tranquillitatis
    (-0.62, 0.18, 0.26, 0.36),  # Procellarum
    (0.76, 0.30, 0.10, 0.42),  # Crisium
    (0.68, -0.10, 0.14, 0.32),  # Fecunditatis
    (-0.24, -0.34, 0.20, 0.30),  # Nubium
    (-0.52, -0.38, 0.11, 0.34),  # Humorum
    (-0.10, -0.70, 0.12, -0.14),  # Tycho
)
RADIUS = 0.88  # of the moon, in half widths of the picture
EARTHSHINE = 0.09  # brightness of the unlit part relative to the lit part
BRIGHTNESS = 250.0  # grey value of fully lit bright ground
SUBPIXELS = 4  # points per pixel in each direction that the light is averaged over


def moon_phases(
    examples: int,
    seed: int,
    *,
    size: Annotated[
        int,
        Option(
            "Width and height of a picture in pixels. Larger pictures show more details and take "
            "longer to learn.",
            low=8,
            high=64,
            label="Picture size",
        ),
    ] = 28,
    tilt: Annotated[
        float,
        Option(
            "Largest rotation of the moon in either direction, in degrees. With 0 the phase is "
            "the only factor; larger values vary the orientation more.",
            low=0.0,
            high=180.0,
            label="Largest tilt",
        ),
    ] = 90.0,
) -> Dataset:
    """Pictures of the moon with uniform phase and orientation.

    x is uint8 (N, 1, size, size). Factors: phase in [0, 1); orientation in degrees, in
    [-tilt, tilt].
    """
    n = number_drawn(examples, 2000, size * size)
    rng = np.random.default_rng(seed)
    phase = rng.random(n, dtype=np.float32)
    orientation = rng.uniform(-tilt, tilt, n).astype(np.float32)
    return Dataset(
        name="moon-phases",
        x=draw_moons(phase, orientation, size),
        scale=255.0,
        labels=np.floor(8 * phase.astype(np.float64) + 0.5).astype(np.int64) % 8,
        classes=PHASES,
        factors={"phase": phase, "orientation": orientation},
        about="Drawings of the moon in all phases, rotated by a random angle; each class is an "
        "eighth of the cycle, centred on its name. 2,000 by default.",
    )


def draw_moons(phase: Floats, orientation: Floats, size: int) -> NDArray[np.uint8]:
    """Return pictures (N, 1, size, size) of moons with these phases (0 to 1) and orientations
    (degrees).

    The orientation is the angle of the line through the horns, anticlockwise from upright. At 0
    the waxing moon is lit on the right. The maria rotate with it.
    """
    pictures = np.empty((len(phase), 1, size, size), np.uint8)
    theta = 2 * np.pi * phase.astype(np.float64)
    angle = np.radians(orientation.astype(np.float64))
    step = max(1, 500_000 // (size * SUBPIXELS) ** 2)  # pictures at a time that fit the CPU cache
    for start in range(0, len(phase), step):
        part = slice(start, start + step)
        fine = _light(*_turned(angle[part], size * SUBPIXELS), theta[part, None, None])
        light = fine.reshape(-1, size, SUBPIXELS, size, SUBPIXELS).mean((2, 4))
        pictures[part, 0] = np.rint(light * _ground(*_turned(angle[part], size)) * BRIGHTNESS)
    return pictures


def _turned(angle: NDArray[np.float64], pixels: int) -> tuple[Floats, Floats]:
    """Return u and v, each (N, pixels, pixels), of the pixel centres on moons at these angles."""
    centre = ((np.arange(pixels) + 0.5) / pixels * 2 - 1) / RADIUS
    right, up = (c.astype(np.float32) for c in np.meshgrid(centre, -centre))
    cos, sin = (f(angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    return right * cos + up * sin, up * cos - right * sin


def _light(u: Floats, v: Floats, theta: NDArray[np.float64]) -> Floats:
    """Return the light on the moon, in [0, 1], dimmer near terminator and limb; 0 outside it."""
    depth = 1 - u * u - v * v  # w², negative outside the disc
    w = np.sqrt(np.maximum(depth, 0))
    sun = u * np.sin(theta).astype(np.float32) - w * np.cos(theta).astype(np.float32)  # n·s
    sunlight = np.where(sun > 0, np.minimum(1, 0.6 + 2 * sun), np.float32(EARTHSHINE))
    return np.where(depth > 0, sunlight * (0.8 + 0.2 * w), np.float32(0))


def _ground(u: Floats, v: Floats) -> Floats:
    """Return the brightness of the moon's surface, in [0, 1]: highlands and maria."""
    bright = np.full_like(u, 0.94)
    for at_u, at_v, radius, dark in MARIA:
        near = ((u - at_u) ** 2 + (v - at_v) ** 2) / radius**2
        bright *= 1 - dark * np.exp(-near * near)
    return np.minimum(bright, 1)


def mixture(
    examples: int,
    seed: int,
    *,
    components: Annotated[
        int, Option("Number of Gaussians in the mixture, all equally likely.", low=1, high=50)
    ] = 5,
    radius: Annotated[
        float,
        Option(
            "Distance of each Gaussian's centre from the origin. Larger values separate the "
            "Gaussians more.",
            low=0.0,
            high=100.0,
        ),
    ] = 3.0,  # a spread well above 1, the initial learned sigma, so latents do not collapse
    sd: Annotated[
        float,
        Option(
            "Standard deviation of each Gaussian in both directions, in the unit of the radius. "
            "Larger values make the Gaussians overlap more.",
            low=0.0,
            high=100.0,
            label="Standard deviation",
        ),
    ] = 0.3,
) -> Dataset:
    """Points in the plane; the label is the Gaussian of the point. x is float32 (N, 2)."""
    n = number_drawn(examples, 2000, 8)
    rng = np.random.default_rng(seed)
    labels = rng.integers(components, size=n)
    points = centres(components, radius)[labels] + sd * rng.standard_normal((n, 2))
    return Dataset(
        name="mixture",
        x=points.astype(np.float32),
        scale=1.0,
        labels=labels,
        classes=tuple(str(k + 1) for k in range(components)),
        about="Points from Gaussians with centres evenly spaced on a circle. 2,000 by default.",
    )


def centres(components: int, radius: float) -> NDArray[np.float64]:
    """Return the centres of the Gaussians, (components, 2): anticlockwise, starting at the top."""
    angle = np.pi / 2 + 2 * np.pi * np.arange(components) / components
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def number_drawn(examples: int, default: int, nbytes: int) -> int:
    """Return the number of examples to draw; DataError if they need more than LIMIT bytes."""
    if not 0 <= examples * nbytes <= LIMIT:
        raise DataError(
            f"{examples} examples of {nbytes} bytes cannot be drawn: choose a number from 1 to "
            f"{LIMIT // nbytes}, or 0 for {default}."
        )
    return examples or default
