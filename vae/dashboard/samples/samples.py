"""Samples of a run: z of a source, decoded, with the nearest training example of each.

A row of `analysis.sampling.SOURCES` samples z. N samples, Z latent dimensions.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import decode
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.nearest import Nearest, nearest
from vae.analysis.sampling import ALL, BY_BIC, SOURCES, Draw, Source, sample_classes
from vae.base.numbers import compact, plural
from vae.base.records import Floats
from vae.components.count_distributions import at_typical
from vae.dashboard import server
from vae.dashboard.samples.manifold import class_control
from vae.dashboard.shared import cache, widgets
from vae.dashboard.shared.run_choices import OFFERED
from vae.dashboard.shared.run_picker import has_weights
from vae.data import prepare
from vae.data.mapping import Rows
from vae.data.missing import filled
from vae.runs import Run, listing
from vae.runs.manifest import domain_of
from vae.runs.result_keys import run_key

KINDS = {"mean": "mean", "draw": "one draw"}
HELD_OUT = 200  # held-out examples whose distance to the training data is the reference
COMPONENTS = {BY_BIC: "by BIC"} | {k: str(k) for k in (1, 2, 3, 5, 8, 12, 20)}
HELP = {
    "number": "Number of samples, 1 to 400. A larger number with the same seed begins with the "
    "same samples. For more than 400: python -m vae sample.",
    "seed": "The same seed gives the same z and the same noise of p(x|z).",
    "temperature": "Factor on the deviation of z from the mean of its source (of each component "
    "or q(z|x) where there are several), without unit. 1 is the source itself; below 1 gives more "
    "typical, above 1 more unusual samples.",
    "kind": "For each z the mean E[x|z] of p(x|z), or one draw x ~ p(x|z) with its noise.",
    "components": "Number of Gaussians in the mixture, with full covariances. By BIC: the number "
    "of 1, 2, 3, 5, 8 or 12 with the lowest BIC. Few examples limit the number.",
    "nearest": "Below each sample its nearest training example: Euclidean distance over all "
    "values, in units of x (pictures: black 0, white 1; standardised columns: in SD). A sample "
    "much nearer than held-out examples usually are is a copy.",
    "other": "Another run with as many latents and examples of the same shape. It decodes the "
    "same z; a latent can have another meaning in another run. The choice has the newest "
    f"{OFFERED} runs.",
}


class Samples(NamedTuple):
    """Samples and the z that they were decoded from."""

    z: Floats  # (N, Z)
    x: Floats  # (N, *event)


class SamplesRequest(NamedTuple):
    """Number, seed, source and options that the controls select."""

    number: int
    seed: int
    temperature: float
    kind: str  # a key of KINDS
    label: int = ALL  # a class of a conditional model or a source by class, or ALL in turn
    source: str = ""  # a row of SOURCES; "" for the default of the model
    components: int = BY_BIC

    @property
    def draw(self) -> Draw:
        return Draw(self.number, self.seed, self.temperature, self.components, self.label)


def default_source(loaded: LoadedRun) -> str:
    """Return the first source of the table that the model offers: its prior where it has one."""
    latents = cache.training_latents(loaded)
    return next(name for name, row in SOURCES.items() if row.offered(latents))


def draw_samples(loaded: LoadedRun, request: SamplesRequest) -> Samples:
    """Return samples of the requested source. Raises ValueError where it has too few examples."""
    source = request.source or default_source(loaded)
    z = SOURCES[source].draw(cache.training_latents(loaded), request.draw)
    return Samples(z, decode_z(loaded, request, z))


def decode_z(loaded: LoadedRun, request: SamplesRequest, z: Floats) -> Floats:
    """Return the mean or a draw of p(x|z) for z (N, Z), (N, *event)."""
    labels = None if request.label == ALL else np.full(len(z), request.label)
    return decode(loaded.model, z, request.seed if request.kind == "draw" else None, labels)


def nearest_examples(loaded: LoadedRun, request: SamplesRequest) -> tuple[Nearest, float]:
    """Return the nearest training example of each sample (positions in the training split), and
    the median distance of held-out examples to theirs; NaN without held-out examples."""
    run, checkpoint = loaded.run, loaded.checkpoint
    found = _nearest(run, checkpoint, run_key(run, checkpoint), request)
    return found, _held_out_distance(run, run_key(run))


@st.cache_data(max_entries=16, show_spinner="Looking for the nearest training examples…")
def _nearest(_run: Run, checkpoint: str, key: str, request: SamplesRequest) -> Nearest:
    loaded = cache.load_run(_run, checkpoint)
    return nearest(*_compared(loaded, draw_samples(loaded, request).x))


@st.cache_data(max_entries=16, show_spinner="Looking for the nearest training examples…")
def _held_out_distance(_run: Run, key: str) -> float:
    loaded = cache.load_run(_run, "last")
    split = loaded.default_split()
    if split == "train":
        return float("nan")
    held = prepare(loaded.data, loaded.subset(split, HELD_OUT))
    return float(np.median(nearest(*_compared(loaded, held)).distance))


def _compared(loaded: LoadedRun, x: Floats) -> tuple[Floats, NDArray[Any] | Rows, float]:
    """Return queries x (N, *event), the training examples and their divisor for `nearest`, all
    rescaled where the model rescales its data."""
    domain, data, rows = loaded.model.domain, loaded.data, loaded.splits.train
    if not domain.scale and not domain.missing:
        return x, Rows(data.x, rows), data.scale
    among = filled(prepare(data, rows))
    return domain.rescale(filled(x)), domain.rescale(among), 1.0


def sample_controls(loaded: LoadedRun, at: Sequence[DeltaGenerator]) -> SamplesRequest:
    """Return number, temperature, mean or draw, source, components, class and seed."""
    number = widgets.whole(
        at[0], "Number", "generate_number", (1, 400, 64), HELP["number"], 16, link="number"
    )
    seed = widgets.seed(at[6], "generate_seed", HELP["seed"])
    temperature = _temperature_control(at[1])
    kind = widgets.choose(at[2], "Show", "generate_kind", KINDS, "mean", HELP["kind"], link="show")
    source = _source_control(loaded, at[3])
    options, components = SOURCES[source].options, BY_BIC
    if "components" in options:
        start = 1 if "label" in options else BY_BIC
        key = f"generate_components_{source}"
        components = widgets.choose(
            at[4], "Components", key, COMPONENTS, start, HELP["components"], link="components"
        )
    by_class = bool(loaded.model.classes) or "label" in options
    label = class_control(loaded, at[5], "sample", turns=True) if by_class else ALL
    return SamplesRequest(number, seed, temperature, kind, label, source, components)


def _temperature_control(place: DeltaGenerator) -> float:
    key, about = "generate_temperature", HELP["temperature"]
    ends, link = (0.0, 10.0), "temperature"
    return widgets.number(place, "Temperature", key, 1.0, ends, about, 0.1, link, format="%.2f")


def _source_control(loaded: LoadedRun, place: DeltaGenerator) -> str:
    latents = cache.training_latents(loaded)
    rows = {n: row for n, row in SOURCES.items() if row.offered(latents)}
    about = "The distribution of z; every fit uses training data.\n\n" + "\n\n".join(
        f"**{row.title}**: {_docstring(row)}" for row in rows.values()
    )
    titles = {name: row.title for name, row in rows.items()}
    key = widgets.key_of("generate_source", loaded.run)
    default = default_source(loaded)
    return str(widgets.choose(place, "Source of z", key, titles, default, about, link="source"))


def describe_source(source: Source) -> str:
    """Return the definition of a source, the sentences of its docstring before its use."""
    return f"{_docstring(source).partition('. Good')[0]}."


def _docstring(source: Source) -> str:
    return " ".join((source.draw.__doc__ or "").split())


def describe_samples(loaded: LoadedRun, request: SamplesRequest) -> str:
    """Return a line about the samples: how many, mean or draw, classes, source."""
    source = SOURCES[request.source or default_source(loaded)]
    kind = "each the mean E[x|z]" if request.kind == "mean" else "each one draw x ~ p(x|z)"
    warm = f" at temperature {compact(request.temperature)}" if request.temperature != 1 else ""
    count = ""
    if "components" in source.options and "label" not in source.options:
        found = len(cache.training_latents(loaded).fit(request.components).weight)
        count = f" ({found} component{'s' if found > 1 else ''})"
    in_turn = request.label == ALL and any(class_names(loaded, request))
    turns = ", the classes in turn" if in_turn else ""
    sized = at_typical(loaded.model.domain)
    return (
        f"{plural(request.number, 'sample')}, {kind}{turns}{warm}{count}{sized}. "
        f"{describe_source(source)}"
    )


def class_names(loaded: LoadedRun, request: SamplesRequest) -> list[str]:
    """Return the class of each sample; "" where samples have none."""
    source = request.source or default_source(loaded)
    labels = sample_classes(cache.training_latents(loaded), source, request.draw)
    return [""] * request.number if labels is None else [loaded.data.classes[k] for k in labels]


def compatible_runs(loaded: LoadedRun) -> list[Run]:
    """Return those of the newest runs that can decode the same z into examples of the same
    shape."""
    return [run for run in listing(server.ROOT, OFFERED) if _compatible(run, loaded)]


def _compatible(run: Run, loaded: LoadedRun) -> bool:
    if run.name == loaded.run.name or run.status().state == "damaged":
        return False
    if not has_weights(run):
        return False
    same = run.settings["latent_dim"] == loaded.run.config.latent_dim
    return bool(same and domain_of(run.header).shape == loaded.model.domain.shape)
