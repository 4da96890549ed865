"""The latents in three dimensions on screen: to be turned, pointed at and chosen from.

The browser keeps the camera; the sphere of the prior lies over the figure, so that switching it
off sends no point again.
"""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections_3d import HALF, space
from vae.base.records import Encoding, Hue, Projection
from vae.dashboard.latent.layers import TRUSTWORTHY, faithful
from vae.dashboard.latent.map import HEIGHT, LINE, WORDY, Places, Seen, caption, nothing
from vae.dashboard.latent.request import MapRequest, steady, words
from vae.dashboard.latent.selection import chooser, wanted
from vae.dashboard.latent.toolbar import Tools
from vae.dashboard.plot import overlay, plot
from vae.dashboard.shared.run_picker import has_rings
from vae.dashboard.shared.tile_route import pattern
from vae.figures.latent_map_3d import LatentMap3D, latent_scatter_3d, prior_sphere, trace_rows_3d

KEY = "latent_space"
PRIOR = (
    f"A sphere of radius {HALF:.2f} about the origin of latent space: half of the prior N(0, I) "
    "of these three dimensions lies within it. Posterior means lie a little closer together than "
    "the prior, as each example's own width belongs to q(z) too."
)
NO_PRIOR = "There is no sphere: this run's prior is not N(0, I)."


def picture(
    loaded: LoadedRun,
    encoding: Encoding,
    asked: MapRequest,
    colours: Mapping[str, Hue],
    place: Places,
) -> Seen:
    """The line above the view, the view and what lies over it."""
    with st.container(height=LINE, border=False, vertical_alignment="center", key="latent_line"):
        try:
            record = _record(loaded, encoding, asked, colours)
        except ValueError as error:
            return nothing(str(error))
        told = caption(loaded, record.flat), _faithful(loaded, encoding, record, asked)
        st.caption(" · ".join(part for part in told if part), help=TRUSTWORTHY)
    revision = asked.revision(loaded.run.name)
    with st.container(horizontal=True, vertical_alignment="center", key="latent_tools"):
        shown = _prior(record)
    with place.chooser:
        chooser(encoding, colours, revision)
    event = plot(
        _figure(record, encoding, asked, colours),
        key=KEY,
        revision=revision,
        height=HEIGHT,
        index=trace_rows_3d(record),
        tiles=pattern(loaded.run),
        pickable=True,
        label=f"{len(record.points)} examples in three dimensions of latent space, "
        f"{', '.join(record.axes)}",
    )
    sphere = [prior_sphere(record.centre)] if shown and record.centre is not None else []
    overlay(key=KEY, revision=revision, traces=sphere, select=wanted(revision))
    rows = event.selected if event.selected is not None else np.empty(0, np.int64)
    return Seen(rows, None, Tools("none", False, 0))


def _record(
    loaded: LoadedRun, encoding: Encoding, asked: MapRequest, colours: Mapping[str, Hue]
) -> LatentMap3D:
    found = space(asked.projection, encoding, asked.options, asked.seed)
    return LatentMap3D(
        points=found.places(encoding.mean),
        axes=found.names,
        index=encoding.index,
        hue=colours.get(asked.hue),
        total=len(loaded.splits.rows(asked.split)),
        centre=found.centre if has_rings(loaded.run) else None,
        note=found.note,
    )


def _faithful(
    loaded: LoadedRun, encoding: Encoding, record: LatentMap3D, asked: MapRequest
) -> str:
    if encoding.mean.shape[1] == record.points.shape[1]:
        return ""  # nothing is left out
    return faithful(loaded, encoding, Projection(record.points, record.axes[:2], ""), asked)


def _prior(record: LatentMap3D) -> bool:
    """Whether the sphere of the prior is wanted."""
    known = record.centre is not None
    return st.toggle(
        "Prior",
        value=True,
        key="latent_sphere",
        disabled=not known,
        help=PRIOR if known else NO_PRIOR,
        persist_state="session",
    )


def _figure(
    record: LatentMap3D, encoding: Encoding, asked: MapRequest, colours: Mapping[str, Hue]
) -> go.Figure:
    """The points, each with its words where they are few; a box that stands still while a run
    trains."""
    figure = latent_scatter_3d(record)
    if len(encoding.index) <= WORDY:
        lines = np.array(words(encoding, colours), object)
        for trace, rows in zip(figure.data, trace_rows_3d(record), strict=True):
            trace.text = lines[np.searchsorted(encoding.index, rows)]
    if asked.following:
        for axis in (figure.layout.scene[f"{name}axis"] for name in "xyz"):
            axis.range = steady(*axis.range)
    return figure
