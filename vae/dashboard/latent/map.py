"""The latent map on screen, and the background job of a slow projection."""

from textwrap import wrap
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.decoded_grid import Box
from vae.analysis.density import Field
from vae.analysis.latent_map import hover_texts, latent_map, rounded_range
from vae.analysis.projections import PROJECTIONS, project
from vae.base import files
from vae.base.numbers import percent, plural
from vae.base.records import Ints, LatentMap, Projection
from vae.dashboard import server
from vae.dashboard.latent import pins, sliders
from vae.dashboard.latent.hover_decoder import HoverDecoder, accuracy, hover_decoder
from vae.dashboard.latent.layers import (
    TRUSTWORTHINESS,
    background_traces,
    draw_overlay,
    trustworthiness_text,
)
from vae.dashboard.latent.mixture import mixture_popover
from vae.dashboard.latent.request import MapContext, MapRequest, projection_job
from vae.dashboard.latent.row_table import ticked
from vae.dashboard.latent.selection import chooser
from vae.dashboard.latent.toolbar import Toolbar, chosen_label, toolbar
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared.run_picker import has_rings
from vae.dashboard.shared.tile_route import pattern
from vae.dashboard.shared.widgets import press
from vae.figures.base import empty_figure
from vae.figures.latent_map import latent_scatter, map_caption, trace_rows
from vae.runs import Run
from vae.runs.status import ALIVE
from vae.worker.job import Job
from vae.worker.project import projection_of

HEIGHT = 560
CHART = "latent_chart"  # key of the container, whose room is in style.css
LINE = 44  # pixels for a caption or a progress bar
LETTERS = 80  # in a line of an empty map
TEXTS = 10_000  # with more points only the row is shown under the pointer


class PanelPlaces(NamedTuple):
    """The empty places to the right of the map."""

    title: DeltaGenerator
    chooser: DeltaGenerator  # beside the title
    body: DeltaGenerator  # below them


class MapState(NamedTuple):
    """The selection of the user and the tools of the map."""

    selected: Ints  # rows of the data set
    decoder: HoverDecoder | None = None  # None where places cannot be decoded
    tools: Toolbar = Toolbar()


def computing(run: Run, request: MapRequest) -> bool:
    """Return whether a job is computing the projection at this moment."""
    return request.slow and projection_job(run, request).status()["state"] in ALIVE


def show_map(context: MapContext, places: PanelPlaces) -> MapState:
    """Show the toolbar, the map, its overlay and its caption; the progress of a slow projection
    stands above the map."""
    chart = st.container(key=CHART) if not context.request.slow else None
    with st.container(height=LINE, border=False, vertical_alignment="center", key="latent_line"):
        projection, waiting = _projection(context)
        if projection is not None:
            record = _record(context, projection)
            if not waiting:
                parts = [caption(context, record), trustworthiness_text(context, record.points)]
                parts.append(_prior_text(context, record))
                st.caption(
                    " · ".join(part for part in parts if part),
                    help=TRUSTWORTHINESS + lesson_link("prior"),
                )
    with chart or st.container(key=CHART):
        return empty_map(waiting) if projection is None else _draw(context, places, record)


def _draw(context: MapContext, places: PanelPlaces, record: LatentMap) -> MapState:
    """Show the toolbar, the map and its overlay."""
    figure = latent_scatter(record)
    box = _set_axes(figure, context)
    decoder, tools, fitted = _tools(context, box)
    with places.chooser:
        chooser(context)
    rows = trace_rows(record)
    set_hover_texts(figure, context, rows)
    layers = background_traces(figure, context, decoder, tools, fitted)
    figure.add_traces(layers)
    selected = _plot(figure, context, record, [*rows, *(np.empty(0, np.int64) for _ in layers)])
    marks = ticked(context, record.index, record.points, selected)
    draw_overlay(context, decoder, tools, selected, marks)
    return MapState(selected, decoder, tools)


def _plot(figure: go.Figure, context: MapContext, record: LatentMap, index: list[Ints]) -> Ints:
    """Show the figure, pin a clicked place and return the selected rows."""
    event = plot(
        figure,
        key="latent_map",
        revision=context.revision,
        height=HEIGHT,
        index=index,
        tiles=pattern(context.loaded.run),
        selectable=True,
        clickable=True,
        pickable=True,
        drawable=context.plane is not None and not context.single,
        label=(
            f"{plural(len(record.points), 'example')} in latent space, {record.axes[0]}, "
            f"{record.axes[1]}"
        ),
    )
    if context.plane is not None:
        pins.add(context.revision, event.click)
        if event.path is not None:
            pins.replace(context.revision, event.path.tolist())
    sliders.aim(context, event.click)
    return event.selected if event.selected is not None else np.empty(0, np.int64)


def set_hover_texts(figure: go.Figure, context: MapContext, rows: list[Ints]) -> None:
    """Give each point its hover text, where there are few points; `rows` of each trace."""
    index = context.encoding.index
    if len(index) > TEXTS:
        return
    texts = np.array(hover_texts(context.encoding, context.colours), object)
    for trace, part in zip(figure.data, rows, strict=True):
        trace.text = texts[np.searchsorted(index, part)]


def empty_map(sentence: str) -> MapState:
    """Show an empty map with a sentence."""
    still = empty_figure("<br>".join(wrap(sentence, LETTERS)))
    still.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True)
    plot(still, key="latent_map", revision="", height=HEIGHT)
    return MapState(np.empty(0, np.int64))


