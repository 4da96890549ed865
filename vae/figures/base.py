"""Shared parts of all figures: axes, annotations, ranges, colour tokens, thinning of curves."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import plotly_text
from vae.base.records import Floats, Ints
from vae.figures.palette import CLASS_SCALE, CLASSES, COLOURS, token

Part = dict[str, Any]  # a trace, axis, shape or annotation in Plotly's JSON

FONT = '"Source Sans", "Source Sans 3", system-ui, sans-serif'
SMALL = 12  # px, notes and labels

_TOKEN = re.compile(r"var\(--(\w+)(?:/([\d.]+))?\)")
_AXIS = re.compile(r"[xy]axis\d*")

# viridis (van der Walt & Smith 2015) without its two ends: the lowest values stay visible on a
# dark page and the highest on a white one. https://bids.github.io/colormap/
SEQUENTIAL = [
    [0.0, "#3b528b"],
    [0.25, "#287c8e"],
    [0.5, "#20a486"],
    [0.75, "#5ec962"],
    [1.0, "#c8e020"],
]


def figure(traces: Sequence[Part], **layout: Any) -> go.Figure:
    """A figure with the common layout; `layout` overrides it.

    Plotly's check of every property takes three quarters of the time; the tests make it.
    """
    common: Part = {
        "template": go.layout.Template(),
        "margin": {"l": 56, "r": 16, "t": 24, "b": 44},
        "showlegend": False,
        "font": {"size": 13},
        "hoverlabel": {"font": {"size": 12}},
    }
    return go.Figure(list(traces), {**common, **layout}, _validate=False)


def axis(title: str = "", **more: Any) -> Part:
    """An axis with a muted title. The browser colours its grid like the page's borders."""
    return {
        "title": {"text": title, "font": {"size": 13, "color": token("muted")}, "standoff": 8},
        "tickfont": {"size": 12, "color": token("muted")},
        "zeroline": False,
        "automargin": True,
        **more,
    }


def note(text: str, **place: Any) -> Part:
    """An annotation in muted text, in paper coordinates unless `place` names other references."""
    return {
        "text": text,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "font": {"size": SMALL, "color": token("muted")},
        **place,
    }


def empty_figure(sentence: str) -> go.Figure:
    """A figure without data; `sentence` names the missing data."""
    hidden = {"visible": False}
    lines = "<br>".join(map(plotly_text, sentence.split("<br>")))
    words = note(lines, x=0.5, y=0.5, font={"size": 14, "color": token("muted")})
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}  # the words stand in the middle of the chart
    return figure([], xaxis=hidden, yaxis=hidden, annotations=[words], margin=margin)


def span(values: Floats, margin: float = 0.05, least: float = 0.0) -> list[float]:
    """A range that contains all finite values and [-least, least], with a margin on both sides."""
    finite = values[np.isfinite(values)]
    low = min(float(finite.min(initial=np.inf)), -least if least else np.inf)
    high = max(float(finite.max(initial=-np.inf)), least or -np.inf)
    if not np.isfinite(low):
        return [-1.0, 1.0]
    pad = (high - low) * margin or max(abs(high), 1.0) * margin
    return [low - pad, high + pad]


def broken(rows: Floats) -> Floats:
    """Join rows of equal length with gaps, (N, L) → (N (L + 1),), so that one trace draws all."""
    gaps = np.full((len(rows), 1), np.nan, np.float32)
    return np.concatenate([np.asarray(rows, np.float32), gaps], axis=1).reshape(-1)


def decimate(x: Floats, y: Floats, limit: int = 1000) -> tuple[Floats, Floats]:
    """Thin a series to at most `limit` points in order, keeping its peaks and dips.

    The first and the last point remain, and the lowest and the highest point of each of
    (limit - 2) / 2 buckets between them. A bucket yields NaN only if all its values are NaN.
    Raises ValueError for a limit below 4.
    """
    if limit < 4:
        raise ValueError(f"A series needs at least 4 points, not {limit}.")
    keep = _extremes(np.asarray(y), limit)
    return np.asarray(x)[keep], np.asarray(y)[keep]


def _extremes(y: Floats, limit: int) -> Ints:
    """Indices of the points that `decimate` returns, ascending."""
    number = len(y)
    if number <= limit:
        return np.arange(number)
    buckets = (limit - 2) // 2
    inner = np.arange(1, number - 1)
    bucket = (inner - 1) * buckets // (number - 2)
    keep = [np.array([0, number - 1])]
    for missing in (np.inf, -np.inf):  # once for the lowest, once for the highest
        filled = np.where(np.isnan(y[inner]), missing, y[inner]) * np.sign(missing)
        order = np.lexsort((filled, bucket))
        keep.append(inner[order][np.searchsorted(bucket, np.arange(buckets))])
    return np.unique(np.concatenate(keep))


def themed(figure: go.Figure, dark: bool) -> go.Figure:
    """Replace the colour tokens of a figure by the colours of a theme, for `theme=None` charts.

    Raises ValueError for a token that is not in the palette.
    """
    side = int(dark)
    resolved = _resolve(figure.to_plotly_json(), side)
    layout = resolved["layout"]
    text, grid = _colour("text", None, side), _rgba(COLOURS["muted"][side], 0.22)
    for name in {"xaxis", "yaxis", *(key for key in layout if _AXIS.fullmatch(key))}:
        layout[name] = {"gridcolor": grid} | layout.get(name, {})
    label: Part = {"bgcolor": _colour("background", None, side), "bordercolor": grid}
    label |= layout.get("hoverlabel", {})
    label["font"] = {"color": text} | label.get("font", {})
    layout["hoverlabel"] = label
    layout["font"] = {"color": text, "family": FONT} | layout.get("font", {})
    clear = "rgba(0,0,0,0)"
    layout |= {"paper_bgcolor": clear, "plot_bgcolor": clear}
    return go.Figure(resolved["data"], layout)


def _resolve(part: Any, side: int) -> Any:
    """A copy of the nested structure with every token replaced."""
    if isinstance(part, dict):
        copy = {key: _resolve(value, side) for key, value in part.items()}
        if (scale := part.get("colorscale")) and scale[0][1] == CLASS_SCALE[0][1]:
            copy["colorscale"] = _class_scale(side)
        return copy
    if isinstance(part, list | tuple):
        return [_resolve(value, side) for value in part]
    if isinstance(part, str) and (match := _TOKEN.fullmatch(part)) and match[1] != "classes":
        return _colour(match[1], match[2], side)
    if isinstance(part, str):  # tokens inside, as in a shadow
        return _TOKEN.sub(lambda found: COLOURS.get(found[1], (found[0],) * 2)[side], part)
    return part


def _colour(name: str, opacity: str | None, side: int) -> str:
    """A colour of the palette in Plotly's notation."""
    if name not in COLOURS:
        raise ValueError(f"Unknown colour token {name!r}; one of {', '.join(COLOURS)}.")
    colour = COLOURS[name][side]
    return colour if opacity is None else _rgba(colour, float(opacity))


def _rgba(colour: str, opacity: float) -> str:
    """Return #rrggbb with an opacity as rgba(…)."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _class_scale(side: int) -> list[tuple[float, str]]:
    """A colour scale of ten flat steps, one for each class colour."""
    ten = [COLOURS[f"class{k}"][side] for k in range(CLASSES)]
    return [((k + end) / CLASSES, colour) for k, colour in enumerate(ten) for end in (0, 1)]
