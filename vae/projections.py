"""Projections: latents (N, Z) → two dimensions.

A projection is a function `f(means, *, <own options>, seed, report) -> Projection`; `report(share,
points)` is told how far it is, and may raise `Cancelled` to end it. PCA is quick enough to do on
the spot; what is slow runs in a worker.
"""

import os
from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np

from vae.options import Option
from vae.records import Floats, Projection

Progress = Callable[[float, Floats | None], None]


class Cancelled(Exception):
    """Nobody wants the result any more."""


def _silent(share: float, points: Floats | None) -> None:
    return None


def pca(means: Floats, *, seed: int = 0, report: Progress = _silent) -> Projection:
    """Principal components (scikit-learn), with the share of variance that each explains.

    One latent dimension is drawn against nothing.
    """
    from sklearn.decomposition import PCA

    if means.shape[1] < 2:
        points = np.column_stack([means[:, 0], np.zeros(len(means), np.float32)])
        return Projection(points, ("z1 (posterior mean)", ""), "One latent dimension.")
    fitted = PCA(2, random_state=seed).fit(means)
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


class Row(NamedTuple):
    """A row of the table: the function, whether it is slow, and its name on screen."""

    project: Callable[..., Projection]
    slow: bool
    title: str


PROJECTIONS: dict[str, Row] = {
    "pca": Row(pca, slow=False, title="PCA"),
    "tsne": Row(tsne, slow=True, title="t-SNE"),
}
