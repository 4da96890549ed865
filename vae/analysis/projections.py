"""Projections: latents (N, Z) → two dimensions.

A row of `PROJECTIONS` is one function `f(means, *, <options>, seed)`. A linear one returns a
`Plane` of latent space, whose places can be mapped back to latents and so decoded. Another one
returns a `Projection`: t-SNE and UMAP bend the space and have no inverse. A slow one also takes
`report(share, points)`, runs in a worker and is cancelled by a `report` that raises `Cancelled`.

Notation: N examples, Z latents, M places of the plane. Means are those of q(z|x).
"""

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from vae.base.options import Option
from vae.base.records import Floats, Ints, Projection

NEIGHBOURS = 10  # k of the trustworthiness
MOST_TRUSTED = 2_000  # examples at most for the trustworthiness
LEAST = 3  # examples that a fitted projection needs
BINS = 60  # of the histogram of a single latent

Progress = Callable[[float, Floats | None], None]


class Cancelled(Exception):
    """The user cancelled the projection."""


def _silent(share: float, points: Floats | None) -> None:
    return None


class Plane(NamedTuple):
    """A plane of latent space: place = (z - origin) forwardᵀ, and back z = origin + place · back.

    forward · backᵀ is the unit matrix, so a place decoded and projected again is the same place.
    """

    origin: Floats  # (Z,)
    forward: Floats  # (2, Z)
    back: Floats  # (2, Z)
    names: tuple[str, str]  # of the coordinates: "z1", "PC 1"; "" for the second of one latent
    titles: tuple[str, str]  # of the axes: "PC 1 (61.2 % of variance)"
    note: str = ""
    latents: tuple[int, ...] = ()  # two latents that are the axes; empty for other axes

    def places(self, z: Floats) -> Floats:
        """Return the places (N, 2) of latents (N, Z) on the map."""
        found: Floats = ((z - self.origin) @ self.forward.T).astype(np.float32)
        return found

    def latents_at(self, places: Floats) -> Floats:
        """Return the latents (M, Z) of places (M, 2) on the plane."""
        found: Floats = (self.origin + places @ self.back).astype(np.float32)
        return found

    def project(self, means: Floats) -> Projection:
        """Return latents (N, Z) as a projection to this plane."""
        return Projection(self.places(means), self.titles, self.note, self.latents)


def plane_of_latents(origin: Floats, latents: Sequence[int]) -> Plane:
    """Return the plane of two latent dimensions, the others fixed at `origin` (Z,).

    A single latent dimension lies along the first axis; the second axis has no name.
    """
    if len(origin) == 1:
        line = np.array([[1.0], [0.0]], np.float32)
        return Plane(np.zeros(1, np.float32), line, line, ("z1", ""), (_title(0), ""))
    first, second = latents
    axes = np.eye(len(origin), dtype=np.float32)[[first, second]]
    centre = origin.astype(np.float32)
    centre[[first, second]] = 0
    names, titles = (f"z{first + 1}", f"z{second + 1}"), (_title(first), _title(second))
    return Plane(centre, axes, axes, names, titles, latents=(first, second))


def _title(latent: int) -> str:
    return f"z{latent + 1} (posterior mean)"


def dimensions(means: Floats, *, latents: Sequence[int] = (0, 1), seed: int = 0) -> Plane:
    """Two latent dimensions as they are; the others are fixed at their mean over the examples."""
    return plane_of_latents(means.mean(0), latents)


def pca(means: Floats, *, seed: int = 0) -> Plane:
    """The first two principal components (scikit-learn) through the mean of the latents, with the
    share of variance that each explains."""
    from sklearn.decomposition import PCA

    fitted = PCA(2, random_state=seed).fit(means)
    axes = fitted.components_.astype(np.float32)
    first, second = 100 * fitted.explained_variance_ratio_
    titles = (f"PC 1 ({first:.1f} % of variance)", f"PC 2 ({second:.1f} % of variance)")
    note = f"{first + second:.1f} % of the variance"
    return Plane(fitted.mean_.astype(np.float32), axes, axes, ("PC 1", "PC 2"), titles, note)


