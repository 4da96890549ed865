"""The history of a run: one panel a quantity, stacked over a common time axis.

reconstruction = −E_q[ln p(x|z)] and kl are positive, elbo = −(reconstruction + kl) is negative,
all in nats per example. They differ tenfold in size, therefore each has its own panel and range;
the common axis lets one pointer read all of them. β and the learning rate get a thin strip below,
each only where it moves. Train is solid, validation dashed with markers.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.records import Curve, Curves, Floats
from vae.figures.base import Part, axis, decimate, empty_figure, figure, note, number, span
from vae.figures.event_marks import in_unit, marks
from vae.figures.palette import token

POINTS = 1000  # a series, after thinning
_MINIBATCH = "minibatch estimate"
_QUANTITIES = {  # quantity → its name on screen, its colour, and a word beside the name
    "reconstruction": ("Reconstruction", token("reconstruction"), ""),
    "kl": ("KL", token("kl"), ""),
    "elbo": ("ELBO", token("elbo"), ""),
    "loss": ("Trained loss", token("accent"), ""),
    "iwae_bound": ("K-sample bound", token("elbo"), ""),
    "mutual_information": ("Mutual information", token("kl"), _MINIBATCH),
    "total_correlation": ("Total correlation", token("kl"), _MINIBATCH),
    "dimension_wise_kl": ("Dimension-wise KL", token("kl"), _MINIBATCH),
    "mmd": ("MMD² of q(z) and p(z)", token("kl"), "without unit"),
    "sigma": ("σ of p(x|z)", token("reconstruction"), "units of x"),
    "sigma_min": ("Smallest σ of p(x|z)", token("reconstruction"), "units of x"),
    "sigma_max": ("Largest σ of p(x|z)", token("reconstruction"), "units of x"),
    "scale": ("Scale of p(x|z)", token("reconstruction"), "units of x"),
}
_NO_NATS = ("mmd", "sigma", "sigma_min", "sigma_max", "scale")  # the word beside says their unit
_WHOLE = ("kl",)  # never cut: a KL is read from zero
_STRIPS = {"beta": "β", "lr": "learning rate"}
_SPLITS = {"train": "train", "val": "validation"}
_TOP, _BOTTOM, _GAP = 24, 42, 22  # px around and between the panels
_STRIP, _LINE = 24, 14  # px: height of a strip, height of a line of small text


class _Panel(NamedTuple):
    """One picture of the stack; lengths in px from the top of the drawing area."""

    quantity: str
    title: str
    colour: str
    lines: dict[str, Curve]  # split → thinned curve
    top: float
    height: float
    aside: str = ""  # beside the title


def training_curves(
    record: Curves,
    *,
    quantities: tuple[str, ...] = ("reconstruction", "kl", "elbo"),
    log: bool = False,
    per: str = "epoch",
    epochs: float | None = None,
    height: int = 430,
    kl_note: str = "",
) -> go.Figure:
    """The live chart of a run, for `height` px; `kl_note` says how the KL was come by.

    `per` is "epoch" or "step", the unit of the time axis; `epochs` the planned end of it. `log`
    draws the positive quantities on a logarithmic axis. Without it, a start that would flatten all
    the rest leaves the panel, and the panel says at which value it began.
    """
    if per not in ("epoch", "step"):
        raise ValueError(f"Unknown time axis {per!r}; one of 'epoch', 'step'.")
    if not any(len(curve.value) for curve in record.curves.values()):
        return empty_figure("The curves begin with the first steps of training")
    panels = _panels(record, quantities, per, height, kl_note)
    if not panels:
        return empty_figure("Nothing to draw: choose a quantity that this run has")
    drawn = {panel.quantity for panel in panels}
    missing = [name for name in ("kl", "elbo") if name in quantities and name not in drawn]
    room = height - _TOP - _BOTTOM
    traces, notes, axes, legends = [], [], {}, {}
    for k, panel in enumerate(panels):
        ref = f"y{k + 1}" if k else "y"
        limits = _limits(panel, log and panel.quantity != "elbo")
        traces += [_trace(panel, split, ref, k, per) for split in panel.lines]
        notes += _words(panel, limits, ref, room)
        axes["yaxis" + ref[1:]] = _value_axis(panel, limits, room)
        legends[f"legend{k + 1}" if k else "legend"] = _legend(panel, room)
    end = (
        None if epochs is None else float(in_unit(record, np.array([epochs], np.float32), per)[0])
    )
    shapes, labels = marks(record, per, end, first_row=bool(missing))
    return figure(
        traces,
        xaxis=_time_axis(per, end, f"y{len(panels)}" if len(panels) > 1 else "y"),
        **axes,
        **legends,
        annotations=[_unit(), *_undefined(missing), *notes, *labels],
        shapes=shapes,
        showlegend=True,
        hovermode="x unified",
        hoversubplots="axis",
        margin={"l": 60, "r": 86, "t": _TOP, "b": _BOTTOM},
        height=height,
        dragmode="zoom",
    )


def _panels(
    record: Curves, quantities: tuple[str, ...], per: str, height: int, kl_note: str
) -> list[_Panel]:
    """What is drawn, from top to bottom, and where."""
    moving = [name for name in _STRIPS if _moves(record.curves.get(("train", name)))]
    lines = {name: _lines(record, name, tuple(_SPLITS), per) for name in quantities}
    lines |= {name: _lines(record, name, ("train",), per) for name in moving}
    lines = {name: drawn for name, drawn in lines.items() if drawn}
    fixed = {name: _STRIP for name in moving}
    room = height - _TOP - _BOTTOM - _GAP * (len(lines) - 1) - sum(fixed.values())
    share = max(room / max(len(lines) - len(fixed), 1), 20)
    top, panels = 0.0, []
    for name, drawn in lines.items():
        plain = (_STRIPS.get(name, name), token("muted"), "")
        title, colour, aside = _QUANTITIES.get(name, plain)
        aside = kl_note if name == "kl" else aside
        panels.append(_Panel(name, title, colour, drawn, top, fixed.get(name, share), aside))
        top += panels[-1].height + _GAP
    return panels


def _moves(curve: Curve | None) -> bool:
    """Whether a knob took more than one value."""
    if curve is None:
        return False
    finite = curve.value[np.isfinite(curve.value)]
    return len(finite) > 1 and float(np.ptp(finite)) > 1e-6 * float(np.abs(finite).max())


def _lines(record: Curves, quantity: str, splits: tuple[str, ...], per: str) -> dict[str, Curve]:
    """The thinned curves of a quantity by split, without those that hold no number."""
    lines = {}
    for split in splits:
        curve = record.curves.get((split, quantity))
        if curve is not None and np.isfinite(curve.value).any():
            time = curve.epoch if per == "epoch" else curve.step
            x, y = decimate(np.asarray(time, np.float32), curve.value, POINTS)
            lines[split] = Curve(curve.step[:0], x, y)
    return lines


def _limits(panel: _Panel, log: bool) -> tuple[list[float], str]:
    """The range of a panel, (log10 of it where `log`), and the kind of its axis.

    The start of training can be ten times as far away as all that follows. Where the last nine
    tenths of the time take less than a third of the whole range, the panel shows three times their
    range instead, at least a twentieth of the whole, and the start lies outside. A KL is never
    cut and begins at zero.
    """
    values = np.concatenate([line.value for line in panel.lines.values()])
    if log and np.nanmin(values) > 0:
        return span(np.log10(values)), "log"
    if panel.quantity in _STRIPS:
        return span(values, 0.15, 1e-12), "linear"
    if panel.quantity in _WHOLE:
        return [0.0, span(values, 0.08, 1e-3)[1]], "linear"
    whole, (low, high) = span(values), span(_settled(panel))
    shown = max(3 * (high - low), 0.05 * (whole[1] - whole[0]))
    if whole[1] - whole[0] <= shown:
        return whole, "linear"
    falls = whole[1] - high > low - whole[0]
    return ([low, low + shown] if falls else [high - shown, high]), "linear"


def _settled(panel: _Panel) -> Floats:
    """The values of all splits after the first tenth of the time."""
    last = max(float(line.epoch[-1]) for line in panel.lines.values())
    first = min(float(line.epoch[0]) for line in panel.lines.values())
    since = first + (last - first) / 10
    return np.concatenate([line.value[line.epoch >= since] for line in panel.lines.values()])


def _trace(panel: _Panel, split: str, ref: str, k: int, per: str) -> Part:
    """One line."""
    line = panel.lines[split]
    strip, held_out = panel.quantity in _STRIPS, split == "val"
    sparse = len(line.value) <= (60 if held_out else 1)
    bare = strip or panel.quantity in _NO_NATS
    unit, digits = ("" if bare else " nats", ".4~r" if strip else ".4r")
    who = panel.title
    who = who[0].lower() + who[1:] if who[1:2].islower() else who
    who = who if strip else f"{who}, {_SPLITS[split]}"
    return {
        "type": "scatter",
        "x": np.asarray(line.epoch, np.float32),
        "y": np.asarray(line.value, np.float32),
        "yaxis": ref,
        "mode": "lines+markers" if sparse else "lines",
        "name": who,
        "uid": f"{panel.quantity}-{split}",
        "legend": f"legend{k + 1}" if k else "legend",
        "showlegend": not strip,
        "line": {
            "color": panel.colour,
            "width": 1.2 if strip else 1.8,
            "dash": "4px,3px" if held_out else "solid",
            "shape": "hv" if strip and per == "step" else "linear",
        },
        "marker": {"color": panel.colour, "size": 5},
        "hovertemplate": f"{who} <b>%{{y:{digits}}}</b>{unit}<extra></extra>",
    }


def _words(panel: _Panel, limits: tuple[list[float], str], ref: str, room: float) -> list[Part]:
    """The panel's title, its latest values at the right end, and what it leaves out."""
    above = {"x": 0, "y": 1 - panel.top / room, "xanchor": "left", "yanchor": "bottom"}
    if panel.quantity in _STRIPS:
        small = {"size": 11, "color": token("muted")}
        return [note(panel.title, **above, font=small), *_ends(panel, limits, ref)]
    title = f'<b>{panel.title}</b>  <span style="font-size:11px">{panel.aside}</span>'
    return [
        note(title, **above, font={"size": 13, "color": panel.colour}),
        *_start(panel, limits, ref),
        *_ends(panel, limits, ref),
    ]


