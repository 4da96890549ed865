"""Images of the selected runs: latent maps on common axes, reconstructions of the same examples,
and samples of the prior."""

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from vae.analysis.encoding import by_kl, fitted_sample, prior_sample
from vae.analysis.latent_map import class_hue, latent_map
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import LEAST, PROJECTIONS, default_projection, project
from vae.base.records import Encoding, Floats, Ints, LatentMap, Projection
from vae.dashboard import server
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache, html_grid, widgets
from vae.dashboard.shared.html_gallery import colour
from vae.dashboard.shared.run_picker import has_rings
from vae.dashboard.shared.tile_route import pattern
from vae.experiments.configurations import Entry
from vae.figures.base import span
from vae.figures.latent_map import latent_scatter, trace_rows
from vae.figures.palette import CLASSES
from vae.imaging import tiles
from vae.runs import Run
from vae.runs.result_keys import run_key

MOST = 4  # runs side by side
POINTS = 1000  # examples on each map
HEIGHT = 320
WIDTH = 1060  # pixels for all of them at 1440×900
PLANES = {
    name: "two dimensions of most KL" if row.latents else row.title
    for name, row in PROJECTIONS.items()
    if row.linear and not row.labelled
}
SAMPLES = 16
HELP = {
    "projection": "The two latent dimensions with the largest KL of each run, or its first two "
    "principal components. All maps have the same axes, so their spreads are comparable. Latent "
    "dimensions have no order, so dimensions of two runs do not correspond.",
    "maps": "Posterior means of up to 1,000 held-out examples at the best weights of each run. "
    "Rings: 1 and 2 standard deviations of the prior.",
    "same": "Reconstructions of the same examples: E[x|z] at z = mean of q(z|x), best weights.",
    "samples": "E[x|z] for z from the prior. Runs with equal latent dimension share the same z.",
}


def several(selected: Sequence[Entry]) -> list[LoadedRun]:
    """Load the first four selected runs, and show the errors of runs that fail."""
    found: list[LoadedRun] = []
    refused: list[str] = []
    for entry in selected:
        if len(found) < MOST:
            try:
                found.append(cache.load_run(Run(server.ROOT / entry.name)))
            except (ValueError, OSError) as error:
                refused.append(f"{entry.label}: {error}")
    for sentence in refused:
        st.caption(sentence)
    return found


def maps(selected: Sequence[Entry], titles: dict[str, str]) -> None:
    """Latent maps side by side on the same axes."""
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
    loaded = several(selected)
    if not loaded:
        return
    head.markdown(f"**Latent maps**{_first(loaded, selected)}", help=HELP["maps"])
    encodings = [_encoded(one) for one in loaded]
    placed = [_projection(*pair, how) for pair in zip(loaded, encodings, strict=True)]
    ends = [span(np.concatenate([p.points[:, k] for p in placed]), 0.06, 2.4) for k in (0, 1)]
    records = [_record(*both) for both in zip(loaded, encodings, placed, strict=True)]
    scale = "x" if any(record.rings for record in records) else None
    for one, record, column in zip(loaded, records, st.columns(max(2, len(loaded))), strict=False):
        chart = latent_scatter(record)
        chart.update_layout(showlegend=False, margin={"l": 48, "r": 6, "t": 8, "b": 40})
        chart.update_xaxes(range=ends[0]).update_yaxes(range=ends[1], scaleanchor=scale)
        with column:
            _map(one, record, chart, f"{how} {ends}", titles[one.run.name])
    hues = {tuple(o.data.classes) for o in loaded if 0 < len(o.data.classes) <= CLASSES}
    if len(hues) == 1:
        st.html(_legend(hues.pop()))


def _first(loaded: Sequence[LoadedRun], selected: Sequence[Entry]) -> str:
    """Return how many of the selected runs the view shows, if not all."""
    few, all_ = len(loaded), len(selected)
    return "" if few == all_ else f" · the first {few} of {all_} selected runs with weights"


def _legend(classes: tuple[str, ...]) -> str:
    spans = (
        f'<span><i style="background:{colour(f"class{k}")}"></i>{escape(name)}</span>'
        for k, name in enumerate(classes)
    )
    return f'<div class="vae-names">{"".join(spans)}</div>'


def _encoded(loaded: LoadedRun) -> Encoding:
    return cache.encoding(loaded.run, loaded.checkpoint, loaded.default_split(), POINTS)


