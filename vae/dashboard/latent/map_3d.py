"""The latents in three dimensions on screen, with rotation and selection.

The browser stores the camera. The sphere of the prior is an overlay of the figure, so that
switching it off sends no points again.
"""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from vae.analysis.latent_map import rounded_range
from vae.analysis.projections_3d import HALF, space
from vae.base.numbers import fixed, plural
from vae.dashboard.latent.layers import TRUSTWORTHINESS, trustworthiness_text
from vae.dashboard.latent.map import (
    CHART,
    HEIGHT,
    LINE,
    MapState,
    PanelPlaces,
    caption,
    empty_map,
    set_hover_texts,
)
from vae.dashboard.latent.request import MapContext
from vae.dashboard.latent.row_table import ticked
from vae.dashboard.latent.selection import chooser, chosen_rows
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import overlay, plot
from vae.dashboard.shared import widgets
from vae.dashboard.shared.run_picker import has_rings
from vae.dashboard.shared.tile_route import pattern
from vae.figures.latent_map_3d import LatentMap3D, latent_scatter_3d, prior_sphere, trace_rows_3d

KEY = "latent_space"
PRIOR = (
    f"A sphere of radius {fixed(HALF)} about the origin of latent space, which holds half of the "
    "prior N(0, I) of these three dimensions. Posterior means have a smaller spread than the "
    "prior, because the width of each posterior also belongs to q(z)."
)
NO_PRIOR = "The sphere needs a prior N(0, I); this run has another one or none."


def show_map_3d(context: MapContext, places: PanelPlaces) -> MapState:
    """Show the view, its overlay and its caption."""
    chart = st.container(key=CHART)
    with st.container(height=LINE, border=False, vertical_alignment="center", key="latent_line"):
        try:
            record = _record(context)
        except ValueError as error:
            with chart:
                return empty_map(str(error))
        parts = caption(context, record.flat), trustworthiness_text(context, record.points)
        st.caption(
            " · ".join(part for part in parts if part), help=TRUSTWORTHINESS + lesson_link("prior")
        )
    with chart:
        return _draw(context, places, record)


def _draw(context: MapContext, places: PanelPlaces, record: LatentMap3D) -> MapState:
    """Show the toolbar, the view and its overlay."""
    revision = context.revision
    with st.container(horizontal=True, vertical_alignment="center", key="latent_tools"):
        with_sphere = _prior_toggle(record)
    with places.chooser:
        chooser(context)
    event = plot(
        _figure(record, context),
        key=KEY,
        revision=revision,
        height=HEIGHT,
        index=trace_rows_3d(record),
        tiles=pattern(context.loaded.run),
        pickable=True,
        label=f"{plural(len(record.points), 'example')} in three dimensions of latent space, "
        f"{', '.join(record.axes)}",
    )
    sphere = [prior_sphere(record.centre)] if with_sphere and record.centre is not None else []
    selected = event.selected if event.selected is not None else np.empty(0, np.int64)
    marks = [*sphere, *ticked(context, record.index, record.points, selected)]
    overlay(key=KEY, revision=revision, traces=marks, select=chosen_rows(revision))
    return MapState(selected)


def _record(context: MapContext) -> LatentMap3D:
    request, encoding = context.request, context.encoding
    found = space(request.projection, encoding, request.options, request.seed)
    return LatentMap3D(
        points=found.places(encoding.mean),
        axes=found.titles,
        index=encoding.index,
        hue=context.colours.get(request.hue),
        total=context.total,
        centre=found.centre if has_rings(context.loaded.run) else None,
        note=found.note,
    )


def _prior_toggle(record: LatentMap3D) -> bool:
    """Show the switch of the prior's sphere and return its state."""
    known = record.centre is not None
    about = PRIOR if known else NO_PRIOR
    return widgets.switch(st, "Prior", "latent_sphere", True, about, "prior", off=not known)


def _figure(record: LatentMap3D, context: MapContext) -> go.Figure:
    """Return the figure with hover texts; its ranges are rounded while the map follows a run."""
    figure = latent_scatter_3d(record)
    set_hover_texts(figure, context, trace_rows_3d(record))
    if context.request.following:
        for axis in (figure.layout.scene[f"{name}axis"] for name in "xyz"):
            axis.range = rounded_range(*axis.range)
    return figure
