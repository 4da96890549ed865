"""The decoded manifold of a run: a grid of places on a plane of latent space, decoded.

Coordinates are quantiles of the prior p(z) = N(0, I). Where a run has another prior or none, they
are quantiles of a normal distribution fitted to the latents of the training data, with a note on
the page. Z latent dimensions.
"""

from typing import NamedTuple

import numpy as np
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import Manifold, manifold, pair_titles, quantiles
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import PROJECTIONS, plane, plane_of_latents
from vae.analysis.sampling import ALL
from vae.components.count_distributions import at_typical
from vae.dashboard.shared import cache, html_grid, widgets
from vae.dashboard.shared.run_picker import has_rings
from vae.runs import Run

SIDE = 15  # tiles on each side for vectors, or along a single latent
SERIES_SIDE = 8  # panels on each side for series
PLANES = {n: row.title for n, row in PROJECTIONS.items() if row.linear and not row.labelled}
HELP = {
    "class": "A conditional model decodes z as an example of this class; the source by class "
    "samples z of this class. All: the classes in turn.",
    "plane": "Plane of latent space that is decoded: two dimensions, all others at their mean, or "
    "the two principal components of the training data's latents.",
    "pair": "A latent dimension, the most informative first: the number is its mean KL in nats "
    "per example (of a posterior without density: its variance).",
    "side": "Tiles on each side. The axes show z in uneven steps: coordinates are quantiles of a "
    "normal distribution, from 1 % to 99 %, so that each tile has equal probability.",
}


class ManifoldRequest(NamedTuple):
    """The plane, the number of tiles and the class that the controls select."""

    plane: str  # a key of PLANES
    latents: tuple[int, int]
    side: int
    label: int = 0  # a class of a conditional model


def decode_manifold(loaded: LoadedRun, request: ManifoldRequest) -> Manifold:
    """Return the decoded grid on the requested plane; a line for one latent dimension."""
    means = cache.training_encoding(loaded).mean
    line = means.shape[1] == 1
    if line or PROJECTIONS[request.plane].latents:
        latents = [0, 0] if line else list(request.latents)
        standard = has_rings(loaded.run)
        origin = np.zeros_like(means[0]) if standard else means.mean(0)
        surface = plane_of_latents(origin, latents)
        scale = np.ones(2) if standard else means.std(0)[latents]
        centre = origin[latents]
    else:
        fitted = plane(request.plane, means)
        assert fitted is not None
        surface, centre = fitted, np.zeros(2)
        scale = fitted.places(means).std(0)
    across, up = (
        (centre[k] + scale[k] * quantiles(request.side)).astype(np.float32) for k in (0, 1)
    )
    return manifold(
        loaded.model, surface, across, np.zeros(1, np.float32) if line else up, request.label
    )


def class_control(loaded: LoadedRun, place: DeltaGenerator, what: str, turns: bool) -> int:
    """Return the chosen class for a conditional model or a source by class; with `turns` also
    `ALL`, the classes in turn."""
    if not (loaded.model.classes or turns):
        return 0
    titles = {ALL: "all"} if turns else {}
    titles |= dict(enumerate(loaded.data.classes))
    key = widgets.key_of(f"generate_{what}_class", loaded.run)
    first = next(iter(titles))
    return int(
        widgets.choose(place, "Class", key, titles, first, HELP["class"], link=f"{what}_class")
    )


def manifold_controls(
    loaded: LoadedRun, places: list[DeltaGenerator], room: tuple[int, int]
) -> ManifoldRequest:
    """Return the plane, its two latents and the tiles on a side; pictures start with the number
    that fills the room (width, height) in pixels."""
    titles, run = pair_titles(cache.training_encoding(loaded)), loaded.run
    line = len(titles) == 1
    start = SIDE
    if loaded.data.is_image and not line:
        start = html_grid.best_side(loaded.data.event_shape, room)
    elif loaded.data.is_series and not line:
        start = SERIES_SIDE
    label = class_control(loaded, places[-1], "plane", turns=False)
    side = widgets.whole(
        places[0 if line else 3],
        "Tiles" if line else "Tiles a side",
        widgets.key_of("generate_side", run),
        (2, 40, start),
        HELP["side"],
        link="tiles",
    )
    first = next(iter(PLANES))
    if line:
        return ManifoldRequest(first, (0, 0), side, label)
    kind = widgets.choose(
        places[0], "Plane", "generate_plane", PLANES, first, HELP["plane"], link="plane"
    )
    if not PROJECTIONS[kind].latents:
        return ManifoldRequest(kind, (0, 1), side, label)
    return ManifoldRequest(kind, _latents(titles, run, places[1:3]), side, label)


def _latents(titles: dict[int, str], run: Run, places: list[DeltaGenerator]) -> tuple[int, int]:
    """Return the two latents of the axes; at first the most informative ones."""
    first, second = (0, 1) if len(titles) == 2 else list(titles)[:2]
    key = widgets.key_of("generate_across", run)
    x = widgets.choose(places[0], "x axis", key, titles, first, HELP["pair"], link="x")
    rest = {d: title for d, title in titles.items() if d != x}
    default = second if second in rest else next(iter(rest))
    key = widgets.key_of("generate_up", run)
    y = widgets.choose(places[1], "y axis", key, rest, default, HELP["pair"], link="y")
    return (x, y)


def describe_manifold(loaded: LoadedRun, request: ManifoldRequest) -> str:
    """Return a phrase for the places of the grid in latent space."""
    latent_dim = loaded.run.config.latent_dim
    sized = at_typical(loaded.model.domain)
    if not PROJECTIONS[request.plane].latents:
        title = PROJECTIONS[request.plane].title
        return f"the {title} plane of the training data's latents{sized}"
    names = " and ".join(f"z{d + 1}" for d in dict.fromkeys(request.latents))
    fitted = not has_rings(loaded.run)
    others = f", all others at {'their mean' if fitted else '0'}" if latent_dim > 2 else ""
    of = "a normal fitted to the latents" if fitted else "the prior"
    return f"{names} at quantiles of {of}{others}{sized}"
