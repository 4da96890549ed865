"""Event marks on the time axis: the best epoch and every live change of a hyperparameter."""

import numpy as np

from vae.base.records import Curves, Floats
from vae.figures.base import Part, note
from vae.figures.palette import token

_LINE = 15  # px between two lines of labels
_LETTER = 0.012  # share of the chart's width that a letter takes


def in_unit(record: Curves, epochs: Floats, per: str) -> Floats:
    """Epochs in the unit of the time axis: unchanged, or steps in proportion."""
    longest = max(record.curves.values(), key=lambda curve: len(curve.step))
    if per == "epoch" or not longest.epoch[-1]:
        return epochs
    return epochs * np.float32(longest.step[-1] / longest.epoch[-1])


def marks(
    record: Curves, per: str, end: float | None, first_row: bool
) -> tuple[list[Part], list[Part]]:
    """Vertical lines through all panels and their labels, for the best epoch and live changes.

    `per` is the unit of the time axis and `end` its planned end. With `first_row` the first line
    of labels is occupied by other text.
    """
    found = [(epoch, label, "solid") for epoch, label in record.marks]
    if record.best_epoch is not None:
        found.append((record.best_epoch, f"best: epoch {record.best_epoch:.4g}", "dot"))
    if not found:
        return [], []
    found.sort(key=lambda mark: mark[0])
    x = in_unit(record, np.array([epoch for epoch, _, _ in found], np.float32), per).tolist()
    width = end or _last(record, per) or 1.0
    shapes, labels = [], []
    free = [np.inf if first_row else -1.0, -1.0, -1.0]  # where each line of labels ends, in widths
    for place, (_, label, dash) in zip(x, found, strict=True):
        line = {"color": token("muted", 0.6), "width": 1, "dash": dash}
        ends = {"x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1}
        shapes.append({"type": "line", "layer": "below", "line": line, **ends})
        start, length = place / width, _LETTER * len(label) + 0.01
        row, left = _row(free, start), start + length > 1
        free[row] = start if left else start + length
        labels.append(_label(place, label, row, left))
    return shapes, labels


def _last(record: Curves, per: str) -> float:
    """The last time of any curve, in the unit of the time axis."""
    last = max(float(curve.epoch[-1]) for curve in record.curves.values() if len(curve.epoch))
    return float(in_unit(record, np.array([last], np.float32), per)[0])


def _row(free: list[float], start: float) -> int:
    """The first line of labels that is free from `start` on, else the one that ends first."""
    return next((row for row, end in enumerate(free) if end <= start), int(np.argmin(free)))


def _label(place: float, text: str, row: int, left: bool) -> Part:
    """The label beside a vertical line, at the top of the first panel."""
    return note(
        text,
        x=place,
        xref="x",
        y=1,
        xanchor="right" if left else "left",
        yanchor="top",
        xshift=-3 if left else 3,
        yshift=-2 - row * _LINE,
        font={"size": 11, "color": token("text")},
        bgcolor=token("background"),
        borderpad=1,
    )
