"""What happened during training, on the time axis: the best epoch and every live change."""

import numpy as np

from vae.base.records import Curves, Floats
from vae.figures.base import Part, note
from vae.figures.palette import token

_LINE = 15  # px, from one line of labels to the next


def in_unit(record: Curves, epochs: Floats, per: str) -> Floats:
    """Epochs in the unit of the time axis: as they are, or as steps in proportion."""
    longest = max(record.curves.values(), key=lambda curve: len(curve.step))
    if per == "epoch" or not longest.epoch[-1]:
        return epochs
    return epochs * np.float32(longest.step[-1] / longest.epoch[-1])


def marks(
    record: Curves, per: str, end: float | None, first_row: bool
) -> tuple[list[Part], list[Part]]:
    """Vertical lines through all panels, and their labels: the best epoch, every live change.

    `per` is the unit of the time axis, `end` its planned end. `first_row` says that the first line
    of the labels' room is taken by other words.
    """
    found = [(epoch, label, "solid") for epoch, label in record.marks]
    if record.best_epoch is not None:
        found.append((record.best_epoch, f"best: epoch {record.best_epoch:.4g}", "dot"))
    if not found:
        return [], []
    found.sort(key=lambda mark: mark[0])
    x = in_unit(record, np.array([epoch for epoch, _, _ in found], np.float32), per).tolist()
    last = max(float(curve.epoch[-1]) for curve in record.curves.values() if len(curve.epoch))
    width = end or float(in_unit(record, np.array([last], np.float32), per)[0]) or 1.0
    shapes, labels = [], []
    free = [np.inf if first_row else -1.0, -1.0, -1.0]  # where each line of labels ends, in widths
    for place, (_, label, dash) in zip(x, found, strict=True):
        line = {"color": token("muted", 0.6), "width": 1, "dash": dash}
        ends = {"x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1}
        shapes.append({"type": "line", "layer": "below", "line": line, **ends})
        start, length = place / width, 0.012 * len(label) + 0.01
        row, left = _row(free, start), start + length > 1
        free[row] = start if left else start + length
        labels.append(_mark_label(place, label, row, left))
    return shapes, labels


def _row(free: list[float], start: float) -> int:
    """The uppermost line of labels that is free from `start` on, else the one free soonest."""
    return next((row for row, end in enumerate(free) if end <= start), int(np.argmin(free)))


def _mark_label(place: float, label: str, row: int, left: bool) -> Part:
    """The words beside a vertical line, at the top of the uppermost panel."""
    return note(
        label,
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
