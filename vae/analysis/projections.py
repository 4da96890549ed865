"""Projections: latents (N, Z) → two dimensions.

A row of `PROJECTIONS` is one function `f(means, *, <options>, seed)`. A linear one returns a
`Plane` of latent space, whose places can be mapped back to latents and so decoded. A nonlinear one
(`analysis.embeddings`) returns a `Projection` and has no inverse. A slow one also takes
`report(share, points)` and runs in a worker.

Notation: N examples, Z latents, M places of the plane. Means are those of q(z|x).
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae.analysis.embeddings import Progress, dot_histogram, silent, tsne, umap
from vae.base.numbers import percent
from vae.base.records import Floats, Ints, Projection

LEAST = 3  # examples that a fitted projection needs


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
    first, second = fitted.explained_variance_ratio_
    titles = (
        f"PC 1 ({percent(first, 1)} of variance)",
        f"PC 2 ({percent(second, 1)} of variance)",
    )
    note = f"{percent(first + second, 1)} of the variance"
    return Plane(fitted.mean_.astype(np.float32), axes, axes, ("PC 1", "PC 2"), titles, note)


def lda(means: Floats, *, labels: Ints, seed: int = 0) -> Plane:
    """The two linear discriminants (Fisher 1936; scikit-learn): the directions that separate the
    classes `labels` (N,) most, relative to the spread within a class. Labels below 0 mean "no
    class". The pseudo-inverse maps a place back to the latents nearest to their mean.

    Raises ValueError for fewer than three classes or two latents.
    """
    fitted = _discriminants(means, labels)
    forward = fitted.scalings_[:, :2].T
    origin, way, back = (
        a.astype(np.float32) for a in (fitted.xbar_, forward, np.linalg.pinv(forward).T)
    )
    share = fitted.explained_variance_ratio_
    titles = (f"LD 1 ({percent(share[0], 1)})", f"LD 2 ({percent(share[1], 1)})")
    note = f"{percent(share[:2].sum(), 1)} of the variance between classes"
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


class Row(NamedTuple):
    """A row of the table of projections."""

    title: str
    compute: Callable[..., Plane | Projection]  # (means, *, <options>, labels, seed, report)
    linear: bool = False  # returns a Plane
    slow: bool = False  # runs in a worker and takes `report`
    labelled: bool = False  # takes `labels`, the class of each example
    latents: int = 0  # latent dimensions that are the axes, chosen by the user


PROJECTIONS: dict[str, Row] = {  # the first row of each kind is the default
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
    report: Progress = silent,
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
    found = _computed(name, means, labels, options, seed, silent)
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
        raise ValueError(
            f"A projection needs at least {LEAST} examples: choose another split, or two "
            "latent dimensions."
        )
    if row.labelled and labels is None:
        raise ValueError(f"{row.title} need classes, and these examples have none.")
    known: dict[str, Any] = {"labels": labels} if row.labelled else {}
    known |= {"report": report} if row.slow else {}
    return row.compute(means, **known, **(options or {}), seed=seed)
