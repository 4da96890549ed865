"""Corruption: what may be done to examples before they are encoded, to see what a model restores.

A model that has learnt what examples look like maps a damaged one back towards them: encode the
corrupted x̃, decode, and compare with the clean x (the measure of the denoising autoencoder,
Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294). Here nothing is trained on x̃.

Every row takes examples x (N, *event) as the model sees them, pictures (N, C, H, W) in [0, 1], and
a generator, and returns as many. Its first option is its strength: 0 leaves x as it is, and more
damages more. What is random is drawn before the strength is looked at, so that of one generator a
greater strength only goes further on the same way: the same pixels, the same directions.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import numpy as np

from vae.base.options import Option
from vae.base.records import Floats


def blur(
    x: Floats,
    rng: np.random.Generator,
    *,
    width: Annotated[
        float,
        Option(
            "Standard deviation of a Gaussian filter, in pixels; at the edge its weights are "
            "those of the pixels there are.",
            low=0,
            high=4,
        ),
    ] = 0.0,
) -> Floats:
    """Pictures out of focus."""
    if not width:
        return x
    rows, columns = (_filter(side, width) for side in x.shape[2:])
    return np.asarray(rows @ x @ columns.T, np.float32)


def _filter(side: int, width: float) -> Floats:
    """The weights (side, side) with which each pixel of a line takes from every other."""
    apart = np.subtract.outer(np.arange(side), np.arange(side)) / width
    weights = np.exp(-0.5 * apart**2)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def gaussian(
    x: Floats,
    rng: np.random.Generator,
    *,
    sd: Annotated[
        float,
        Option(
            "Standard deviation of normal noise on every value, in units of x (pictures: black 0, "
            "white 1, and clipped to that).",
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
        float, Option("Share of the pixels that turn white or black, by lot.", low=0, high=1)
    ] = 0.0,
) -> Floats:
    """Each pixel, with all its channels, is replaced with probability `share`, by 0 or by 1."""
    places = (len(x), 1, *x.shape[2:])
    hit, white = rng.random(places) < share, rng.random(places) < 0.5
    return np.asarray(np.where(hit, white, x), np.float32)


def flips(
    x: Floats,
    rng: np.random.Generator,
    *,
    share: Annotated[
        float, Option("Share of the values that turn from 0 to 1 or back, by lot.", low=0, high=1)
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
        float, Option("Where the cover lies from the left edge, 0, to the right, 1.", 0, 1)
    ] = 0.5,
    down: Annotated[
        float, Option("Where the cover lies from the upper edge, 0, to the lower, 1.", 0, 1)
    ] = 0.5,
    fill: Annotated[float, Option("What the cover is: black 0, grey, white 1.", 0, 1)] = 0.5,
) -> Floats:
    """A cover in the proportions of the picture (a square on a square one), in whole pixels."""
    height, width = (round(side * share**0.5) for side in x.shape[2:])
    top, left = int(down * (x.shape[2] - height)), int(across * (x.shape[3] - width))
    covered = x.copy()
    covered[:, :, top : top + height, left : left + width] = fill
    return covered


class Corruption(NamedTuple):
    """A row of the table."""

    title: str
    apply: Callable[..., Floats]  # (x, rng, *, strength, further options)
    unit: str  # of its strength: "share" is from 0 to 1
    fits: Callable[[bool, bool], bool]  # (pictures, binary) → whether such examples can have it


CORRUPTIONS: dict[str, Corruption] = {  # in the order in which they are applied
    "blur": Corruption("Blur", blur, "pixels", lambda pictures, binary: pictures),
    "gaussian": Corruption("Noise", gaussian, "SD", lambda pictures, binary: True),
    "salt": Corruption(
        "Salt and pepper", salt_and_pepper, "share", lambda pictures, binary: pictures
    ),
    "flips": Corruption("Flips", flips, "share", lambda pictures, binary: binary),
    "occlusion": Corruption("Cover", occlusion, "share", lambda pictures, binary: pictures),
}


def corrupted(x: Floats, wanted: Mapping[str, Mapping[str, float]], seed: int) -> Floats:
    """x (N, *event) with the rows of `CORRUPTIONS` that are wanted, each with its options.

    Each row draws from a stream of its own: to move one leaves the others as they are.
    """
    for place, (name, row) in enumerate(CORRUPTIONS.items()):
        if name in wanted:
            x = row.apply(x, np.random.default_rng((seed, place)), **wanted[name])
    return x
