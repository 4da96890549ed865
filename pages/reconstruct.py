"""Reconstructions: what comes back of an example after the way through latent space."""

import streamlit as st

from vae import figures, images
from vae.dashboard import grids
from vae.dashboard.header import guard_weights, pick_run
from vae.dashboard.plot import plot
from vae.dashboard.reconstruct_view import Selection, cards, controls, judge, select, summary
from vae.opened import Opened
from vae.records import Tiles

ROOM = (968, 620)  # pixels for the cards at 1440×900
CHART = 560
LINES = (("class", "text"), ("reconstruction, nats", "reconstruction"), ("KL, nats", "kl"))
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
    shape, words = opened.data.event_shape, cards(chosen, opened.data)
    scale = grids.enlargement(shape, len(layers), words, ROOM)
    across = grids.columns(shape[2] * scale, ROOM[0], len(words))
    with right:
        grids.download(
            "PNG",
            lambda: images.png(images.strip(list(layers.values()), across, scale=scale)),
            f"{opened.run.name}-reconstructions.png",
            "All originals, reconstructions and differences in one picture.",
        )
    st.html(grids.cards(layers, words, LINES, scale, ROOM[0], difference.limit))


def vectors(opened: Opened, chosen: Selection) -> None:
    """Originals and reconstructions in the data's own space, beside their numbers; rows that are
    selected in the table are drawn alone."""
    behind = opened.seen(opened.shown("train", 2000))
    chart, table = st.columns([7, 3])
    words = cards(chosen, opened.data)
    rows = {"row": chosen.rows, "class": [word.name for word in words]}
    rows |= {"reconstruction": chosen.reconstruction}
    rows |= {"KL": [None] * len(words) if chosen.kl is None else chosen.kl}
    picked = table.dataframe(
        rows,
        height=CHART - 40,
        hide_index=True,
        column_config=FORMATS,
        on_select="rerun",
        key="_".join(map(str, ("rows", opened.run.name, *asked))),
    )
    table.caption("In nats. Select rows to draw them alone.")
    alone = picked["selection"]["rows"] or slice(None)
    with chart:
        plot(
            figures.pairs(Tiles(chosen.x[alone]), Tiles(chosen.values[alone]), data=behind),
            key="pairs",
            revision=opened.run.name,
            height=CHART,
            label="Examples and their reconstructions",
        )


FORMATS = {name: st.column_config.NumberColumn(format="%.2f") for name in ("reconstruction", "KL")}

st.html(grids.STYLE)
run = pick_run()
guard_weights(run)
opened, asked = controls(run)
judged = judge(opened, asked.split, asked.seed if asked.place == "sample" else None)
chosen = select(opened, judged, asked)
left, right = st.columns([11, 1], vertical_alignment="center")
right = right.container(horizontal_alignment="right")
left.markdown(summary(asked, chosen, opened.data), help=NUMBERS)
(pictures if opened.data.is_image else vectors)(opened, chosen)
