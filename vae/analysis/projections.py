"""Projections: latents (N, Z) → two dimensions.

A projection is a function `f(means, *, <own options>, seed, report) -> Projection`; `report(share,
points)` is told how far it is, and may raise `Cancelled` to end it. PCA is quick enough to do on
the spot; what is slow runs in a worker.

A linear projection has a `Plane`: the way into two dimensions and a way back, so that a place on
the map can be decoded. t-SNE and UMAP have none: what they draw is no section of latent space.
"""

import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np

from vae.base.options import Option
from vae.base.records import Floats, Ints, Projection

NEIGHBOURS = 10  # that trustworthiness looks at
JUDGED = 2_000  # points at most that it is computed on

Progress = Callable[[float, Floats | None], None]


class Cancelled(Exception):
    """Nobody wants the result any more."""


def _silent(share: float, points: Floats | None) -> None:
    return None


class Plane(NamedTuple):
    """A plane of latent space: place = (z - origin) forwardᵀ, and back z = origin + place · back.

    forward · backᵀ is the unit matrix, so a place decoded and projected again is the same place.
    """

    origin: Floats  # (Z,)
    forward: Floats  # (2, Z)
    back: Floats  # (2, Z)

    def places(self, z: Floats) -> Floats:
        """Latents (N, Z) → where the map draws them (N, 2)."""
        found: Floats = ((z - self.origin) @ self.forward.T).astype(np.float32)
        return found

    def latents(self, places: Floats) -> Floats:
        """Places (M, 2) of the map → the latents (M, Z) that lie on the plane there."""
        found: Floats = (self.origin + places @ self.back).astype(np.float32)
        return found


def plane_of_pair(means: Floats, pair: tuple[int, int]) -> Plane:
    """Two dimensions of latents (N, Z) as they are, the others at their mean over the examples,
    which is the mean of their aggregate posterior. A single latent lies along the first axis."""
    latents = means.shape[1]
    if latents == 1:
        line = np.array([[1.0], [0.0]], np.float32)
        return Plane(np.zeros(1, np.float32), line, line)
    axes = np.eye(latents, dtype=np.float32)[list(pair)]
    origin = means.mean(0).astype(np.float32)
    origin[list(pair)] = 0
    return Plane(origin, axes, axes)


def plane_of_pca(means: Floats, labels: Ints | None, seed: int) -> Plane:
    """The plane of the first two principal components, through the mean of latents (N, Z)."""
    fitted = _components(means, seed)
    axes = fitted.components_.astype(np.float32)
    return Plane(fitted.mean_.astype(np.float32), axes, axes)


def _components(means: Floats, seed: int) -> Any:
    from sklearn.decomposition import PCA

    return PCA(2, random_state=seed).fit(means)


def pca(means: Floats, *, seed: int = 0, report: Progress = _silent) -> Projection:
    """Principal components (scikit-learn), with the share of variance that each explains.

    One latent dimension is drawn against nothing.
    """
    if means.shape[1] < 2:
        points = np.column_stack([means[:, 0], np.zeros(len(means), np.float32)])
        return Projection(points, ("z1 (posterior mean)", ""), "One latent dimension.")
    fitted = _components(means, seed)
    points = fitted.transform(means).astype(np.float32)
    first, second = 100 * fitted.explained_variance_ratio_
    axes = (f"PC 1 ({first:.1f} % of variance)", f"PC 2 ({second:.1f} % of variance)")
    return Projection(points, axes, f"{first + second:.1f} % of the variance")


