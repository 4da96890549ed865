"""The row of controls above the latent map: weights, examples, colour, projection.

A choice stays for the session; a choice that the run does not offer gives way to the default.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import pair_titles
from vae.analysis.latent_map import hues
from vae.analysis.projections import PROJECTIONS, default_projection
from vae.analysis.projections_3d import SPACES
from vae.base.options import Spec, options_of
from vae.base.records import Encoding
from vae.dashboard.latent.request import MapRequest, choices
from vae.dashboard.shared import address, cache, run_picker, widgets
from vae.dashboard.shared.run_choices import CHECKPOINT_HELP, CHECKPOINTS, split_titles
from vae.runs import Run

PROJECTION = "latent_projection"  # key of its field, for each run
POINTS = {500: "500", 2_000: "2,000", 10_000: "10,000", 0: "all"}
WIDTHS = [8, 11, 8, 11, 11, 10, 10, 9.5]
WIDTHS_3D = [8, 10, 7.7, 9.5, 13, 8.5, 8.5, 8.5, 9.5]  # one axis more
HELP = {
    "checkpoint": CHECKPOINT_HELP,
    "split": "The encoded examples. Training examples can be placed better than new ones.",
    "points": "Largest number of examples, each class in proportion; the same examples every "
    "time. More examples show rare cases and take longer to encode.",
    "projection": "From the latents to the map. Places of a linear projection can be decoded. A "
    "slow projection is computed in the background of a run that is not training. 3-D needs three "
    "latents or more; drag to rotate.",
    "pair": "A latent dimension, the most informative first: the number is its mean KL in nats "
    "per example (of a posterior without density: its variance). Below about 0.01 nats a "
    "dimension is unused.",
    "hue": "Class and known factors come with the data. KL: KL(q(z|x) ‖ p(z)) of an example in "
    "nats. Reconstruction: −ln p(x|z) at the posterior mean in nats, lower is better.",
    "follow": "Draw the newest weights of a run in training as soon as they are saved. Off: the "
    "map stays as it is until you change a control.",
}


def controls(run: Run, alive: bool) -> MapRequest:
    """Show one row of widgets and return the request; end the page with a message if the run
    cannot be loaded. `alive`: the run is in training."""
    key = widgets.key_of(PROJECTION, run)
    name = address.pending("projection") or st.session_state.get(key)
    wide = name in SPACES and SPACES[name].latents == len("xyz")
    places = st.columns(WIDTHS_3D if wide else WIDTHS, vertical_alignment="bottom")
    following = alive and widgets.switch(
        places[-1], "Live", "latent_follow", False, HELP["follow"], "live"
    )
    checkpoints = {"last": "last"} if following else CHECKPOINTS
    checkpoint = _choose(places[0], "Checkpoint", "checkpoint", checkpoints)
    try:
        split, points, encoding = _examples(run, checkpoint, places[1:3])
        data = cache.load_run(run, checkpoint).data
        names = {name: name for name in hues(data, encoding)}
    except (ValueError, OSError) as error:
        run_picker.cannot_be_opened(run, error)
    latents = encoding.mean.shape[1]
    rows = choices(latents, alive, data.labels is not None)
    start = default_projection(latents)
    projection = _projection(places[4], rows, start, run)
    titles = pair_titles(encoding, numbers=not following)
    options = _options(projection, titles, run, places[5:-1])
    hue = _choose(places[3], "Colour by", "hue", names, link="colour")
    seed = run.settings["seed"]
    return MapRequest(checkpoint, split, points, projection, options, hue, seed, following)


def _projection(place: DeltaGenerator, titles: dict[str, str], default: str, run: Run) -> str:
    """Return the chosen projection; its help holds the docstring of each possible row."""
    rows = {name: SPACES[name] if name in SPACES else PROJECTIONS[name] for name in titles}
    about = [HELP["projection"]]
    for row in rows.values():
        paragraph = (row.compute.__doc__ or "").partition("\n\n")[0]
        about.append(f"**{row.title}**: {' '.join(paragraph.split())}")
    key, text = widgets.key_of(PROJECTION, run), "\n\n".join(about)
    chosen = widgets.choose(place, "Projection", key, titles, default, text, link="projection")
    return str(chosen)


def _examples(
    run: Run, checkpoint: str, places: list[DeltaGenerator]
) -> tuple[str, int, Encoding]:
    """Return the split, the largest number of examples and their encoding."""
    loaded = cache.load_run(run, checkpoint)
    present = split_titles(loaded, with_all=True)
    split = _choose(places[0], "Examples", "split", present, loaded.default_split())
    points = _choose(places[1], "Points", "points", POINTS, 2_000) or len(
        loaded.splits.rows(split)
    )
    return split, points, cache.encoding(run, checkpoint, split, points)


def _options(
    projection: str, titles: dict[int, str], run: Run, places: list[DeltaGenerator]
) -> dict[str, Any]:
    """Return the latents of the axes, or the options of the projection."""
    row = SPACES[projection] if projection in SPACES else PROJECTIONS[projection]
    if row.latents:
        return {"latents": _latents(row.latents, titles, run, places)}
    specs = options_of(row.compute)
    return {
        name: _number(place, spec, f"latent_{projection}_{name}")
        for place, (name, spec) in zip(places, specs.items(), strict=False)
    }


def _latents(
    number: int, titles: dict[int, str], run: Run, places: list[DeltaGenerator]
) -> tuple[int, ...]:
    """Return a different latent for each axis; at first the most informative ones, or the two
    latents in their order."""
    if len(titles) == 1:
        return (0, 0)
    if len(titles) == 2:
        titles = dict(sorted(titles.items()))
    chosen: list[int] = []
    for axis, place in zip("xyz"[:number], places, strict=False):
        rest = {d: title for d, title in titles.items() if d not in chosen}
        space = "3d_" if number == len("xyz") else ""
        key, title = widgets.key_of(f"latent_pair_{space}{axis}", run), f"{axis} axis"
        first, about = next(iter(rest)), HELP["pair"]
        is_open = len(rest) > 1  # of two latents the other one is left for y
        chosen.append(
            widgets.choose(place, title, key, rest, first, about, link=axis) if is_open else first
        )
    return tuple(chosen)


def _number(place: DeltaGenerator, spec: Spec, key: str) -> Any:
    option = spec.option
    step = 50 if spec.default >= 100 else 5 if spec.default >= 1 else 0.05
    label = option.label or spec.name.replace("_", " ").capitalize()
    start, ends = spec.type(spec.default), (option.low, option.high)
    return widgets.number(place, label, key, start, ends, option.help, step, spec.name)


def _choose(
    place: DeltaGenerator,
    label: str,
    name: str,
    titles: Mapping[Any, str],
    default: Any = None,
    suffix: str = "",
    link: str = "",
) -> Any:
    """Return the chosen key of `titles`; the default is the first. The parameter of the address
    is `link`, else `name`."""
    default = next(iter(titles)) if default is None else default
    key = f"latent_{name}{suffix}"
    return widgets.choose(place, label, key, titles, default, HELP[name], link=link or name)
