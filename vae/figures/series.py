"""Charts of series: curves over time, one panel per example, layers over each other.

Notation: N examples with C channels over T steps, (N, C, T). All panels have the same scale. One
channel is drawn in the colour of its layer, several in a colour each. A value NaN is a gap: not
observed, or after the end of the series. Where a domain rescales the channels, they are drawn in
their new scale, and a point tells its value in the units of x.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.data_records import Moments
from vae.base.foreign import plotly_text
from vae.base.numbers import compact
from vae.base.records import UNSCALED, Domain, Floats, Ints
from vae.data.series import after_end, channel_names
from vae.figures.base import Part, axis, broken, decimate, empty_figure, figure, note, span
from vae.figures.palette import CLASSES, token

POINTS = 40_000  # of all curves of a chart, about
FEWEST = 32  # points of a curve
MOST_NAMED = 64  # panels with a caption each
WIDE = 1.9  # width of a panel in its heights
EDGE, HEAD = 0.05, 0.2  # of a panel: free at each side, and above for its caption
SCALED = "rescaled value"
MARGIN = {"l": 56, "r": 16, "t": 28, "b": 44}  # of a chart with axes
PALE, BROAD = 0.3, 3.5  # opacity and width in px of the first of two layers of several channels


class Layer(NamedTuple):
    """Series of one kind, drawn in every panel."""

    name: str
    values: Floats  # (N, C, T)
    colour: str  # of the palette, for one channel


class Panels(NamedTuple):
    """The arrangement of the panels, row by row from the top."""

    columns: int = 0  # 0: as many as suit a chart of this shape
    aspect: float = 1.6  # width of the chart in its heights
    captions: Sequence[str] = ()  # of each panel
    across: Sequence[str] = ()  # of each column
    down: Sequence[str] = ()  # of each row
    titles: tuple[str, str] = ("", "")  # of columns and rows


def series_chart(
    layers: Sequence[Layer],
    channels: Sequence[str] = (),
    domain: Domain = UNSCALED,
    panels: Panels = Panels(),  # noqa: B008 (immutable)
    hues: Sequence[str] = (),
    legend: Sequence[tuple[str, str]] = (),
) -> go.Figure:
    """Panels of curves over time; a single example has axes with numbers.

    `hues` are colours of the palette for the examples of one channel, named in `legend`.
    """
    count, width, steps = layers[0].values.shape
    if not count:
        return empty_figure("No series to show")
    names = [plotly_text(name) for name in channel_names(channels, width)]
    drawn = [domain.rescale(layer.values) for layer in layers]
    low, high = span(np.concatenate([part.reshape(-1) for part in drawn]), 0.04)
    grid = _grid(count, panels)
    traces: list[Part] = []
    for layer, values in zip(layers, drawn, strict=True):
        first = layer is layers[0] and len(layers) > 1
        for k in range(width):
            title = layer.name if width == 1 else f"{names[k]}, {layer.name}"
            colour = layer.colour if width == 1 else f"class{k % CLASSES}"
            for hue in dict.fromkeys(hues or (colour,)):
                rows = [i for i in range(count) if not hues or hues[i] == hue]
                trace = _curves(values, layer, k, rows, grid, (low, high)) | {"name": title}
                broad = first and width > 1
                trace |= {"line": {"color": token(hue), "width": BROAD if broad else 1.3}}
                trace |= {"opacity": PALE if broad else 1.0}
                traces.append(trace)
    keys = list(legend) or _keys(layers, names)
    single = count == 1 and not panels.down
    layout = _single_axes(steps, (low, high), domain) if single else _axes(
        grid, count, panels, f"each panel: {steps:,} steps, values {_range(low, high, domain)}"
    )  # fmt: skip
    if not single:
        traces.insert(0, _floors(grid, count))
    return figure([*traces, *(_key(*key) for key in keys)], **layout, **_legend(bool(keys)))


class _Grid(NamedTuple):
    """Rows and columns of panels, and the room above each for a caption."""

    rows: int
    columns: int
    head: float

    def place(self, i: int) -> tuple[float, float]:
        """Left and lower end of panel i."""
        return i % self.columns, -(i // self.columns) - 1.0


def _grid(count: int, panels: Panels) -> _Grid:
    columns = panels.columns or round((count * panels.aspect / WIDE) ** 0.5)
    columns = min(max(columns, 1), count)
    return _Grid(-(-count // columns), columns, HEAD if panels.captions else EDGE)


def _curves(
    values: Floats,
    layer: Layer,
    channel: int,
    rows: Sequence[int],
    grid: _Grid,
    ends: tuple[float, float],
) -> Part:
    """One trace with channel k of these examples, thinned: heights are those of `values`, hover
    texts have the values of the layer."""
    count, width, steps = values.shape
    limit = max(FEWEST, POINTS // (count * width))
    single = count == 1
    x, y, exact = [], [], []
    for i in rows:
        curve = values[i, channel]
        t, v = decimate(np.arange(steps, dtype=np.float32), curve, limit)
        left, floor = grid.place(i)
        unit = (1 - EDGE - grid.head) / (ends[1] - ends[0])
        x.append(t + 1 if single else left + EDGE + (1 - 2 * EDGE) * t / max(steps - 1, 1))
        y.append(v if single else floor + EDGE + (v - ends[0]) * unit)
        exact.append(np.stack([t + 1, layer.values[i, channel][t.astype(int)]], 1))
    gap = np.full((1, 2), np.nan, np.float32)
    alone = all(np.isfinite(part).sum() < 2 for part in y)
    return {
        "type": "scatter",
        "mode": "markers" if alone else "lines",
        "x": np.concatenate([broken(part[None]) for part in x]),
        "y": np.concatenate([broken(part[None]) for part in y]),
        "customdata": np.concatenate([np.concatenate([part, gap]) for part in exact]),
        "marker": {"size": 4},
        "hovertemplate": "%{data.name}: step %{customdata[0]}, %{customdata[1]:.4r}"
        "<extra></extra>",
        "showlegend": False,
    }


def _keys(layers: Sequence[Layer], names: Sequence[str]) -> list[tuple[str, str]]:
    """Names and colours of the legend: the layers of one channel, or the channels; beside several
    channels the first of two layers is the broader one."""
    if len(names) == 1:
        return [(layer.name, layer.colour) for layer in layers]
    few = [(name, f"class{k}") for k, name in enumerate(names[:CLASSES])]
    pair = f"broad: {layers[0].name}, thin: {layers[-1].name}"
    return few + ([(pair, "")] if len(layers) > 1 else [])


def _key(name: str, colour: str) -> Part:
    """An entry of the legend without a curve; words alone without a colour."""
    line = {"color": token(colour) if colour else "rgba(0,0,0,0)", "width": 2}
    gap = np.full(1, np.nan, np.float32)
    return {"type": "scatter", "mode": "lines", "x": gap, "y": gap, "name": name, "line": line}


def _floors(grid: _Grid, count: int) -> Part:
    """A thin line below each panel."""
    places = [grid.place(i) for i in range(count)]
    x = np.array([[left + EDGE, left + 1 - EDGE] for left, _ in places], np.float32)
    y = np.array([[floor + EDGE / 2] * 2 for _, floor in places], np.float32)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": broken(x),
        "y": broken(y),
        "line": {"color": token("muted", 0.35), "width": 1},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _axes(grid: _Grid, count: int, panels: Panels, about: str) -> Part:
    """Hidden axes with the names of rows and columns, and the captions of the panels."""
    quiet: Part = {"showgrid": False, "zeroline": False, "showline": False}
    columns = {"tickvals": [k + 0.5 for k in range(len(panels.across))]}
    rows = {"tickvals": [-k - 0.5 for k in range(len(panels.down))]}
    title = " · ".join(filter(None, [panels.titles[0], about]))
    across = axis(title, range=[0, grid.columns], **quiet, **columns,
                  ticktext=[plotly_text(name) for name in panels.across])  # fmt: skip
    down = [plotly_text(name) for name in panels.down]
    up = axis(panels.titles[1], range=[-grid.rows, 0], **quiet, **rows, ticktext=down)
    notes = []
    for i, words in enumerate(panels.captions[:count] if count <= MOST_NAMED else ()):
        left, floor = grid.place(i)
        place = {"x": left + EDGE, "y": floor + 1, "xref": "x", "yref": "y"}
        notes.append(note(plotly_text(words), **place, xanchor="left", yanchor="top"))
    return {"xaxis": across, "yaxis": up, "annotations": notes, "hovermode": "closest"}


def _single_axes(steps: int, ends: tuple[float, float], domain: Domain) -> Part:
    across = axis("time step", range=[1 - 0.01 * steps, steps * 1.01])
    up = axis(SCALED if domain.scale else "value", range=list(ends))
    return {"xaxis": across, "yaxis": up, "hovermode": "closest"}


def _range(low: float, high: float, domain: Domain) -> str:
    words = f"from {compact(low, 2)} to {compact(high, 2)}"
    return f"{words} (rescaled)" if domain.scale else words


def _legend(visible: bool) -> Part:
    """A legend above the chart, with the margins of a grid."""
    return {
        "showlegend": visible,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "font": {"size": 12},
            "bgcolor": "rgba(0,0,0,0)",
        },
        "margin": {"l": 24, "r": 12, "t": 30, "b": 36},
        "dragmode": "pan",
    }


def pair_chart(
    before: Floats,
    after: Floats,
    name: str = "original",
    channels: Sequence[str] = (),
    domain: Domain = UNSCALED,
    captions: Sequence[str] = (),
) -> go.Figure:
    """Series (N, C, T), called `name`, and their reconstructions over each other. Reconstructions
    end where the series do."""
    cut = np.where(after_end(before), np.float32(np.nan), after)
    layers = [Layer(name, before, "text"), Layer("reconstruction", cut, "reconstruction")]
    return series_chart(layers, channels, domain, Panels(captions=captions))


def class_chart(
    values: Floats,
    labels: Ints | None,
    classes: Sequence[str],
    channels: Sequence[str] = (),
    domain: Domain = UNSCALED,
    captions: Sequence[str] = (),
) -> go.Figure:
    """Examples (N, C, T); series of one channel are coloured by class, if there are classes."""
    layer = Layer("example", values, "text")
    panels = Panels(captions=captions, aspect=1.2)
    if labels is None or not 0 < len(classes) <= CLASSES or values.shape[1] > 1:
        return series_chart([layer], channels, domain, panels)
    hues = [f"class{label}" if label >= 0 else "muted" for label in labels]
    present = [k for k in range(len(classes)) if (labels == k).any()]
    legend = [(plotly_text(classes[k]), f"class{k}") for k in present]
    return series_chart([layer], channels, domain, panels, hues, legend)


def spread_chart(record: Moments, channels: Sequence[str] = ()) -> go.Figure:
    """Mean of each channel (C, T) over time, within one standard deviation."""
    width, steps = record.mean.shape
    names = channel_names(channels, width)
    t = np.arange(1, steps + 1, dtype=np.float32)
    traces: list[Part] = []
    for k in range(width):
        colour = "text" if width == 1 else f"class{k % CLASSES}"
        low, high = record.mean[k] - record.sd[k], record.mean[k] + record.sd[k]
        band = _line(np.concatenate([t, t[::-1]]), np.concatenate([high, low[::-1]]))
        band |= {"fill": "toself", "fillcolor": token(colour, 0.16), "hoverinfo": "skip"}
        traces += [band | {"line": {"width": 0}, "showlegend": False}]
        mean = _line(t, record.mean[k]) | {
            "name": plotly_text(names[k]),
            "customdata": record.sd[k],
        }
        mean["line"] = {"color": token(colour), "width": 1.5}
        mean["hovertemplate"] = "step %{x}: mean %{y:.4r}, SD %{customdata:.4r}<extra></extra>"
        traces.append(mean)
    layout = {"xaxis": axis("time step"), "yaxis": axis("mean ± SD of x")}
    return figure(traces, **layout, **_legend(width > 1) | {"margin": MARGIN})


def _line(x: Floats, y: Floats) -> Part:
    values = {"x": np.asarray(x, np.float32), "y": np.asarray(y, np.float32)}
    return {"type": "scatter", "mode": "lines", **values}
