"""Samples: what the decoder makes of noise, and of a grid over latent space."""

import numpy as np
import streamlit as st

from vae import figures, images
from vae.dashboard import grids
from vae.dashboard.generate_view import (
    Plane,
    Sampling,
    axes,
    decoded,
    open_run,
    plane_controls,
    sampled,
    sampling_controls,
)
from vae.dashboard.header import guard_weights, pick_run
from vae.dashboard.plot import plot
from vae.opened import Opened

ROOM = (500, 540)  # pixels for each of the two pictures at 1440×900
FRAMED = (440, 540)  # the same less the axis beside it
KEPT = "x is float32 as the model sees it (pictures N×C×H×W in [0, 1]), z the latents, N×Z."
NO_PRIOR = (
    "A plain autoencoder has no prior to sample from. This is noise with the mean and the "
    "covariance of the training data's latents, decoded: it shows what such a latent space lacks."
)


def samples(opened: Opened, asked: Sampling, kept: list) -> None:
    """A grid of decoded samples, or points over the training data."""
    drawn, name = sampled(opened, asked), f"{opened.run.name}-samples"
    if opened.data.is_image:
        across = int(np.ceil(np.sqrt(asked.number)))
        down = -(-asked.number // across)
        scale = grids.tile_scale(opened.data.event_shape, across, down, ROOM)
        grid = images.tile(drawn.x, across, scale=scale)
        st.html(grids.sheet(grid, f"{asked.number} samples"))
        with kept[0]:
            grids.download("PNG", lambda: images.png(grid), f"{name}.png", "The grid as it is.")
    else:
        behind = opened.seen(opened.shown("train", 2000))
        chart = figures.vectors(drawn.x, background=behind)
        plot(chart, key="samples", revision=opened.run.name, height=ROOM[1], label="Samples")
    with kept[1]:
        grids.download("npz", lambda: grids.npz(drawn.x, drawn.z), f"{name}.npz", KEPT)


def manifold(opened: Opened, asked: Plane, kept: list) -> None:
    """The decoded grid with the latents along its axes, or its warped mesh in data space."""
    grid, name = decoded(opened, asked), f"{opened.run.name}-manifold"
    values, titles = axes(opened, asked, grid)
    down, across = len(grid.axes[1]), len(grid.axes[0])
    if opened.data.is_image:
        scale = grids.tile_scale(opened.data.event_shape, across, down, FRAMED)
        picture = images.tile(grid.values, across, scale=scale)
        st.html(grids.frame(picture, values, (titles[0], titles[1]), "The decoded manifold"))
        with kept[0]:
            grids.download("PNG", lambda: images.png(picture), f"{name}.png", "The grid as it is.")
    else:
        behind = opened.seen(opened.shown("train", 2000))
        mesh = grid.values.reshape(down, across, -1)
        chart = figures.manifold_vectors(mesh, background=behind)
        plot(chart, key="mesh", revision=opened.run.name, height=ROOM[1], label="Decoded grid")
    with kept[1]:
        grids.download("npz", lambda: grids.npz(grid.values, grid.z), f"{name}.npz", KEPT)


st.html(grids.STYLE)
run = pick_run()
guard_weights(run)
left, right = st.columns(2, gap="large")
with left:
    row = st.columns([4.4, 3, 2.6, 4, 4.6], vertical_alignment="bottom")
    opened = open_run(run, row[0])
    sampling = sampling_controls(row[1:])
    head = st.columns([8, 1.3, 1.3], vertical_alignment="center")
    point = not opened.model.has_kl
    title = "Decoded noise" if point else "Samples from the prior"
    about = NO_PRIOR if point else "z ~ p(z) = N(0, I), scaled by the temperature, decoded."
    head[0].markdown(f"**{title}** · {sampling.number} of seed {sampling.seed}", help=about)
    samples(opened, sampling, head[1:])
with right:
    plane = plane_controls(opened, st.columns([5, 3, 3, 4], vertical_alignment="bottom"))
    head = st.columns([8, 1.3, 1.3], vertical_alignment="center")
    head[0].markdown(
        "**Decoded manifold** · E[x|z] over a grid of z",
        help=(
            "Each tile is what the decoder makes of the z at its place. Neighbours that change "
            "smoothly into one another are what the KL buys."
        ),
    )
    manifold(opened, plane, head[1:])
