"""The plain records that travel between the rooms: numbers, strings and NumPy arrays, no torch.

Units are nats per example wherever a number is a log-probability or a divergence. `reconstruction`
is -E_q[ln p(x|z)], `kl` is KL(q(z|x) || p(z)), `elbo` is -(reconstruction + kl). A value that does
not exist (the KL of a point posterior) is None, never NaN.

Letters in shapes: N examples, Z latent dimensions, *event the shape of one example: (C, H, W) for
an image, (D,) for a vector. Examples in records are floats as the model sees them: images in
[0, 1].
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


# ── what is modelled ────────────────────────────────────────────────────────────────────────


class Domain(NamedTuple):
    """The space that examples live in: all that a model must know of its data."""

    shape: tuple[int, ...]  # *event
    levels: int = 0  # x is k / (levels - 1) with k = 0 … levels - 1; 0 for real values
    classes: int = 0  # labels run from 0 to classes - 1


# ── what training yields ────────────────────────────────────────────────────────────────────


class Tick(NamedTuple):
    """A sign of life, about ten times a second: how far training is and how fast."""

    step: int  # optimiser steps taken
    steps: int  # optimiser steps planned
    epoch: float  # step / steps per epoch
    epochs: int  # epochs planned
    images_per_second: float  # since the last tick
    seconds: float  # spent training, over all resumes
    best: float | None  # highest validation score so far, nats per example
    best_epoch: float | None
    best_by: str = ""  # name of that score: ELBO, K-sample bound, −reconstruction


class Report(NamedTuple):
    """One point of the curves, nats per example.

    Train values are means over the batches since the last report; validation values are taken at
    the current weights with a random stream of their own.
    """

    step: int
    epoch: float
    split: str  # "train" or "val"
    reconstruction: float
    kl: float | None
    elbo: float | None
    loss: float | None  # what is minimised
    beta: float | None  # the weight of the KL at this step, where the objective has one
    lr: float  # learning rate at this step
    kl_per_dimension: tuple[float, ...] | None
    terms: dict[str, float]  # further scalars: learned sigma, an objective's own terms
    images_per_second: float | None
    seconds: float


class Examples(NamedTuple):
    """The fixed examples that every frame shows; recorded once, before the first frame."""

    index: Ints  # type: ignore[assignment]  # (N,) rows of the data set whose latents are kept
    label: Ints | None  # (N,)
    factors: dict[str, Floats]  # name → (N,)
    classes: tuple[str, ...]  # names of the labels
    original_index: (
        Ints  # (M,) rows of the data set that are reconstructed, held out where possible
    )
    originals: Floats  # (M, *event)
    total: int  # how many examples the N were drawn from


class Frame(NamedTuple):
    """What the model makes of the fixed examples at one step: a frame of the time machine."""

    step: int
    epoch: float
    mean: Floats  # (N, Z) means of q(z|x)
    reconstructions: Floats  # (M, *event) E[x|z] at z = mean of q(z|x)
    samples: Floats  # (S, *event) E[x|z] at fixed z ~ p(z)


class Snapshot(NamedTuple):
    """A state of training, complete enough to go on bit for bit."""

    step: int
    arrays: dict[str, NDArray[Any]]  # "model.*", "optimizer.*", "best.*"
    meta: dict[str, Any]  # JSON: step, counters, sums since the last report, best so far


class Change(NamedTuple):
    """A knob moved by hand while training: `field` has this value from `step` on."""

    step: int
    field: str
    value: float


class Control(NamedTuple):
    """What is wanted of a training run: go on, or save and end; and every live change so far."""

    wanted: str = "run"  # "run", "pause" or "stop"
    changes: tuple[Change, ...] = ()


# ── what the pages show ─────────────────────────────────────────────────────────────────────


class Curve(NamedTuple):
    """One quantity of one split over training; gaps are NaN."""

    step: Ints  # (T,)
    epoch: Floats  # (T,)
    value: Floats  # (T,)


class Curves(NamedTuple):
    """The history of a run: (split, quantity) → curve, with live changes and best epoch marked."""

    curves: dict[tuple[str, str], Curve]  # ("train" | "val", "reconstruction" | "kl" | "elbo" | …)
    marks: tuple[tuple[float, str], ...]  # (epoch, label) of each live change
    best_epoch: float | None
    kl_per_dimension: Floats | None  # (Z,) the latest, validation where there is any


class Encoding(NamedTuple):
    """Examples seen through the model, nats per example."""

    index: Ints  # type: ignore[assignment]  # (N,) rows of the data set
    mean: Floats  # (N, Z)
    std: Floats | None  # (N, Z); None for a point posterior
    kl: Floats | None  # (N,); None for a point posterior
    kl_per_dimension: Floats | None  # (N, Z); None where q or p does not factorise
    reconstruction: Floats | None  # (N,) -ln p(x|z) at z = mean; None where it was not asked for


class Hue(NamedTuple):
    """What colours the points of a map: classes (integers and their names) or a quantity."""

    title: str  # "class", "phase", "KL (nats per example)"
    values: NDArray[Any]  # (N,) integers when `classes` is not empty, else floats
    classes: tuple[str, ...] = ()


class LatentMap(NamedTuple):
    """A 2-D picture of latents."""

    points: Floats  # (N, 2)
    axes: tuple[str, str]  # titles of the axes
    index: Ints  # type: ignore[assignment]  # (N,) rows of the data set
    hue: Hue | None
    total: int  # how many there are; N of them are shown
    rings: bool  # draw the prior's 1 sigma and 2 sigma rings: the axes are latent dimensions
    note: str = ""  # "KL(P‖Q) 1.08 after 500 iterations", "explains 61 % of the variance"


class Projection(NamedTuple):
    """Two-dimensional coordinates of the latents, axis titles and a caption."""

    points: Floats  # (N, 2)
    axes: tuple[str, str]
    note: str
    latents: tuple[int, ...] = ()  # two latents that are the axes; empty for other axes


class Tiles(NamedTuple):
    """Examples to be shown side by side, each with its caption."""

    values: Floats  # (N, *event)
    captions: tuple[str, ...] = ()


class Moments(NamedTuple):
    """Mean and standard deviation of each element over some examples, in the unit of x."""

    mean: Floats  # (*event)
    sd: Floats  # (*event) divided by N, not N - 1
    examples: int  # N


class Factor(NamedTuple):
    """A known factor of the data."""

    name: str
    distinct: int  # how many different values it takes
    low: float
    high: float


class DataSummary(NamedTuple):
    """A data set in numbers, values as the model sees them."""

    name: str
    about: str
    fingerprint: str
    examples: int
    shape: tuple[int, ...]  # *event
    dtype: str  # as it is kept: "uint8" or "float32"
    scale: float  # what is kept is divided by it
    binarize: str
    levels: int  # x is k / (levels - 1); 0 for real values
    distinct: int | None  # different values that occur; None: more than were counted
    low: float
    high: float
    mean: float
    sd: float
    zeros: float  # share of all values that are exactly 0
    constant: int  # elements that are the same in every example
    edges: Floats  # (B + 1,) of the histogram's bins
    counts: Ints  # (B,) values in each bin
    splits: dict[str, int]  # "train", "val", "test" → examples
    classes: tuple[str, ...]  # with "no class" behind them where an example has none
    class_counts: Ints  # (classes, 3) examples in train, val, test
    factors: tuple[Factor, ...]
    moments: Moments


class Baseline(NamedTuple):
    """What a likelihood makes of data without any latents, nats per example."""

    likelihood: str
    refused: str = ""  # why these data cannot have it; then there is nothing else
    caveat: str = ""  # why its numbers are no log-likelihoods of these data
    options: dict[str, Any] = {}  # noqa: RUF012 (never changed) as they are set
    learned: dict[str, float] = {}  # noqa: RUF012 (never changed) its own parameters, fitted
    nats: float | None = None  # mean of -ln p(x | h) at the best constant h
    se: float | None = None  # standard error of that mean, over the examples judged
    bits_per_dimension: float | None = None  # bits; only of a log-probability
    probability: bool = False  # the log of a probability, not of a density
    split: str = ""  # whose examples are judged
    examples: tuple[int, int] = (0, 0)  # judged, of so many
    fitted: tuple[int, int] = (0, 0)  # fitted to, of so many
    converged: bool = False


class Estimate(NamedTuple):
    """A number with its uncertainty; a field that does not apply is None."""

    value: float
    se: float | None = None  # standard error
    low: float | None = None  # ends of the 95 % interval
    high: float | None = None
    chance: float | None = None  # the value that latents without information reach
    reference: float | None = None  # the value that real examples reach in place of samples
    smallest: float | None = None  # the least value of one example

    def as_json(self) -> dict[str, float]:
        return {name: value for name, value in self._asdict().items() if value is not None}


class Evaluation(NamedTuple):
    """The measures of one run on one split; a row of `evaluation.measures` defines each.

    `values` has the keys that `python -m vae evaluate --json` prints: a number under `elbo`, its
    standard error under `elbo_se`, a 95 % interval under `active_units_interval`, a table name →
    Estimate under `probes`. Every key is an attribute too: `record.elbo`. All values have types of
    JSON; one that does not exist is None, and `notes` has the reason under the same key.
    """

    run: str
    split: str
    checkpoint: str
    examples: int
    values: dict[str, Any]
    notes: dict[str, str]  # key → why its value is None, or a caution

    def __getattr__(self, key: str) -> Any:
        try:
            return self.values[key]
        except KeyError:
            raise AttributeError(f"This evaluation has no value {key!r}.") from None

    def get(self, key: str) -> Any:
        """Return the value under a key; None where it is undefined or this file lacks it."""
        return self.values.get(key)

    def as_json(self) -> dict[str, Any]:
        head, values, notes = self[:4], self.values, self.notes
        return dict(zip(self._fields, head, strict=False)) | values | {"notes": notes}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Evaluation":
        """Return the evaluation in a JSON object; raises KeyError or TypeError if it is none."""
        run, split, checkpoint, examples = (saved[name] for name in cls._fields[:4])
        values = {key: saved[key] for key in saved if key not in cls._fields}
        float(values["reconstruction"])
        return cls(run, split, checkpoint, examples, values, dict(saved["notes"] or {}))
