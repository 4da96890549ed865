"""Reconstructions: what comes back of an example after the way through latent space."""

import streamlit as st

from vae import figures, images
from vae.dashboard import grids
from vae.dashboard.header import guard_weights, pick_run
from vae.dashboard.plot import plot
from vae.dashboard.reconstruct_view import Selection, cards, controls, judge, select, summary
from vae.opened import Opened
from vae.records import Tiles

ROOM = (984, 620)  # pixels for the cards at 1440×900
CHART = 560
LINES = (("class", "text"), ("reconstruction", "reconstruction"), ("KL", "kl"))
NUMBERS = (
    "Below each example, in nats: **reconstruction** = −ln p(x|z) at its z (how badly the decoder "
    "predicts it), and **KL** = KL(q(z|x) ‖ p(z)) (how much its z says beyond the prior). "
    "**Difference** is reconstruction − original in units of x, black 0 and white 1, on one scale "
    "for all: red is too bright, blue too dark."
)


def pictures(opened: Opened, chosen: Selection) -> None:
    """Originals, reconstructions and differences, a card each, and the whole grid to keep."""
    difference = images.difference(chosen.x, chosen.values)
    layers = {
        "original": chosen.x,
        "reconstruction": chosen.values,
        "difference": difference.tiles,
    }
    shape = opened.data.event_shape
    scale = grids.enlargement(shape, len(chosen.x), len(layers), ROOM)
    across = grids.columns(shape[2] * scale, ROOM[0], len(chosen.x))
    with right:
        grids.download(
            "PNG",
            lambda: images.png(images.strip(list(layers.values()), across, scale=scale)),
            f"{opened.run.name}-reconstructions.png",
            "All originals, reconstructions and differences in one picture.",
        )
    st.html(
        grids.cards(layers, cards(chosen, opened.data), LINES, scale, difference.limit, ROOM[0])
    )


def vectors(opened: Opened, chosen: Selection) -> None:
    """Originals and reconstructions in the data's own space, and their numbers."""
    behind = opened.seen(opened.shown("train", 2000))
    chart, table = st.columns([7, 3])
    with chart:
        plot(
            figures.pairs(Tiles(chosen.x), Tiles(chosen.values), data=behind),
            key="pairs",
            revision=opened.run.name,
            height=CHART,
            label="Examples and their reconstructions",
        )
    words = cards(chosen, opened.data)
    rows = {"row": chosen.rows, "class": [word.name for word in words]}
    rows |= {"reconstruction": chosen.reconstruction}
    rows |= {"KL": [None] * len(words) if chosen.kl is None else chosen.kl}
    table.dataframe(rows, height=CHART, hide_index=True, column_config=FORMATS)


FORMATS = {name: st.column_config.NumberColumn(format="%.2f") for name in ("reconstruction", "KL")}

st.html(grids.STYLE)
run = pick_run()
guard_weights(run)
opened, asked = controls(run)
judged = judge(opened, asked.split, asked.seed if asked.place == "sample" else None)
chosen = select(opened, judged, asked)
left, right = st.columns([11, 1], vertical_alignment="center")
left.markdown(summary(asked, chosen, opened.data), help=NUMBERS)
(pictures if opened.data.is_image else vectors)(opened, chosen)