def lda(means: Floats, *, labels: Ints, seed: int = 0) -> Plane:
    """The two linear discriminants (Fisher 1936; scikit-learn): the directions that separate the
    classes `labels` (N,) most, relative to the spread within a class. Labels below 0 mean "no
    class". Back to latents leads the pseudo-inverse, the shortest way.

    Raises ValueError for fewer than three classes or two latents.
    """
    fitted = _discriminants(means, labels)
    forward = fitted.scalings_[:, :2].T
    origin, way, back = (
        a.astype(np.float32) for a in (fitted.xbar_, forward, np.linalg.pinv(forward).T)
    )
    share = 100 * fitted.explained_variance_ratio_
    titles = (f"LD 1 ({share[0]:.1f} %)", f"LD 2 ({share[1]:.1f} %)")
    note = f"{share[:2].sum():.1f} % of the variance between classes"
    return Plane(origin, way, back, ("LD 1", "LD 2"), titles, note)


def _discriminants(means: Floats, labels: Ints) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    known = labels >= 0
    classes = len(np.unique(labels[known]))
    if classes < 3 or means.shape[1] < 2:
        raise ValueError(
            f"Linear discriminants need three classes and two latents; these examples have "
            f"{classes} and {means.shape[1]}: choose another projection."
        )
    fitted = LinearDiscriminantAnalysis().fit(means[known], labels[known])
    if fitted.scalings_.shape[1] < 2:
        raise ValueError("The classes differ along a single direction: choose another projection.")
    return fitted


def tsne(
    means: Floats,
    *,
    perplexity: Annotated[
        float,
        Option(
            "Effective number of neighbours of each point. A small value shows local clusters, a "
            "large one the global arrangement.",
            low=2,
            high=500,
        ),
    ] = 30.0,
    iterations: Annotated[
        int,
        Option(
            "Steps of gradient descent after 250 steps of early exaggeration.", low=50, high=5000
        ),
    ] = 500,
    seed: int = 0,
    report: Progress = _silent,
) -> Projection:
    """t-SNE (van der Maaten & Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html) by
    openTSNE. Distances between clusters mean little, and a place has no latents.

    Raises ValueError if there are fewer than 3 · perplexity + 1 points.
    """
    from openTSNE import TSNE

    if len(means) < 3 * perplexity + 1:
        raise ValueError(
            f"t-SNE with perplexity {perplexity:g} needs more than {3 * perplexity:g} points, and "
            f"there are {len(means)}: lower the perplexity."
        )
    total = 250 + iterations
    done = {"steps": 0}

    def follow(step: int, error: float, points: Floats) -> None:
        done["steps"] += 25
        report(min(0.99, 0.2 + 0.8 * done["steps"] / total), np.asarray(points, np.float32))

    report(0.0, None)
    points = TSNE(
        perplexity=perplexity,
        n_iter=iterations,
        early_exaggeration_iter=250,
        random_state=seed,
        callbacks=follow,
        callbacks_every_iters=25,
        n_jobs=max(1, (os.cpu_count() or 1) - 1),  # leave a core to a training run
    ).fit(np.ascontiguousarray(means, np.float64))
    note = f"KL(P‖Q) {points.kl_divergence:.3f} nats after {total} iterations"
    return Projection(np.asarray(points, np.float32), ("t-SNE 1", "t-SNE 2"), note)


def umap(
    means: Floats,
    *,
    neighbours: Annotated[
        int,
        Option(
            "Number of neighbours of each point. A small value shows local clusters, a large one "
            "the global arrangement.",
            low=2,
            high=500,
        ),
    ] = 15,
    distance: Annotated[
        float,
        Option("Smallest distance between points: 0 packs clusters tightly.", low=0, high=1),
    ] = 0.1,
    seed: int = 0,
    report: Progress = _silent,
) -> Projection:
    """UMAP (McInnes et al. 2018, https://arxiv.org/abs/1802.03426) by umap-learn. A place has
    no latents. UMAP reports no progress before its end.

    Raises ValueError unless there are more points than neighbours.
    """
    if len(means) <= neighbours:
        raise ValueError(
            f"UMAP needs more than {neighbours} points: lower the number of neighbours."
        )
    report(0.0, None)
    library = importlib.import_module("umap")
    maker = library.UMAP(n_neighbors=neighbours, min_dist=distance, random_state=seed, n_jobs=1)
    points = np.asarray(maker.fit_transform(means), np.float32)
    return Projection(points, ("UMAP 1", "UMAP 2"), f"{neighbours} neighbours")


