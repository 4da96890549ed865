"""Samples: what the decoder makes of noise, and of a grid over latent space."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae import figures, images
from vae.dashboard import grids
from vae.dashboard.generate_view import (
    Plane,
    Sampling,
    axes,
    decoded,
    open_run,
    places_in_words,
    plane_controls,
    sampled,
    samples_in_words,
    sampling_controls,
)
from vae.dashboard.header import guard_weights, pick_run
from vae.dashboard.plot import plot
from vae.images import Bytes
from vae.opened import Opened
from vae.records import Floats

ROOM = (512, 600)  # pixels for each of the two pictures at 1440×900
FRAMED = (452, 560)  # the same less the axes beside and below it
CHART = 560
KEPT = (
    "x (pictures N×C×H×W, float32, black 0 and white 1; vectors N×D) and z (N×Z). The means of a "
    "Bernoulli likelihood lie in [0, 1]; what is Gaussian can lie a little outside. The file is a "
    "data set like any other: train on it, or add it to your own."
)
SAMPLES = "z ~ p(z), the prior, moved towards or away from its mean by the temperature, decoded."
MANIFOLD = (
    "E[x|z] at every place of a grid in latent space. Where neighbours change smoothly into one "
    "another, the space between the training examples is filled."
)
NO_PRIOR = (
    "A plain autoencoder has no prior to sample from. This is noise with the mean and the "
    "covariance of its latents of training data, decoded."
)


def files(place: DeltaGenerator, name: str, x: Floats, z: Floats, picture: Bytes | None) -> None:
    """What can be kept: the arrays, and where there is one the picture as it is on the screen."""
    with place.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if picture is not None:
            about = "The picture as it is, without the words."
            grids.download("PNG", lambda: images.png(picture), f"{name}.png", about)
        grids.download(".npz", lambda: grids.npz(x, z), f"{name}.npz", KEPT)


def samples(opened: Opened, asked: Sampling, place: DeltaGenerator) -> None:
    """A grid of decoded samples, or points over the training data."""
    drawn, picture = sampled(opened, asked), None
    if opened.data.is_image:
        across, scale = grids.arranged(opened.data.event_shape, asked.number, ROOM)
        picture = images.tile(drawn.x, across, scale=scale)
        st.html(grids.sheet(picture, f"{asked.number} samples"))
    else:
        behind = opened.seen(opened.shown("train", 2000))
        chart = figures.vectors(drawn.x, background=behind)
        plot(chart, key="samples", revision=opened.run.name, height=CHART, label="Samples")
    files(place, f"{opened.run.name}-samples", drawn.x, drawn.z, picture)


def manifold(opened: Opened, asked: Plane, place: DeltaGenerator) -> None:
    """The decoded grid with its axes, or its warped mesh in data space."""
    grid, picture = decoded(opened, asked), None
    values, titles = axes(asked, grid)
    down, across = len(values[1]), len(values[0])
    if not opened.data.is_image:
        mesh = grid.values.reshape(down, across, -1)
        behind = opened.seen(opened.shown("train", 2000))
        chart = figures.manifold_vectors(mesh, background=behind, axes=titles)
        view = f"{opened.run.name} {asked.kind} {asked.pair}"
        plot(chart, key="mesh", revision=view, height=CHART, label="The decoded grid")
    elif down == 1:
        words = [grids.Card(f"z1 = {z:.4f}", grids.number(z), ()) for z in values[0]]
        scale = grids.enlargement(opened.data.event_shape, 1, words, FRAMED)
        st.html(grids.cards({"E[x|z]": grid.values}, words, (("z1", "text"),), scale, FRAMED[0]))
        picture = images.tile(grid.values, across, scale=scale)
    else:
        scale = grids.tile_scale(opened.data.event_shape, across, down, FRAMED)
        picture = images.tile(grid.values, across, scale=scale)
        st.html(grids.frame(picture, values, titles, "The decoded manifold"))
    files(place, f"{opened.run.name}-manifold", grid.values, grid.z, picture)


st.html(grids.STYLE)
run = pick_run()
guard_weights(run)
left, right = st.columns(2, gap="large")
with left:
    row = st.columns([10, 8, 7, 11, 10], vertical_alignment="bottom")
    opened = open_run(run, row[0])
    head, told, kept = st.columns([6, 4, 4], vertical_alignment="center")
    sampling = sampling_controls(opened, [*row[1:], told])
    title = "Samples from the prior" if opened.model.has_kl else "Decoded noise"
    head.markdown(f"**{title}**", help=SAMPLES if opened.model.has_kl else NO_PRIOR)
    st.caption(samples_in_words(opened, sampling))
    samples(opened, sampling, kept)
with right:
    row = st.columns([5, 4, 4, 4], vertical_alignment="bottom")
    head, told, kept = st.columns([6, 4, 4], vertical_alignment="center")
    plane = plane_controls(opened, [*row, told], FRAMED)
    head.markdown("**Decoded manifold**", help=MANIFOLD)
    st.caption(f"E[x|z] over {places_in_words(opened, plane)}")
    manifold(opened, plane, kept)
