"""Corruptions of examples before they are encoded, to test how well a model denoises.

A model that has learned the data maps a corrupted example back towards them: encode the corrupted
x̃, decode, and compare with the clean x (the measure of the denoising autoencoder, Vincent et al.
2008, https://doi.org/10.1145/1390156.1390294). The models are trained on clean x.

A row takes inputs of the encoder x (N, *event), pictures (N, C, H, W) in [0, 1] or rescaled
vectors (N, D), and a generator, and returns N corrupted ones. Its first option is its strength: 0
leaves x unchanged, and a higher strength corrupts more. Random numbers do not depend on the
strength, so that with the same generator a higher strength changes the same pixels in the same
directions.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import numpy as np

from vae.base.options import Option
from vae.base.records import UNSCALED, Domain, Floats


def blur(
    x: Floats,
    rng: np.random.Generator,
    *,
    width: Annotated[
        float,
        Option(
            "Standard deviation of a Gaussian filter, in pixels; at the edge the weights are "
            "normalised over the pixels of the picture.",
            low=0,
            high=4,
        ),
    ] = 0.0,
) -> Floats:
    """Blur pictures with a Gaussian filter."""
    if not width:
        return x
    rows, columns = (_filter(side, width) for side in x.shape[2:])
    return np.asarray(rows @ x @ columns.T, np.float32)


def _filter(side: int, width: float) -> Floats:
    """Return the weights (side, side) of all pixels of a line for each pixel."""
    distance = np.subtract.outer(np.arange(side), np.arange(side)) / width
    weights = np.exp(-0.5 * distance**2)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def gaussian(
    x: Floats,
    rng: np.random.Generator,
    *,
    sd: Annotated[
        float,
        Option(
            "Standard deviation of normal noise on every value, in units of x (pictures: black 0, "
            "white 1, and clipped to that; standardised columns: in their SD).",
            low=0,
            high=1,
        ),
    ] = 0.0,
) -> Floats:
    """x + sd ε, ε ~ N(0, 1); pictures are clipped to [0, 1]."""
    noisy = x + np.float32(sd) * rng.standard_normal(x.shape, np.float32)
    return np.asarray(noisy.clip(0, 1) if x.ndim == 4 and sd else noisy, np.float32)


def salt_and_pepper(
    x: Floats,
    rng: np.random.Generator,
    *,
    share: Annotated[
        float, Option("Share of the pixels that turn white or black at random.", low=0, high=1)
    ] = 0.0,
) -> Floats:
    """Replace each pixel, with all its channels, by 0 or by 1 with probability `share`."""
    places = (len(x), 1, *x.shape[2:])
    hit, white = rng.random(places) < share, rng.random(places) < 0.5
    return np.asarray(np.where(hit, white, x), np.float32)


def flips(
    x: Floats,
    rng: np.random.Generator,
    *,
    share: Annotated[
        float, Option("Share of the values that flip between 0 and 1 at random.", low=0, high=1)
    ] = 0.0,
) -> Floats:
    """Binary values, each flipped with probability `share`: a binary symmetric channel."""
    return np.where(rng.random(x.shape) < share, 1 - x, x).astype(np.float32)


def occlusion(
    x: Floats,
    rng: np.random.Generator,
    *,
    share: Annotated[
        float, Option("Share of the picture's area that is covered.", low=0, high=1)
    ] = 0.0,
    across: Annotated[
        float,
        Option("Horizontal position of the cover, from 0 (left edge) to 1 (right edge).", 0, 1),
    ] = 0.5,
    down: Annotated[
        float,
        Option("Vertical position of the cover, from 0 (upper edge) to 1 (lower edge).", 0, 1),
    ] = 0.5,
    fill: Annotated[
        float, Option("Grey value of the cover, from 0 (black) to 1 (white).", 0, 1)
    ] = 0.5,
) -> Floats:
    """Cover a rectangle with the proportions of the picture, in whole pixels."""
    height, width = (round(side * share**0.5) for side in x.shape[2:])
    top, left = int(down * (x.shape[2] - height)), int(across * (x.shape[3] - width))
    covered = x.copy()
    covered[:, :, top : top + height, left : left + width] = fill
    return covered


class Corruption(NamedTuple):
    """A row of the table of corruptions."""

    title: str
    apply: Callable[..., Floats]  # (x, rng, *, strength, further options)
    unit: str  # of the strength; "share": from 0 to 1
    fits: Callable[[bool, bool], bool]  # (pictures, binary) → whether it applies
    start: float | None = None  # strength at first on the page, if not the function's default


CORRUPTIONS: dict[str, Corruption] = {  # in the order of application
    "blur": Corruption("Blur", blur, "pixels", lambda pictures, binary: pictures),
    "gaussian": Corruption("Noise", gaussian, "SD", lambda pictures, binary: True, start=0.25),
    "salt": Corruption(
        "Salt and pepper", salt_and_pepper, "share", lambda pictures, binary: pictures
    ),
    "flips": Corruption("Flips", flips, "share", lambda pictures, binary: binary),
    "occlusion": Corruption("Cover", occlusion, "share", lambda pictures, binary: pictures),
}


def corrupted(
    x: Floats, options: Mapping[str, Mapping[str, float]], seed: int, domain: Domain
) -> Floats:
    """Apply rows of `CORRUPTIONS` to x (N, *event) of a domain: name → options. Vectors and series
    are rescaled before and restored afterwards.

    Each row has a separate random generator, so that a change of one leaves the others unchanged.
    """
    if x.ndim < 4 and domain.scale:
        u = domain.rescale(x)
        noisy = corrupted(u, options, seed, UNSCALED)
        return np.where(noisy == u, x, domain.restore(noisy))
    for place, (name, row) in enumerate(CORRUPTIONS.items()):
        if name in options:
            x = row.apply(x, np.random.default_rng((seed, place)), **options[name])
    return x
