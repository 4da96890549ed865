"""Samples: what the decoder makes of noise, and of a grid over latent space."""

import math

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Floats
from vae.dashboard.plot import plot
from vae.dashboard.samples.manifold import Plane, axes, open_run, places_in_words, plane_controls
from vae.dashboard.samples.manifold import decoded as decoded_plane
from vae.dashboard.samples.samples import (
    HELP,
    Drawn,
    Sampling,
    controls,
    decoded,
    in_words,
    names_drawn,
    near,
    others,
    sampled,
)
from vae.dashboard.shared import cache, html_grid, widgets
from vae.dashboard.shared.html_gallery import Caption, gallery
from vae.dashboard.shared.run_picker import guard_weights, pick_run
from vae.data import prepare
from vae.figures.vectors import manifold_vectors, sample_vectors
from vae.imaging import tiles
from vae.imaging.tiles import Bytes
from vae.runs import Run

ROOM = (456, 520)  # pixels for each of the two pictures, at 1440×900 and at 1280×720
FRAMED = (452, 490)  # the same less the axes beside and below it
CHART = 500
KEPT = (
    "x (pictures N×C×H×W, float32, black 0 and white 1; vectors N×D) and z (N×Z). The means of a "
    "Bernoulli likelihood lie in [0, 1]; what is Gaussian can lie a little outside. The file is a "
    "data set like any other: train on it, or add it to your own."
)
SAMPLES = "z from the chosen source, spread about its centre by the temperature, decoded."
MANIFOLD = (
    "E[x|z] at every place of a grid in latent space. Where neighbours change smoothly into one "
    "another, the space between the training examples is filled."
)
NO_PRIOR = (
    "A plain autoencoder has no prior to sample from: z comes from what is fitted to its latents "
    "of training data, at first noise with their mean and covariance."
)
BESIDE = ("Decoded manifold", "Second run")


def files(place: DeltaGenerator, name: str, x: Floats, z: Floats, picture: Bytes | None) -> None:
    """What can be kept: the arrays, and where there is one the picture as it is on the screen."""
    with place.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if picture is not None:
            about = "The picture as it is, without the words."
            widgets.download("PNG", lambda: tiles.png(picture), f"{name}.png", about)
        widgets.download("NPZ", lambda: widgets.npz(x, z), f"{name}.npz", KEPT)


def samples(loaded: LoadedRun, asked: Sampling, drawn: Drawn, place: DeltaGenerator) -> None:
    """A grid of decoded samples, each with its nearest training example where that is asked for,
    or points over the training data."""
    if st.session_state.get("generate_nearest"):
        picture = copies(loaded, asked, drawn)
    else:
        picture = grid(loaded, drawn.x, "samples")
    files(place, f"{loaded.run.name}-samples", drawn.x, drawn.z, picture)


def grid(loaded: LoadedRun, x: Floats, key: str) -> Bytes | None:
    """Samples as one picture, which is returned; vectors as points over the training data."""
    if not loaded.data.is_image:
        behind = loaded.inputs(loaded.subset("train", 2000))
        chart = sample_vectors(x, background=behind)
        plot(chart, key=key, revision=loaded.run.name, height=CHART, label="Samples")
        return None
    across, scale = html_grid.arranged(loaded.data.event_shape, len(x), ROOM)
    picture = tiles.tile(x, across, scale=scale)
    st.html(html_grid.sheet(picture, f"{len(x)} samples"))
    return picture


def copies(loaded: LoadedRun, asked: Sampling, drawn: Drawn) -> Bytes | None:
    """Each sample above the training example that is nearest to it, and how near these are; all
    of them as one picture."""
    found, usual = near(loaded, asked)
    rows, apart = loaded.splits.train[found.place[:, 0]], found.distance[:, 0]
    held = "" if math.isnan(usual) else f" (held-out examples: **{usual:.2f}**)"
    st.markdown(
        f":small[Below each sample the nearest of {len(loaded.splits.train):,} training examples "
        f"and its distance in units of x: median **{np.median(apart):.2f}**{held}, smallest "
        f"**{apart.min():.2f}**]",
        help=HELP["nearest"],
    )
    data = loaded.data
    if not data.is_image:
        return grid(loaded, drawn.x, "samples")
    names = widgets.names_of(data.labels, data.classes, rows)
    about = zip(names_drawn(loaded, asked), names, rows, apart, strict=True)
    captions = [
        Caption(
            meant, ((f"{d:.2f}", "muted"),), f"nearest: {name}, row {row} of {data.name}, {d:.4f}"
        )
        for meant, name, row, d in about
    ]
    layers = [drawn.x, prepare(data, rows)]
    st.html(gallery(layers, captions))
    across, scale = html_grid.arranged(data.event_shape, len(rows), ROOM)
    return tiles.strip(layers, across, scale=scale)


