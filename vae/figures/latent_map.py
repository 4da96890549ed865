"""The latent map: examples as points in the plane, coloured by class or by a quantity.

Notation: N points shown of `total`; rows are those of the data set (`record.index`). Points that
belong to no class have label -1.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from vae.analysis.density import Field, steps
from vae.base.records import Floats, Hue, Ints, LatentMap
from vae.figures.base import QUANTITY, Part, axis, empty_figure, figure, note, span
from vae.figures.palette import CLASS_SCALE, CLASSES, token

PLACE = 148  # pixels right of the map: legend, and what the decoder makes of a place
_SEPARATE = 12  # up to so many classes each has its own trace, which the legend can hide
_RING = 2.0  # sigma of the outer ring


def trace_rows(record: LatentMap) -> list[Ints]:
    """For each trace of `latent_scatter`, in order, the rows of the data set that it draws."""
    return [record.index[part] for part in _parts(record)]


def _parts(record: LatentMap) -> list[Ints]:
    """For each trace, the positions (0 … N - 1) of its points in the record."""
    everything = np.arange(len(record.points))
    hue = record.hue
    if hue is None or not 0 < len(hue.classes) <= _SEPARATE:
        return [everything]
    known = [everything[hue.values == label] for label in range(len(hue.classes))]
    none = everything[(hue.values < 0) | (hue.values >= len(hue.classes))]
    return [*known, none] if len(none) else known


def latent_scatter(record: LatentMap, selected: Ints | None = None) -> go.Figure:
    """Points (N, 2) with hover data `customdata` = row in the data set.

    One trace a class for up to 12 classes, else one trace. Units of the axes are equal where they
    mean the same (`rings`) or nearly do. The colour scale of a quantity ends at the 1st and 99th
    percentile, so that a few outliers do not take it. `selected` holds rows of the data set: all
    others fade.
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
    least = _RING * 1.2 if record.rings else 0.0
    x, y = (span(record.points[:, k], 0.04, least) for k in (0, 1))
    ratio = (x[1] - x[0]) / (y[1] - y[0])
    equal = {"scaleanchor": "x"} if record.rings or 0.3 < ratio < 3.3 else {}
    return figure(
        traces,
        xaxis=axis(record.axes[0], range=x),
        yaxis=axis(record.axes[1], range=y, **equal),
        shapes=shapes,
        annotations=labels,
        hovermode="closest",
        dragmode="pan",
        **_legend(record.hue, len(parts)),
    )


BANDS = (0.99, 0.95, 0.8, 0.5)  # shares of the mass that the bands of a density hold
CIRCLES = (0.8647, 0.3935)  # what circles of two and of one sigma hold of a normal distribution


def density_bands(field: Field) -> Part:
    """Filled contours behind the points: the darker, the denser, and none where hardly anything
    is. Each lies upon the one outside it, so that their inks add up."""
    return _contours(field, BANDS) | {
        "autocontour": False,
        "contours": {**_levels(BANDS), "coloring": "fill", "showlines": False},
        "colorscale": [[0.0, token("text", 0.0)], [1.0, token("text", 0.1)]],
        "line": {"width": 0},
        "name": "density",
    }


def density_mask(field: Field, cell: Floats) -> Part:
    """What hides a picture behind the points where the density is low, not where it is high; to
    the ends of the picture, half a `cell` (2,) beyond the field."""
    end = len(BANDS)
    x, y = (
        np.concatenate([[ends[0] - c / 2], ends, [ends[-1] + c / 2]])
        for ends, c in zip((field.x, field.y), cell, strict=True)
    )
    return _contours(field, BANDS) | {
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": np.pad(steps(field, BANDS), 1, mode="edge"),
        "zmin": 0.8,
        "zmax": end,
        "zsmooth": "best",
        "colorscale": [[0.0, token("background", 0.9)], [1.0, token("background", 0.0)]],
        "name": "veil",
    }


def density_contours(field: Field, colour: str, shares: tuple[float, ...] = CIRCLES) -> Part:
    """Lines that hold these shares of a density, falling; dotted for what belongs to the prior."""
    dash = "dot" if colour == "prior" else "solid"
    return _contours(field, shares) | {
        "autocontour": False,
        "contours": {**_levels(shares), "coloring": "none"},
        "line": {"width": 1.4, "dash": dash, "color": token(colour)},
        "name": colour,
    }


def _levels(shares: tuple[float, ...]) -> Part:
    return {"start": 1, "end": len(shares), "size": 1}


def _contours(field: Field, shares: tuple[float, ...]) -> Part:
    return {
        "type": "contour",
        "x": field.x,
        "y": field.y,
        "z": steps(field, shares),
        "hoverinfo": "skip",
        "showscale": False,
        "showlegend": False,
    }


