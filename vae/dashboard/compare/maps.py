"""Latent maps of the selected runs side by side, on common axes."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from vae.analysis.encoding import by_kl
from vae.analysis.latent_map import class_hue, latent_map
from vae.analysis.projections import LEAST, PROJECTIONS, default_projection, project
from vae.analysis.recorded_latents import recorded_encoding
from vae.base.records import Encoding, Ints, LatentMap, Projection
from vae.dashboard.compare.pictures import encoded, part_of, several
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache, widgets
from vae.dashboard.shared.html_gallery import colour
from vae.dashboard.shared.run_picker import has_rings
from vae.dashboard.shared.tile_route import pattern
from vae.experiments.configurations import Entry
from vae.figures.base import span
from vae.figures.latent_map import latent_scatter, trace_rows
from vae.figures.palette import CLASSES
from vae.runs import Run
from vae.runs.result_keys import run_key

HEIGHT = 320
PLANES = {
    name: "two dimensions of most KL" if row.latents else row.title
    for name, row in PROJECTIONS.items()
    if row.linear and not row.labelled
}
HELP = {
    "projection": "The two latent dimensions with the largest KL of each run, or its first two "
    "principal components. All maps have the same axes, so their spreads are comparable. Latent "
    "dimensions have no order, so dimensions of two runs do not correspond.",
    "maps": "Posterior means of up to 1,000 held-out examples at the best weights of each run; of "
    "a recorded run its latest latents. Rings: 1 and 2 standard deviations of the prior.",
}


class Latents(NamedTuple):
    """The latents of one run: its encoding, and the classes of the examples."""

    run: Run
    encoding: Encoding
    labels: Ints | None  # (N,)
    classes: tuple[str, ...]
    tiles: str | None  # address of the pictures under the pointer


def _latents(run: Run) -> Latents:
    """Return the latents of a run. Raises ValueError or OSError if they cannot be read."""
    if run.is_recorded:
        return _recorded(run)
    loaded = cache.load_run(run)
    encoding, data = encoded(loaded), loaded.data
    labels = None if data.labels is None else data.labels[encoding.index]
    tiles = pattern(run) if data.is_image or data.is_series else None
    return Latents(run, encoding, labels, tuple(data.classes), tiles)


def _recorded(run: Run) -> Latents:
    examples, frame = cache.latest(run)
    if examples is None or frame is None or not len(frame.mean):
        raise ValueError(f"{run.name} has recorded no latents.")
    encoding = recorded_encoding(frame, examples, has_rings(run))
    return Latents(run, encoding, examples.label, examples.classes, None)


def maps(selected: Sequence[Entry], titles: dict[str, str]) -> None:
    """Draw the latent maps of the first four selected runs."""
    head, place = st.columns([9, 3], vertical_alignment="bottom")
    how = widgets.choose(
        place,
        "Axes",
        "compare_projection",
        PLANES,
        next(iter(PLANES)),
        HELP["projection"],
        link="axes",
    )
    found = several(selected, _latents)
    if not found:
        return
    title = f"**Latent maps**{part_of(len(found), len(selected))}"
    head.markdown(title, help=HELP["maps"] + lesson_link("prior"))
    placed = [_projection(one, how) for one in found]
    ends = [span(np.concatenate([p.points[:, k] for p in placed]), 0.06, 2.4) for k in (0, 1)]
    records = [_record(*pair) for pair in zip(found, placed, strict=True)]
    scale = "x" if any(record.rings for record in records) else None
    for one, record, column in zip(found, records, st.columns(max(2, len(found))), strict=False):
        chart = latent_scatter(record)
        chart.update_layout(showlegend=False, margin={"l": 48, "r": 6, "t": 8, "b": 40})
        chart.update_xaxes(range=ends[0]).update_yaxes(range=ends[1], scaleanchor=scale)
        with column:
            _map(one, record, chart, f"{how} {ends}", titles[one.run.name])
    hues = {one.classes for one in found if 0 < len(one.classes) <= CLASSES}
    if len(hues) == 1:
        st.html(_legend(hues.pop()))


def _legend(classes: tuple[str, ...]) -> str:
    spans = (
        f'<span><i style="background:{colour(f"class{k}")}"></i>{escape(name)}</span>'
        for k, name in enumerate(classes)
    )
    return f'<div class="vae-names">{"".join(spans)}</div>'


def _projection(one: Latents, name: str) -> Projection:
    """Return the projection `name`, of the two latents with the largest KL where they are axes."""
    encoding = one.encoding
    if len(encoding.mean) < LEAST:
        name = default_projection(2)
    options = {"latents": by_kl(encoding)[:2]} if PROJECTIONS[name].latents else None
    return project(name, encoding.mean, one.labels, options)


def _record(one: Latents, placed: Projection) -> LatentMap:
    index, hue = one.encoding.index, class_hue(one.labels, one.classes)
    return latent_map(placed, index, hue, len(index), has_rings(one.run))


def _map(one: Latents, record: LatentMap, chart: go.Figure, view: str, title: str) -> None:
    st.markdown(f"**{title}**")
    plot(
        chart,
        key=f"compare_map_{run_key(one.run)}",
        revision=f"{run_key(one.run)} {view}",
        height=HEIGHT,
        index=trace_rows(record),
        tiles=one.tiles,
        label=f"Latent map of {title}",
    )
