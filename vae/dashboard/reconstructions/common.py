"""Reconstructions of a run: which examples, in which order, and what is said of each.

Every example of a split is judged at one z of its own, the mean of q(z|x) or one sample of it:
reconstruction = -ln p(x|z) and the analytic KL, nats per example. The order and the mean are over
all of them; those that are shown carry the numbers by which they were chosen.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import errors_at, pick, posterior_sample
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.ranking import ORDERS, Judged, percent, percentile
from vae.base.records import Floats, Ints
from vae.dashboard.shared import cache, html_grid, run_picker, widgets
from vae.data import Dataset
from vae.runs import Run

SPLITS = {"train": "train", "val": "validation", "test": "test"}
CHECKPOINTS = {"best": "best", "last": "last"}
PLACES = {"mean": "mean of q", "sample": "sample of q"}
ANY = -1  # every class
Doubles = NDArray[np.float64]
HELP = {
    "checkpoint": "Weights at the best validation ELBO (the K-sample bound for iwae, the "
    "reconstruction where no KL is trained), or "
    "the last saved ones.",
    "split": "The model has been fitted to the training examples; the others are new to it.",
    "order": "Random: drawn with the seed. Most surprising: the largest −ELBO = reconstruction + "
    "KL first; worst reconstruction: the largest reconstruction term first. Of the whole split, "
    "or of one class.",
    "class": "Only examples of this class.",
    "number": "How many examples are shown, 8 to 64.",
    "place": "Where z lies: at the mean of q(z|x), or one sample z ~ q(z|x) drawn with the seed, "
    "as in training and in the ELBO of the header. A sample is mostly a little worse; where many "
    "latents carry nothing it can be better, because the decoder has never seen them all at 0.",
    "seed": "Of the random order and of the samples of q. The same seed shows the same pictures.",
}


class Asked(NamedTuple):
    """What the controls ask for."""

    checkpoint: str
    split: str
    order: str
    label: int  # a class, or ANY
    number: int
    place: str
    seed: int


class Selection(NamedTuple):
    """The examples to be shown, and those that they are drawn from."""

    rows: Ints  # (n,) rows of the data set
    x: Floats  # (n, *event) as the model sees them
    values: Floats  # (n, *event) E[x|z]
    reconstruction: Floats  # (n,)
    kl: Floats | None  # (n,)
    total: int  # how many they are drawn from
    means: tuple[float, float | None]  # reconstruction and KL over all of these
    surprise: Doubles  # (n,) share of the split, 0 to 1, with a higher ELBO


def judge(loaded: LoadedRun, split: str, sample_seed: int | None) -> Judged:
    """Every example of a split at the mean of q(z|x), or at a sample if a seed is given."""
    encoding = cache.encoding(loaded.run, loaded.checkpoint, split, len(loaded.rows(split)))
    kl = encoding.kl
    if sample_seed is None or kl is None:
        assert encoding.reconstruction is not None
        return Judged(encoding.index, encoding.mean, encoding.reconstruction, kl)
    batches = loaded.batches(encoding.index)
    z = posterior_sample(loaded.model, batches, loaded.seed, sample_seed)
    errors = errors_at(loaded.model, batches, z, loaded.seed)
    return Judged(encoding.index, z, errors, kl)


def select(loaded: LoadedRun, judged: Judged, asked: Asked) -> Selection:
    """The examples that are asked for, with what the decoder makes of them."""
    labels = loaded.data.labels
    candidates = np.arange(len(judged.rows))
    if asked.label != ANY and labels is not None:
        candidates = np.flatnonzero(labels[judged.rows] == asked.label)
    _, order = ORDERS[asked.order]
    places = order(judged, candidates, asked.seed)[: asked.number]
    kl, bound = judged.kl, judged.bound
    return Selection(
        rows=judged.rows[places],
        x=pick(loaded.batches(judged.rows), places, loaded.seed),
        values=loaded.decode(judged.z[places], judged.rows[places]),
        reconstruction=judged.reconstruction[places],
        kl=None if kl is None else kl[places],
        total=len(candidates),
        means=(
            float(judged.reconstruction[candidates].mean(dtype=np.float64)),
            None if kl is None else float(kl[candidates].mean(dtype=np.float64)),
        ),
        surprise=percentile(bound[places], bound),
    )


def controls(run: Run, number: int = 24, latent: bool = True) -> tuple[LoadedRun, Asked]:
    """One row of widgets, at first for so many examples; `latent` asks where z lies, else it is
    the mean of q. Ends the page with a word of help if the run cannot be opened."""
    at = st.columns([8, 11, 14, 9, 7, 9, 7], vertical_alignment="bottom")
    loaded, split = split_controls(run, at)
    point = not loaded.model.has_kl
    orders = {name: title for name, (title, _) in ORDERS.items() if not (point and "elbo" in name)}
    order = widgets.choose(at[2], "Order", "reconstruct_order", orders, "random", HELP["order"])
    classes = _classes(loaded.data, loaded.rows(split))
    label = widgets.choose(
        at[3], "Class", f"reconstruct_class_{run.name}", classes, ANY, HELP["class"]
    )
    key = "reconstruct_number" if latent else "reconstruct_few"
    number = widgets.whole(at[4], "Number", key, (8, 64, number), HELP["number"], step=8)
    places, place = ({"mean": "encoder's z"} if point else PLACES), "mean"
    if latent:
        place = widgets.choose(at[5], "Latent", "reconstruct_place", places, "mean", HELP["place"])
    still = latent and order != "random" and place == "mean"
    last = at[6 if latent else 5]
    seed = widgets.whole(last, "Seed", "reconstruct_seed", (0, 2**31, 0), HELP["seed"], off=still)
    return loaded, Asked(loaded.checkpoint, split, order, label, number, place, seed)


def split_controls(
    run: Run, at: Sequence[DeltaGenerator], label: str = "Examples"
) -> tuple[LoadedRun, str]:
    """Which weights and which examples: widgets in the first two places."""
    checkpoint = widgets.choose(
        at[0], "Checkpoint", "reconstruct_checkpoint", CHECKPOINTS, "best", HELP["checkpoint"]
    )
    try:
        loaded = cache.load_run(run, checkpoint)
    except (ValueError, OSError) as error:
        run_picker.empty("This run cannot be opened.", str(error))
    sizes = {name: len(loaded.splits.rows(name)) for name in SPLITS}
    splits = {name: f"{SPLITS[name]} ({size:,})" for name, size in sizes.items() if size}
    start = loaded.default_split()
    split = widgets.choose(
        at[1], label, f"reconstruct_split_{run.name}", splits, start, HELP["split"]
    )
    return loaded, split


def _classes(data: Dataset, rows: Ints) -> dict[int, str]:
    """The classes that occur among the rows, and all of them at once."""
    if data.labels is None:
        return {ANY: "all"}
    present = np.unique(data.labels[rows])
    return {ANY: "all"} | {int(k): data.classes[k] for k in present if 0 <= k < len(data.classes)}


def summary(asked: Asked, chosen: Selection, data: Dataset) -> str:
    """How many are shown, and the mean over those they are drawn from, as Markdown."""
    of = f" of class {data.classes[asked.label]}" if asked.label != ANY else ""
    head = f"**{len(chosen.rows):,} of {chosen.total:,}** {SPLITS[asked.split]} examples{of}"
    error, kl = chosen.means
    mean = f"mean over all: reconstruction **{html_grid.number(error)}**"
    if kl is None:
        return f":small[{head} · {mean} nats · KL not defined]"
    both = f"{mean} + KL **{html_grid.number(kl)}**"
    if asked.place == "mean":
        return f":small[{head} · {both} nats, z at the mean of q]"
    return f":small[{head} · {both} = −ELBO **{html_grid.number(error + kl)}** nats]"


def cards(chosen: Selection, data: Dataset) -> list[html_grid.Card]:
    """The words below each example."""
    names = widgets.names_of(data.labels, data.classes, chosen.rows)
    kls = ["not defined"] * len(names) if chosen.kl is None else map(html_grid.number, chosen.kl)
    return [
        html_grid.Card(
            f"{name} · row {row} of {data.name}",
            name,
            (
                (html_grid.number(error), "reconstruction"),
                (kl, "muted" if chosen.kl is None else "kl"),
                (percent(share), "text"),
            ),
        )
        for row, name, error, kl, share in zip(
            chosen.rows, names, chosen.reconstruction, kls, chosen.surprise, strict=True
        )
    ]
