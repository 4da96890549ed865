"""Event marks on the time axis: the best epoch and every live change of a hyperparameter."""

from collections.abc import Sequence

import numpy as np

from vae.base.numbers import compact
from vae.base.records import Curves, Floats
from vae.figures.base import Part, note
from vae.figures.palette import token

_LINE = 15  # px between two lines of labels
_MOST = 5  # lines of labels
_LETTER = 0.012  # share of the chart's width that a letter takes

Span = tuple[float, float]  # the ends of a label, as shares of the chart's width


def in_unit(record: Curves, epochs: Floats, per: str) -> Floats:
    """Epochs in the unit of the time axis: unchanged, or steps in proportion."""
    longest = max(record.curves.values(), key=lambda curve: len(curve.step))
    if per == "epoch" or not longest.epoch[-1]:
        return epochs
    return epochs * np.float32(longest.step[-1] / longest.epoch[-1])


def text_width(text: str) -> float:
    """The share of the chart's width that a label takes."""
    return _LETTER * len(text) + 0.01


def marks(
    record: Curves, per: str, end: float | None, taken: Sequence[Span] = ()
) -> tuple[list[Part], list[Part]]:
    """Vertical lines through all panels and their labels, for the best epoch and live changes.

    `per` is the unit of the time axis and `end` its planned end. `taken` are the parts of the
    first line of labels with other text. A label without room in five lines is left out.
    """
    found = [(epoch, label, "solid") for epoch, label in record.marks]
    if record.best_epoch is not None:
        found.append((record.best_epoch, f"best: epoch {compact(record.best_epoch)}", "dot"))
    if not found:
        return [], []
    found.sort(key=lambda mark: mark[0])
    x = in_unit(record, np.array([epoch for epoch, _, _ in found], np.float32), per).tolist()
    width = end or _last(record, per) or 1.0
    shapes = [_vertical(place, dash) for place, (_, _, dash) in zip(x, found, strict=True)]
    named = [(place, label) for place, (_, label, _) in zip(x, found, strict=True)]
    return shapes, _labels(named, width, taken)


def _vertical(place: float, dash: str) -> Part:
    """The vertical line of a mark, through all panels."""
    line = {"color": token("muted", 0.6), "width": 1, "dash": dash}
    ends = {"x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1}
    return {"type": "line", "layer": "below", "line": line, **ends}


def _labels(named: Sequence[tuple[float, str]], width: float, taken: Sequence[Span]) -> list[Part]:
    """Labels, each on the first line where it touches no other, to the left at the chart's end."""
    lines: list[list[Span]] = [list(taken), *([] for _ in range(_MOST - 1))]
    labels = []
    for place, label in named:
        start, length = place / width, text_width(label)
        left = start + length > 1
        ends = (start - length, start) if left else (start, start + length)
        row = next((k for k, others in enumerate(lines) if _free(ends, others)), None)
        if row is not None:
            lines[row].append(ends)
            labels.append(_label(place, label, row, left))
    return labels


def _free(ends: Span, others: Sequence[Span]) -> bool:
    """Whether a label touches none of the others on its line."""
    return all(ends[1] <= low or high <= ends[0] for low, high in others)


def _last(record: Curves, per: str) -> float:
    """The last time of any curve, in the unit of the time axis."""
    last = max(float(curve.epoch[-1]) for curve in record.curves.values() if len(curve.epoch))
    return float(in_unit(record, np.array([last], np.float32), per)[0])


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
