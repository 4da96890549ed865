"""The decoded manifold of a run: which plane of latent space, and at which places of it.

Places are quantiles of the prior p(z); a point posterior has been trained without one, so there
they are those of a normal distribution fitted to the latents of the training data, and the page
says so. Z latent dimensions.
"""

from typing import NamedTuple

import numpy as np
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import (
    Manifold,
    manifold,
    pair_titles,
    plane_of_dimensions,
    plane_of_fit,
    plane_of_pca,
    quantiles,
)
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.sampling import ALL
from vae.base.records import Floats
from vae.dashboard.shared import cache, html_grid, run_picker, widgets
from vae.dashboard.shared.run_picker import has_rings
from vae.runs import Run

SIDE = 15  # places along each side of a decoded grid of vectors, or along a single latent
PLANES = {"dimensions": "dimensions", "pca": "PCA"}
HELP = {
    "checkpoint": "Weights at the best validation ELBO (the K-sample bound for iwae, the "
    "reconstruction where no KL is trained), or "
    "the last saved ones.",
    "class": "Which class is asked for: a conditional model decodes z as an example of it, and a "
    "source by class draws z where its examples lie. All: the classes in turn.",
    "plane": "Which plane of latent space is decoded: two dimensions with all others at their "
    "mean, or the plane of the two principal components of the training data's latents.",
    "pair": "A latent dimension, the most informative first: the number is its mean KL in nats "
    "per example (for a point posterior, its variance). Of two, choosing one leaves the other.",
    "side": "Tiles along each side. The axes tell z, in uneven steps: its places are quantiles of "
    "a normal distribution, from 1 % to 99 %, so that each tile stands for equal probability.",
}


class Plane(NamedTuple):
    """What the controls of the manifold ask for."""

    kind: str  # a row of PLANES
    pair: tuple[int, int]
    side: int
    label: int = 0  # a class of a conditional model


def decoded(loaded: LoadedRun, asked: Plane) -> Manifold:
    """The decoded grid on the plane that is asked for; a line for one latent dimension."""
    places = quantiles(asked.side)
    means = cache.training_encoding(loaded).mean
    if means.shape[1] == 1:
        origin, first = np.zeros(1, np.float32), np.ones(1, np.float32)
        if not has_rings(loaded.run):
            origin, first = means.mean(0), means.std(0)
        flat = np.zeros(1, np.float32)
        return manifold(loaded.model, origin, first, first, places, flat, asked.label)
    if asked.kind == "pca":
        plane = plane_of_pca(means)
    elif has_rings(loaded.run):
        plane = plane_of_dimensions(means.shape[1], asked.pair)
    else:
        plane = plane_of_fit(means, asked.pair)
    return manifold(loaded.model, *plane, places, label=asked.label)


def axes(asked: Plane, grid: Manifold) -> tuple[tuple[Floats, Floats], tuple[str, str]]:
    """The values along both axes and their titles: latents where the axes are latents, standard
    deviations on the PCA plane."""
    if asked.kind == "pca":
        return grid.axes, ("PC 1 (standard deviations)", "PC 2 (standard deviations)")
    side = len(grid.axes[0])
    first, second = asked.pair
    values = (grid.z[:side, first], grid.z[::side, second])
    return values, (f"z{first + 1}", f"z{second + 1}")


def open_run(run: Run, place: DeltaGenerator) -> LoadedRun:
    """The run at the chosen checkpoint; ends the page with a word of help if it cannot be."""
    checkpoints = {"best": "best", "last": "last"}
    checkpoint = widgets.choose(
        place, "Checkpoint", "generate_checkpoint", checkpoints, "best", HELP["checkpoint"]
    )
    try:
        return cache.load_run(run, checkpoint)
    except (ValueError, OSError) as error:
        run_picker.empty("This run cannot be opened.", str(error))


def class_control(loaded: LoadedRun, place: DeltaGenerator, what: str, turns: bool) -> int:
    """The class that is asked for, of a conditional model or a source; with `turns` also all of
    them in turn."""
    if not (loaded.model.classes or turns):
        return 0
    titles = {ALL: "all"} if turns else {}
    titles |= dict(enumerate(loaded.data.classes))
    key = f"generate_{what}_class_{loaded.run.name}"
    first = next(iter(titles))
    return int(widgets.choose(place, "Class", key, titles, first, HELP["class"]))


def plane_controls(
    loaded: LoadedRun, places: list[DeltaGenerator], room: tuple[int, int]
) -> Plane:
    """The plane, its two dimensions where it has some, and the tiles along a side, at first as
    many as fill the room."""
    titles, name = pair_titles(cache.training_encoding(loaded)), loaded.run.name
    flat = len(titles) > 1 and loaded.data.is_image
    start = html_grid.best_side(loaded.data.event_shape, room) if flat else SIDE
    line = len(titles) == 1
    label = class_control(loaded, places[-1], "plane", turns=False)
    side = widgets.whole(
        places[0 if line else 3],
        "Tiles" if line else "Tiles a side",
        f"generate_side_{name}",
        (2, 40, start),
        HELP["side"],
    )
    if line:
        return Plane("dimensions", (0, 0), side, label)
    kind = widgets.choose(
        places[0], "Plane", "generate_plane", PLANES, "dimensions", HELP["plane"]
    )
    if kind == "pca":
        return Plane(kind, (0, 1), side, label)
    first, second = (0, 1) if len(titles) == 2 else list(titles)[:2]
    across = widgets.choose(
        places[1], "Across", f"generate_across_{name}", titles, first, HELP["pair"]
    )
    rest = {d: title for d, title in titles.items() if d != across}
    up = second if second in rest else next(iter(rest))
    up = widgets.choose(places[2], "Up", f"generate_up_{name}", rest, up, HELP["pair"])
    return Plane(kind, (across, up), side, label)


def places_in_words(loaded: LoadedRun, asked: Plane) -> str:
    """Where the decoded z lie."""
    latent_dim = loaded.run.config.latent_dim
    if asked.kind == "pca":
        return "the plane of the two principal components"
    named = " and ".join(f"z{d + 1}" for d in dict.fromkeys(asked.pair))
    fitted = not has_rings(loaded.run)
    middle = f", all others at {'their mean' if fitted else '0'}" if latent_dim > 2 else ""
    of = "a normal fitted to the latents" if fitted else "the prior"
    return f"{named} at quantiles of {of}{middle}"
