"""The scene of a replay: positions, colours and ranges of all its frames.

The player in the browser and the exported animation draw the same scene. Ranges and colours are
the same in all frames, so that movement means change.

Letters: T frames, N points, M reconstructed examples, S samples.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.analysis.replay import Replay
from vae.base.records import UNSCALED, Curve, Curves, Domain, Examples, Floats, Hue
from vae.figures.base import SEQUENTIAL, span
from vae.figures.curve_panels import curve_panels, value_range
from vae.figures.palette import CLASSES, COLOURS
from vae.figures.quantities import TERMS

CIRCLES = (1.0, 2.0)  # sigma of the prior


class ReplayCurve(NamedTuple):
    """The curves of one term of the bound over training, nats per example."""

    title: str
    colour: str  # a name of the palette
    range: tuple[float, float]
    lines: dict[str, tuple[Floats, Floats]]  # "train", "val" → epoch, value


class Scene(NamedTuple):
    """A replay with its colours and ranges."""

    record: Replay
    examples: Examples
    hue: Hue | None
    colour: NDArray[np.uint8]  # (N,) index into the palette
    palette: tuple[tuple[str, ...], tuple[str, ...]]  # colours of the light and the dark theme
    x: tuple[float, float]  # range of all frames, aligned and unaligned
    y: tuple[float, float]
    rings: bool  # the prior is N(0, I), so circles around its origin are drawn

    @property
    def one_dimensional(self) -> bool:
        """Whether only the horizontal coordinate of a point has a meaning."""
        return bool(len(self.record.plane.origin) == 1)

    @property
    def decoded(self) -> Floats:
        """Reconstructions and samples, (T, M + S, *event)."""
        return np.concatenate([self.record.reconstructions, self.record.samples], axis=1)

    @property
    def is_image(self) -> bool:
        """Whether the examples are images, not vectors or series."""
        return self.examples.originals.ndim == 4

    @property
    def is_series(self) -> bool:
        return self.examples.originals.ndim == 3


def replay_scene(
    record: Replay,
    examples: Examples,
    hue: Hue | None,
    rings: bool,
    domain: Domain = UNSCALED,
) -> Scene:
    """The scene of a replay, coloured by `hue`; `rings` if the prior is N(0, I). Vectors are drawn
    in the scale of each feature, series in that of each channel."""
    if examples.originals.ndim < 4:
        examples = examples._replace(originals=domain.rescale(examples.originals))
        record = record._replace(
            reconstructions=domain.rescale(record.reconstructions),
            samples=domain.rescale(record.samples),
        )
    colour, palette = _colours(hue, len(examples.index))
    places = np.concatenate([record.aligned, record.raw])
    rings = rings and len(record.plane.origin) > 1
    least = 1.2 * CIRCLES[-1] if rings else 0.0
    x, y = (span(places[..., k], 0.04, least) for k in (0, 1))
    return Scene(record, examples, hue, colour, palette, (x[0], x[1]), (y[0], y[1]), rings)


def _colours(
    hue: Hue | None, count: int
) -> tuple[NDArray[np.uint8], tuple[tuple[str, ...], tuple[str, ...]]]:
    """The index of each point's colour (N,), and the colours of the light and the dark theme."""
    if hue is None:
        light, dark = COLOURS["accent"]
        return np.zeros(count, np.uint8), ((light,), (dark,))
    if hue.classes:
        known = (hue.values >= 0) & (hue.values < len(hue.classes))
        names = [*(f"class{k}" for k in range(CLASSES)), "muted"]
        light_dark = [tuple(COLOURS[name][side] for name in names) for side in (0, 1)]
        number = np.where(known, hue.values % CLASSES, CLASSES).astype(np.uint8)
        return number, (light_dark[0], light_dark[1])
    low, high = scale_ends(hue)
    share = (np.nan_to_num(hue.values) - low) / ((high - low) or 1.0)
    ramp = tuple(_mixed(place) for place in np.linspace(0, 1, 256))
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8), (ramp, ramp)


def scale_ends(hue: Hue) -> tuple[float, float]:
    """The ends of the colour scale of a quantity: its 1st and 99th percentile."""
    finite = hue.values[np.isfinite(hue.values)]
    low, high = np.percentile(finite, [1, 99]).tolist() if len(finite) else (0.0, 1.0)
    return low, high


def _mixed(place: float) -> str:
    """The colour at `place` in [0, 1] of the sequential scale."""
    stops = np.array([stop for stop, _ in SEQUENTIAL], np.float64)
    parts = np.array([rgb(str(colour)) for _, colour in SEQUENTIAL])
    mixed = [round(float(np.interp(place, stops, parts[:, c]))) for c in range(3)]
    return f"#{bytes(mixed).hex()}"


def rgb(colour: str) -> tuple[int, int, int]:
    """Return #rrggbb as red, green and blue, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def replay_curves(record: Curves, until: int) -> list[ReplayCurve]:
    """Curves of the terms of the bound up to step `until`, with the ranges of the live chart."""
    past = {name: _until(curve, until) for name, curve in record.curves.items()}
    panels = curve_panels(record._replace(curves=past), TERMS)
    found = []
    for panel in panels:
        if panel.name in TERMS:
            low, high, _ = value_range(panel)
            lines = {split: (curve.epoch, curve.value) for split, curve in panel.curves.items()}
            row = panel.quantity
            found.append(ReplayCurve(row.title, row.colour, (low, high), lines))
    return found


def _until(curve: Curve, step: int) -> Curve:
    """The part of a curve up to a step."""
    past = curve.step <= step
    return Curve(curve.step[past], curve.epoch[past], curve.value[past])


def vector_range(scene: Scene) -> tuple[Floats, Floats]:
    """Lowest and highest value of each feature over all vectors of the scene, or of each channel
    over all series, with a margin."""
    parts = (scene.examples.originals, *scene.decoded)
    if scene.is_series:
        parts = tuple(part.swapaxes(1, 2).reshape(-1, part.shape[1]) for part in parts)
    flat = np.concatenate([part.reshape(len(part), -1) for part in parts])
    ranges = np.array([span(column) for column in flat.T], np.float32)
    return ranges[:, 0], ranges[:, 1]
