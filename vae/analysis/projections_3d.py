"""Three dimensions of latent space: three latents as they are, or three principal components.

Notation: N examples, Z latents, place = (z - origin) axesᵀ with orthonormal axes (3, Z). The axes
have the units of latent space, and under the prior p(z) = N(0, I) a place is normal, too,
N(-origin axesᵀ, I). Its distance from the centre follows the χ distribution with three degrees of
freedom. The median of χ, 1.54, is the radius of the ball that holds half of the prior (Johnson,
Kotz & Balakrishnan 1994, chapter 18).

t-SNE has no row here: its fast approximation for many points exists for two dimensions (Linderman
et al. 2019, https://arxiv.org/abs/1712.09005).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae.base.numbers import compact, fixed, percent
from vae.base.records import Encoding, Floats

LEAST = 3  # latents that a view in three dimensions needs
HALF = 1.5381722544550522  # median of χ with three degrees of freedom


class Space(NamedTuple):
    """Three orthonormal directions of latent space and their titles."""

    origin: Floats  # (Z,)
    axes: Floats  # (3, Z), orthonormal
    titles: tuple[str, str, str]  # with units
    note: str

    def places(self, z: Floats) -> Floats:
        """Return the places (N, 3) of latents (N, Z)."""
        found: Floats = ((z - self.origin) @ self.axes.T).astype(np.float32)
        return found

    @property
    def centre(self) -> Floats:
        """Return the place (3,) of the origin of latent space, the mean of a standard prior."""
        found: Floats = -self.axes @ self.origin
        return found


def dimensions(encoding: Encoding, *, latents: Sequence[int], seed: int = 0) -> Space:
    """Return three latents, each titled with its mean KL in nats or, where the KL does not
    separate by latent, with the variance of its posterior mean.

    Raises ValueError unless `latents` names three different latents.
    """
    number = encoding.mean.shape[1]
    if len(set(latents)) != LEAST or not set(latents) <= set(range(number)):
        raise ValueError("A view in 3-D needs three different latents: choose another one.")
    if encoding.kl_per_dimension is None:
        units = [f"variance {compact(encoding.mean[:, d].var(), 2)}" for d in latents]
    else:
        units = [f"KL {fixed(encoding.kl_per_dimension[:, d].mean())} nats" for d in latents]
    first, second, third = (f"z{d + 1} ({unit})" for d, unit in zip(latents, units, strict=True))
    axes = np.eye(number, dtype=np.float32)[list(latents)]
    return Space(np.zeros(number, np.float32), axes, (first, second, third), "")


def components(encoding: Encoding, *, seed: int = 0) -> Space:
    """The first three principal components of the posterior means (scikit-learn), with the share
    of variance that each explains.

    Raises ValueError if there are fewer than three latents or examples.
    """
    from sklearn.decomposition import PCA

    if min(encoding.mean.shape) < LEAST:
        raise ValueError(
            "Three principal components need 3 latents and 3 examples: choose another projection."
        )
    fitted = PCA(3, random_state=seed).fit(encoding.mean)
    share = fitted.explained_variance_ratio_
    first, second, third = (
        f"PC {k + 1} ({percent(s, 1)} of variance)" for k, s in enumerate(share)
    )
    origin, axes = fitted.mean_.astype(np.float32), fitted.components_.astype(np.float32)
    note = f"{percent(share.sum(), 1)} of the variance"
    return Space(origin, axes, (first, second, third), note)


class Row(NamedTuple):
    """A row of the table of views in three dimensions."""

    title: str
    compute: Callable[..., Space]  # (encoding, *, <options>, seed)
    latents: int = 0  # latent dimensions that are the axes, chosen by the user


SPACES: dict[str, Row] = {
    "dimensions-3d": Row("dimensions, 3-D", dimensions, latents=3),
    "pca-3d": Row("PCA, 3-D", components),
}


def space(name: str, encoding: Encoding, options: dict[str, Any], seed: int) -> Space:
    """Return the view `name` of the examples. Raises ValueError for an unknown name."""
    if name not in SPACES:
        raise ValueError(f"Unknown view in 3-D {name!r}; one of {', '.join(SPACES)}.")
    return SPACES[name].compute(encoding, **options, seed=seed)