def _unit() -> Part:
    """The unit of all panels, once, along their left side."""
    side = {"x": 0, "xshift": -52, "xanchor": "center", "y": 0.5, "textangle": -90}
    return note("nats per example", **side, font={"size": 13, "color": token("muted")})


def _undefined(missing: Sequence[str]) -> list[Part]:
    """Which of the wanted quantities do not exist, inside the uppermost panel on the right."""
    if not missing:
        return []
    names = " and ".join(_QUANTITIES.get(name, (name, ""))[0] for name in missing)
    words = f"{names}: not defined for a point posterior"
    return [note(words, x=1, y=1, xanchor="right", yanchor="top", yshift=-2)]


def _start(panel: _Panel, limits: tuple[list[float], str], ref: str) -> list[Part]:
    """At which value the first line begins, where that lies outside the panel: at that edge."""
    (low, high), kind = limits
    line = next(iter(panel.lines.values()))
    first = float(line.value[np.isfinite(line.value)][0])
    if kind == "log" or low <= first <= high:
        return []
    edge, anchor = (high, "top") if first > high else (low, "bottom")
    where = {"x": 0, "xanchor": "left", "xshift": 10, "y": edge, "yanchor": anchor, "yref": ref}
    small = {"size": 11, "color": panel.colour}
    where |= {"bgcolor": token("background", 0.85)}
    return [note(f"starts at {number(first)}", **where, font=small)]


