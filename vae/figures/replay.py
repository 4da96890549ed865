"""A replay to be looked at: what the player in the browser and an exported picture both show.

The scene says where points lie, in which colours and within which ranges, the same for all frames,
so that movement means change.

Letters: T frames, N points, M reconstructed examples, S samples.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.analysis.replay import Replay
from vae.base.records import Curve, Curves, Examples, Floats, Hue
from vae.figures import history
from vae.figures.base import QUANTITY, span
from vae.figures.palette import CLASSES, COLOURS

RINGS = (1.0, 2.0)  # sigma of the prior


class Strip(NamedTuple):
    """One quantity over training, nats per example."""

    title: str
    colour: str  # of the palette
    range: tuple[float, float]
    lines: dict[str, tuple[Floats, Floats]]  # "train", "val" → epoch, value


class Scene(NamedTuple):
    """A replay with its colours and ranges."""

    record: Replay
    examples: Examples
    hue: Hue | None
    colour: NDArray[np.uint8]  # (N,) which colour of the palette
    palette: tuple[tuple[str, ...], tuple[str, ...]]  # light, dark
    x: tuple[float, float]  # range of all frames, aligned and raw
    y: tuple[float, float]
    rings: bool  # the prior is N(0, I): circles about its origin mean something

    @property
    def lanes(self) -> bool:
        """Whether the height of a point means nothing."""
        return bool(self.record.plane.basis.shape[0] == 1)

    @property
    def made(self) -> Floats:
        """What the decoder made, (T, M + S, *event)."""
        return np.concatenate([self.record.reconstructions, self.record.samples], axis=1)

    @property
    def pictures(self) -> bool:
        return self.examples.originals.ndim == 4


def scene(record: Replay, examples: Examples, hue: Hue | None, rings: bool) -> Scene:
    """Colours and ranges of a replay, the same for all its frames."""
    colour, palette = _colours(hue, len(examples.index))
    places = np.concatenate([record.aligned, record.raw])
    rings = rings and len(record.plane.basis) > 1
    least = 1.2 * RINGS[-1] if rings else 0.0
    x, y = (span(places[..., k], 0.04, least) for k in (0, 1))
    return Scene(record, examples, hue, colour, palette, (x[0], x[1]), (y[0], y[1]), rings)


def _colours(
    hue: Hue | None, count: int
) -> tuple[NDArray[np.uint8], tuple[tuple[str, ...], tuple[str, ...]]]:
    """For each point the number of its colour, and the colours, light and dark."""
    if hue is None:
        light, dark = COLOURS["accent"]
        return np.zeros(count, np.uint8), ((light,), (dark,))
    if hue.classes:
        known = (hue.values >= 0) & (hue.values < len(hue.classes))
        names = [*(f"class{k}" for k in range(CLASSES)), "muted"]
        light_dark = [tuple(COLOURS[name][side] for name in names) for side in (0, 1)]
        number = np.where(known, hue.values % CLASSES, CLASSES).astype(np.uint8)
        return number, (light_dark[0], light_dark[1])
    low, high = ends(hue)
    share = (np.nan_to_num(hue.values) - low) / ((high - low) or 1.0)
    ramp = tuple(_mixed(place) for place in np.linspace(0, 1, 256))
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8), (ramp, ramp)


def ends(hue: Hue) -> tuple[float, float]:
    """The ends of the colours of a quantity: its 1st and 99th percentile."""
    finite = hue.values[np.isfinite(hue.values)]
    low, high = np.percentile(finite, [1, 99]).tolist() if len(finite) else (0.0, 1.0)
    return low, high


def _mixed(place: float) -> str:
    """The colour at a place in [0, 1] of the scale for quantities."""
    stops = np.array([stop for stop, _ in QUANTITY], np.float64)
    parts = np.array([rgb(str(colour)) for _, colour in QUANTITY])
    mixed = [round(float(np.interp(place, stops, parts[:, c]))) for c in range(3)]
    return f"#{bytes(mixed).hex()}"


def rgb(colour: str) -> tuple[int, int, int]:
    """#rrggbb as three bytes."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def strips(record: Curves, until: int) -> list[Strip]:
    """Reconstruction, KL and ELBO up to a step, as the live chart of a run draws them."""
    kept = {}
    for name, curve in record.curves.items():
        past = curve.step <= until
        kept[name] = Curve(curve.step[past], curve.epoch[past], curve.value[past])
    quantities = ("reconstruction", "kl", "elbo")
    panels = history._panels(record._replace(curves=kept), quantities, "epoch", 400, "")
    found = []
    for panel in panels:
        if panel.quantity in quantities:
            (low, high), _ = history._limits(panel, log=False)
            lines = {split: (line.epoch, line.value) for split, line in panel.lines.items()}
            colour = {"reconstruction": "reconstruction", "kl": "kl"}.get(panel.quantity, "elbo")
            found.append(Strip(panel.title, colour, (low, high), lines))
    return found


def vector_range(scene: Scene) -> tuple[Floats, Floats]:
    """Lowest and highest of each feature over originals and all that was made, with a margin."""
    parts = (scene.examples.originals, *scene.made)
    flat = np.concatenate([part.reshape(len(part), -1) for part in parts])
    ranges = np.array([span(column) for column in flat.T], np.float32)
    return ranges[:, 0], ranges[:, 1]