def dot_histogram(latent: Floats, labels: Ints | None) -> Projection:
    """A single latent (N,) as a histogram of dots: z on the x axis, the points of each of 60 bins
    stacked by class."""
    low, high = float(latent.min()), float(latent.max())
    edges = np.linspace(low, high, BINS + 1)[1:-1]
    place = np.digitize(latent, edges)
    order = np.lexsort((np.arange(len(latent)) if labels is None else labels, place))
    first = np.searchsorted(place[order], place[order])  # index of the first point of its bin
    height = np.empty(len(latent), np.float32)
    height[order] = np.arange(len(latent)) - first + 1
    points = np.column_stack([latent, height]).astype(np.float32)
    return Projection(
        points, (_title(0), f"examples in each of {BINS} bins"), "one latent dimension"
    )


def trustworthiness(means: Floats, points: Floats) -> float | None:
    """Return how many neighbours on the map are neighbours in latent space, 0 to 1 (Venna & Kaski
    2001, k = 10; scikit-learn): 1 if all are, about 0.5 for random places.

    At most 2,000 evenly chosen examples of the N are compared. None for too few of them.
    """
    from sklearn.manifold import trustworthiness as trust

    every = slice(None, None, max(1, -(-len(means) // MOST_TRUSTED)))
    if len(means[every]) <= 2 * NEIGHBOURS:
        return None
    return float(trust(means[every], points[every], n_neighbors=NEIGHBOURS))


class Row(NamedTuple):
    """A row of the table of projections."""

    title: str
    compute: Callable[..., Plane | Projection]  # (means, *, <options>, labels, seed, report)
    linear: bool = False  # returns a Plane
    slow: bool = False  # runs in a worker and takes `report`
    labelled: bool = False  # takes `labels`, the class of each example
    latents: int = 0  # latent dimensions that are the axes, chosen by the user


PROJECTIONS: dict[str, Row] = {
    "dimensions": Row("dimensions", dimensions, linear=True, latents=2),
    "pca": Row("PCA", pca, linear=True),
    "lda": Row("discriminants", lda, linear=True, labelled=True),
    "tsne": Row("t-SNE", tsne, slow=True),
}
if importlib.util.find_spec("umap"):
    PROJECTIONS["umap"] = Row("UMAP", umap, slow=True)


def default_projection(latent_dim: int) -> str:
    """Return the first row that draws up to two latents as they are, or more in a fitted plane."""
    return next(n for n, row in PROJECTIONS.items() if bool(row.latents) == (latent_dim <= 2))


def overview_plane(means: Floats) -> Plane:
    """Return the plane of the default map of latents (N, Z): up to two latents as they are, more
    in the first fitted plane of the table; the first two latents for fewer than three examples."""
    name = default_projection(means.shape[1] if len(means) >= LEAST else 1)
    found = plane(name, means)
    assert found is not None
    return found


def project(
    name: str,
    means: Floats,
    labels: Ints | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    report: Progress = _silent,
) -> Projection:
    """Return the projection `name` of latents (N, Z) with labels (N,); a single latent becomes a
    histogram of dots.

    Raises ValueError for an unknown name and for too few examples.
    """
    if means.shape[1] == 1:
        return dot_histogram(means[:, 0], labels)
    found = _computed(name, means, labels, options, seed, report)
    return found.project(means) if isinstance(found, Plane) else found


def plane(
    name: str,
    means: Floats,
    labels: Ints | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Plane | None:
    """Return the plane of the projection `name`, None where it is not linear.

    Raises ValueError as `project` does.
    """
    if means.shape[1] == 1:
        return plane_of_latents(means[0], (0,))
    if not PROJECTIONS[name].linear:
        return None
    found = _computed(name, means, labels, options, seed, _silent)
    assert isinstance(found, Plane)
    return found


def _computed(
    name: str,
    means: Floats,
    labels: Ints | None,
    options: Mapping[str, Any] | None,
    seed: int,
    report: Progress,
) -> Plane | Projection:
    if name not in PROJECTIONS:
        raise ValueError(f"Unknown projection {name!r}; one of {', '.join(PROJECTIONS)}.")
    row = PROJECTIONS[name]
    if not row.latents and len(means) < LEAST:
        raise ValueError(f"A projection needs at least {LEAST} examples: choose another split.")
    if row.labelled and labels is None:
        raise ValueError(f"{row.title} need classes, and these examples have none.")
    known: dict[str, Any] = {"labels": labels} if row.labelled else {}
    known |= {"report": report} if row.slow else {}
    return row.compute(means, **known, **(options or {}), seed=seed)
