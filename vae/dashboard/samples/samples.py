"""Samples of a run: where their z come from, what the decoder makes of them, and their kin.

z is drawn from a row of `latent_sources.SOURCES`. Beside the samples: the nearest training example
of each, and what another run makes of the same z. N samples, Z latent dimensions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import decode
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.nearest import Nearest, nearest
from vae.analysis.sampling import ALL, BY_BIC, SOURCES, Draw, Source, classes_drawn
from vae.base.records import Floats
from vae.dashboard import server
from vae.dashboard.samples.manifold import class_control
from vae.dashboard.shared import cache, widgets
from vae.data import prepare
from vae.runs import Run, listing
from vae.runs.manifest import domain_of
from vae.runs.result_keys import run_key

KINDS = {"mean": "mean", "draw": "one draw"}
JUDGED = 200  # held-out examples whose nearest training example is the yardstick
COMPONENTS = {BY_BIC: "by BIC"} | {k: str(k) for k in (1, 2, 3, 5, 8, 12, 20)}
HELP = {
    "number": "How many samples, 1 to 400. More with the same seed keep the first ones. For more: "
    "python -m vae sample.",
    "seed": "The same seed draws the same z, and the same noise where one draw is shown.",
    "temperature": "Scale of z about the mean of its source (of each component or q(z|x) where it "
    "has several), without unit. 1 is the source itself; below 1 stays nearer to the typical, "
    "above 1 goes where the model has seen little.",
    "kind": "For each z: the mean E[x|z] of p(x|z), or one draw x ~ p(x|z) with its noise.",
    "components": "Gaussians that the mixture has, with full covariances. By BIC: as many of 1, "
    "2, 3, 5, 8 or 12 as describe the latents in the fewest nats, their own parameters "
    "counted. One is a Gaussian; fewer are taken where there are few examples.",
    "nearest": "Below each sample the training example that is nearest to it: Euclidean distance "
    "over all values, in units of x (pictures: black 0, white 1). Samples much nearer than test "
    "examples are would be copies.",
    "other": "Another run with as many latents and examples of the same shape. It decodes the "
    "same z; what a latent means may differ from run to run.",
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
    label: int = ALL  # a class of a conditional model or a source by class, or ALL in turn
    source: str = ""  # a row of SOURCES; "" for the model's own
    components: int = BY_BIC

    @property
    def draw(self) -> Draw:
        return Draw(self.number, self.seed, self.temperature, self.components, self.label)


def own_source(loaded: LoadedRun) -> str:
    """The prior, or the noise in its place."""
    return "prior" if loaded.model.has_kl else "noise"


def sampled(loaded: LoadedRun, asked: Sampling) -> Drawn:
    """z from the source that is asked for, decoded. Raises ValueError where it has none."""
    source = asked.source or own_source(loaded)
    z = SOURCES[source].draw(cache.training_latents(loaded), asked.draw)
    return Drawn(z, decoded(loaded, asked, z))


def decoded(loaded: LoadedRun, asked: Sampling, z: Floats) -> Floats:
    """What a run makes of z (N, Z): the mean or a draw of p(x|z), (N, *event)."""
    labels = None if asked.label == ALL else np.full(len(z), asked.label)
    return decode(loaded.model, z, asked.seed if asked.kind == "draw" else None, labels)


def near(loaded: LoadedRun, asked: Sampling) -> tuple[Nearest, float]:
    """The nearest training example of each sample (places in the training split), and the median
    of the distances of held-out examples from theirs; NaN where nothing is held out."""
    run, checkpoint = loaded.run, loaded.checkpoint
    nearest_rows = _near(run, checkpoint, run_key(run, checkpoint), asked)
    return nearest_rows, _yardstick(run, run_key(run))


@st.cache_data(max_entries=16, show_spinner="Looking for the nearest training examples…")
def _near(_run: Run, checkpoint: str, key: str, asked: Sampling) -> Nearest:
    loaded = cache.load_run(_run, checkpoint)
    data = loaded.data
    return nearest(sampled(loaded, asked).x, data.x[loaded.splits.train], data.scale)


@st.cache_data(max_entries=16, show_spinner="Looking for the nearest training examples…")
def _yardstick(_run: Run, key: str) -> float:
    loaded = cache.load_run(_run, "last")
    split, data = loaded.default_split(), loaded.data
    if split == "train":
        return float("nan")
    held = prepare(data, loaded.subset(split, JUDGED))
    return float(np.median(nearest(held, data.x[loaded.splits.train], data.scale).distance))


def controls(loaded: LoadedRun, at: Sequence[DeltaGenerator]) -> Sampling:
    """Number, temperature, mean or draw; the source, its components and class; the seed."""
    number = widgets.whole(at[0], "Number", "generate_number", (1, 400, 64), HELP["number"], 16)
    seed = widgets.whole(at[6], "Seed", "generate_seed", (0, 2**31, 0), HELP["seed"])
    st.session_state.setdefault("generate_temperature", 1.0)
    temperature = at[1].number_input(
        "Temperature",
        0.0,
        10.0,
        key="generate_temperature",
        step=0.1,
        format="%.2f",
        help=HELP["temperature"],
        persist_state="session",
    )
    kind = widgets.choose(at[2], "Show", "generate_kind", KINDS, "mean", HELP["kind"])
    source = _source_control(loaded, at[3])
    knobs, components = SOURCES[source].knobs, BY_BIC
    if "components" in knobs:
        start = 1 if "label" in knobs else BY_BIC
        key = f"generate_components_{source}"
        components = widgets.choose(
            at[4], "Components", key, COMPONENTS, start, HELP["components"]
        )
    by_class = bool(loaded.model.classes) or "label" in knobs
    label = class_control(loaded, at[5], "sample", turns=True) if by_class else ALL
    return Sampling(number, seed, float(temperature), kind, label, source, components)


def _source_control(loaded: LoadedRun, place: DeltaGenerator) -> str:
    rows = {n: row for n, row in SOURCES.items() if row.offered(cache.training_latents(loaded))}
    about = "Where z comes from, all fitted to training data.\n\n" + "\n\n".join(
        f"**{row.title}**: {_about(row)}" for row in rows.values()
    )
    titles = {name: row.title for name, row in rows.items()}
    key = f"generate_source_{loaded.run.name}"
    return str(widgets.choose(place, "Source of z", key, titles, own_source(loaded), about))


def source_in_words(source: Source) -> str:
    """What a source is; what it is good for is told in the help of its choice."""
    return f"{_about(source).partition('. Good')[0]}."


def _about(source: Source) -> str:
    """What a source is and what it is good for."""
    return " ".join((source.draw.__doc__ or "").split())


def in_words(loaded: LoadedRun, asked: Sampling) -> str:
    """What the samples are."""
    source = SOURCES[asked.source or own_source(loaded)]
    what = "each the mean E[x|z]" if asked.kind == "mean" else "each one draw x ~ p(x|z)"
    warm = f" at temperature {asked.temperature:g}" if asked.temperature != 1 else ""
    count = ""
    if "components" in source.knobs and "label" not in source.knobs:
        found = len(cache.training_latents(loaded).fit(asked.components).weight)
        count = f" ({found} component{'s' if found > 1 else ''})"
    turns = (
        ", the classes in turn" if asked.label == ALL and any(names_drawn(loaded, asked)) else ""
    )
    return f"{asked.number} samples, {what}{turns}{warm}{count}. {source_in_words(source)}"


def names_drawn(loaded: LoadedRun, asked: Sampling) -> list[str]:
    """The class that each sample is meant for; "" where there is none."""
    drawn = classes_drawn(
        cache.training_latents(loaded), asked.source or own_source(loaded), asked.draw
    )
    return [""] * asked.number if drawn is None else [loaded.data.classes[k] for k in drawn]


def others(loaded: LoadedRun) -> list[Run]:
    """The other runs that can decode the same z into examples of the same shape."""
    return [run for run in listing(server.ROOT) if _alike(run, loaded)]


def _alike(run: Run, loaded: LoadedRun) -> bool:
    if run.name == loaded.run.name or run.status().state == "damaged":
        return False
    if not run.weights_path("best").exists():
        return False
    same = run.settings["latent_dim"] == loaded.run.config.latent_dim
    return bool(same and domain_of(run.header).shape == loaded.model.domain.shape)
