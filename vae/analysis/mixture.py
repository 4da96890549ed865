"""Gaussian mixtures fitted to latents, for the latent map and as a source of samples.

A density fitted to the latents after training is that of Ghosh et al. 2020
(https://arxiv.org/abs/1903.12436, section 4). Letters: N latents, Z dimensions, C components, M
samples.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Floats

TOLERANCE, STEPS = 0.01, 50  # EM stops at a smaller gain in nats per example, or after these steps
PER_COMPONENT = 2  # latents for each component and dimension, at least

Doubles = NDArray[np.float64]


class Mixture(NamedTuple):
    """A mixture of Gaussians with full covariances."""

    weight: Doubles  # (C,) sums to 1
    mean: Doubles  # (C, Z)
    covariance: Doubles  # (C, Z, Z)
    bic: float  # −2 ln likelihood + parameters · ln N (Schwarz 1978); lower is better

    def sample(self, number: int, seed: int, temperature: float = 1.0) -> Floats:
        """Return z (M, Z); `temperature` multiplies the deviation from a component's mean.

        A smaller number with the same seed returns the first of the same samples.
        """
        choices, noise = (np.random.default_rng((seed, k)) for k in (0, 1))
        part = np.searchsorted(self.weight.cumsum(), choices.random(number), side="right")
        part = np.minimum(part, len(self.weight) - 1)
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))[:, None]  # root rootᵀ = covariance
        unit = noise.standard_normal((number, self.mean.shape[1]))
        deviation = np.einsum("mij,mj->mi", root[part], unit)
        return np.asarray(self.mean[part] + temperature * deviation, np.float32)


def most_components(z: Floats) -> int:
    """Return how many components latents (N, Z) can support: one for each 2 Z of them."""
    return max(1, len(z) // (PER_COMPONENT * int(z.shape[1])))


def fit_mixture(z: Floats, components: int) -> Mixture:
    """Fit a mixture to latents (N, Z) by expectation maximisation (scikit-learn), with at most
    `most_components`. The same latents always give the same mixture.

    Raises ValueError for fewer than two latents.
    """
    from sklearn.mixture import GaussianMixture

    if len(z) < 2:
        raise ValueError("A Gaussian needs at least 2 examples: choose another source or class.")
    wide = z.astype(np.float64)
    fitted = GaussianMixture(
        min(components, most_components(z)),
        reg_covar=1e-6 * float(wide.var(0).mean()) + 1e-12,
        tol=TOLERANCE,
        max_iter=STEPS,
        init_params="k-means++",
        random_state=0,
    ).fit(wide)
    return Mixture(fitted.weights_, fitted.means_, fitted.covariances_, float(fitted.bic(wide)))


def fit_mixtures(
    z: Floats, counts: Sequence[int], progress: Callable[[float], object] = lambda share: None
) -> list[Mixture]:
    """Fit a mixture for each number of components that latents (N, Z) can support.

    `progress` receives the share that is done, 0 to 1. Raises ValueError as `fit_mixture` does.
    """
    possible = [c for c in counts if c <= most_components(z)]
    found = []
    for done, components in enumerate(possible, 1):
        found.append(fit_mixture(z, components))
        progress(done / len(possible))
    return found


def best_mixture(found: Sequence[Mixture]) -> Mixture:
    """Return the mixture with the lowest BIC."""
    return min(found, key=lambda mixture: mixture.bic)
