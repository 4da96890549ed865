"""Simulated counts of cells: shares of genes that depend on two latents, and a depth of each."""

from typing import NamedTuple

import numpy as np

from vae.data import Dataset


class Cells(NamedTuple):
    """Counts with their causes."""

    data: Dataset  # (N, D) counts
    shares: np.ndarray  # (N, D) of the genes, each row with the sum 1
    depth: np.ndarray  # (N,) expected sum of the counts


def cells(
    n: int,
    genes: int,
    depths: tuple[float, float],
    seed: int = 0,
    dispersion: float = 0.0,
    dropout: float = 0.0,
) -> Cells:
    """Return counts with mean depth · share: Poisson, or negative binomial with a dispersion; a
    share `dropout` of them is lost. Depths are log-uniform between two ends."""
    draw = np.random.default_rng(seed)
    z = draw.normal(size=(n, 2))
    logits = z @ draw.normal(0, 1, (2, genes)) + draw.normal(0, 1, genes)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    low, high = np.log(depths)
    depth = np.exp(draw.uniform(low, high, n))
    mean = depth[:, None] * shares
    if dispersion:
        mean = draw.gamma(1 / dispersion, dispersion * mean)
    x = draw.poisson(mean) * (draw.random(mean.shape) >= dropout)
    return Cells(Dataset("cells", x.astype(np.float32), 1.0), shares, depth)