def _ends(panel: _Panel, limits: tuple[list[float], str], ref: str) -> list[Part]:
    """The latest value of each line beside its end, pushed apart where two would touch."""
    (low, high), kind = limits
    last = {s: float(c.value[np.isfinite(c.value)][-1]) for s, c in panel.lines.items()}
    place = {s: np.log10(value) if kind == "log" else value for s, value in last.items()}
    shift = dict.fromkeys(last, 0.0)
    if len(last) == 2:
        upper, lower = sorted(last, key=lambda split: -last[split])
        apart = (place[upper] - place[lower]) / (high - low) * panel.height
        shift[upper] = max(0.0, (_LINE - apart) / 2)
        shift[lower] = -shift[upper]
    colour = {"size": 11, "color": panel.colour}
    where = {"x": 1, "xanchor": "left", "xshift": 5, "yanchor": "middle", "yref": ref}
    short = {"train": "train", "val": "val"} if len(last) == 2 else dict.fromkeys(last, "")
    words = {s: f"{number(value)} {short[s]}".strip() for s, value in last.items()}
    return [note(words[s], **where, y=place[s], yshift=shift[s], font=colour) for s in last]


def _value_axis(panel: _Panel, limits: tuple[list[float], str], room: float) -> Part:
    """The vertical axis of a panel."""
    top = 1 - panel.top / room
    return axis(
        domain=[max(0.0, top - panel.height / room), top],
        range=limits[0],
        type=limits[1],
        **_ticks(panel),
        automargin=False,
        anchor="x",
    )


def _ticks(panel: _Panel) -> Part:
    """As many ticks as fit; a strip names its lowest and its highest value."""
    if panel.quantity not in _STRIPS:
        return {"nticks": 5 if panel.height > 80 else 4}
    values = panel.lines["train"].value
    ends = [float(np.nanmin(values)), float(np.nanmax(values))]
    return {"tickvals": ends, "ticktext": [f"{end:.2g}" for end in ends]}


def _time_axis(per: str, end: float | None, lowest: str) -> Part:
    """The common horizontal axis, at the foot of the lowest panel."""
    planned = {"range": [0, end]} if end else {"rangemode": "tozero"}
    title = {"text": per + " %{x:.4~r}"}
    spike: Part = {"spikemode": "across", "spikecolor": token("muted", 0.5)}
    spike |= {"spikedash": "solid", "spikethickness": -1}
    return axis(per, anchor=lowest, unifiedhovertitle=title, showgrid=False, **planned, **spike)


def _legend(panel: _Panel, room: float) -> Part:
    """Names of the lines above the panel on the right; a click hides one."""
    return {
        "orientation": "h",
        "x": 1,
        "xanchor": "right",
        "y": 1 - panel.top / room,
        "yanchor": "bottom",
        "font": {"size": 11, "color": token("muted")},
        "bgcolor": "rgba(0,0,0,0)",
        "itemwidth": 30,
    }