def _projection(loaded: LoadedRun, encoding: Encoding, name: str) -> Projection:
    """Return the projection `name`, of the two latents with the largest KL where they are axes."""
    labels = loaded.data.labels
    if len(encoding.mean) < LEAST:
        name = default_projection(2)
    options = {"latents": by_kl(encoding)[:2]} if PROJECTIONS[name].latents else None
    return project(
        name, encoding.mean, None if labels is None else labels[encoding.index], options
    )


def _record(loaded: LoadedRun, encoding: Encoding, placed: Projection) -> LatentMap:
    labels, index = loaded.data.labels, encoding.index
    hue = class_hue(None if labels is None else labels[index], loaded.data.classes)
    return latent_map(placed, index, hue, len(index), has_rings(loaded.run))


def _map(loaded: LoadedRun, record: LatentMap, chart: go.Figure, view: str, title: str) -> None:
    st.markdown(f"**{title}**")
    plot(
        chart,
        key=f"compare_map_{run_key(loaded.run)}",
        revision=f"{run_key(loaded.run)} {view}",
        height=HEIGHT,
        index=trace_rows(record),
        tiles=pattern(loaded.run) if loaded.data.is_image else None,
        label=f"Latent map of {title}",
    )


def pictures(selected: Sequence[Entry], titles: dict[str, str]) -> None:
    """Reconstructions of the same examples, and samples of each run."""
    loaded = [one for one in several(selected) if one.data.is_image]
    if not loaded:
        st.info("This view needs runs on images with saved weights.")
        return
    first = loaded[0]
    alike = [one for one in loaded if one.data.fingerprint == first.data.fingerprint]
    rows, held_out = common(alike)
    rows = rows[: _fitting(first)]
    labels = [titles[one.run.name] for one in alike]
    layers: dict[str, Floats] = {"original": first.inputs(rows)}
    for label, one in zip(labels, alike, strict=True):
        layers[label[:22]] = one.decode(one.encode(rows).mean, rows)
    names = widgets.names_of(first.data.labels, first.data.classes, rows)
    words = [html_grid.Card(f"#{row}", name, ()) for row, name in zip(rows, names, strict=True)]
    source = "held out by all of these runs" if held_out else "training examples of some runs"
    if others := len(loaded) - len(alike):
        source += f" · {others} with other data, not shown here"
    head = f"**The same {len(rows)} examples** · {source}{_first(loaded, selected)}"
    st.markdown(head, help=HELP["same"])
    st.html(html_grid.cards(layers, words, (("class", "text"),), _scale(first), WIDTH - 160))
    st.markdown("**Samples**", help=HELP["samples"])
    for one, column in zip(loaded, st.columns(MOST), strict=False):
        with column:
            sheet = tiles.tile(_noise(one), 4, scale=_scale(one, across=4))
            st.markdown(titles[one.run.name])
            st.html(html_grid.sheet(sheet, f"Samples of {titles[one.run.name]}"))


def common(loaded: Sequence[LoadedRun]) -> tuple[Ints, bool]:
    """Return up to 64 evenly spaced rows that all of these runs hold out, or if there are none,
    those of the first run; and whether all hold them out."""
    held = [np.union1d(one.splits.test, one.splits.val) for one in loaded]
    rows = held[0]
    for other in held[1:]:
        rows = np.intersect1d(rows, other)
    if fallback := not len(rows):
        rows = held[0] if len(held[0]) else loaded[0].rows("all")
    return rows[np.unique(np.linspace(0, len(rows) - 1, 64).astype(int))], not fallback


def _scale(loaded: LoadedRun, across: int = 1) -> int:
    """Return the integer scale of images, for a width of at least 48 pixels."""
    width = loaded.data.event_shape[2]
    return max(1, -(-48 // width)) if across == 1 else max(1, min(224 // across // width, 8))


def _fitting(loaded: LoadedRun) -> int:
    """Return the number of cards in one row."""
    cell = max(html_grid.CARD, loaded.data.event_shape[2] * _scale(loaded)) + html_grid.GAP[0]
    return max(1, (WIDTH - 160) // cell)


def _noise(loaded: LoadedRun) -> Floats:
    """Decode draws from the prior or, without a prior, from a fit to the latents."""
    if loaded.model.has_kl:
        z = prior_sample(loaded.model, SAMPLES, 0)
    else:
        z = fitted_sample(_encoded(loaded).mean, SAMPLES, 0)
    return loaded.decode(z, loaded.rows("all")[:SAMPLES])
