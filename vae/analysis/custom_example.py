"""An example from outside, a drawing or a photograph, seen through a run like one of its data.

It is brought into the form that the data are kept in, and from there on goes the way that every
example goes in evaluation: the same scale, the same binarisation, the mean of q(z|x), so that its
numbers can be set beside those of a split. Letters: Z latent dimensions, *event the shape of one
example; nats.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.analysis.encoding import plane_of_pca
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.ranking import percentile
from vae.base.records import Encoding, Floats, Ints


class Own(NamedTuple):
    """One example, and what the model makes of it."""

    x: Floats  # (1, *event) as the model sees it
    values: Floats  # (1, *event) E[x|z] at the mean of q(z|x)
    encoding: Encoding  # of one example

    @property
    def reconstruction(self) -> float:
        """-ln p(x|z), nats."""
        assert self.encoding.reconstruction is not None
        return float(self.encoding.reconstruction[0])

    @property
    def kl(self) -> float | None:
        """KL(q(z|x) || p(z)), nats; None for a point posterior."""
        return None if self.encoding.kl is None else float(self.encoding.kl[0])

    @property
    def bound(self) -> float:
        """−ELBO in nats; the reconstruction term alone where there is no KL."""
        return self.reconstruction + (self.kl or 0.0)

    def percentile(self, among: Floats) -> float:
        """The share, 0 to 1, of examples with −ELBO `among` (N,) that are less surprising."""
        return float(percentile(np.array([self.bound], np.float32), among)[0])


def kept(picture: NDArray[np.uint8], loaded: LoadedRun) -> NDArray[Any]:
    """A picture (C, H, W), 0 black to 255 white, as the run's data are kept, (1, C, H, W): on
    their levels, where they have some."""
    data, levels = loaded.data, loaded.data.levels
    x = picture[None].astype(np.float64) / 255
    if levels:
        x = np.rint(x * (levels - 1)) / (levels - 1)
    x = x * data.scale
    return np.rint(x).astype(np.uint8) if data.x.dtype == np.uint8 else x.astype(np.float32)


def shown(loaded: LoadedRun, row: int) -> NDArray[np.uint8]:
    """An example of the data as a picture (C, H, W), 0 black to 255 white."""
    x = loaded.data.x[row].astype(np.float64) / loaded.data.scale
    return np.asarray(np.rint(255 * x.clip(0, 1)), np.uint8)


def through(loaded: LoadedRun, x: NDArray[Any], label: int = 0) -> Own:
    """An example (1, *event) as the run's data are kept through its model; a conditional model is
    told that it is of class `label`."""
    labels: Ints | None = np.array([label]) if loaded.model.classes else None
    data = loaded.data._replace(x=x, labels=labels, factors={}, test=0)
    alone, first = loaded._replace(data=data), np.zeros(1, np.int64)
    encoding = alone.encode(first)
    return Own(alone.inputs(first), alone.decode(encoding.mean, first), encoding)


class Placed(NamedTuple):
    """Training examples and one's own in the plane of a map."""

    points: Floats  # (N, 2)
    own: Floats  # (2,)
    axes: tuple[str, str]
    plane: str  # "" where the axes are latents


def placed(means: Floats, z: Floats) -> Placed:
    """Latents (N, Z) and one more (Z,) in two dimensions: as they are for up to two latents (a
    single one lies on a line), else in the plane of the principal components of the N."""
    if means.shape[1] == 1:
        flat = np.zeros((len(means), 1), np.float32)
        points = np.hstack([means, flat])
        return Placed(points, np.append(z, np.float32(0)), ("z1 (posterior mean)", ""), "")
    if means.shape[1] == 2:
        return Placed(means, z, ("z1 (posterior mean)", "z2 (posterior mean)"), "")
    origin, *pair = plane_of_pca(means)
    axes = np.stack([axis / np.linalg.norm(axis) for axis in pair])  # (2, Z)
    points, own = ((v - origin) @ axes.T for v in (means, z))
    return Placed(points, own, ("PC 1", "PC 2"), "the plane of the two principal components")
