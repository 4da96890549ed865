"""Smoothed curves in a figure: the values stay visible faintly and under the pointer."""

from vae.base.numbers import compact
from vae.base.records import Floats
from vae.figures.base import Part

FAINT = 0.35  # opacity of the values behind their smoothed curve


def smoothed(trace: Part, x: Floats, mean: Floats) -> list[Part]:
    """The trace of a curve, faint, below its smoothed curve at `x`, which has no hover text."""
    over = {name: part for name, part in trace.items() if name != "hovertemplate"}
    over |= {"x": x, "y": mean, "mode": "lines", "hoverinfo": "skip"}
    over |= {"name": f"{trace['name']} · smoothed", "uid": f"{trace['uid']}-smoothed"}
    return [{**trace, "opacity": FAINT}, over]


def smoothing_words(span: float) -> str:
    """The meaning of curves that are smoothed over `span` epochs."""
    return f"Mean of {epochs_of(span)}, faint: values."


def epochs_of(span: float) -> str:
    """A number of epochs as text: "1 epoch", "0.5 epochs"."""
    return f"{compact(span)} epoch{'s' * (span != 1)}"
