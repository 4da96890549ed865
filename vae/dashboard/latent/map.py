"""The latent map on screen, and the background job that makes it where it takes long."""

from collections.abc import Mapping
from textwrap import wrap
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.decoded_grid import Box
from vae.analysis.density import Field
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import PROJECTIONS
from vae.base import files
from vae.base.records import Encoding, Hue, Ints, LatentMap, Projection
from vae.dashboard import server
from vae.dashboard.latent import pins
from vae.dashboard.latent.hover_decoder import Ahead, accuracy
from vae.dashboard.latent.layers import TRUSTWORTHY, ahead_of, behind, faithful, over
from vae.dashboard.latent.mixture import mixture
from vae.dashboard.latent.request import MapRequest, job_of, latent_map, project, steady, words
from vae.dashboard.latent.selection import chooser
from vae.dashboard.latent.toolbar import Tools, tools, why_not
from vae.dashboard.plot import plot
from vae.dashboard.shared.run_picker import has_rings
from vae.dashboard.shared.tile_route import pattern
from vae.figures.base import empty_figure
from vae.figures.latent_map import latent_scatter, map_caption, trace_rows
from vae.runs.status import ALIVE
from vae.worker.job import Job
from vae.worker.project import projection_of

HEIGHT = 560
LINE = 44  # pixels above the map, for words or a progress bar
LETTERS = 80  # in a line of an empty map
WORDY = 10_000  # more points than this have only their number under the pointer


def working(loaded: LoadedRun, asked: MapRequest) -> bool:
    """Whether the asked projection is being computed at this moment."""
    return asked.slow and job_of(loaded.run, asked).status()["state"] in ALIVE


class Places(NamedTuple):
    """Where things stand right of the map."""

    title: DeltaGenerator
    chooser: DeltaGenerator  # beside the title
    body: DeltaGenerator  # below them


class Seen(NamedTuple):
    """What the map shows and what a person has done to it."""

    selected: Ints  # rows of the data set
    ahead: Ahead | None  # what lies behind the map's plane; None where it has no way back
    tools: Tools


def picture(
    loaded: LoadedRun,
    encoding: Encoding,
    asked: MapRequest,
    colours: Mapping[str, Hue],
    place: Places,
) -> Seen:
    """The line above the map, the map and what lies over it."""
    total = len(loaded.splits.rows(asked.split))
    with st.container(height=LINE, border=False, vertical_alignment="center", key="latent_line"):
        placed, unfinished = _placed(loaded, encoding, asked)
        if placed is not None:
            record = latent_map(encoding, placed, asked, colours, total, has_rings(loaded.run))
            if not unfinished:
                told = [caption(loaded, record), faithful(loaded, encoding, placed, asked)]
                told += [_dotted(loaded, encoding, record, asked)]
                st.caption(" · ".join(part for part in told if part), help=TRUSTWORTHY)
    if placed is None:
        return nothing(unfinished or "")
    figure, index = latent_scatter(record), list(trace_rows(record))
    box = _at_home(figure, asked.following, equal=encoding.mean.shape[1] > 1)
    ahead, chosen, fitted = _tools(loaded, encoding, asked, box)
    with place.chooser:
        chooser(encoding, colours, asked.revision(loaded.run.name))
    if len(encoding.index) <= WORDY:
        lines = np.array(words(encoding, colours), object)
        for trace, rows in zip(figure.data, index, strict=True):
            trace.text = lines[np.searchsorted(encoding.index, rows)]
    layers = behind(figure, loaded, encoding, ahead, chosen, fitted)
    figure.add_traces(layers)
    revision = asked.revision(loaded.run.name)
    event = plot(
        figure,
        key="latent_map",
        revision=revision,
        height=HEIGHT,
        index=[*index, *(np.empty(0, np.int64) for _ in layers)],
        tiles=pattern(loaded.run),
        selectable=True,
        clickable=True,
        pickable=True,
        label=f"{len(record.points)} examples in latent space, {record.axes[0]}, {record.axes[1]}",
    )
    if ahead is not None:
        pins.add(revision, event.click)
    rows = event.selected if event.selected is not None else np.empty(0, np.int64)
    over(loaded, encoding, asked, ahead, chosen, rows)
    return Seen(rows, ahead, chosen)


def nothing(sentence: str) -> Seen:
    """An empty map with a sentence."""
    still = empty_figure("<br>".join(wrap(sentence, LETTERS)))
    still.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True)
    plot(still, key="latent_map", revision="", height=HEIGHT)
    return Seen(np.empty(0, np.int64), None, Tools("none", False, 0))


