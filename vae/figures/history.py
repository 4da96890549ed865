"""Training curves of one run: a panel for each quantity above a common time axis.

The terms of the bound differ tenfold in size, so each has its own panel and range; one pointer on
the common time axis reads all of them. Training data are solid lines, validation data dashed lines
with markers. Nats per example unless a title says otherwise.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import compact, number
from vae.base.records import Curves
from vae.figures.base import Part, axis, empty_figure, figure, note
from vae.figures.curve_panels import Panel, Range, curve_panels, value_range
from vae.figures.event_marks import in_unit, marks, text_width
from vae.figures.palette import token
from vae.figures.quantities import NATS, PER_EXAMPLE, SPLITS, TERMS, quantity
from vae.figures.smoothing import smoothed, smoothing_words

TOP, BOTTOM, LEFT, RIGHT = 24, 60, 60, 106  # px around the panels
LINE = 14  # px, height of a line of small text
DASHES = {"train": "solid", "val": "4px,3px"}
SPARSE = {"train": 1, "val": 60}  # up to so many points have markers


def training_curves(
    record: Curves,
    *,
    quantities: tuple[str, ...] = TERMS,
    log: bool = False,
    per: str = "epoch",
    epochs: float | None = None,
    height: int = 430,
    kl_note: str = "",
    smooth: float = 0.0,
    unit: str = PER_EXAMPLE,
) -> go.Figure:
    """The training curves of a run, `height` px high, with the `unit` of the bound.

    `per` is the unit of the time axis, "epoch" or "step", and `epochs` its planned end. `log`
    draws positive quantities on a logarithmic axis; on a linear axis, a first value far outside
    the later range is printed at the panel's edge. `kl_note` names the estimator of the KL. With
    `smooth` the exponential mean over so many epochs is drawn above the values, which stay visible
    faintly and under the pointer.
    Raises ValueError for another `per`.
    """
    if per not in ("epoch", "step"):
        raise ValueError(f"Unknown time axis {per!r}; one of 'epoch', 'step'.")
    if not any(len(curve.value) for curve in record.curves.values()):
        return empty_figure("No curves: the run has no report")
    room = height - TOP - BOTTOM
    panels = curve_panels(record, quantities, per, room, kl_note, smooth)
    if not panels:
        return empty_figure("Nothing to draw: choose a quantity that this run has")
    present = {panel.name for panel in panels}
    missing = [name for name in ("kl", "elbo") if name in quantities and name not in present]
    end = _end(record, epochs, per)
    traces, notes, axes = _drawn(panels, log, per, room)
    taken = [(0.0, 1.0)] if missing else _starts(panels[0], log)
    shapes, labels = marks(record, per, end, taken)
    return figure(
        [*traces, *_keys(panels)],
        xaxis=_time_axis(per, end, f"y{len(panels)}" if len(panels) > 1 else "y"),
        **axes,
        annotations=[_unit(unit), *_undefined(missing), *notes, *labels, *_mean_note(smooth)],
        shapes=shapes,
        showlegend=True,
        legend=_legend(room),
        hovermode="x unified",
        hoversubplots="axis",
        margin={"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM},
        height=height,
        dragmode="zoom",
    )


def _end(record: Curves, epochs: float | None, per: str) -> float | None:
    """The planned end of training in the unit of the time axis."""
    if epochs is None:
        return None
    return float(in_unit(record, np.array([epochs], np.float32), per)[0])


def _drawn(
    panels: Sequence[Panel], log: bool, per: str, room: float
) -> tuple[list[Part], list[Part], dict[str, Any]]:
    """Traces, annotations and value axes of the panels."""
    traces: list[Part] = []
    notes: list[Part] = []
    axes: dict[str, Any] = {}
    for k, panel in enumerate(panels):
        index = str(k + 1) if k else ""
        limits = value_range(panel, log and panel.name != "elbo")
        traces += [part for split in panel.curves for part in _curve(panel, split, index, per)]
        notes += _notes(panel, limits, f"y{index}", room)
        axes[f"yaxis{index}"] = _value_axis(panel, limits, room)
    return traces, notes, axes


def _curve(panel: Panel, split: str, index: str, per: str) -> list[Part]:
    """The curve of one split, below its smoothed curve if the panel has one."""
    trace, mean = _trace(panel, split, index, per), panel.means.get(split)
    if mean is None:
        return [trace]
    return smoothed(trace, np.asarray(mean.epoch, np.float32), np.asarray(mean.value, np.float32))


def _trace(panel: Panel, split: str, index: str, per: str) -> Part:
    """The curve of one split."""
    curve, setting = panel.curves[split], panel.is_setting
    name = panel.quantity.title
    if not setting:
        name = f"{name[0].lower() + name[1:] if name[1:2].islower() else name}, {SPLITS[split]}"
    digits = ".4~r" if setting else ".4r"
    unit = f" {NATS}" if panel.quantity.unit == NATS else ""
    return {
        "type": "scatter",
        "x": np.asarray(curve.epoch, np.float32),
        "y": np.asarray(curve.value, np.float32),
        "yaxis": f"y{index}",
        "mode": "lines+markers" if len(curve.value) <= _sparse(setting, split) else "lines",
        "name": name,
        "uid": f"{panel.name}-{split}",
        "legendgroup": "" if setting else split,
        "showlegend": False,
        "line": {
            "color": panel.quantity.ink,
            "width": 1.2 if setting else 1.8,
            "dash": DASHES[split],
            "shape": "hv" if setting and per == "step" else "linear",
        },
        "marker": {"color": panel.quantity.ink, "size": 5},
        "hovertemplate": f"{name} <b>%{{y:{digits}}}</b>{unit}<extra></extra>",
    }


def _mean_note(smooth: float) -> list[Part]:
    """The meaning of the smoothed curves, at the top right of the chart."""
    if not smooth:
        return []
    place = {"x": 1, "xshift": RIGHT, "xanchor": "right", "y": 1, "yanchor": "bottom"}
    return [note(smoothing_words(smooth), **place, font={"size": 11, "color": token("muted")})]


def _sparse(setting: bool, split: str) -> int:
    """Up to how many points a curve has markers."""
    return SPARSE["train"] if setting else SPARSE[split]


def _notes(panel: Panel, limits: Range, ref: str, room: float) -> list[Part]:
    """The panel's title, the latest values at its right end, and a first value outside it."""
    above = {"x": 0, "y": 1 - panel.top / room, "xanchor": "left", "yanchor": "bottom"}
    row = panel.quantity
    if panel.is_setting:
        small = {"size": 11, "color": token("muted")}
        return [note(row.title, **above, font=small), *_latest(panel, limits, ref)]
    title = f'<b>{row.title}</b>  <span style="font-size:11px">{row.note}</span>'
    return [
        note(title, **above, font={"size": 13, "color": row.ink}),
        *_first(panel, limits, ref),
        *_latest(panel, limits, ref),
    ]


