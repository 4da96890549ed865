"""Shared parts of the Traversals page: the run, the order of its latents, and example controls.

Notation: N examples, Z latent dimensions, S positions of a path. A path is decoded in one call of
`vae.analysis.encoding.decode`, so that the page and the downloaded file contain the same x.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.encoding import by_kl, decode, informativeness
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.sampling import ALL
from vae.base.records import Floats, Ints
from vae.dashboard.shared import cache, row_names, widgets
from vae.figures.latent_bars import USED
from vae.figures.quantities import SPLITS
from vae.runs import Run

SAME_CLASS = -1  # decode a path as the class of its start
PARAMETERS = {"start": "row", "a": "a", "b": "b", "sum": "row"}  # of the address
STEPS = {n: str(n) for n in (5, 7, 9, 11, 13, 15, 21)}
CLASS_WIDTH = 8  # of the class control of a conditional model
HELP = {
    "row": "Row of the example in the data set, counted from 0. Its z is the mean of q(z|x).",
    "class": "Next and Random choose among the examples of this class.",
    "steps": "Number of positions along a path, odd so that one is in the middle. More steps show "
    "smaller changes.",
    "decoded_as": "The class label given to the decoder of this conditional model, for the whole "
    "path. Own class: the class of the example or class mean at the start.",
}


def control_columns(run: Run, widths: Sequence[float]) -> list[DeltaGenerator]:
    """Columns for the controls, and a further one for the class of a conditional model."""
    more = [CLASS_WIDTH] * run.config.conditional
    return st.columns([*widths, *more], vertical_alignment="bottom", gap="xsmall")


class LatentOrder(NamedTuple):
    """Latents ordered by information."""

    order: list[int]  # most informative first
    information: Floats  # (Z,) mean KL in nats, or variance of the means of q(z|x) without a KL
    inactive: set[int]  # latents below the threshold


def log_prior(loaded: LoadedRun, z: Floats) -> Floats:
    """ln p(z) of z (M, Z) in nats, (M,)."""
    import torch

    with torch.no_grad():
        latents = torch.from_numpy(z).to(loaded.model.device)
        values: Floats = loaded.model.prior().log_prob(latents).cpu().numpy()
    return values


def aggregate_samples(loaded: LoadedRun) -> Floats:
    """Samples of the aggregate posterior (N, Z), one z ~ q(z|x) for each training example."""
    return cache.training_latents(loaded).z


def latent_order(loaded: LoadedRun) -> LatentOrder:
    """Latents in order of information.

    A latent is inactive below 0.01 nats of mean KL, or, where the KL is not a sum over latents,
    below a variance of 0.01 (Burda et al. 2016). The latents of a posterior without
    density have no fixed scale, so none is inactive.
    """
    encoding = cache.training_encoding(loaded)
    information = informativeness(encoding)
    low = np.flatnonzero(information < USED).tolist() if loaded.model.has_kl else []
    return LatentOrder(by_kl(encoding), information, set(low))


def posterior_mean(loaded: LoadedRun, row: int) -> Floats:
    """The mean of q(z|x) of an example, (Z,)."""
    mean: Floats = loaded.encode(np.array([row])).mean[0]
    return mean


def decode_path(loaded: LoadedRun, z: Floats, label: int) -> Floats:
    """Decode z (M, Z) to E[x|z] (M, *event); a conditional model gets the class `label`."""
    return decode(loaded.model, z, labels=np.full(len(z), label))


def choose_example(
    loaded: LoadedRun, key: str, places: Sequence[DeltaGenerator], title: str
) -> int:
    """Show the controls of one example in four places and return its row."""
    data, rows = loaded.data, loaded.rows(loaded.default_split())
    bounds = 0, len(data.x) - 1, _first_row(loaded, rows, other=key == "b")
    of, field = PARAMETERS[key], row_key(key, loaded.run)
    row = widgets.whole(places[0], title, field, bounds, HELP["row"], link=of)
    names, about = {ALL: "any"} | {k: data.classes[k] for k in classes_of(loaded)}, HELP["class"]
    field = widgets.key_of(f"traverse_{key}_class", loaded.run)
    label = int(widgets.choose(places[1], "Class", field, names, ALL, about, link=f"class_{of}"))
    if label != ALL and data.labels is not None:
        rows = rows[data.labels[rows] == label]
    for place, word, jump in zip(places[2:], ("Random", "Next"), (_random, _next), strict=True):
        with place:
            widgets.press(
                word,
                widgets.key_of(f"traverse_{key}_{word.lower()}", loaded.run),
                partial(_put, key, loaded.run, jump, rows, row),
                f"{word} example of the {loaded.default_split()} split, of the chosen class.",
                disabled=not len(rows),
                width="stretch",
            )
    return row


def row_key(key: str, run: Run) -> str:
    """Return the key of the field with the row of an example: "a", "b", …"""
    return widgets.key_of(f"traverse_{key}_row", run)


def _put(key: str, run: Run, jump: Callable[[Ints, int], int], rows: Ints, row: int) -> None:
    st.session_state[row_key(key, run)] = jump(rows, row)


def _first_row(loaded: LoadedRun, rows: Ints, other: bool) -> int:
    """The first of the rows, or with `other` the first of another class than that."""
    labels = loaded.data.labels
    if not other or len(rows) < 2:
        return int(rows[0])
    different = rows[1:] if labels is None else rows[labels[rows] != labels[rows[0]]]
    return int(different[0] if len(different) else rows[1])


def classes_of(loaded: LoadedRun) -> list[int]:
    """The classes that occur in the default split."""
    labels = loaded.data.labels
    if labels is None:
        return []
    found = np.unique(labels[loaded.rows(loaded.default_split())])
    return [int(k) for k in found if 0 <= k < len(loaded.data.classes)]


def _random(rows: Ints, row: int) -> int:
    others = rows[rows != row]
    return int(np.random.default_rng().choice(others)) if len(others) else row


def _next(rows: Ints, row: int) -> int:
    return int(rows[np.searchsorted(rows, row, side="right") % len(rows)])


def choose_class(loaded: LoadedRun, place: DeltaGenerator, start: int | None) -> int:
    """The class that a path is decoded as, by default the class of its start; 0 for a model that
    is not conditional."""
    if not loaded.model.classes:
        return 0
    titles = {} if start is None else {SAME_CLASS: "own class"}
    titles |= dict(enumerate(loaded.data.classes))
    key, default = widgets.key_of("traverse_held", loaded.run), next(iter(titles))
    about = HELP["decoded_as"]
    label = int(
        widgets.choose(place, "Decoded as", key, titles, default, about, link="decoded_as")
    )
    return max(0, start) if label == SAME_CLASS and start is not None else label


def class_of(loaded: LoadedRun, row: int) -> int | None:
    """The class of an example; None for data without classes."""
    labels = loaded.data.labels
    return None if labels is None else int(labels[row])


def choose_steps(place: DeltaGenerator) -> int:
    """The number of positions of a path."""
    about = HELP["steps"]
    return int(widgets.choose(place, "Steps", "traverse_steps", STEPS, 9, about, link="steps"))


def example_name(loaded: LoadedRun, row: int) -> str:
    """Class, row and split of an example as text."""
    data, rows = loaded.data, np.array([row])
    where = f"row {row} ({SPLITS[loaded.split_of(rows)[0]]})"
    if data.labels is None:
        return where
    return f"{row_names.names_of(data.labels, data.classes, rows)[0]} · {where}"
