"""Three dimensions of latent space: three latents as they are, or three principal components.

Notation: N examples, Z latents, place = (z - origin) axesᵀ with orthonormal axes (3, Z). Units on
the three axes are therefore those of latent space, and under the prior p(z) = N(0, I) a place is
normal too, N(-origin axesᵀ, I). Its distance from its centre follows the χ distribution with three
degrees of freedom, whose median is the radius of the ball that holds half of it (Johnson, Kotz &
Balakrishnan 1994, chapter 18). Not 1: in three dimensions little mass lies near the centre.

t-SNE has no row here: what makes it quick for many points exists in the plane only (Linderman et
al. 2019, https://arxiv.org/abs/1712.09005).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae.base.records import Encoding, Floats

LEAST = 3  # latents that it takes
HALF = 1.5381722544550522  # median of χ with three degrees of freedom


class Space(NamedTuple):
    """Three directions of latent space, and what they are called."""

    origin: Floats  # (Z,)
    axes: Floats  # (3, Z), orthonormal
    names: tuple[str, str, str]  # with units
    note: str

    def places(self, z: Floats) -> Floats:
        """Latents (N, Z) → where they are drawn (N, 3)."""
        found: Floats = ((z - self.origin) @ self.axes.T).astype(np.float32)
        return found

    @property
    def centre(self) -> Floats:
        """Where the origin of latent space lies, the middle of a standard normal prior, (3,)."""
        found: Floats = -self.axes @ self.origin
        return found


def dimensions(encoding: Encoding, *, trio: Sequence[int], seed: int = 0) -> Space:
    """Three latents as they are, each with its mean KL in nats, or where latents have no KL of
    their own with the variance of its posterior mean.

    Raises ValueError unless `trio` names three different latents.
    """
    latents = encoding.mean.shape[1]
    if len(set(trio)) != 3 or not set(trio) <= set(range(latents)):
        raise ValueError("A view in 3-D takes three different latents: choose another one.")
    if encoding.kl_per_dimension is None:
        said = [f"variance {encoding.mean[:, d].var():.2g}" for d in trio]
    else:
        said = [f"KL {encoding.kl_per_dimension[:, d].mean():.2f} nats" for d in trio]
    first, second, third = (f"z{d + 1} ({words})" for d, words in zip(trio, said, strict=True))
    axes = np.eye(latents, dtype=np.float32)[list(trio)]
    return Space(np.zeros(latents, np.float32), axes, (first, second, third), "")


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
    share = 100 * fitted.explained_variance_ratio_
    first, second, third = (f"PC {k + 1} ({s:.1f} % of variance)" for k, s in enumerate(share))
    origin, axes = fitted.mean_.astype(np.float32), fitted.components_.astype(np.float32)
    note = f"{share.sum():.1f} % of the variance"
    return Space(origin, axes, (first, second, third), note)


class Row(NamedTuple):
    """A row of the table: the function of an encoding, and its name on screen."""

    make: Callable[..., Space]
    title: str


SPACES: dict[str, Row] = {
    "dimensions-3d": Row(dimensions, "dimensions, 3-D"),
    "pca-3d": Row(components, "PCA, 3-D"),
}


def space(name: str, encoding: Encoding, options: dict[str, Any], seed: int) -> Space:
    """The row `name` for these examples; ValueError with a sentence where it does not exist."""
    if name not in SPACES:
        raise ValueError(f"Unknown view in 3-D {name!r}; one of {', '.join(SPACES)}.")
    return SPACES[name].make(encoding, **options, seed=seed)
