"""The latent map in three dimensions, which a person can rotate.

Colours, legend and the order of the traces come from `vae.figures.latent_map`, so that a class
looks the same in both. Rows are rows of the data set; lengths are in the unit of z.
"""

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.analysis.projections_3d import HALF
from vae.base.records import Floats, Hue, Ints, LatentMap
from vae.figures.base import Part, empty_figure, figure, span
from vae.figures.latent_map import PLACE, latent_scatter, trace_rows
from vae.figures.palette import token

EYE = {"x": 1.5, "y": 1.5, "z": 0.8}  # first position of the camera
MIDDLE = {"x": 0, "y": 0, "z": -0.12}  # centre of the view: the nearest corner needs room
UNEQUAL = 4.0  # largest ratio of two sides of the box where there is no standard normal prior
ROUND = 5_000  # more points are drawn as squares, which WebGL draws faster than circles
CORNERS = 72  # of a circle
SIZE = 0.6  # of a point relative to the map: WebGL draws the same size larger


class LatentMap3D(NamedTuple):
    """Examples in three dimensions of latent space."""

    points: Floats  # (N, 3)
    axes: tuple[str, str, str]  # titles, with units
    index: Ints  # type: ignore[assignment]  # (N,) rows of the data set, ascending
    hue: Hue | None
    total: int  # number of examples, of which N are shown
    centre: Floats | None  # (3,) of a standard normal prior; None for another prior
    note: str = ""

    @property
    def flat(self) -> LatentMap:
        """The first two dimensions as a latent map."""
        names = self.axes[:2]
        return LatentMap(
            self.points[:, :2], names, self.index, self.hue, self.total, False, self.note
        )


def trace_rows_3d(record: LatentMap3D) -> list[Ints]:
    """Rows of the data set in each trace of `latent_scatter_3d`, in order."""
    return trace_rows(record.flat)


def latent_scatter_3d(record: LatentMap3D) -> go.Figure:
    """Points (N, 3) in a box that contains them and half of the prior; a trace for each of up to
    12 classes. The axes have equal scales, unless there is no standard normal prior and one range
    is over four times another.
    """
    if not len(record.points):
        return empty_figure("No points to show: no example is encoded yet")
    flat = latent_scatter(record.flat)
    traces = [
        _with_depth(trace.to_plotly_json(), record, rows)
        for trace, rows in zip(flat.data, trace_rows_3d(record), strict=True)
    ]
    axes = {
        f"{name}axis": _axis(title, record, k)
        for k, (name, title) in enumerate(zip("xyz", record.axes, strict=True))
    }
    scene: Part = {
        **axes,
        "aspectmode": "manual",
        "aspectratio": _sides(np.array([axis["range"] for axis in axes.values()]), record),
        "camera": {"eye": EYE, "up": {"x": 0, "y": 0, "z": 1}, "center": MIDDLE},
        "dragmode": "turntable",
        "hovermode": "closest",
    }
    legend = {"legend": flat.layout.legend.to_plotly_json()} if flat.layout.showlegend else {}
    margin = {"l": 0, "r": PLACE, "t": 12, "b": 0}
    return figure(traces, scene=scene, margin=margin, showlegend=bool(legend), **legend)


def prior_sphere(centre: Floats) -> Part:
    """The sphere around `centre` (3,) that contains half of N(0, I): three labelled great circles
    in one trace."""
    turn = np.linspace(0, 2 * np.pi, CORNERS + 1)
    round_ = HALF * np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], 1)
    gap = np.full((1, 3), np.nan)
    rings = [np.concatenate([np.roll(round_, k, axis=1) + centre, gap]) for k in range(3)]
    top = (centre + np.array([0, 0, HALF]))[None]
    x, y, z = np.concatenate([*rings, top]).astype(np.float32).T
    words = [""] * (len(x) - 1) + ["half of the prior"]
    return {
        "type": "scatter3d",
        "mode": "lines+text",
        "x": x,
        "y": y,
        "z": z,
        "text": words,
        "textposition": "top center",
        "textfont": {"size": 11, "color": token("prior")},
        "line": {"color": token("prior"), "width": 3},
        "hoverinfo": "skip",
        "showlegend": False,
        "name": "prior",
        "uid": "prior",
    }


def _with_depth(trace: Part, record: LatentMap3D, rows: Ints) -> Part:
    """A trace of the map with the third coordinate added."""
    trace.pop("customdata")  # the rows travel once, beside the figure
    third = record.points[np.searchsorted(record.index, rows), 2]
    marker = trace["marker"] | {"size": SIZE * trace["marker"]["size"]}
    if len(record.points) > ROUND and marker.get("symbol") != "diamond":
        marker["symbol"] = "square"
    raised = {"type": "scatter3d", "z": np.asarray(third, np.float32), "marker": marker}
    return trace | raised


def _sides(ranges: Floats, record: LatentMap3D) -> Part:
    """Side lengths of the box for the `ranges` (3, 2) of its axes. The diagonal is that of the
    unit cube, so that the box fits the view at any rotation."""
    length = ranges[:, 1] - ranges[:, 0]
    if record.centre is None and length.max() > UNEQUAL * length.min():
        length = np.ones(3)
    return dict(zip("xyz", (length * (3 / (length**2).sum()) ** 0.5).tolist(), strict=True))


def _axis(title: str, record: LatentMap3D, k: int) -> Part:
    values = record.points[:, k]
    if record.centre is not None:
        values = np.append(values, record.centre[k] + np.array([-HALF, HALF]))
    small = {"size": 12, "color": token("muted")}
    return {
        "title": {"text": title, "font": small},
        "tickfont": {"size": 11, "color": token("muted")},
        "range": span(values, 0.04),
        "nticks": 6,
    }
