"""What the page of traversals knows of a run: where its prior and its data lie in latent space,
which latents say anything, and the example that a person has chosen.

N examples, Z latent dimensions. A path is decoded in one call, so that what is shown is what
`vae.analysis.encoding.decode` makes of the z that can be downloaded.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import by_kl, decode, informativeness
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.sampling import ALL
from vae.base.records import Floats, Ints
from vae.dashboard.shared import cache, run_picker, widgets
from vae.figures.latent_bars import USED
from vae.runs import Run
from vae.runs.result_keys import run_key

DRAWS = 4000  # of the prior, for its mean, its spread and what is usual under it
CHECKPOINTS = {"best": "best", "last": "last"}
OWN = -1  # decode a path as an example of the class that it starts from
STEPS = {n: str(n) for n in (5, 7, 9, 11, 13, 15, 21)}
HELP = {
    "checkpoint": "Weights at the best validation ELBO (the K-sample bound for iwae, the "
    "reconstruction where no KL is trained), or the last saved ones.",
    "row": "The example's row in the data set, counted from 0. Its z is the mean of q(z|x).",
    "class": "Next and Random keep to examples of this class.",
    "steps": "Places along a path, an odd number so that one stands in the middle. More show "
    "smaller changes.",
    "held": "The model was told classes: the whole path is decoded as an example of this one. "
    "Own class: that of the example or the class mean that the path starts from.",
}


def row_of_controls(run: Run, widths: Sequence[float], told: float) -> list[DeltaGenerator]:
    """Places side by side, and for a model that is told classes one more of the width `told`."""
    more = [told] * run.config.conditional
    return st.columns([*widths, *more], vertical_alignment="bottom", gap="xsmall")


class Span(NamedTuple):
    """Where something lies in latent space, latent by latent."""

    centre: Floats  # (Z,)
    unit: Floats  # (Z,) standard deviation
    name: str  # what it is a span of


def open_run(run: Run, place: DeltaGenerator) -> LoadedRun:
    """The run at the chosen checkpoint; ends the page with a word of help if it cannot be."""
    checkpoint = widgets.choose(
        place, "Checkpoint", "traverse_checkpoint", CHECKPOINTS, "best", HELP["checkpoint"]
    )
    try:
        return cache.load_run(run, checkpoint)
    except (ValueError, OSError) as error:
        run_picker.empty("This run cannot be opened.", str(error))


def usual(loaded: LoadedRun) -> Floats:
    """Draws of the prior (M, Z), or where there is none the latents of the training data."""
    if not loaded.model.has_kl:
        return cache.training_encoding(loaded).mean
    run, checkpoint = loaded.run, loaded.checkpoint
    return _draws(run, checkpoint, run_key(run, checkpoint))


@st.cache_data(max_entries=8, show_spinner=False)
def _draws(_run: Run, checkpoint: str, key: str) -> Floats:
    import torch

    from vae.base import rng

    model = cache.load_run(_run, checkpoint).model
    with torch.no_grad(), rng.stream(model.device, 0, "page"):
        z: Floats = model.prior().sample(torch.Size((DRAWS,))).cpu().numpy()
    return z


def log_prior(loaded: LoadedRun, z: Floats) -> Floats:
    """ln p(z) of z (M, Z) in nats, (M,)."""
    import torch

    with torch.no_grad():
        own = torch.from_numpy(z).to(loaded.model.device)
        values: Floats = loaded.model.prior().log_prob(own).cpu().numpy()
    return values


def span_of(loaded: LoadedRun) -> Span:
    """The mean and the standard deviations of the prior, exactly where it is N(0, I), else of
    draws; of the encoded training data for a point posterior, which has no prior."""
    if run_picker.has_rings(loaded.run):
        size = loaded.run.config.latent_dim
        return Span(np.zeros(size, np.float32), np.ones(size, np.float32), "the prior")
    z = usual(loaded)
    name = "the prior" if loaded.model.has_kl else "the encoded data"
    return Span(z.mean(0), z.std(0), name)


def aggregate(loaded: LoadedRun) -> Floats:
    """Draws of the aggregate posterior, one z ~ q(z|x) of each training example, (N, Z)."""
    return cache.training_latents(loaded).z


def ordered(loaded: LoadedRun) -> tuple[list[int], Floats, set[int]]:
    """Latents, the most informative first; what each carries, (Z,), in nats of mean KL or where
    it has none of its own as the variance of the mean of q(z|x); and those that carry nothing:
    below 0.01 nats, or of a variance below 0.01 (Burda et al. 2016). A point posterior has no
    scale to say so by."""
    encoding = cache.training_encoding(loaded)
    value = informativeness(encoding)
    idle = set(np.flatnonzero(value < USED).tolist()) if loaded.model.has_kl else set()
    return by_kl(encoding), value, idle


def said(loaded: LoadedRun, value: float) -> str:
    """What a latent carries, with its unit."""
    has_nats = cache.training_encoding(loaded).kl_per_dimension is not None
    return f"{value:.2f} nats" if has_nats else f"variance {value:.2g}"


def z_of(loaded: LoadedRun, row: int) -> Floats:
    """The mean of q(z|x) of an example, (Z,)."""
    mean: Floats = loaded.encode(np.array([row])).mean[0]
    return mean


def through(loaded: LoadedRun, z: Floats, label: int) -> Floats:
    """What the decoder makes of z (M, Z), all of one class where the model is conditional,
    (M, *event)."""
    return decode(loaded.model, z, labels=np.full(len(z), label))


def example(loaded: LoadedRun, key: str, places: Sequence[DeltaGenerator], title: str) -> int:
    """Widgets for one example, in four places: its row, its class, random, next. The row."""
    state, data = f"traverse_{key}_{loaded.run.name}", loaded.data
    rows = loaded.rows(loaded.default_split())
    st.session_state.setdefault(state, _first(loaded, rows, other=key == "b"))
    last = len(data.x) - 1
    st.session_state[state] = min(int(st.session_state[state]), last)
    row = places[0].number_input(
        title, 0, last, key=state, step=1, help=HELP["row"], persist_state="session"
    )
    names = {ALL: "any"} | {k: data.classes[k] for k in classes_of(loaded)}
    label = widgets.choose(places[1], "Class", f"{state}_class", names, ALL, HELP["class"])
    among = rows if label == ALL or data.labels is None else rows[data.labels[rows] == label]
    for place, word, jump in zip(places[2:], ("Random", "Next"), (_random, _next), strict=True):
        place.button(
            word,
            key=f"{state}_{word.lower()}",
            on_click=_go,
            args=(state, jump, among),
            width="stretch",
            help=f"{word} example of the {loaded.default_split()} split, of the class chosen.",
        )
    return int(row)


def _first(loaded: LoadedRun, rows: Ints, other: bool) -> int:
    """The first of the rows; or of those after it the first of another class."""
    labels = loaded.data.labels
    if not other or len(rows) < 2:
        return int(rows[0])
    apart = rows[1:] if labels is None else rows[labels[rows] != labels[rows[0]]]
    return int(apart[0] if len(apart) else rows[1])


def classes_of(loaded: LoadedRun) -> list[int]:
    """The classes that occur in the split that examples are taken from."""
    labels = loaded.data.labels
    if labels is None:
        return []
    found = np.unique(labels[loaded.rows(loaded.default_split())])
    return [int(k) for k in found if 0 <= k < len(loaded.data.classes)]


def _go(state: str, jump: Callable[[Ints, int], int], among: Ints) -> None:
    """Put another row into the widget; for callbacks."""
    if len(among):
        st.session_state[state] = jump(among, st.session_state[state])


def _random(among: Ints, row: int) -> int:
    others = among[among != row]
    return int(np.random.default_rng().choice(others)) if len(others) else row


def _next(among: Ints, row: int) -> int:
    return int(among[np.searchsorted(among, row, side="right") % len(among)])


def held(loaded: LoadedRun, place: DeltaGenerator, own: int | None) -> int:
    """The class that a path is decoded as, at first its own where it has one; 0 for a model that
    was told none."""
    if not loaded.model.classes:
        return 0
    titles = {} if own is None else {OWN: "own class"}
    titles |= dict(enumerate(loaded.data.classes))
    key = f"traverse_held_{loaded.run.name}"
    label = int(widgets.choose(place, "Decoded as", key, titles, next(iter(titles)), HELP["held"]))
    return max(0, own) if label == OWN and own is not None else label


def class_of(loaded: LoadedRun, row: int) -> int | None:
    """The class of an example, where there are classes."""
    labels = loaded.data.labels
    return None if labels is None else int(labels[row])


def steps_control(place: DeltaGenerator) -> int:
    """How many places a path has."""
    return int(widgets.choose(place, "Steps", "traverse_steps", STEPS, 9, HELP["steps"]))


def name_of(loaded: LoadedRun, row: int) -> str:
    """An example in words: its class, its row, its split."""
    data, rows = loaded.data, np.array([row])
    where = f"row {row} ({loaded.split_of(rows)[0]})"
    if data.labels is None:
        return where
    return f"{widgets.names_of(data.labels, data.classes, rows)[0]} · {where}"