def decoded_background(
    address: str, x: tuple[float, float], y: tuple[float, float], cell: Floats
) -> Part:
    """A sheet of tiles as the ground of the map: the tiles' middles lie between the ends of x and
    y, `cell` (2,) apart."""
    width, height = x[1] - x[0] + float(cell[0]), y[1] - y[0] + float(cell[1])
    return {
        "source": address,
        "xref": "x",
        "yref": "y",
        "x": x[0] - float(cell[0]) / 2,
        "y": y[1] + float(cell[1]) / 2,
        "sizex": width,
        "sizey": height,
        "sizing": "stretch",
        "layer": "below",
    }


def pin_labels(places: Floats) -> list[Part]:
    """A note at each of the pinned places (M, 2), numbered from 1."""
    return [
        note(
            str(k + 1),
            xref="x",
            yref="y",
            x=float(x),
            y=float(y),
            font={"size": 11, "color": token("background")},
            bgcolor=token("accent"),
            borderpad=2,
        )
        for k, (x, y) in enumerate(places)
    ]


def posterior_outlines(outlines: Floats, sigma: float) -> Part:
    """Closed lines (N, corners, 2) as one shape: the `sigma` outlines of posteriors."""
    path = "".join(
        "M" + "L".join(f"{x:.4g},{y:.4g}" for x, y in outline) + "Z" for outline in outlines
    )
    line = {"color": token("text"), "width": 1 if sigma == 1 else 0.5}
    return {"type": "path", "path": path, "layer": "above", "line": line, "opacity": 0.45}


def bic_curve(values: Sequence[float]) -> go.Figure:
    """The BIC of mixtures of 1 … K components (K,), the smallest marked: what is lower describes
    the latents in fewer nats, its own parameters counted."""
    bic = np.asarray(values, np.float64)
    k = np.arange(1, len(bic) + 1)
    best = int(bic.argmin())
    line: Part = {"type": "scatter", "mode": "lines+markers", "x": k, "y": bic}
    line |= {"line": {"color": token("text"), "width": 1.5}, "marker": {"size": 5}}
    line |= {"hovertemplate": "%{x} components: %{y:,.0f}<extra></extra>"}
    mark: Part = {"type": "scatter", "mode": "markers", "x": k[[best]], "y": bic[[best]]}
    mark |= {"marker": {"size": 11, "color": token("accent")}, "hoverinfo": "skip"}
    return figure(
        [line, mark],
        xaxis=axis("components", dtick=1),
        yaxis=axis("BIC"),
        margin={"l": 56, "r": 12, "t": 8, "b": 44},
    )


def map_caption(record: LatentMap) -> str:
    """What a page says below the map: "2,000 of 60,000 shown · explains 61 % of the variance"."""
    number = len(record.points)
    shown = f"{number:,} of {record.total:,} shown" if number < record.total else ""
    return " · ".join(part for part in (shown, record.note) if part)


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
        trace |= {"name": hue.classes[k], "uid": f"class-{k}"}
    else:
        marker["color"] = token("muted")
        trace |= {"name": "no class", "uid": "no-class"}
    return trace


def _scale(hue: Hue) -> Part:
    """Numeric colours with their bar."""
    values = np.asarray(hue.values, np.float32)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [1, 99]).tolist() if len(finite) else (0.0, 1.0)
    small = {"size": 12, "color": token("muted")}
    bar = {
        "title": {"text": hue.title, "side": "right", "font": small},
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
        "colorscale": QUANTITY,
        "cmin": low,
        "cmax": high if high > low else low + 1,
        "colorbar": bar,
    }


def _legend(hue: Hue | None, parts: int) -> Part:
    """The legend beside the map, for classes that can be hidden one by one."""
    if hue is None or parts < 2:
        return {"margin": {"l": 56, "r": PLACE, "t": 16, "b": 44}}
    return {
        "showlegend": True,
        "legend": {
            "title": {"text": hue.title, "font": {"size": 12, "color": token("muted")}},
            "font": {"size": 12},
            "itemsizing": "constant",
            "itemwidth": 30,
            "tracegroupgap": 0,
            "x": 1.01,
            "xanchor": "left",
            "y": 1,
            "bgcolor": "rgba(0,0,0,0)",
        },
        "margin": {"l": 56, "r": PLACE, "t": 16, "b": 44},
    }


def _rings() -> tuple[list[Part], list[Part]]:
    """Circles at 1 and 2 sigma of the standard normal prior, each with its name."""
    shapes: list[Part] = []
    labels: list[Part] = []
    for sigma in (1.0, _RING):
        line = {"color": token("prior"), "width": 1.2, "dash": "dot"}
        ends = {"x0": -sigma, "y0": -sigma, "x1": sigma, "y1": sigma}
        shapes.append({"type": "circle", "layer": "above", "line": line, **ends})
        where = {"xref": "x", "yref": "y", "x": 0, "y": -sigma, "yanchor": "top"}
        words = {"font": {"size": 11, "color": token("text")}, "bgcolor": token("background", 0.6)}
        labels.append(note(f"{sigma:g}σ", **where, **words, borderpad=0))
    return shapes, labels
