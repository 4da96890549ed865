"""Panels of a training chart: which quantities, in which ranges, one above the other.

A panel holds the curves of one quantity by split. Lengths are in px from the top of the plotting
area. β and the learning rate have a thin panel each, only where they change during training.
"""

from typing import NamedTuple

import numpy as np

from vae.base.records import Curve, Curves, Floats
from vae.base.smoothing import exponential_mean
from vae.figures.base import decimate, span
from vae.figures.quantities import SETTINGS, Quantity, quantity

POINTS = 1000  # of a curve, after thinning
GAP = 26  # px between two panels
THIN = 24  # px, height of the panel of a setting
LOWEST = 20  # px, height of a panel where there is little room
SETTLED = 0.1  # share of the time after which the values set the range
FINEST = 0.002  # share of the values that a range spans at least, so that ticks stay short
BOTH = ("train", "val")  # splits with curves
FROM_ZERO = ("kl",)  # the axis begins at 0 and shows the whole curve


class Panel(NamedTuple):
    """The curves of one quantity and their place in the chart."""

    name: str  # of the quantity
    quantity: Quantity
    curves: dict[str, Curve]  # split → thinned curve; its `epoch` holds the time axis
    top: float
    height: float
    means: dict[str, Curve]  # split → thinned exponential mean; empty without smoothing

    @property
    def is_setting(self) -> bool:
        """Whether the panel shows a hyperparameter, not a measured quantity."""
        return self.name in SETTINGS


class Range(NamedTuple):
    """The range of a value axis; log10 of the values if `log`."""

    low: float
    high: float
    log: bool = False


def curve_panels(
    record: Curves,
    names: tuple[str, ...],
    per: str = "epoch",
    room: float = 0.0,
    kl_note: str = "",
    smooth: float = 0.0,
) -> list[Panel]:
    """Panels of the quantities `names` that have values, from top to bottom, in `room` px.

    `per` is the unit of the time axis, "epoch" or "step"; `kl_note` replaces the note of the KL.
    `smooth` is the span of the exponential means, in epochs; 0 leaves them out.
    """
    moving = [name for name in SETTINGS if _changes(record.curves.get(("train", name)))]
    curves = {name: _thinned(record, name, BOTH, per) for name in names}
    curves |= {name: _thinned(record, name, ("train",), per) for name in moving}
    curves = {name: found for name, found in curves.items() if found}
    free = room - GAP * (len(curves) - 1) - THIN * len(moving)
    share = max(free / max(len(curves) - len(moving), 1), LOWEST)
    top, panels = 0.0, []
    for name, found in curves.items():
        row = quantity(name)._replace(note=kl_note) if name == "kl" else quantity(name)
        is_moving = name in moving
        means = {} if is_moving or not smooth else _thinned(record, name, BOTH, per, smooth)
        panels.append(Panel(name, row, found, top, THIN if is_moving else share, means))
        top += panels[-1].height + GAP
    return panels


def _changes(curve: Curve | None) -> bool:
    """Whether a hyperparameter has more than one value during training."""
    if curve is None:
        return False
    finite = curve.value[np.isfinite(curve.value)]
    return len(finite) > 1 and float(np.ptp(finite)) > 1e-6 * float(np.abs(finite).max())


def _thinned(
    record: Curves, name: str, splits: tuple[str, ...], per: str, smooth: float = 0.0
) -> dict[str, Curve]:
    """Thinned curves of a quantity by split, or their means over `smooth` epochs; a curve without
    a finite value is left out."""
    found = {}
    for split in splits:
        curve = record.curves.get((split, name))
        if curve is not None and np.isfinite(curve.value).any():
            time = curve.epoch if per == "epoch" else curve.step
            value = exponential_mean(curve.epoch, curve.value, smooth) if smooth else curve.value
            x, y = decimate(np.asarray(time, np.float32), value, POINTS)
            found[split] = Curve(curve.step[:0], x, y)
    return found


def value_range(panel: Panel, log: bool = False) -> Range:
    """The range of a panel's value axis; logarithmic if `log` and all values are positive.

    The first values of a run can be ten times as far away as all later ones. Where the last nine
    tenths of the time take less than a third of the whole range, the panel shows three times their
    range, at least a twentieth of the whole, and the first values lie outside. A KL is shown whole
    and begins at 0. Any other range spans at least 0.2 % of the values.
    """
    values = np.concatenate([curve.value for curve in panel.curves.values()])
    if log and np.nanmin(values) > 0:
        low, high = span(np.log10(values))
        return Range(low, high, log=True)
    if panel.is_setting:
        low, high = span(values, 0.15, 1e-12)
        return Range(low, high)
    if panel.name in FROM_ZERO:
        return Range(0.0, span(values, 0.08, 1e-3)[1])
    (least, most), (low, high) = span(values), span(_settled(panel))
    length = max(3 * (high - low), 0.05 * (most - least))
    finest = FINEST * max(abs(least), abs(most))
    if most - least <= max(length, finest):
        spare = max(0.0, finest - (most - least)) / 2
        return Range(least - spare, most + spare)
    falls = most - high > low - least
    return Range(low, low + length) if falls else Range(high - length, high)


def _settled(panel: Panel) -> Floats:
    """The values of all splits after the first tenth of the time."""
    last = max(float(curve.epoch[-1]) for curve in panel.curves.values())
    first = min(float(curve.epoch[0]) for curve in panel.curves.values())
    since = first + (last - first) * SETTLED
    return np.concatenate([curve.value[curve.epoch >= since] for curve in panel.curves.values()])
