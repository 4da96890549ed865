"""The latent map as a record: which examples, where they lie in the plane, and what colours them.

Notation: N examples of a split, Z latent dimensions; colours and labels are in nats per example.
Widgets make a `MapRequest`; these functions compute the numbers of the picture, without a screen.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from vae.analysis.encoding import dimensions
from vae.analysis.projections import PROJECTIONS, Plane, plane_of_pair
from vae.analysis.projections_3d import LEAST, SPACES
from vae.base.records import Encoding, Floats, Hue, Ints, LatentMap, Projection
from vae.data import Dataset
from vae.runs import Run
from vae.worker.job import Job

DIMENSIONS = "dimensions"  # the latents as they are; every other projection is a row of a table
BINS = 60  # of the histogram that a single latent is drawn as


class MapRequest(NamedTuple):
    """What the controls ask for."""

    checkpoint: str
    split: str
    points: int  # at most so many examples
    projection: str  # DIMENSIONS or a row of PROJECTIONS or of SPACES
    options: dict[str, Any]  # pair or trio of dimensions, or the row's own options
    hue: str  # a key of `hues`
    seed: int
    following: bool  # draw every new state of a run that trains

    @property
    def slow(self) -> bool:
        """Whether the projection is the work of a background job."""
        return self.projection in PROJECTIONS and PROJECTIONS[self.projection].slow

    @property
    def deep(self) -> bool:
        """Whether three dimensions are shown."""
        return self.projection in SPACES

    def revision(self, run: str) -> str:
        """What zoom and selection belong to: colours and the number of points may change."""
        place = (run, self.checkpoint, self.split, self.projection, *self.options.values())
        return " ".join(map(str, place))


def choices(latent_dim: int, moving: bool, labelled: bool = False) -> dict[str, str]:
    """The projections to choose from: name → title. One latent needs none, the weights of a run
    that trains change too fast for a slow one, and some need classes or three latents."""
    if latent_dim == 1:
        return {DIMENSIONS: "dimension"}
    rows = {
        name: row.title
        for name, row in PROJECTIONS.items()
        if not (row.slow and moving) and (labelled or not row.labelled)
    }
    spaces = {name: row.title for name, row in SPACES.items() if latent_dim >= LEAST}
    return {DIMENSIONS: "dimensions", **rows, **spaces}


def hues(data: Dataset, encoding: Encoding) -> dict[str, Hue]:
    """All that may colour the points: name → values."""
    rows, found = encoding.index, {}
    if data.labels is not None:
        found["class"] = Hue("class", data.labels[rows], data.classes)
    found |= {name: Hue(name, values[rows]) for name, values in data.factors.items()}
    if encoding.kl is not None:
        found["KL"] = Hue("KL (nats per example)", encoding.kl)
    if encoding.reconstruction is not None:
        title = "reconstruction error (nats per example)"
        found["reconstruction"] = Hue(title, encoding.reconstruction)
    return found


def project(encoding: Encoding, asked: MapRequest, labels: Ints | None) -> Projection:
    """The examples in the plane, for a projection that is quick; labels (N,) order the strip of a
    single latent.

    Raises ValueError if there are too few examples.
    """
    if encoding.mean.shape[1] == 1:
        return stacked(encoding.mean[:, 0], labels)
    if asked.projection == DIMENSIONS:
        return dimensions(encoding.mean, asked.options["pair"])
    if len(encoding.mean) < 3:
        raise ValueError("A projection needs at least 3 examples: choose another split.")
    row = PROJECTIONS[asked.projection]
    known = {"labels": labels} if row.labelled else {}
    return row.project(encoding.mean, **known, **asked.options, seed=asked.seed)


def plane(encoding: Encoding, asked: MapRequest, labels: Ints | None) -> Plane | None:
    """The plane of latent space that the map shows; None where the projection has no way back."""
    if asked.projection == DIMENSIONS:
        return plane_of_pair(encoding.mean, asked.options["pair"])
    way = PROJECTIONS[asked.projection].plane
    return None if way is None else way(encoding.mean, labels, asked.seed)


def plane_names(encoding: Encoding, asked: MapRequest) -> tuple[str, str]:
    """What the coordinates along both axes of the plane are called; "" where there is none."""
    if encoding.mean.shape[1] == 1:
        return ("z1", "")
    if asked.projection == DIMENSIONS:
        across, up = asked.options["pair"]
        return (f"z{across + 1}", f"z{up + 1}")
    short = {"pca": "PC", "lda": "LD"}[asked.projection]
    return (f"{short} 1", f"{short} 2")


def stacked(latent: Floats, labels: Ints | None) -> Projection:
    """A single latent (N,) as a histogram made of its points: z across, and in each of 60 bins the
    points one above the other, by class."""
    low, high = float(latent.min()), float(latent.max())
    edges = np.linspace(low, high, BINS + 1)[1:-1]
    place = np.digitize(latent, edges)
    order = np.lexsort((np.arange(len(latent)) if labels is None else labels, place))
    first = np.searchsorted(place[order], place[order])  # where each point's bin begins
    height = np.empty(len(latent), np.float32)
    height[order] = np.arange(len(latent)) - first + 1
    points = np.column_stack([latent, height]).astype(np.float32)
    axes = ("z1 (posterior mean)", f"examples in each of {BINS} bins")
    return Projection(points, axes, "one latent dimension")


def latent_map(
    encoding: Encoding,
    placed: Projection,
    asked: MapRequest,
    colours: Mapping[str, Hue],
    total: int,
    rings: bool = True,
) -> LatentMap:
    """The record of the map; `total` is how many examples the split has, `rings` whether circles
    about the origin say where the prior lies."""
    plain = asked.projection == DIMENSIONS and encoding.mean.shape[1] > 1
    return LatentMap(
        points=placed.points,
        axes=placed.axes,
        index=encoding.index,
        hue=colours.get(asked.hue),
        total=total,
        rings=plain and rings,
        note=placed.note,
    )


def steady(low: float, high: float) -> tuple[float, float]:
    """A range rounded outwards to half its power of ten, so that it stays the same while points
    move a little: -3.17 to 3.24 → -3.5 to 3.5."""
    step = 0.5 * 10.0 ** math.floor(math.log10(high - low))
    return math.floor(low / step) * step, math.ceil(high / step) * step


def words(encoding: Encoding, colours: Mapping[str, Hue]) -> list[str]:
    """What each example is, for the pointer: class, row, factors, and its nats; (N,) lines."""
    names = [_named(hue) for name, hue in colours.items() if name == "class"]
    known = [
        [f"{name} {value:.3g}" for value in hue.values]
        for name, hue in colours.items()
        if not hue.classes and " (" not in hue.title
    ]
    nats = [
        [f"{name} {value:.1f} nats" for value in colours[key].values]
        for key, name in (("reconstruction", "reconstruction"), ("KL", "KL"))
        if key in colours
    ]
    heads = [[f"#{row}" for row in encoding.index]]
    lines = zip(*names, *heads, *known, strict=True)
    return [
        "\n".join([" · ".join(first), *rest]) for first, *rest in zip(lines, *nats, strict=True)
    ]


def _named(hue: Hue) -> list[str]:
    """The name of each point's class."""
    names = dict(enumerate(hue.classes))
    return [names.get(int(label), "no class") for label in hue.values]


def job_of(run: Run, asked: MapRequest) -> Job:
    """The background job that makes a slow projection."""
    spec = asked._asdict()
    return Job.of(
        run,
        "project",
        {k: spec[k] for k in ("checkpoint", "split", "points", "projection", "options", "seed")},
    )
