"""Shared parts of the Reconstructions page: request, selection of examples, and their captions.

Each example of a split is scored at one z, the mean of q(z|x) or one sample of it: reconstruction
= −ln p(x|z) and the analytic KL, nats per example. Order and mean use all examples of the split,
and the numbers below an example are the scores that it was selected by.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import errors_at, pick, posterior_sample
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.ranking import ORDERS, BoundTerms, percent, percentile
from vae.base.foreign import markdown
from vae.base.numbers import fixed
from vae.base.records import Floats, Ints
from vae.dashboard.shared import cache, html_grid, row_names, widgets
from vae.dashboard.shared.run_choices import load_checkpoint, split_titles
from vae.data import Dataset
from vae.figures.quantities import SPLITS
from vae.runs import Run

LATENTS = {"mean": "mean of q", "sample": "sample of q"}
ANY = -1  # every class
CONTROLS = [8, 11, 14, 9, 7, 9, 7]  # widths of the controls
Doubles = NDArray[np.float64]
HELP = {
    "split": "The model was trained on the train examples. It has not been trained on the others.",
    "order": "Random: shuffled with the seed. Most surprising: the largest −ELBO = reconstruction "
    "+ KL first; worst reconstruction: the largest reconstruction term first. Of the whole split, "
    "or of one class.",
    "class": "Select examples of this class only.",
    "number": "Number of examples on the page, 8 to 64.",
    "latent": "The z that is decoded: the mean of q(z|x), or one sample z ~ q(z|x) drawn with the "
    "seed, as in training and in the ELBO of the header. A sample usually gives a larger "
    "reconstruction term. With many inactive latents it can give a smaller one, because training "
    "never sets all of them to 0.",
    "seed": "Seed of the random order and of the samples of q. The same seed gives the same "
    "examples.",
}


class ReconstructionRequest(NamedTuple):
    """The chosen examples and the z at which they are reconstructed."""

    checkpoint: str
    split: str
    order: str  # a key of ORDERS
    label: int  # a class, or ANY
    number: int
    latent: str  # a key of LATENTS
    seed: int

    @property
    def sample_seed(self) -> int | None:
        """The seed of the samples of q(z|x); None for its mean."""
        return self.seed if self.latent == "sample" else None


class Selection(NamedTuple):
    """The selected examples with their reconstructions and scores."""

    rows: Ints  # (n,) rows of the data set
    x: Floats  # (n, *event) inputs of the model
    values: Floats  # (n, *event) E[x|z]
    reconstruction: Floats  # (n,)
    kl: Floats | None  # (n,)
    total: int  # number of examples that they were selected from
    means: tuple[float, float | None]  # reconstruction and KL over all of these
    surprise: Doubles  # (n,) share of the split, 0 to 1, with a higher ELBO

    @property
    def bound(self) -> Floats:
        """−ELBO of the selected examples (n,); the reconstruction term without a KL."""
        return self.reconstruction if self.kl is None else self.reconstruction + self.kl


def score_split(loaded: LoadedRun, split: str, sample_seed: int | None) -> BoundTerms:
    """Score every example of a split at the mean of q(z|x), or at a sample with this seed."""
    encoding = cache.encoding(loaded.run, loaded.checkpoint, split, len(loaded.rows(split)))
    kl = encoding.kl
    if sample_seed is None or kl is None:
        assert encoding.reconstruction is not None
        return BoundTerms(encoding.index, encoding.mean, encoding.reconstruction, kl)
    batches = loaded.batches(encoding.index)
    z = posterior_sample(loaded.model, batches, loaded.seed, sample_seed)
    errors = errors_at(loaded.model, batches, z, loaded.seed)
    return BoundTerms(encoding.index, z, errors, kl)


def select(loaded: LoadedRun, scores: BoundTerms, request: ReconstructionRequest) -> Selection:
    """Select the requested examples and decode them."""
    labels = loaded.data.labels
    candidates = np.arange(len(scores.rows))
    if request.label != ANY and labels is not None:
        candidates = np.flatnonzero(labels[scores.rows] == request.label)
    order = ORDERS[request.order].order
    places = order(scores, candidates, request.seed)[: request.number]
    kl, bound = scores.kl, scores.bound
    return Selection(
        rows=scores.rows[places],
        x=pick(loaded.batches(scores.rows), places, loaded.seed),
        values=loaded.decode(scores.z[places], scores.rows[places]),
        reconstruction=scores.reconstruction[places],
        kl=None if kl is None else kl[places],
        total=len(candidates),
        means=(
            float(scores.reconstruction[candidates].mean(dtype=np.float64)),
            None if kl is None else float(kl[candidates].mean(dtype=np.float64)),
        ),
        surprise=percentile(bound[places], bound),
    )


def controls(
    run: Run, number: int = 24, latent: bool = True
) -> tuple[LoadedRun, ReconstructionRequest]:
    """One row of widgets with `number` as the first number of examples.

    Without `latent` there is no choice of z, and z is the mean of q(z|x). Ends the page with an
    explanation if the run cannot be loaded.
    """
    at = st.columns(CONTROLS, vertical_alignment="bottom")
    loaded, split = split_controls(run, at)
    order, label = _order_controls(loaded, split, at)
    key = "reconstruct_number" if latent else "reconstruct_few"
    number = widgets.whole(
        at[4], "Number", key, (8, 64, number), HELP["number"], step=8, link="number"
    )
    place = "mean"
    if latent:
        names = LATENTS if loaded.model.has_kl else {"mean": "encoder's z"}
        place = widgets.choose(
            at[5], "Latent", "reconstruct_place", names, "mean", HELP["latent"], link="latent"
        )
    unused = latent and not ORDERS[order].random and place == "mean"
    last = at[6 if latent else 5]
    seed = widgets.seed(last, "reconstruct_seed", HELP["seed"], off=unused)
    return loaded, ReconstructionRequest(
        loaded.checkpoint, split, order, label, number, place, seed
    )


def _order_controls(
    loaded: LoadedRun, split: str, at: Sequence[DeltaGenerator]
) -> tuple[str, int]:
    """The order and the class of the examples; no order by ELBO for a model without one."""
    has_elbo = loaded.model.has_kl
    orders = {name: row.title for name, row in ORDERS.items() if has_elbo or not row.needs_kl}
    first = next(iter(orders))
    order = widgets.choose(
        at[2], "Order", "reconstruct_order", orders, first, HELP["order"], link="order"
    )
    classes = _classes(loaded.data, loaded.rows(split))
    key, about = widgets.key_of("reconstruct_class", loaded.run), HELP["class"]
    return order, widgets.choose(at[3], "Class", key, classes, ANY, about, link="class")


def split_controls(
    run: Run, at: Sequence[DeltaGenerator], label: str = "Examples"
) -> tuple[LoadedRun, str]:
    """The checkpoint and the split: widgets in the first two columns."""
    loaded = load_checkpoint(run, at[0], "reconstruct_checkpoint")
    splits = split_titles(loaded)
    key, default = widgets.key_of("reconstruct_split", run), loaded.default_split()
    return loaded, widgets.choose(at[1], label, key, splits, default, HELP["split"], link="split")


def _classes(data: Dataset, rows: Ints) -> dict[int, str]:
    """The classes that occur among the rows, and ANY for all of them."""
    if data.labels is None:
        return {ANY: "all"}
    present = np.unique(data.labels[rows])
    return {ANY: "all"} | {int(k): data.classes[k] for k in present if 0 <= k < len(data.classes)}


def summary(request: ReconstructionRequest, chosen: Selection, data: Dataset) -> str:
    """Number of selected examples, and the means over their candidates, as Markdown."""
    of = f" of class {markdown(data.classes[request.label])}" if request.label != ANY else ""
    head = f"**{len(chosen.rows):,} of {chosen.total:,}** {SPLITS[request.split]} examples{of}"
    error, kl = chosen.means
    mean = f"mean over all: reconstruction **{fixed(error)}**"
    if kl is None:
        return f":small[{head} · {mean} nats · KL not defined]"
    both = f"{mean} + KL **{fixed(kl)}**"
    if request.latent == "mean":
        return f":small[{head} · {both} nats, z at the mean of q]"
    return f":small[{head} · {both} = −ELBO **{fixed(error + kl)}** nats]"


def cards(chosen: Selection, data: Dataset) -> list[html_grid.Card]:
    """The captions of the selected examples: class, reconstruction, KL and surprise."""
    names = row_names.names_of(data.labels, data.classes, chosen.rows)
    kls = ["not defined"] * len(names) if chosen.kl is None else map(fixed, chosen.kl)
    return [
        html_grid.Card(
            f"{name} · row {row} of {data.name}",
            name,
            (
                (fixed(error), "reconstruction"),
                (kl, "muted" if chosen.kl is None else "kl"),
                (percent(share), "text"),
            ),
        )
        for row, name, error, kl, share in zip(
            chosen.rows, names, chosen.reconstruction, kls, chosen.surprise, strict=True
        )
    ]
