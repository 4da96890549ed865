"""The latent map: examples as points in the plane, coloured by class or by a quantity.

Notation: N points of `total` examples; rows are rows of the data set (`record.index`). Points
without a class have label -1.
"""

import numpy as np
import plotly.graph_objects as go

from vae.base.foreign import plotly_text
from vae.base.numbers import compact
from vae.base.records import Hue, Ints, LatentMap
from vae.figures.base import SEQUENTIAL, Part, axis, empty_figure, figure, note, span
from vae.figures.class_labels import SIZE, class_labels, counted
from vae.figures.palette import CLASS_SCALE, CLASSES, token

PLACE = 148  # pixels right of the map, for the legend and the decoded picture
_SEPARATE = 12  # up to so many classes have a trace each, which the legend can hide
_LONGEST = 400  # px, legend of so many classes: it reaches below a small map and does not scroll
RINGS = (1.0, 2.0)  # sigma of the circles of the prior


def trace_rows(record: LatentMap) -> list[Ints]:
    """Rows of the data set in each trace of `latent_scatter`, in order."""
    return [record.index[part] for part in _parts(record)]


def _parts(record: LatentMap) -> list[Ints]:
    """Positions (0 … N - 1) of each trace's points in the record."""
    everything = np.arange(len(record.points))
    hue = record.hue
    if hue is None or not 0 < len(hue.classes) <= _SEPARATE:
        return [everything]
    known = [everything[hue.values == label] for label in range(len(hue.classes))]
    none = everything[(hue.values < 0) | (hue.values >= len(hue.classes))]
    return [*known, none] if len(none) else known


def latent_scatter(
    record: LatentMap, selected: Ints | None = None, name_size: int = SIZE
) -> go.Figure:
    """Points (N, 2) whose `customdata` is the row in the data set.

    Up to 12 classes have one trace each; otherwise there is one trace. The axes have equal
    scales where circles of the prior are drawn (`rings`) or where the ranges are similar. The
    colour scale of a quantity runs from the 1st to the 99th percentile. `selected` holds rows of
    the data set; all other points fade. `name_size` is the size of the class names in pixels.
    """
    if not len(record.points):
        return empty_figure("No points to show: no example is encoded yet")
    parts = _parts(record)
    traces = [_points(record, part, k, len(parts)) for k, part in enumerate(parts)]
    if selected is not None:
        for trace, part in zip(traces, parts, strict=True):
            trace["selectedpoints"] = np.flatnonzero(
                np.isin(record.index[part], selected)
            ).tolist()
            trace["unselected"] = {"marker": {"opacity": 0.08}}
    shapes, labels = _rings() if record.rings else ([], [])
    least = RINGS[-1] * 1.2 if record.rings else 0.0
    x, y = (span(record.points[:, k], 0.04, least) for k in (0, 1))
    ratio = (x[1] - x[0]) / (y[1] - y[0])
    equal = {"scaleanchor": "x"} if record.rings or 0.3 < ratio < 3.3 else {}
    radii = RINGS if record.rings else ()
    names = class_labels(record.points, record.hue, x, y, bool(equal), radii, name_size)
    return figure(
        traces,
        xaxis=axis(record.axes[0], range=x),
        yaxis=axis(record.axes[1], range=y, **equal),
        shapes=shapes,
        annotations=[*names, *labels],
        hovermode="closest",
        dragmode="pan",
        **_legend(record.hue, len(parts)),
    )


def map_caption(record: LatentMap) -> str:
    """The line below a map, such as "2,000 of 60,000 shown · explains 61 % of the variance"."""
    number = len(record.points)
    count = f"{number:,} of {record.total:,} shown" if number < record.total else ""
    return " · ".join(part for part in (count, record.note) if part)


def _points(record: LatentMap, part: Ints, k: int, parts: int) -> Part:
    """The trace of the points at positions `part`."""
    points = np.asarray(record.points[part], np.float32)
    count = max(len(record.points), 1)
    marker: Part = {
        "size": round(float(np.clip(9 * (64 / count) ** 0.2, 2.5, 9)), 1),
        "opacity": round(float(np.clip(0.9 * (64 / count) ** 0.09, 0.5, 0.9)), 2),
        "line": {"width": 0},
    }
    trace: Part = {
        "type": "scattergl",
        "mode": "markers",
        "x": points[:, 0],
        "y": points[:, 1],
        "customdata": np.asarray(record.index[part], np.int32),
        "hoverinfo": "none",
        "marker": marker,
    }
    hue = record.hue
    if hue is None:
        marker["color"] = token("accent")
    elif not hue.classes:
        marker |= _scale(hue) | {"opacity": max(marker["opacity"], 0.8)}
    elif len(hue.classes) > _SEPARATE:
        ten = {"colorscale": CLASS_SCALE, "cmin": -0.5, "cmax": 9.5}
        marker |= {"color": (hue.values % CLASSES).astype(np.uint8), **ten}
    elif k < len(hue.classes):
        marker |= {
            "color": token(f"class{k % CLASSES}"),
            "symbol": "circle" if k < CLASSES else "diamond",
        }
        trace |= {"name": counted(hue.classes[k], len(part)), "uid": f"class-{k}"}
    else:
        marker["color"] = token("muted")
        trace |= {"name": counted("no class", len(part)), "uid": "no-class"}
    return trace


def _scale(hue: Hue) -> Part:
    """Colours of a quantity and their scale."""
    values = np.asarray(hue.values, np.float32)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [1, 99]).tolist() if len(finite) else (0.0, 1.0)
    small = {"size": 12, "color": token("muted")}
    bar = {
        "title": {"text": plotly_text(hue.title), "side": "right", "font": small},
        "tickfont": small,
        "thickness": 10,
        "outlinewidth": 0,
        "len": 0.5,
        "y": 1,
        "yanchor": "top",
        "x": 1.01,
        "xpad": 4,
    }
    return {
        "color": values,
        "colorscale": SEQUENTIAL,
        "cmin": low,
        "cmax": high if high > low else low + 1,
        "colorbar": bar,
    }


def _legend(hue: Hue | None, parts: int) -> Part:
    """The legend beside the map: classes with their numbers of points; a click hides one."""
    if hue is None or parts < 2:
        return {"margin": {"l": 56, "r": PLACE, "t": 16, "b": 44}}
    return {
        "showlegend": True,
        "legend": {
            "title": {
                "text": plotly_text(hue.title),
                "font": {"size": 12, "color": token("muted")},
            },
            "font": {"size": 12},
            "itemsizing": "constant",
            "itemwidth": 30,
            "maxheight": _LONGEST,
            "tracegroupgap": 0,
            "x": 1.01,
            "xanchor": "left",
            "y": 1,
            "bgcolor": "rgba(0,0,0,0)",
        },
        "margin": {"l": 56, "r": PLACE, "t": 16, "b": 44},
    }


def _rings() -> tuple[list[Part], list[Part]]:
    """Labelled circles at 1 and 2 sigma of the standard normal prior."""
    shapes: list[Part] = []
    labels: list[Part] = []
    for sigma in RINGS:
        line = {"color": token("prior"), "width": 1.2, "dash": "dot"}
        ends = {"x0": -sigma, "y0": -sigma, "x1": sigma, "y1": sigma}
        shapes.append({"type": "circle", "layer": "above", "line": line, **ends})
        where = {"xref": "x", "yref": "y", "x": 0, "y": -sigma, "yanchor": "top"}
        words = {"font": {"size": 11, "color": token("text")}, "bgcolor": token("background", 0.6)}
        labels.append(note(f"{compact(sigma)}σ", **where, **words, borderpad=0))
    return shapes, labels
