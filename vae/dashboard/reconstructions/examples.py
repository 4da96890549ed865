"""Examples of a split beside their reconstructions, in a chosen order."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.entry_tables import FEW, ROW, as_pairs
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.ranking import BoundTerms
from vae.base.records import Floats, Tiles
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.reconstructions.common import (
    ReconstructionRequest,
    Selection,
    cards,
    controls,
    score_split,
    select,
    summary,
)
from vae.dashboard.shared import html_grid, row_names, widgets
from vae.dashboard.shared.number_table import NATS, SHARE, WHOLE, Column, configured, styled
from vae.figures.quantities import examples_of
from vae.figures.ranking import surprise_histogram
from vae.figures.vectors import reconstruction_pairs
from vae.imaging import tiles
from vae.runs import Run
from vae.runs.result_keys import run_key

ROOM = (968, 520)  # px for the cards at 1440×900
CHART = 500
BARS = 88
LINES = (
    ("class", "text"),
    ("reconstruction, nats", "reconstruction"),
    ("KL, nats", "kl"),
    ("more surprising than", "text"),
)
NUMBERS = (
    "Below each example, in nats, lower is better: **reconstruction** = −ln p(x|z) at its z (how "
    "badly the decoder predicts it), and **KL** = KL(q(z|x) ‖ p(z)) (how much its z says beyond "
    "the prior). **More surprising than**: the share of the split's examples, of all classes, "
    "with a smaller reconstruction + KL; 99 % is among the most surprising 1 %. **Difference** is "
    "reconstruction − original in units of x, black 0 and white 1, on one scale for all: red is "
    "too bright, blue too dark."
)
COLUMNS = {
    "row": Column(WHOLE, "Row in the data set, counted from 0."),
    "reconstruction": Column(NATS, "−ln p(x|z) at its z, nats; lower is better."),
    "KL": Column(NATS, "KL(q(z|x) ‖ p(z)), nats."),
    "surprise": Column(SHARE, "Share of the split's examples that are less surprising."),
}


def examples(run: Run, line: DeltaGenerator) -> None:
    """The view: controls, the histogram of the split, and the examples."""
    loaded, request = controls(run)
    scores = score_split(loaded, request.split, request.sample_seed)
    chosen = select(loaded, scores, request)
    line.markdown(summary(request, chosen, loaded.data), help=NUMBERS + lesson_link("terms"))
    chart, right = st.columns([11, 1], vertical_alignment="center")
    with chart:
        histogram(scores, chosen, request, run_key(run))
    if loaded.data.is_image:
        images(loaded, chosen, right.container(horizontal_alignment="right"))
    else:
        vectors(loaded, chosen, request)


def histogram(
    scores: BoundTerms, chosen: Selection, request: ReconstructionRequest, revision: str
) -> None:
    """The distribution over the split, with marks at the selected examples."""
    name = "reconstruction"
    if scores.kl is not None:  # at the mean of q the sum does not estimate −ELBO
        name = "reconstruction + KL" if request.latent == "mean" else "−ELBO"
    split = f"all {examples_of(len(scores.rows), request.split)}"
    title = f"{name} of {split}, lines: those below (nats)"
    plot(
        surprise_histogram(scores.bound, chosen.bound, title),
        key="surprise",
        revision=f"{revision} {request.split}",
        height=BARS,
        label=f"Histogram of {name} of {split}",
    )


def images(loaded: LoadedRun, chosen: Selection, right: DeltaGenerator) -> None:
    """A card for each example: original, reconstruction and difference; a download of all."""
    difference = tiles.difference(chosen.x, chosen.values)
    layers: dict[str, Floats | tiles.Bytes] = {
        "original": chosen.x,
        "reconstruction": chosen.values,
        "difference": difference.tiles,
    }
    shape, captions = loaded.data.event_shape, cards(chosen, loaded.data)
    scale = html_grid.enlargement(shape, len(layers), captions, ROOM)
    across = html_grid.columns(shape[2] * scale, ROOM[0], len(captions))
    with right:
        widgets.download(
            "PNG",
            lambda: tiles.png(tiles.strip(list(layers.values()), across, scale=scale)),
            f"{loaded.run.name}-reconstructions.png",
            "All originals, reconstructions and differences as one picture.",
        )
    st.html(html_grid.cards(layers, captions, LINES, scale, ROOM[0], difference.limit))


def vectors(loaded: LoadedRun, chosen: Selection, request: ReconstructionRequest) -> None:
    """A chart of originals and reconstructions beside a table; rows ticked in the table are
    plotted alone."""
    background = loaded.inputs(loaded.subset("train", 2000))
    chart, table = st.columns([7, 4])
    captions = cards(chosen, loaded.data)
    columns = row_names.row_columns(loaded.data, chosen.rows)
    columns |= {"reconstruction": chosen.reconstruction}
    columns |= {"KL": [None] * len(captions) if chosen.kl is None else chosen.kl}
    columns |= {"surprise": chosen.surprise}
    picked = table.dataframe(
        styled(columns, COLUMNS),
        height=CHART - 40,
        hide_index=True,
        column_config=configured(COLUMNS),
        on_select="rerun",
        key="_".join(map(str, ("rows", run_key(loaded.run), *request))),
    )
    gaps = " A gap in a line: not observed." if loaded.model.domain.missing else ""
    table.caption(f"Nats per example. Tick rows to plot them alone.{gaps}")
    ticked = picked["selection"]["rows"] or slice(None)
    titles = np.array([caption.title for caption in captions])[ticked]
    x, values = Tiles(chosen.x[ticked], tuple(titles)), Tiles(chosen.values[ticked])
    names = loaded.data.columns
    if loaded.data.kinds:
        words = [f"#{row}" for row in chosen.rows[ticked]]
        pairs = as_pairs(x.values, values.values, loaded.data, words)
        height = min(CHART - 40, ROW * (1 + x.values.shape[1]))
        chart.dataframe(pairs, hide_index=True, height=height)
        chart.caption(f"original → reconstruction of the first {len(words[:FEW])} examples")
        return
    with chart:
        plot(
            reconstruction_pairs(x, values, names, background, domain=loaded.model.domain),
            key="pairs",
            revision=run_key(loaded.run),
            height=CHART,
            label="Examples and their reconstructions",
        )
