"""Records shared by several rooms: numbers, strings and NumPy arrays, without torch.

Log-probabilities and divergences are in nats per example. `reconstruction` is -E_q[ln p(x|z)],
`kl` is KL(q(z|x) || p(z)), `elbo` is -(reconstruction + kl). An undefined value (the KL of a
posterior without density) is None, never NaN.

Letters in shapes: N examples, Z latent dimensions, *event the shape of one example: (C, H, W) for
an image, (C, T) for a series, (D,) for a vector. Examples are floats, images in [0, 1].
"""

import math
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.json_text import is_count, is_result
from vae.base.kinds import restored, transformed

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

DIVERGED = "Training diverged"  # how the message of a DivergedError begins
SLOWER = "Lower the learning rate, or clip the gradient."  # two ways out at its end
RESCALE = "Choose data_scale standardise, which rescales every column."


class Domain(NamedTuple):
    """The space of the examples: the properties of the data that a model depends on."""

    shape: tuple[int, ...]  # *event
    levels: int = 0  # x is k / (levels - 1) with k = 0 … levels - 1; 0 for real values
    classes: int = 0  # labels run from 0 to classes - 1
    # The networks receive u = (x - location) / scale, with one location and one scale for each
    # column of a vector or channel of a picture or series; without them u = x
    location: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    missing: bool = False  # values of x may be NaN: not observed
    library_size: float = 0.0  # median sum of the counts of an example; 0 if no model reads it
    kinds: tuple[str, ...] = ()  # of the columns of a mixed table, see `vae.base.kinds`

    @property
    def log_volume(self) -> float:
        """ln |dx/du| of an example, Σ ln scale over its values, in nats: ln p(u) − ln p(x). 0 for
        a mixed table, where it depends on x and is a part of the likelihood."""
        if self.kinds:
            return 0.0
        each = math.prod(self.shape[1:])
        return each * math.fsum(map(math.log, self.scale))

    def rescale(self, x: Floats) -> Floats:
        """Return u for x (N, *event): the values in which distances between examples count."""
        if not self.scale:
            return x
        location, scale = self._units()
        return np.asarray((transformed(x, self.kinds) - location) / scale, np.float32)

    def restore(self, u: Floats) -> Floats:
        """Return x for u (N, *event)."""
        if not self.scale:
            return u
        location, scale = self._units()
        return np.asarray(restored(location + scale * u, self.kinds), np.float32)

    def _units(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return location and scale in the shape of an example, with its other axes of 1."""
        each = (-1, *(1 for _ in self.shape[1:]))
        location, scale = (np.array(v, np.float64) for v in (self.location, self.scale))
        return location.reshape(each), scale.reshape(each)


UNSCALED = Domain(())  # of examples whose values share one unit


class Tick(NamedTuple):
    """Progress and speed of training, about ten times a second."""

    step: int  # optimiser steps taken
    steps: int  # optimiser steps planned
    epoch: float  # step / steps per epoch
    epochs: int  # epochs planned
    images_per_second: float  # since the last tick
    seconds: float  # training time including all earlier sessions
    best: float | None  # highest validation score so far, nats per example
    best_epoch: float | None
    best_by: str = ""  # name of that score: ELBO, K-sample bound, −reconstruction


class DivergedError(FloatingPointError):
    """Training has reached a number that is not finite; `tick` is the progress until then, `cause`
    a likely cause with a way out."""

    def __init__(self, number: str, tick: Tick, cause: str) -> None:
        super().__init__(
            f"{DIVERGED}: the {_words(number)} is not finite at step {tick.step}. {cause}"
        )
        self.tick = tick


def _words(name: str) -> str:
    """Return the name of a field as words: "KL per dimension" for kl_per_dimension."""
    short = {"kl": "KL", "elbo": "ELBO", "lr": "learning rate", "sigma": "σ"}
    return " ".join(short.get(word, word) for word in name.split("_"))


class Report(NamedTuple):
    """One point of the curves, nats per example.

    Train values are means over the batches since the last report. Validation values belong to the
    current weights and use a separate random generator.
    """

    step: int
    epoch: float
    split: str  # "train" or "val"
    reconstruction: float
    kl: float | None
    elbo: float | None
    loss: float | None  # the minimised objective
    beta: float | None  # weight of the KL at this step; None if the objective has none
    lr: float | None  # learning rate at this step; None if a recorded run does not have it
    kl_per_dimension: tuple[float, ...] | None
    terms: dict[str, float]  # further scalars: learned sigma, terms of the objective
    images_per_second: float | None
    seconds: float


class Examples(NamedTuple):
    """The fixed examples of all frames, recorded once before the first frame."""

    index: Ints  # type: ignore[assignment]  # (N,) rows of the data set with recorded latents
    label: Ints | None  # (N,)
    factors: dict[str, Floats]  # name → (N,)
    classes: tuple[str, ...]  # names of the labels
    original_index: Ints  # (M,) rows of the data set to reconstruct, held out if possible
    originals: Floats  # (M, *event)
    total: int  # number of examples that the N were drawn from


class Frame(NamedTuple):
    """Latents, reconstructions and samples at one step: a frame of the time machine."""

    step: int
    epoch: float
    mean: Floats  # (N, Z) means of q(z|x)
    reconstructions: Floats  # (M, *event) E[x|z] at z = mean of q(z|x)
    samples: Floats  # (S, *event) E[x|z] at fixed z ~ p(z)
    log_variance: Floats | None = None  # (N, Z) ln σ² of q(z|x), if another loop has recorded it


class Snapshot(NamedTuple):
    """The complete state of training; resuming from it is exact bit for bit."""

    step: int
    arrays: dict[str, NDArray[Any]]  # "model.*", "optimizer.*", "best.*"
    meta: dict[str, Any]  # JSON: step, counters, sums since the last report, best so far


class Change(NamedTuple):
    """A change of a live hyperparameter: `field` has this value from `step` on."""

    step: int
    field: str
    value: float


class Control(NamedTuple):
    """The requested state of a training run, and all live changes so far."""

    wanted: str = "run"  # "run", "pause" or "stop"
    changes: tuple[Change, ...] = ()


class Curve(NamedTuple):
    """Values of one quantity on one split during training; gaps are NaN."""

    step: Ints  # (T,)
    epoch: Floats  # (T,)
    value: Floats  # (T,)


class Curves(NamedTuple):
    """The history of a run: (split, quantity) → curve, with live changes and best epoch marked."""

    curves: dict[tuple[str, str], Curve]  # ("train" | "val", "reconstruction" | "kl" | "elbo" | …)
    marks: tuple[tuple[float, str], ...]  # (epoch, label) of each live change
    best_epoch: float | None
    kl_per_dimension: Floats | None  # (Z,) the latest values, of validation if available


class Encoding(NamedTuple):
    """Latents and losses of examples, nats per example."""

    index: Ints  # type: ignore[assignment]  # (N,) rows of the data set
    mean: Floats  # (N, Z)
    std: Floats | None  # (N, Z); None for a posterior without density
    kl: Floats | None  # (N,); None for a posterior without density
    kl_per_dimension: Floats | None  # (N, Z); None if q or p does not factorise
    reconstruction: Floats | None  # (N,) −ln p(x|z) at z = mean; None if it was not requested


class Hue(NamedTuple):
    """The colours of the points of a map: classes (integers and their names) or a quantity."""

    title: str  # "class", "phase", "KL (nats per example)"
    values: NDArray[Any]  # (N,) integers when `classes` is not empty, else floats
    classes: tuple[str, ...] = ()


class LatentMap(NamedTuple):
    """A two-dimensional map of latents."""

    points: Floats  # (N, 2)
    axes: tuple[str, str]  # titles of the axes
    index: Ints  # type: ignore[assignment]  # (N,) rows of the data set
    hue: Hue | None
    total: int  # number of examples, of which the map has N
    rings: bool  # draw the prior's 1 sigma and 2 sigma rings: the axes are latent dimensions
    note: str = ""  # "KL(P‖Q) 1.08 after 500 iterations", "explains 61 % of the variance"


class Projection(NamedTuple):
    """Two-dimensional coordinates of the latents, axis titles and a caption."""

    points: Floats  # (N, 2)
    axes: tuple[str, str]
    note: str
    latents: tuple[int, ...] = ()  # two latents that are the axes; empty for other axes


class Tiles(NamedTuple):
    """Examples to display side by side, with their captions."""

    values: Floats  # (N, *event)
    captions: tuple[str, ...] = ()


class Estimate(NamedTuple):
    """A number with its uncertainty; fields that do not apply are None."""

    value: float
    se: float | None = None  # standard error
    low: float | None = None  # ends of the 95 % interval
    high: float | None = None
    chance: float | None = None  # value for latents without information
    reference: float | None = None  # value for real examples instead of samples
    smallest: float | None = None  # smallest value of a single example

    def as_json(self) -> dict[str, float]:
        return {name: value for name, value in self._asdict().items() if value is not None}


class Evaluation(NamedTuple):
    """The measures of one run on one split; a row of `evaluation.measures` defines each.

    `values` has the keys that `python -m vae evaluate --json` prints: a number under `elbo`, its
    standard error under `elbo_se`, a 95 % interval under `active_units_interval`, a table name →
    Estimate under `probes`. Every key is also an attribute: `record.elbo`. All values are JSON
    types. An undefined value is None, and `notes` has the reason under the same key.
    """

    run: str
    split: str
    checkpoint: str
    examples: int
    values: dict[str, Any]
    notes: dict[str, str]  # key → reason why its value is None, or a warning

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
        notes = dict(saved["notes"] or {})
        float(values["reconstruction"])
        are_texts = all(
            isinstance(text, str) for text in (run, split, checkpoint, *notes.values())
        )
        if not (are_texts and is_count(examples) and all(starmap(is_result, values.items()))):
            raise TypeError("a value of another type")
        return cls(run, split, checkpoint, examples, values, notes)
