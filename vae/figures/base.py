"""What all figures share: axes, notes, colours by name, thinning of long series."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from vae.base.records import Floats, Ints
from vae.figures.palette import CLASS_SCALE, CLASSES, COLOURS, token

Part = dict[str, Any]  # a trace, an axis, a shape or an annotation, as Plotly's JSON has it

FONT = '"Source Sans", "Source Sans 3", system-ui, sans-serif'
SMALL = 12  # px, notes and labels

_TOKEN = re.compile(r"var\(--(\w+)(?:/([\d.]+))?\)")
_AXIS = re.compile(r"[xy]axis\d*")

# viridis (van der Walt & Smith 2015) without its two ends, so that the lowest values stand out
# from a dark page and the highest from a white one. https://bids.github.io/colormap/
QUANTITY = [
    [0.0, "#3b528b"],
    [0.25, "#287c8e"],
    [0.5, "#20a486"],
    [0.75, "#5ec962"],
    [1.0, "#c8e020"],
]


def figure(traces: Sequence[Part], **layout: Any) -> go.Figure:
    """A figure with the house's defaults."""
    house: Part = {
        "template": go.layout.Template(),
        "margin": {"l": 56, "r": 16, "t": 24, "b": 44},
        "showlegend": False,
        "font": {"size": 13},
        "hoverlabel": {"font": {"size": 12}},
    }
    return go.Figure(list(traces), {**house, **layout})


def axis(title: str = "", **more: Any) -> Part:
    """An axis with a muted title; its grid takes the colour of the page's borders."""
    return {
        "title": {"text": title, "font": {"size": 13, "color": token("muted")}, "standoff": 8},
        "tickfont": {"size": 12, "color": token("muted")},
        "zeroline": False,
        "automargin": True,
        **more,
    }


def note(text: str, **place: Any) -> Part:
    """Muted words at a place of the figure; paper coordinates where no reference is named."""
    return {
        "text": text,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "font": {"size": SMALL, "color": token("muted")},
        **place,
    }


def empty_figure(sentence: str) -> go.Figure:
    """A figure without data that says what is missing."""
    hidden = {"visible": False}
    words = note(sentence, x=0.5, y=0.5, font={"size": 14, "color": token("muted")})
    return figure([], xaxis=hidden, yaxis=hidden, annotations=[words])


def span(values: Floats, margin: float = 0.05, least: float = 0.0) -> list[float]:
    """A range that holds all finite values and [-least, least], with a margin on both sides."""
    finite = values[np.isfinite(values)]
    low = min(float(finite.min(initial=np.inf)), -least if least else np.inf)
    high = max(float(finite.max(initial=-np.inf)), least or -np.inf)
    if not np.isfinite(low):
        return [-1.0, 1.0]
    pad = (high - low) * margin or max(abs(high), 1.0) * margin
    return [low - pad, high + pad]


def broken(rows: Floats) -> Floats:
    """Rows of equal length as one line with gaps, (N, L) → (N (L + 1),): one trace for all."""
    gaps = np.full((len(rows), 1), np.nan, np.float32)
    return np.concatenate([np.asarray(rows, np.float32), gaps], axis=1).reshape(-1)


def decimate(x: Floats, y: Floats, limit: int = 1000) -> tuple[Floats, Floats]:
    """At most `limit` points of a series in their order, so that no peak or dip is lost.

    The first and the last point stay; of each of (limit - 2) / 2 buckets between them the lowest
    and the highest stay. A bucket keeps a gap (NaN) only when nothing else is in it.
    """
    if limit < 4:
        raise ValueError(f"A series needs at least 4 points, not {limit}.")
    keep = _extremes(np.asarray(y), limit)
    return np.asarray(x)[keep], np.asarray(y)[keep]


def _extremes(y: Floats, limit: int) -> Ints:
    """Which points `decimate` keeps, ascending."""
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
    """The figure with the theme's colours in place of the tokens, for `st.plotly_chart`.

    Show it with `theme=None`. Raises ValueError for a token that the palette does not know.
    """
    side = int(dark)
    shown = _resolve(figure.to_plotly_json(), side)
    layout = shown["layout"]
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
    return go.Figure(shown["data"], layout)


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
    return part


def _colour(name: str, opacity: str | None, side: int) -> str:
    """One colour of the palette, as Plotly reads it."""
    if name not in COLOURS:
        raise ValueError(f"Unknown colour token {name!r}; one of {', '.join(COLOURS)}.")
    colour = COLOURS[name][side]
    return colour if opacity is None else _rgba(colour, float(opacity))


def _rgba(colour: str, opacity: float) -> str:
    """#rrggbb with an opacity."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _class_scale(side: int) -> list[tuple[float, str]]:
    """Ten flat steps, one a class."""
    ten = [COLOURS[f"class{k}"][side] for k in range(CLASSES)]
    return [((k + end) / CLASSES, colour) for k, colour in enumerate(ten) for end in (0, 1)]


def number(value: float) -> str:
    """Four significant digits with a minus sign, powers of ten only where they are needed; less
    than a millionth is the dust of float32, and 0."""
    if abs(value) < 1e-6:
        return "0.000"
    text = f"{value:#.4g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3g}"
    return text.rstrip(".").replace("-", "−")