def _unit(text: str) -> Part:
    """The unit of all panels, once, along their left side."""
    side = {"x": 0, "xshift": -52, "xanchor": "center", "y": 0.5, "textangle": -90}
    return note(text, **side, font={"size": 13, "color": token("muted")})


def _undefined(missing: Sequence[str]) -> list[Part]:
    """The quantities that this run does not have, at the top right of the first panel."""
    if not missing:
        return []
    names = " and ".join(quantity(name).title for name in missing)
    text = f"{names}: not defined without a density q(z|x)"
    return [note(text, x=1, y=1, xanchor="right", yanchor="top", yshift=-2)]


def _first(panel: Panel, limits: Range, ref: str) -> list[Part]:
    """The first value of the first curve, at the edge of the panel, where it lies outside."""
    curve = next(iter(panel.curves.values()))
    first = float(curve.value[np.isfinite(curve.value)][0])
    if limits.log or limits.low <= first <= limits.high:
        return []
    edge, anchor = (limits.high, "top") if first > limits.high else (limits.low, "bottom")
    where = {"x": 0, "xanchor": "left", "xshift": 10, "y": edge, "yanchor": anchor, "yref": ref}
    small = {"size": 11, "color": panel.quantity.ink}
    where |= {"bgcolor": token("background", 0.85)}
    return [note(f"starts at {number(first)}", **where, font=small)]


