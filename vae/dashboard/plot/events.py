"""Events of a chart as the browser sends them: clicks, selections, and drawn lines."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Floats

Rows = NDArray[np.int64]
Sent = Mapping[str, Any] | None


class Click(NamedTuple):
    """A click on a point, or on the empty plane (then `trace` and `row` are None)."""

    trace: int | None  # number of the trace
    row: int | None  # of the data set
    x: Any  # in the units of the axes
    y: Any


class PlotEvent(NamedTuple):
    """The click or the drawing that caused this run of the script, and the selected rows."""

    click: Click | None
    selected: Rows | None  # (S,) rows of the data set, ascending; None: no selection
    path: Floats | None = None  # (M, 2) places on a drawn line, in the units of the axes


def event_of(click: Sent, selected: Sent, path: Sent, revision: str) -> PlotEvent:
    """Return the event on this revision of the chart; the parts of an earlier one are None."""
    parts = (click, selected, path)
    now = [part if part and part["revision"] == revision else None for part in parts]
    return PlotEvent(_click(now[0]), _selected(now[1]), _path(now[2]))


def _click(sent: Sent) -> Click | None:
    return Click(sent["trace"], sent["row"], sent["x"], sent["y"]) if sent else None


def _selected(sent: Sent) -> Rows | None:
    """Return the rows whose bit is set, lowest bit first."""
    if not sent:
        return None
    bits = np.frombuffer(base64.b64decode(sent["bits"]), np.uint8)
    return np.flatnonzero(np.unpackbits(bits, bitorder="little")).astype(np.int64)


def _path(sent: Sent) -> Floats | None:
    return np.asarray(sent["places"], np.float32).reshape(-1, 2) if sent else None