def second(loaded: LoadedRun, asked: Sampling, drawn: Drawn) -> None:
    """The same z through another run."""
    runs = {run.name: run for run in others(loaded)}
    if not runs:
        st.info(
            f"No other run has {drawn.z.shape[1]} latents and examples of this shape: train one, "
            "with another seed or another β, to see the same z through both."
        )
        return
    key, names = f"generate_other_{loaded.run.name}", {name: name for name in runs}
    place = st.columns([2, 1])[0]
    chosen = widgets.choose(place, "Second run", key, names, next(iter(names)), HELP["other"])
    st.html(html_grid.said(f"The same {len(drawn.z)} z through the best checkpoint of {chosen}"))
    try:
        other = cache.load_run(Run(runs[chosen].path), "best")
    except (ValueError, OSError) as error:
        st.info(f"{chosen} cannot be opened. {error}")
        return
    grid(other, decoded(other, asked, drawn.z), "samples_second")


def manifold(loaded: LoadedRun, asked: Plane, place: DeltaGenerator) -> None:
    """The decoded grid with its axes, or its warped mesh in data space."""
    made, picture = decoded_plane(loaded, asked), None
    values, titles = axes(asked, made)
    down, across = len(values[1]), len(values[0])
    if not loaded.data.is_image:
        mesh = made.values.reshape(down, across, -1)
        behind = loaded.inputs(loaded.subset("train", 2000))
        chart = manifold_vectors(mesh, background=behind, axes=titles)
        view = f"{loaded.run.name} {asked.kind} {asked.pair}"
        plot(chart, key="mesh", revision=view, height=CHART, label="The decoded grid")
    elif down == 1:
        words = [html_grid.Card(f"z1 = {z:.4f}", html_grid.number(z), ()) for z in values[0]]
        scale = html_grid.enlargement(loaded.data.event_shape, 1, words, FRAMED)
        st.html(
            html_grid.cards({"E[x|z]": made.values}, words, (("z1", "text"),), scale, FRAMED[0])
        )
        picture = tiles.tile(made.values, across, scale=scale)
    else:
        scale = html_grid.tile_scale(loaded.data.event_shape, across, down, FRAMED)
        picture = tiles.tile(made.values, across, scale=scale)
        st.html(html_grid.frame(picture, values, titles, "The decoded manifold"))
    files(place, f"{loaded.run.name}-manifold", made.values, made.z, picture)


st.html(html_grid.STYLE)
run = pick_run()
guard_weights(run)
with st.container(key="generate_halves"):  # whole pixels wide: grids.css
    left, right = st.columns(2, gap="small")
with left:
    row = st.columns([9, 8, 10, 9], vertical_alignment="bottom", gap="xsmall")
    below = st.columns([13, 7, 10, 8], vertical_alignment="bottom", gap="xsmall")
    head, told, kept = st.columns([5, 6, 5], vertical_alignment="center", gap="xsmall")
    loaded = open_run(run, row[0])
    sampling = controls(loaded, [*row[1:], *(below[k] for k in (0, 2, 3, 1))])
    told.toggle(
        "Nearest example", key="generate_nearest", help=HELP["nearest"], persist_state="session"
    )
    title = "Samples" if loaded.model.has_kl else "Decoded noise"
    head.markdown(f"**{title}**", help=SAMPLES if loaded.model.has_kl else NO_PRIOR)
    try:
        drawn = sampled(loaded, sampling)
    except ValueError as error:
        st.info(str(error))
        st.stop()
    st.html(html_grid.said(in_words(loaded, sampling)))
    samples(loaded, sampling, drawn, kept)
with right:
    choice, told = st.columns([9, 5], vertical_alignment="bottom", gap="small")
    beside = choice.segmented_control(
        "Beside the samples",
        BESIDE,
        default=BESIDE[0],
        required=True,
        key="generate_beside",
        help="What stands beside the samples: a grid over latent space, or the same z through "
        "another run.",
        persist_state="session",
    )
    if beside == BESIDE[1]:
        second(loaded, sampling, drawn)
    else:
        row = st.columns([5, 4.4, 4.4, 4.2], vertical_alignment="bottom", gap="xsmall")
        head, kept = st.columns([8, 6], vertical_alignment="center")
        plane = plane_controls(loaded, [*row, told], FRAMED)
        head.markdown("**Decoded manifold**", help=MANIFOLD)
        st.html(html_grid.said(f"E[x|z] over {places_in_words(loaded, plane)}"))
        manifold(loaded, plane, kept)