def _record(context: MapContext, projection: Projection) -> LatentMap:
    hue = context.colours.get(context.request.hue)
    standard = has_rings(context.loaded.run)
    return latent_map(projection, context.encoding.index, hue, context.total, standard)


def _tools(context: MapContext, box: Box) -> tuple[HoverDecoder | None, Toolbar, Field | None]:
    """Show the second row of controls; return the decoder under the pointer, the state of the
    controls and the density of a mixture to draw."""
    row = {"horizontal": True, "vertical_alignment": "center", "gap": "xsmall"}
    with st.container(key="latent_tools", **row):  # type: ignore[arg-type]
        place = st.container(width="content", **row)  # type: ignore[arg-type]
        decoder = hover_decoder(context, box, chosen_label(context))
        with place:
            about = (accuracy(decoder), decoder.density.about) if decoder else ()
            tools = toolbar(context, *about)
            fitted = None
            if decoder is not None and not context.single:
                fitted = mixture_popover(context, box)
    return decoder, tools, fitted


def _set_axes(figure: go.Figure, context: MapContext) -> Box:
    """Make the axes square, or constant while points move; return the visible part of the map."""
    figure.update_layout(dragmode="lasso", margin_t=12)
    row = PROJECTIONS[context.request.projection]
    if context.single:
        figure.layout.yaxis.scaleanchor = None  # counts against a latent
    elif has_rings(context.loaded.run) and row.linear and not row.labelled:
        figure.layout.yaxis.scaleanchor = "x"  # contours of the prior are circles
    axes = (figure.layout.xaxis, figure.layout.yaxis)
    if context.request.following:
        for axis in axes:
            axis.range = rounded_range(*axis.range)
    elif figure.layout.yaxis.scaleanchor:
        longest = max(axis.range[1] - axis.range[0] for axis in axes)
        for axis in axes:
            middle = sum(axis.range) / 2
            axis.range = (middle - longest / 2, middle + longest / 2)
    return Box(*(tuple(axis.range) for axis in axes))


def caption(context: MapContext, record: LatentMap) -> str:
    """Return the number of points, the caption of the projection and the weights."""
    loaded = context.loaded
    step = files.read_meta(loaded.run.weights_path(loaded.checkpoint)).get("step")
    weights = f"step {step:,} ({loaded.checkpoint})" if step else f"{loaded.checkpoint} checkpoint"
    count = "" if len(record.points) < record.total else f"all {record.total:,} shown"
    return " · ".join(part for part in (count, map_caption(record), weights) if part)


def _prior_text(context: MapContext, record: LatentMap) -> str:
    """Return the meaning of the dotted lines, where the map has them."""
    if not context.loaded.model.has_kl or context.single:
        return ""
    if not record.rings and context.plane is None:
        return ""
    lines = "1σ and 2σ" if has_rings(context.loaded.run) else "39 % and 86 %"
    return f"dotted: {lines} of the prior"


def _projection(context: MapContext) -> tuple[Projection | None, str]:
    """Return the places of the points, None where there are none yet, and a sentence while they
    are not final."""
    if context.request.slow:
        return _job_projection(context)
    request = context.request
    try:
        found = project(
            request.projection,
            context.encoding.mean,
            context.labels,
            request.options,
            request.seed,
        )
    except ValueError as error:
        return None, str(error)
    return found, ""


def _job_projection(context: MapContext) -> tuple[Projection | None, str]:
    """Return the result of the background job so far; show its progress or its button."""
    job = projection_job(context.loaded.run, context.request)
    title, status = PROJECTIONS[context.request.projection].title, job.status()
    work = f"{title} of {plural(len(context.encoding.index), 'point')}"
    if status["state"] in ALIVE:
        _progress(job, work, status["progress"])
        return _result(job, context), f"{title} is finding neighbours…"
    found = _result(job, context) if status["state"] == "finished" else None
    if found is not None:
        return found, ""
    _start_button(job, title, status["state"])
    if status["state"] == "failed":
        return None, f"{work} failed. {status['message']}"
    return None, f"{work} is not computed yet"


def _start_button(job: Job, title: str, state: str) -> None:
    """Show the button that starts the job, and the end of the previous attempt."""
    before = {
        "failed": "It failed.",
        "cancelled": "Cancelled.",
        "finished": "The stored result cannot be read.",
    }
    text, button = st.columns([7, 3], vertical_alignment="center")
    text.caption(before.get(state, "It runs in the background; its result is stored."))
    with button:
        press(
            f"Compute {title}",
            "latent_compute",
            lambda: _compute(job),
            changes=True,
            type="primary",
            width="stretch",
        )


def _compute(job: Job) -> None:
    job.result.unlink(missing_ok=True)
    server.launcher.submit(job)


def _progress(job: Job, work: str, share: float) -> None:
    bar, button = st.columns([7, 3], vertical_alignment="center")
    cancelled = job.cancelled
    step = "finding neighbours" if share == 0 else percent(share, 0)
    bar.progress(share, text=f"{work}: {'cancelling' if cancelled else step}")
    with button:
        press("Cancel", "latent_cancel", job.cancel, None, cancelled, True, width="stretch")


def _result(job: Job, context: MapContext) -> Projection | None:
    """Return the result of a job, or its partial result; None if it is of other examples."""
    for path in (job.result, job.partial):
        try:
            projection, rows = projection_of(path)
        except (OSError, ValueError):
            continue
        if np.array_equal(rows, context.encoding.index):
            return projection
    return None
