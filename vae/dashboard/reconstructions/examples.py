"""Examples of a split beside what comes back of them, ranked by how surprising they are."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.loaded_run import LoadedRun
from vae.analysis.ranking import Judged
from vae.base.records import Floats, Tiles
from vae.dashboard.plot import plot
from vae.dashboard.reconstructions.common import (
    SPLITS,
    Asked,
    Selection,
    cards,
    controls,
    judge,
    select,
    summary,
)
from vae.dashboard.shared import html_grid, widgets
from vae.figures.ranking import surprise_histogram
from vae.figures.vectors import reconstruction_pairs
from vae.imaging import tiles
from vae.runs import Run

ROOM = (968, 520)  # pixels for the cards at 1440×900
CHART = 500
BARS = 88
LINES = (
    ("class", "text"),
    ("reconstruction, nats", "reconstruction"),
    ("KL, nats", "kl"),
    ("more surprising than", "text"),
)
NUMBERS = (
    "Below each example, in nats: **reconstruction** = −ln p(x|z) at its z (how badly the decoder "
    "predicts it), and **KL** = KL(q(z|x) ‖ p(z)) (how much its z says beyond the prior). "
    "**More surprising than**: the share of the split's examples, whatever their class, with a "
    "smaller reconstruction + KL, z as chosen; 99 % is among the most surprising 1 %. "
    "**Difference** is reconstruction − original in units of x, black 0 and white 1, on one scale "
    "for all: red is too bright, blue too dark."
)


def examples(run: Run, line: DeltaGenerator) -> None:
    """The view: controls, where the examples lie among all, and their cards or points."""
    loaded, asked = controls(run)
    judged = judge(loaded, asked.split, asked.seed if asked.place == "sample" else None)
    chosen = select(loaded, judged, asked)
    line.markdown(summary(asked, chosen, loaded.data), help=NUMBERS)
    chart, right = st.columns([11, 1], vertical_alignment="center")
    with chart:
        strokes(judged, bounds(chosen), asked, run.name)
    draw = pictures if loaded.data.is_image else vectors
    draw(loaded, chosen, asked, right.container(horizontal_alignment="right"))


def bounds(chosen: Selection) -> Floats:
    """−ELBO of the examples that are shown, (n,); the reconstruction where there is no KL."""
    return chosen.reconstruction if chosen.kl is None else chosen.reconstruction + chosen.kl


def strokes(judged: Judged, marked: Floats, asked: Asked, revision: str) -> None:
    """Where the marked examples lie among all of the split."""
    what = "reconstruction"
    if judged.kl is not None:  # at the mean of q the two are no sample of the bound
        what = "reconstruction + KL" if asked.place == "mean" else "−ELBO"
    of = f"all {len(judged.rows):,} {SPLITS[asked.split]} examples"
    plot(
        surprise_histogram(judged.bound, marked, f"{what} of {of}, strokes: those shown (nats)"),
        key="surprise",
        revision=f"{revision} {asked.split}",
        height=BARS,
        label=f"Histogram of {what} of {of}",
    )


def pictures(loaded: LoadedRun, chosen: Selection, asked: Asked, right: DeltaGenerator) -> None:
    """Originals, reconstructions and differences, a card each, and the whole grid to keep."""
    difference = tiles.difference(chosen.x, chosen.values)
    layers: dict[str, Floats | tiles.Bytes] = {
        "original": chosen.x,
        "reconstruction": chosen.values,
        "difference": difference.tiles,
    }
    shape, words = loaded.data.event_shape, cards(chosen, loaded.data)
    scale = html_grid.enlargement(shape, len(layers), words, ROOM)
    across = html_grid.columns(shape[2] * scale, ROOM[0], len(words))
    with right:
        widgets.download(
            "PNG",
            lambda: tiles.png(tiles.strip(list(layers.values()), across, scale=scale)),
            f"{loaded.run.name}-reconstructions.png",
            "All originals, reconstructions and differences in one picture.",
        )
    st.html(html_grid.cards(layers, words, LINES, scale, ROOM[0], difference.limit))


def vectors(loaded: LoadedRun, chosen: Selection, asked: Asked, right: DeltaGenerator) -> None:
    """Originals and reconstructions in the data's own space, beside their numbers; rows that are
    selected in the table are drawn alone."""
    behind = loaded.inputs(loaded.subset("train", 2000))
    chart, table = st.columns([7, 4])
    words = cards(chosen, loaded.data)
    rows = {"row": chosen.rows, "class": [word.name for word in words]}
    rows |= {"reconstruction": chosen.reconstruction}
    rows |= {"KL": [None] * len(words) if chosen.kl is None else chosen.kl}
    rows |= {"surprise": 100 * chosen.surprise}
    picked = table.dataframe(
        rows,
        height=CHART - 40,
        hide_index=True,
        column_config=FORMATS,
        on_select="rerun",
        key="_".join(map(str, ("rows", loaded.run.name, *asked))),
    )
    table.caption("In nats per example. Tick rows to draw them alone.")
    alone = picked["selection"]["rows"] or slice(None)
    with chart:
        plot(
            reconstruction_pairs(Tiles(chosen.x[alone]), Tiles(chosen.values[alone]), data=behind),
            key="pairs",
            revision=loaded.run.name,
            height=CHART,
            label="Examples and their reconstructions",
        )


FORMATS = {
    name: st.column_config.NumberColumn(format=form, help=about)
    for name, form, about in (
        ("row", "%d", "Its place in the data set, from 0."),
        ("reconstruction", "%.2f", "−ln p(x|z) at its z, nats."),
        ("KL", "%.2f", "KL(q(z|x) ‖ p(z)), nats."),
        ("surprise", "%.1f %%", "More surprising than so many of the split's examples."),
    )
}