def tsne(
    means: Floats,
    *,
    perplexity: Annotated[
        float,
        Option(
            "About how many neighbours each point attends to. Small shows local clumps, large the "
            "broad arrangement.",
            low=2,
            high=500,
        ),
    ] = 30.0,
    iterations: Annotated[
        int,
        Option("Steps of gradient descent after 250 exaggerated ones.", low=50, high=5000),
    ] = 500,
    seed: int = 0,
    report: Progress = _silent,
) -> Projection:
    """t-SNE (van der Maaten & Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html) by
    openTSNE. Distances between clumps mean little, and there is no way back to latents.

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
        n_jobs=max(1, (os.cpu_count() or 1) - 1),  # a training run may be at work beside it
    ).fit(np.ascontiguousarray(means, np.float64))
    note = f"KL(P‖Q) {points.kl_divergence:.3f} nats after {total} iterations"
    return Projection(np.asarray(points, np.float32), ("t-SNE 1", "t-SNE 2"), note)


def umap(
    means: Floats,
    *,
    neighbours: Annotated[
        int,
        Option(
            "How many neighbours each point attends to. Few show local clumps, many the broad "
            "arrangement.",
            low=2,
            high=500,
        ),
    ] = 15,
    distance: Annotated[
        float,
        Option("How near points may lie to each other: 0 packs clumps tightly.", low=0, high=1),
    ] = 0.1,
    seed: int = 0,
    report: Progress = _silent,
) -> Projection:
    """UMAP (McInnes et al. 2018, https://arxiv.org/abs/1802.03426) by umap-learn. There is no way
    back to latents, and while it runs nobody hears from it.

    Raises ValueError if there are not more points than neighbours.
    """
    if len(means) <= neighbours:
        raise ValueError(f"UMAP needs more than {neighbours} points: lower the neighbours.")
    report(0.0, None)
    library = importlib.import_module("umap")
    maker = library.UMAP(n_neighbors=neighbours, min_dist=distance, random_state=seed, n_jobs=1)
    points = np.asarray(maker.fit_transform(means), np.float32)
    return Projection(points, ("UMAP 1", "UMAP 2"), f"{neighbours} neighbours")


def lda(means: Floats, labels: Ints, *, seed: int = 0, report: Progress = _silent) -> Projection:
    """Linear discriminants (Fisher 1936; scikit-learn): the two directions along which the classes
    `labels` (N,) lie furthest apart, measured in their own spread; those below 0 are no class.

    Raises ValueError for fewer than three classes or two latents: there are no two directions.
    """
    fitted = _discriminants(means, labels)
    share = 100 * fitted.explained_variance_ratio_
    axes = (f"LD 1 ({share[0]:.1f} %)", f"LD 2 ({share[1]:.1f} %)")
    note = f"{share[:2].sum():.1f} % of the variance between classes"
    return Projection(fitted.transform(means)[:, :2].astype(np.float32), axes, note)


def plane_of_lda(means: Floats, labels: Ints | None, seed: int) -> Plane:
    """The plane through the mean of the latents that the first two discriminants lead to; back is
    the shortest way (the pseudo-inverse)."""
    assert labels is not None
    fitted = _discriminants(means, labels)
    forward = fitted.scalings_[:, :2].T
    back = np.linalg.pinv(forward).T
    return Plane(*(a.astype(np.float32) for a in (fitted.xbar_, forward, back)))


def _discriminants(means: Floats, labels: Ints) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    known = labels >= 0
    classes = len(np.unique(labels[known]))
    if classes < 3 or means.shape[1] < 2:
        raise ValueError(
            f"Linear discriminants need three classes and two latents to fill a plane, and here "
            f"are {classes} and {means.shape[1]}: choose another projection."
        )
    fitted = LinearDiscriminantAnalysis().fit(means[known], labels[known])
    if fitted.scalings_.shape[1] < 2:
        raise ValueError("The classes differ along one line only: choose another projection.")
    return fitted


def trustworthiness(means: Floats, points: Floats) -> float | None:
    """How far neighbours in the plane are neighbours in latent space, 0 … 1 (Venna & Kaski 2001,
    k = 10; scikit-learn), on every n-th of N examples so that there are at most 2,000; 1 where no
    stranger has moved in, 0.5 or so by chance. None for too few points.
    """
    from sklearn.manifold import trustworthiness as trust

    every = slice(None, None, max(1, -(-len(means) // JUDGED)))
    if len(means[every]) <= 2 * NEIGHBOURS:
        return None
    return float(trust(means[every], points[every], n_neighbors=NEIGHBOURS))


class Row(NamedTuple):
    """A row of the table: the function, whether it is slow, its name on screen, the plane that it
    draws where it is linear, and whether it wants to know the classes."""

    project: Callable[..., Projection]
    slow: bool
    title: str
    plane: Callable[[Floats, Ints | None, int], Plane] | None = None
    labelled: bool = False


PROJECTIONS: dict[str, Row] = {
    "pca": Row(pca, slow=False, title="PCA", plane=plane_of_pca),
    "lda": Row(lda, slow=False, title="discriminants", plane=plane_of_lda, labelled=True),
    "tsne": Row(tsne, slow=True, title="t-SNE"),
}
if importlib.util.find_spec("umap"):
    PROJECTIONS["umap"] = Row(umap, slow=True, title="UMAP")