def _starts(panel: Panel, log: bool) -> list[tuple[float, float]]:
    """The part of the first line of labels with the first value of the uppermost panel."""
    found = _first(panel, value_range(panel, log and panel.name != "elbo"), "y")
    return [(0.0, 0.02 + text_width(one["text"])) for one in found if one["yanchor"] == "top"]


def _latest(panel: Panel, limits: Range, ref: str) -> list[Part]:
    """The latest value of each curve beside its end, pushed apart where two would touch."""
    last = {s: float(c.value[np.isfinite(c.value)][-1]) for s, c in panel.curves.items()}
    place = {s: np.log10(value) if limits.log else value for s, value in last.items()}
    shift = dict.fromkeys(last, 0.0)
    if len(last) == 2:
        upper, lower = sorted(last, key=lambda split: -last[split])
        apart = (place[upper] - place[lower]) / (limits.high - limits.low) * panel.height
        shift[upper] = max(0.0, (LINE - apart) / 2)
        shift[lower] = -shift[upper]
    font = {"size": 11, "color": panel.quantity.ink}
    where = {"x": 1, "xanchor": "left", "xshift": 5, "yanchor": "middle", "yref": ref}
    words = {s: number(v) + f" {SPLITS[s]}" * (len(last) == 2) for s, v in last.items()}
    return [note(words[s], **where, y=place[s], yshift=shift[s], font=font) for s in last]


def _value_axis(panel: Panel, limits: Range, room: float) -> Part:
    """The vertical axis of a panel."""
    top = 1 - panel.top / room
    return axis(
        domain=[max(0.0, top - panel.height / room), top],
        range=[limits.low, limits.high],
        type="log" if limits.log else "linear",
        **_ticks(panel),
        automargin=False,
        anchor="x",
    )


def _ticks(panel: Panel) -> Part:
    """As many ticks as fit; for a setting its lowest and its highest value."""
    if not panel.is_setting:
        return {"nticks": 5 if panel.height > 80 else 4}
    values = panel.curves["train"].value
    ends = [float(np.nanmin(values)), float(np.nanmax(values))]
    return {"tickvals": ends, "ticktext": [compact(end, 2) for end in ends]}


def _time_axis(per: str, end: float | None, lowest: str) -> Part:
    """The common horizontal axis, below the lowest panel."""
    planned = {"range": [0, end]} if end else {"rangemode": "tozero"}
    title = {"text": per + " %{x:.4~r}"}
    spike: Part = {"spikemode": "across", "spikecolor": token("muted", 0.5)}
    spike |= {"spikedash": "solid", "spikethickness": -1}
    found = axis(per, anchor=lowest, unifiedhovertitle=title, showgrid=False, **planned, **spike)
    found["title"]["standoff"] = 2
    return found


def _keys(panels: Sequence[Panel]) -> list[Part]:
    """A grey line without points for each split: the legend shows it for all panels."""
    splits = dict.fromkeys(split for panel in panels for split in panel.curves)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": np.full(1, np.nan, np.float32),
            "y": np.full(1, np.nan, np.float32),
            "name": SPLITS[split],
            "uid": split,
            "legendgroup": split,
            "line": {"color": token("muted"), "width": 1.8, "dash": DASHES[split]},
            "hoverinfo": "skip",
        }
        for split in splits
    ]


def _legend(room: float) -> Part:
    """Names of the splits below the time axis; a click hides the curves of one."""
    return {
        "orientation": "h",
        "x": 1,
        "xanchor": "right",
        "y": -BOTTOM / room,
        "yanchor": "bottom",
        "font": {"size": 12, "color": token("muted")},
        "bgcolor": "rgba(0,0,0,0)",
        "itemwidth": 30,
    }