def _tools(
    loaded: LoadedRun, encoding: Encoding, asked: MapRequest, box: Box
) -> tuple[Ahead | None, Tools, Field | None]:
    """The second row of controls, what is made ahead of the pointer for them, and the density of a
    mixture that is to be drawn."""
    row = {"horizontal": True, "vertical_alignment": "center", "gap": "xsmall"}
    with st.container(key="latent_tools", **row):  # type: ignore[arg-type]
        place = st.container(width="content", **row)  # type: ignore[arg-type]
        ahead = None
        if not why_not(asked):
            label = int(st.session_state.get("latent_label") or 0) if loaded.model.classes else 0
            ahead = ahead_of(loaded, encoding, asked, box, label)
        with place:
            told = (accuracy(ahead.sheet.atlas, asked), ahead.ground.about) if ahead else ()
            chosen = tools(loaded, asked, *told)
        fitted = None
        if ahead is not None and ahead.names[1]:
            fitted = mixture(ahead.what[:5], encoding.mean, ahead.plane, box)
    return ahead, chosen, fitted


def _at_home(figure: go.Figure, following: bool, equal: bool) -> Box:
    """Let points be selected, and axes stand still while the points move; what part of the map is
    seen at first."""
    figure.update_layout(dragmode="lasso", margin_t=36)
    if not equal:
        figure.layout.yaxis.scaleanchor = None  # counts against a latent
    axes = (figure.layout.xaxis, figure.layout.yaxis)
    if following:
        for axis in axes:
            axis.range = steady(*axis.range)
    elif figure.layout.yaxis.scaleanchor:
        longest = max(axis.range[1] - axis.range[0] for axis in axes)
        for axis in axes:
            middle = sum(axis.range) / 2
            axis.range = (middle - longest / 2, middle + longest / 2)
    return Box(*(tuple(axis.range) for axis in axes))


def caption(loaded: LoadedRun, record: LatentMap) -> str:
    """Which weights, how many points, and what is to be said of the projection."""
    step = files.read_meta(loaded.run.weights_path(loaded.checkpoint)).get("step")
    weights = f"step {step:,} ({loaded.checkpoint})" if step else f"{loaded.checkpoint} checkpoint"
    said = map_caption(record)
    shown = "" if len(record.points) < record.total else f"all {record.total:,} shown"
    return " · ".join(part for part in (shown, said, weights) if part)


def _dotted(loaded: LoadedRun, encoding: Encoding, record: LatentMap, asked: MapRequest) -> str:
    """What the dotted lines are, where there are any."""
    if not loaded.model.has_kl or encoding.mean.shape[1] < 2:
        return ""
    if not record.rings and why_not(asked):
        return ""
    return f"dotted: {'1σ and 2σ' if has_rings(loaded.run) else '39 % and 86 %'} of the prior"


def _placed(
    loaded: LoadedRun, encoding: Encoding, asked: MapRequest
) -> tuple[Projection | None, str | None]:
    """The points in the plane, as far as there are any; a sentence while they are not final."""
    if asked.slow:
        return _computed(loaded, encoding, asked)
    labels = loaded.data.labels
    try:
        known = None if labels is None else labels[encoding.index]
        return project(encoding, asked, known), None
    except ValueError as error:
        return None, str(error)


def _computed(
    loaded: LoadedRun, encoding: Encoding, asked: MapRequest
) -> tuple[Projection | None, str | None]:
    """What a background job has made so far, and the means to start and end it."""
    job, title = job_of(loaded.run, asked), PROJECTIONS[asked.projection].title
    status = job.status()
    what = f"{title} of {len(encoding.index):,} points"
    if status["state"] in ALIVE:
        _progress(job, what, status["progress"])
        return _read(job, encoding), f"{title} is looking for neighbours…"
    done = _read(job, encoding) if status["state"] == "finished" else None
    if done is not None:
        return done, None
    _offer(job, title, status["state"])
    if status["state"] == "failed":
        return None, f"{what} failed. {status['message']}"
    return None, f"{what} is not computed yet"


def _offer(job: Job, title: str, state: str) -> None:
    """The button that starts the job, and what became of it before."""
    before = {
        "failed": "It failed.",
        "cancelled": "Cancelled.",
        "finished": "The kept result cannot be used.",
    }
    said, button = st.columns([7, 3], vertical_alignment="center")
    said.caption(before.get(state, "It runs in the background and is kept."))
    if button.button(f"Compute {title}", type="primary", width="stretch", key="latent_compute"):
        job.result.unlink(missing_ok=True)
        server.launcher.submit(job)
        st.rerun()


def _progress(job: Job, what: str, share: float) -> None:
    bar, button = st.columns([7, 3], vertical_alignment="center")
    ending = job.cancelled
    step = "finding neighbours" if share == 0 else f"{100 * share:.0f} %"
    bar.progress(share, text=f"{what}: {'cancelling' if ending else step}")
    button.button(
        "Cancel", on_click=job.cancel, disabled=ending, width="stretch", key="latent_cancel"
    )


def _read(job: Job, encoding: Encoding) -> Projection | None:
    """The result of a job or what there is of it; None if nothing or it is of other examples."""
    for path in (job.result, job.partial):
        try:
            projection, rows = projection_of(path)
        except (OSError, ValueError):
            continue
        if np.array_equal(rows, encoding.index):
            return projection
    return None
