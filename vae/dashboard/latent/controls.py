"""The row of controls above the latent map: which weights, which examples, where, what colour.

A choice stays for the session; one that does not exist for the run at hand gives way to a default.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import pair_titles
from vae.analysis.projections import PROJECTIONS
from vae.analysis.projections_3d import SPACES
from vae.base.options import Spec, options_of
from vae.base.records import Encoding
from vae.dashboard.latent.request import DIMENSIONS, MapRequest, choices, hues
from vae.dashboard.shared import cache, run_picker
from vae.runs import Run

POINTS = {500: "500", 2_000: "2,000", 10_000: "10,000", 0: "all"}
TRIO = "dimensions-3d"
SPLITS = {"train": "train", "val": "validation", "test": "test", "all": "all"}
HELP = {
    "checkpoint": "Weights at the best validation ELBO (the K-sample bound for iwae, the "
    "reconstruction where no KL is trained), or "
    "the last saved ones.",
    "split": "Which examples are encoded. Training examples may look better placed than new ones.",
    "points": "How many examples are drawn at most, each class in proportion, always the same "
    "ones. More show rare cases and take longer to encode.",
    "projection": "How the latents come into the plane: two dimensions as they are, the two "
    "principal components, linear discriminants (the directions that part the classes), or t-SNE, "
    "which keeps neighbours together and computes in the background; it is offered when the run "
    "stands still. Only what is linear has a way back, so that places can be decoded. 3-D, for "
    "three latents or more, shows three of them, or three components, to be turned by hand; t-SNE "
    "stays in the plane, where it is quick.",
    "pair": "A latent dimension, the most informative first: the number is its mean KL in nats "
    "per example (for a point posterior, its variance). Below about 0.01 nats it carries nothing. "
    "Of two latents, choosing one leaves the other.",
    "hue": "Class and known factors come with the data. KL: nats that q(z|x) of an example tells "
    "beyond the prior. Reconstruction: -ln p(x|z) at the posterior mean, in nats.",
    "follow": "Draw the newest weights whenever a run that trains has saved some. Off, the map "
    "changes only when you do something. It needs a run that trains.",
}


def controls(run: Run, alive: bool) -> MapRequest:
    """One row of widgets; ends the page with a word of help if the run cannot be opened."""
    trio = st.session_state.get(f"latent_projection_{run.name}") == TRIO
    wide = [8, 10, 7.7, 9.5, 13, 8.5, 8.5, 8.5, 9.5] if trio else [8, 11, 8, 11, 11, 10, 10, 9.5]
    places = st.columns(wide, vertical_alignment="bottom")
    following = places[-1].toggle(
        "Follow",
        key="latent_follow",
        disabled=not alive,
        help=HELP["follow"],
        persist_state="session",
    )
    following = following and alive
    checkpoints = {"last": "last"} if following else {"best": "best", "last": "last"}
    checkpoint = _choose(places[0], "Checkpoint", "checkpoint", checkpoints)
    try:
        split, points, encoding = _examples(run, checkpoint, places[1:3])
        data = cache.load_run(run, checkpoint).data
        names = {name: name for name in hues(data, encoding)}
    except (ValueError, OSError) as error:
        run_picker.empty("This run cannot be opened.", str(error))
    latents = encoding.mean.shape[1]
    start = DIMENSIONS if latents <= 2 else "pca"
    ways = choices(latents, alive, data.labels is not None)
    projection = _choose(places[4], "Projection", "projection", ways, start, f"_{run.name}")
    titles = pair_titles(encoding, numbers=not following)
    options = _options(projection, titles, run, places[5:-1])
    hue = _choose(places[3], "Colour by", "hue", names)
    seed = run.settings["seed"]
    return MapRequest(checkpoint, split, points, projection, options, hue, seed, following)


def _examples(
    run: Run, checkpoint: str, places: list[DeltaGenerator]
) -> tuple[str, int, Encoding]:
    """Which examples, and how many at most."""
    loaded = cache.load_run(run, checkpoint)
    sizes = {name: len(loaded.splits.rows(name)) for name in SPLITS}
    present = {n: f"{SPLITS[n]} ({size:,})" for n, size in sizes.items() if size}
    split = _choose(places[0], "Examples", "split", present, loaded.default_split())
    points = _choose(places[1], "Points", "points", POINTS, 2_000) or sizes[split]
    return split, points, cache.encoding(run, checkpoint, split, points)


def _options(
    projection: str, titles: dict[int, str], run: Run, places: list[DeltaGenerator]
) -> dict[str, Any]:
    """The pair or trio of dimensions, or the projection's own options."""
    if projection == TRIO:
        return {"trio": _several(("x", "y", "z"), titles, run, places)}
    if projection in SPACES:
        return {}
    if projection != DIMENSIONS:
        own = options_of(PROJECTIONS[projection].project)
        return {
            name: _number(place, spec, f"latent_{projection}_{name}")
            for place, (name, spec) in zip(places, own.items(), strict=False)
        }
    if len(titles) == 1:
        return {"pair": (0, 0)}
    first, second, *_ = titles
    if len(titles) == 2:
        first, second = 0, 1
    own_key = f"_{run.name}"
    x = _choose(places[0], "Across", "pair", titles, first, f"_x{own_key}")
    rest = {d: title for d, title in titles.items() if d != x}
    y = _choose(places[1], "Up", "pair", rest, second if second in rest else first, f"_y{own_key}")
    return {"pair": (x, y)}


def _several(
    names: Sequence[str], titles: dict[int, str], run: Run, places: list[DeltaGenerator]
) -> tuple[int, ...]:
    """A latent for each axis, none of them twice; at first the most informative."""
    chosen: list[int] = []
    for name, place in zip(names, places, strict=True):
        left = {d: title for d, title in titles.items() if d not in chosen}
        chosen.append(_choose(place, f"Axis {name}", "pair", left, None, f"_3d_{name}_{run.name}"))
    return tuple(chosen)


def _number(place: DeltaGenerator, spec: Spec, key: str) -> Any:
    option = spec.option
    st.session_state.setdefault(key, spec.default)
    return place.number_input(
        option.label or spec.name.replace("_", " ").capitalize(),
        None if option.low is None else spec.type(option.low),
        None if option.high is None else spec.type(option.high),
        key=key,
        step=spec.type(50 if spec.default >= 100 else 5 if spec.default >= 1 else 0.05),
        format="%d" if spec.type is int else "%g",
        help=option.help,
        persist_state="session",
    )


def _choose(
    place: DeltaGenerator,
    label: str,
    what: str,
    titles: Mapping[Any, str],
    default: Any = None,
    own: str = "",
) -> Any:
    """A choice among `titles`; the default (or the first) where none was made that exists."""
    key = f"latent_{what}{own}"
    if st.session_state.get(key) not in titles:
        st.session_state[key] = next(iter(titles)) if default is None else default
    return place.selectbox(
        label,
        list(titles),
        format_func=lambda value: titles.get(value, str(value)),
        key=key,
        help=HELP[what],
        disabled=len(titles) == 1,
        persist_state="session",
    )
