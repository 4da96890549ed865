"""Samples and the decoded manifold of a run: where z comes from, and what is asked for.

z comes from the prior p(z); a point posterior has been trained without one, so there it comes from
a normal distribution fitted to the latents of the training data, and the page says so. N samples,
Z latent dimensions.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.dashboard import grids, header, shown
from vae.dashboard.header import has_rings
from vae.dashboard.latent_view import pair_titles
from vae.latent import (
    Manifold,
    decode,
    fitted_sample,
    manifold,
    plane_of_dimensions,
    plane_of_fit,
    plane_of_pca,
    prior_sample,
    quantiles,
)
from vae.opened import Opened
from vae.records import Encoding, Floats
from vae.runs import Run

FITTED = 2000  # training examples that the planes and the fitted noise are taken from
SIDE = 15  # places along each side of a decoded grid of vectors, or along a single latent
PLANES = {"dimensions": "dimensions", "pca": "PCA"}
ALL = -1  # every class in turn
KINDS = {"mean": "mean", "draw": "one draw"}
HELP = {
    "checkpoint": "Weights at the best validation ELBO (the K-sample bound for iwae, the "
    "reconstruction where no KL is trained), or "
    "the last saved ones.",
    "number": "How many samples, 1 to 400. More with the same seed keep the first ones. For more: "
    "python -m vae sample.",
    "seed": "The same seed draws the same z, and the same noise where one draw is shown.",
    "temperature": "Scale of z about its mean, without unit. 1 is the prior itself; below 1 stays "
    "nearer to the typical, above 1 goes where the model has seen little.",
    "kind": "For each z: the mean E[x|z] of p(x|z), or one draw x ~ p(x|z) with its noise.",
    "class": "This model is conditional: it decodes z as an example of this class.",
    "plane": "Which plane of latent space is decoded: two dimensions with all others at their "
    "mean, or the plane of the two principal components of the training data's latents.",
    "pair": "A latent dimension, the most informative first: the number is its mean KL in nats "
    "per example (for a point posterior, its variance).",
    "side": "Tiles along each side. Their places are quantiles of a normal distribution, from 1 % "
    "to 99 %, so that each tile stands for equal probability.",
}


class Drawn(NamedTuple):
    """Samples, and the z that they were decoded from."""

    z: Floats  # (N, Z)
    x: Floats  # (N, *event)


class Sampling(NamedTuple):
    """What the controls of the samples ask for."""

    number: int
    seed: int
    temperature: float
    kind: str
    label: int  # a class of a conditional model, or ALL in turn


class Plane(NamedTuple):
    """What the controls of the manifold ask for."""

    kind: str  # a row of PLANES
    pair: tuple[int, int]
    side: int
    label: int = 0  # a class of a conditional model


def sampled(opened: Opened, asked: Sampling) -> Drawn:
    """z from the prior (or the noise in its place), decoded."""
    if opened.model.has_kl:
        z = prior_sample(opened.model, asked.number, asked.seed, asked.temperature)
    else:
        z = fitted_sample(latents(opened).mean, asked.number, asked.seed, asked.temperature)
    labels = None if asked.label == ALL else np.full(len(z), asked.label)
    noise = asked.seed if asked.kind == "draw" else None
    return Drawn(z, decode(opened.model, z, noise, labels))


def latents(opened: Opened) -> Encoding:
    """Training examples through the encoder."""
    return shown.encoding(opened.run, opened.checkpoint, "train", FITTED)


def decoded(opened: Opened, asked: Plane) -> Manifold:
    """The decoded grid on the plane that is asked for; a line for one latent dimension."""
    places = quantiles(asked.side)
    means = latents(opened).mean
    if means.shape[1] == 1:
        origin, first = np.zeros(1, np.float32), np.ones(1, np.float32)
        if not has_rings(opened.run):
            origin, first = means.mean(0), means.std(0)
        flat = np.zeros(1, np.float32)
        return manifold(opened.model, origin, first, first, places, flat, asked.label)
    if asked.kind == "pca":
        plane = plane_of_pca(means)
    elif has_rings(opened.run):
        plane = plane_of_dimensions(means.shape[1], asked.pair)
    else:
        plane = plane_of_fit(means, asked.pair)
    return manifold(opened.model, *plane, places, label=asked.label)


def axes(asked: Plane, grid: Manifold) -> tuple[tuple[Floats, Floats], tuple[str, str]]:
    """The values along both axes and their titles: latents where the axes are latents, standard
    deviations on the PCA plane."""
    if asked.kind == "pca":
        return grid.axes, ("PC 1 (standard deviations)", "PC 2 (standard deviations)")
    side = len(grid.axes[0])
    first, second = asked.pair
    values = (grid.z[:side, first], grid.z[::side, second])
    return values, (f"z{first + 1}", f"z{second + 1}")


def open_run(run: Run, place: DeltaGenerator) -> Opened:
    """The run at the chosen checkpoint; ends the page with a word of help if it cannot be."""
    checkpoints = {"best": "best", "last": "last"}
    checkpoint = grids.choose(
        place, "Checkpoint", "generate_checkpoint", checkpoints, "best", HELP["checkpoint"]
    )
    try:
        return shown.opened(run, checkpoint)
    except (ValueError, OSError) as error:
        header.empty("This run cannot be opened.", str(error))


def sampling_controls(opened: Opened, places: list[DeltaGenerator]) -> Sampling:
    """Number, seed, temperature, mean or draw, and for a conditional model the class."""
    label = class_control(opened, places[-1], "sample", turns=True)
    number = grids.whole(places[0], "Number", "generate_number", (1, 400, 64), HELP["number"], 16)
    seed = grids.whole(places[1], "Seed", "generate_seed", (0, 2**31, 0), HELP["seed"])
    st.session_state.setdefault("generate_temperature", 1.0)
    temperature = places[2].number_input(
        "Temperature",
        0.0,
        10.0,
        key="generate_temperature",
        step=0.1,
        format="%.2f",
        help=HELP["temperature"],
        persist_state="session",
    )
    kind = grids.choose(places[3], "Show", "generate_kind", KINDS, "mean", HELP["kind"])
    return Sampling(number, seed, float(temperature), kind, label)


def class_control(opened: Opened, place: DeltaGenerator, what: str, turns: bool) -> int:
    """The class that a conditional model decodes for; with `turns` also all of them in turn."""
    if not opened.model.classes:
        return ALL if turns else 0
    titles = {ALL: "all classes"} if turns else {}
    titles |= {k: f"class {name}" for k, name in enumerate(opened.data.classes)}
    key = f"generate_{what}_class_{opened.run.name}"
    first = next(iter(titles))
    return int(grids.choose(place, "Class", key, titles, first, HELP["class"], hide_label=True))


def plane_controls(opened: Opened, places: list[DeltaGenerator], room: tuple[int, int]) -> Plane:
    """The plane, its two dimensions where it has some, and the tiles along a side, at first as
    many as fill the room."""
    titles, name = pair_titles(latents(opened)), opened.run.name
    flat = len(titles) > 1 and opened.data.is_image
    start = grids.best_side(opened.data.event_shape, room) if flat else SIDE
    line = len(titles) == 1
    label = class_control(opened, places[-1], "plane", turns=False)
    side = grids.whole(
        places[0 if line else 3],
        "Tiles" if line else "Tiles a side",
        f"generate_side_{name}",
        (2, 40, start),
        HELP["side"],
    )
    if line:
        return Plane("dimensions", (0, 0), side, label)
    kind = grids.choose(places[0], "Plane", "generate_plane", PLANES, "dimensions", HELP["plane"])
    if kind == "pca":
        return Plane(kind, (0, 1), side, label)
    first, second = (0, 1) if len(titles) == 2 else list(titles)[:2]
    across = grids.choose(
        places[1], "Across", f"generate_across_{name}", titles, first, HELP["pair"]
    )
    rest = {d: title for d, title in titles.items() if d != across}
    up = second if second in rest else next(iter(rest))
    up = grids.choose(places[2], "Up", f"generate_up_{name}", rest, up, HELP["pair"])
    return Plane(kind, (across, up), side, label)


def samples_in_words(opened: Opened, asked: Sampling) -> str:
    """What the samples are."""
    what = "E[x|z]" if asked.kind == "mean" else "x ~ p(x|z)"
    warm = f" at temperature {asked.temperature:g}" if asked.temperature != 1 else ""
    if opened.model.has_kl:
        return f"{what} for {asked.number} z from the prior{warm}"
    return f"No prior here: {what} for {asked.number} z from noise fitted to the latents{warm}"


def places_in_words(opened: Opened, asked: Plane) -> str:
    """Where the decoded z lie."""
    latent_dim = opened.run.config.latent_dim
    if asked.kind == "pca":
        return "the plane of the two principal components"
    named = " and ".join(f"z{d + 1}" for d in dict.fromkeys(asked.pair))
    fitted = not has_rings(opened.run)
    middle = f", all others at {'their mean' if fitted else '0'}" if latent_dim > 2 else ""
    of = "a normal fitted to the latents" if fitted else "the prior"
    return f"{named} at quantiles of {of}{middle}"
