"""Nonlinear projections of latents to two dimensions, and their trustworthiness.

t-SNE and UMAP preserve neighbourhoods; a place on their map has no latents. They call
`report(share, points)` with the share that is done, 0 to 1, and the points so far, (N, 2) or None;
a `report` may raise `base.progress.Cancelled` to end them. N examples, Z latents.
"""

import importlib
import os
from collections.abc import Callable
from itertools import count
from typing import Annotated

import numpy as np

from vae.base.numbers import fixed, typed
from vae.base.options import Option
from vae.base.records import Floats, Ints, Projection

NEIGHBOURS = 10  # k of the trustworthiness
MOST_TRUSTED = 2_000  # examples at most for the trustworthiness
BINS = 60  # of the histogram of a single latent
EARLY = 250  # steps of t-SNE with early exaggeration
# Up to so many points, exact neighbours take a sixth of the time of approximate ones, and late
# steps by Barnes and Hut half of the time of steps on a grid, which grows with the map
FEW = 10_000
GRID = 2_500  # points from which early steps on a grid are faster than by Barnes and Hut

Progress = Callable[[float, Floats | None], None]


def silent(share: float, points: Floats | None) -> None:
    """Ignore the progress."""


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
    ] = 250,
    seed: int = 0,
    report: Progress = silent,
) -> Projection:
    """t-SNE (van der Maaten & Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html) by
    openTSNE. Distances between clusters mean little, and a place has no latents.

    The first points reported are the start, two principal components. Raises ValueError if there
    are fewer than 3 · perplexity + 1 points.
    """
    if len(means) < 3 * perplexity + 1:
        raise ValueError(
            f"t-SNE with perplexity {typed(perplexity)} needs more than {typed(3 * perplexity)} "
            f"points, and there are {len(means)}: lower the perplexity."
        )
    from openTSNE import TSNEEmbedding, affinity, initialization

    done = count()

    def follow(step: int, error: float, points: Floats) -> None:
        share = 25 * (next(done) + 1) / (EARLY + iterations)
        report(min(0.99, 0.05 + 0.95 * share), np.asarray(points, np.float32))

    x = np.ascontiguousarray(means, np.float64)
    jobs = max(1, (os.cpu_count() or 1) - 1)  # leave a core to a training run
    start = initialization.pca(x, random_state=seed)
    report(0.0, start.astype(np.float32))
    search, late = ("exact", "bh") if len(x) <= FEW else ("auto", "fft")
    near = affinity.PerplexityBasedNN(x, perplexity, method=search, n_jobs=jobs, random_state=seed)
    points = TSNEEmbedding(
        start, near, n_jobs=jobs, random_state=seed, callbacks=follow, callbacks_every_iters=25
    )
    early = "bh" if len(x) < GRID else "fft"
    points.optimize(EARLY, True, exaggeration=12, momentum=0.5, negative_gradient_method=early)
    points.optimize(iterations, True, momentum=0.8, negative_gradient_method=late)
    note = f"KL(P‖Q) {fixed(points.kl_divergence, 3)} nats after {EARLY + iterations} iterations"
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
    report: Progress = silent,
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
        points, ("z1 (posterior mean)", f"examples in each of {BINS} bins"), "one latent dimension"
    )


def trustworthiness(means: Floats, points: Floats) -> float | None:
    """Return the degree to which neighbours on the map are neighbours in latent space, 0 to 1
    (Venna & Kaski 2001, k = 10; scikit-learn): 1 if all are, about 0.5 for random places.

    At most 2,000 evenly chosen examples of the N are compared. None for too few of them.
    """
    from sklearn.manifold import trustworthiness as trust

    every = slice(None, None, max(1, -(-len(means) // MOST_TRUSTED)))
    if len(means[every]) <= 2 * NEIGHBOURS:
        return None
    return float(trust(means[every], points[every], n_neighbors=NEIGHBOURS))
