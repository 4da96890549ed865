"""Bar charts over latent dimensions: KL per dimension, and variance per principal component."""

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import compact, number
from vae.base.records import Floats
from vae.figures.base import Part, axis, empty_figure, figure, note
from vae.figures.palette import token

USED = 0.01  # nats; a latent below carries almost no information
LEAST = 0.1  # nats, smallest range of the axis, so that noise does not look like a signal
_LABELLED = 40  # names of dimensions that have room below the bars
_NARROW = 9  # the same in a narrow figure
_NUMBERED = 12  # up to so many bars have numbers above


def kl_bars(
    kl_per_dimension: Floats | None, threshold: float = USED, is_narrow: bool = False
) -> go.Figure:
    """KL of each latent dimension (Z,) in nats per example, in the order of the dimensions.

    The order never changes, so that bars do not change places during training. Latents are named
    z1 to zZ. The caption counts those above `threshold`. A narrow figure has a caption of two
    lines, and a heading above it that names the axes.
    """
    if kl_per_dimension is None or not len(kl_per_dimension):
        return empty_figure("No report has a KL per dimension")
    values = np.asarray(kl_per_dimension, np.float32)
    active = int((values > threshold).sum())
    count = f"{active} of {len(values)} above {compact(threshold)} nats"
    headroom = 1.5 if is_narrow else 1.25  # for the number above the largest bar
    between, unit = ("<br>", "nats") if is_narrow else (" · ", "nats per example")
    title = "" if is_narrow else "latent dimension"
    words = f"{count}{between}{number(float(values.sum()))} nats in total"
    names = np.arange(1, len(values) + 1)
    bars = _bars(values, token("kl"), names, "z%{customdata}: %{y:.3r} nats")
    if len(values) <= _NUMBERED:
        bars |= {"texttemplate": "%{y:.3r}", "textposition": "outside", "cliponaxis": False}
    total = note(words, x=1, y=1, xanchor="right", yanchor="bottom", align="right")
    space = {"margin": {"l": 44, "r": 8, "t": 38, "b": 22}} if is_narrow else {}
    return figure(
        [bars],
        xaxis=axis(
            title, showgrid=False, **_ticks(len(values), _NARROW if is_narrow else _LABELLED)
        ),
        yaxis=axis(unit, range=[0, max(headroom * float(values.max()), LEAST)]),
        annotations=[total],
        bargap=_gap(len(values)),
        uniformtext={"mode": "hide", "minsize": 10},
        **space,
    )


def scree(explained: Floats) -> go.Figure:
    """Explained variance of the principal components, shares (Z,) in [0, 1], in percent.

    Bars show each component, the line the sum of the first k.
    """
    if not len(explained):
        return empty_figure("No principal components yet")
    share = np.asarray(explained, np.float32) * 100
    number = np.arange(1, len(share) + 1)
    together = np.cumsum(share)
    line: Part = {
        "type": "scatter",
        "x": number,
        "y": together,
        "mode": "lines+markers" if len(share) <= _LABELLED else "lines",
        "line": {"color": token("text"), "width": 1.5},
        "marker": {"size": 5},
        "hovertemplate": "sum of the first %{x}: %{y:.3r} %<extra></extra>",
    }
    bars = _bars(share, token("muted"), number, "component %{customdata}: %{y:.3r} %")
    bars["x"] = number
    end = {"xref": "x", "yref": "y", "xanchor": "right", "yanchor": "bottom", "yshift": 4}
    label = note("sum", x=int(number[-1]), y=float(together[-1]), **end)
    ticks = {"tickvals": number} if len(share) <= 20 else {}
    return figure(
        [bars, line],
        xaxis=axis("principal component", showgrid=False, **ticks),
        yaxis=axis("explained variance (%)", range=[0, 109]),
        annotations=[label] if len(share) > 1 else [],
        bargap=_gap(len(share)),
    )


def _gap(bars: int) -> float:
    """Share of a bar's slot that stays empty: larger for few bars, so that they stay slim."""
    return 0.1 if bars > _LABELLED else max(0.25, 0.75 - 0.1 * bars)


def _bars(values: Floats, colour: str, names: np.ndarray, hover: str) -> Part:
    """A bar for each value."""
    return {
        "type": "bar",
        "x": np.arange(len(values)),
        "y": values,
        "customdata": names,
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertemplate": hover + "<extra></extra>",
    }


def _ticks(bars: int, room: int) -> Part:
    """The name of a dimension below its bar: of each, or of every second, fifth, tenth … if there
    is no `room` for so many names."""
    step = next(s * 10**k for k in range(9) for s in (1, 2, 5) if bars <= room * s * 10**k)
    named = np.arange(step - 1, bars, step)
    return {"tickvals": named.tolist(), "ticktext": [f"z{k + 1}" for k in named], "tickangle": 0}
