"""The true posterior of an example of a run, its q(z|x) and the best Gaussian, with both gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import plotly.graph_objects as go

from vae.analysis.density import Field
from vae.base.numbers import fixed
from vae.base.records import Floats
from vae.figures.base import Part, axis, figure
from vae.figures.lesson_parts import Bar, bars, dots, label, sheet
from vae.figures.map_layers import density_contours, density_filled
from vae.figures.palette import token

if TYPE_CHECKING:  # these load torch
    from vae.analysis.posterior_fields import ExampleGaps
    from vae.theory.gaps import Gaps

TOP = 0.34  # of the figure, below the maps
CLOSE = {"xaxis": "x3", "yaxis": "y3"}


class GapPicture(NamedTuple):
    """The numbers of the picture: places of all examples, one of them with its densities."""

    places: Floats  # (M, 2)
    chosen: int  # position of the example
    image: Floats | None  # (1, H, W); None for other data
    q: Field  # of the encoder
    found: ExampleGaps | None  # None while they are computed


def gap_figure(of: GapPicture, say: Callable[[str], str]) -> go.Figure:
    """Draw the map of all examples, the densities of one of them, and its two gaps as a bar."""
    gaps = None if of.found is None else of.found.gaps
    near, kl = (0.0, 0.0) if gaps is None else _ends_of(gaps)
    full, row = 0.0 if of.found is None else of.found.full, say("bar")
    parts = [(0.0, near, "posterior"), (near, kl, "q"), (0.0, full, "posterior")]
    traces, _ = bars([Bar(row, *part) for part in parts])  # the last one darkens the first
    q = of.q if of.found is None else of.found.q
    return figure(
        [*_map(of), *_close(of), *traces, *_image(of)],
        xaxis=axis("z1", domain=[0, 0.46]),
        yaxis=axis("z2", domain=[TOP, 1], scaleanchor="x"),
        xaxis3=axis("z1", domain=[0.57, 1], anchor="y3", range=_ends(q.x)),
        yaxis3=axis("z2", domain=[TOP, 1], anchor="x3", scaleanchor="x3"),
        xaxis2=axis(say("axis_gap"), anchor="y2", range=[0, 1.02 * max(kl, 1e-3)]),
        yaxis2=axis(domain=[0.07, 0.16], anchor="x2", visible=False),
        xaxis4={"domain": [0.37, 0.46], "anchor": "y4", "visible": False},
        yaxis4={"domain": [0.85, 1], "anchor": "x4", "visible": False, "autorange": "reversed"},
        annotations=[*_names(say), *_gaps(gaps, say)],
        barmode="stack",
        margin={"l": 44, "r": 8, "t": 8, "b": 40},
    )


def _ends_of(gaps: Gaps) -> tuple[float, float]:
    """Return where the two parts of the bar end, in nats."""
    return gaps.approximation, gaps.approximation + gaps.amortisation


def _ends(values: Floats) -> list[float]:
    return [float(values[0]), float(values[-1])]


def _map(of: GapPicture) -> list[Part]:
    every = dots(of.places[:, 0], of.places[:, 1], "muted", size=6, opacity=0.55)
    at = of.places[of.chosen]
    one = dots([float(at[0])], [float(at[1])], "q", size=13)
    wide = [] if of.found is None else [density_contours(of.found.posterior, "posterior")]
    return [every | {"hoverinfo": "none"}, *wide, one]


def _close(of: GapPicture) -> list[Part]:
    if of.found is None:
        return [density_contours(of.q, "q") | CLOSE]
    best = density_contours(of.found.best, "q")
    best["line"] = {**best["line"], "dash": "dash"}
    found = [
        density_filled(of.found.posterior, "posterior"),
        density_contours(of.found.posterior, "posterior"),
        density_contours(of.found.q, "q"),
        best,
    ]
    return [trace | CLOSE for trace in found]


def _image(of: GapPicture) -> list[Part]:
    if of.image is None:
        return []
    return [sheet(of.image[None], 1) | {"xaxis": "x4", "yaxis": "y4"}]


def _names(say: Callable[[str], str]) -> list[Part]:
    """Return the names of the densities in the corner of the close-up."""
    names = (
        (f"■ {say('posterior')}", "posterior"),
        (f"━━ {say('encoder')}", "q"),
        (f"╍╍ {say('best')}", "q"),
    )
    place = {"xref": "x3 domain", "yref": "y3 domain", "xanchor": "left", "yanchor": "top"}
    veil = {"bgcolor": token("background", 0.7)}
    return [
        label(text, 0.01, 0.995 - 0.075 * k, colour, **place, **veil)
        for k, (text, colour) in enumerate(names)
    ]


def _gaps(gaps: Gaps | None, say: Callable[[str], str]) -> list[Part]:
    """Return both gaps in words, above the bar; while they are computed, a note."""
    place = {"xref": "paper", "yref": "paper", "yanchor": "bottom"}
    if gaps is None:
        return [label(say("computing"), 0.0, 0.165, "muted", xanchor="left", **place)]
    texts = (
        ("approximation", gaps.approximation, "posterior", 0.0, "left"),
        ("amortisation", gaps.amortisation, "q", 1.0, "right"),
    )
    return [
        label(f"{say(name)} {fixed(value)}", x, 0.165, colour, xanchor=side, **place)
        for name, value, colour, x, side in texts
    ]
