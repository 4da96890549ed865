"""A custom example, a drawing or a photograph, encoded and decoded like an example of the data.

It is first brought to the format of the data set and then evaluated like every example: the same
scale, the same binarization, the mean of q(z|x). Its numbers are therefore comparable with those
of a split. Letters: N examples, Z latent dimensions, *event the shape of one example; nats.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import overview_plane
from vae.analysis.ranking import percentile
from vae.base.records import Encoding, Floats, Ints


class CustomExample(NamedTuple):
    """One custom example, its reconstruction and its encoding."""

    x: Floats  # (1, *event) input of the encoder
    values: Floats  # (1, *event) E[x|z] at the mean of q(z|x)
    encoding: Encoding  # of one example

    @property
    def reconstruction(self) -> float:
        """−ln p(x|z), nats."""
        assert self.encoding.reconstruction is not None
        return float(self.encoding.reconstruction[0])

    @property
    def kl(self) -> float | None:
        """KL(q(z|x) || p(z)), nats; None for a posterior without density."""
        return None if self.encoding.kl is None else float(self.encoding.kl[0])

    @property
    def bound(self) -> float:
        """−ELBO in nats; the reconstruction term for a model without KL."""
        return self.reconstruction + (self.kl or 0.0)

    def percentile(self, among: Floats) -> float:
        """Return the share, 0 to 1, of examples whose −ELBO `among` (N,) is lower."""
        return float(percentile(np.array([self.bound], np.float32), among)[0])


def picture_to_x(picture: NDArray[np.uint8], loaded: LoadedRun) -> NDArray[Any]:
    """Return a picture (C, H, W), 0 black to 255 white, in the format of the run's data,
    (1, C, H, W), rounded to their levels if they have any."""
    data, levels = loaded.data, loaded.data.levels
    x = picture[None].astype(np.float64) / 255
    if levels:
        x = np.rint(x * (levels - 1)) / (levels - 1)
    x = x * data.scale
    return np.rint(x).astype(np.uint8) if data.x.dtype == np.uint8 else x.astype(np.float32)


def row_to_picture(loaded: LoadedRun, row: int) -> NDArray[np.uint8]:
    """Return an example of the data as a picture (C, H, W), 0 black to 255 white."""
    x = loaded.data.x[row].astype(np.float64) / loaded.data.scale
    return np.asarray(np.rint(255 * x.clip(0, 1)), np.uint8)


def reconstruct(loaded: LoadedRun, x: NDArray[Any], label: int = 0) -> CustomExample:
    """Encode and decode an example (1, *event) in the format of the run's data; a conditional
    model receives the class `label`."""
    labels: Ints | None = np.array([label]) if loaded.model.classes else None
    data = loaded.data._replace(x=x, labels=labels, factors={}, test=0)
    alone, first = loaded._replace(data=data), np.zeros(1, np.int64)
    encoding = alone.encode(first)
    values = alone.decode(encoding.mean, first)
    return CustomExample(alone.inputs(first), values, encoding)


class Placement(NamedTuple):
    """Training examples and the custom example in the plane of a map."""

    points: Floats  # (N, 2)
    custom: Floats  # (2,)
    axes: tuple[str, str]
    latents: bool  # whether the axes are the latents themselves


def place_example(means: Floats, z: Floats) -> Placement:
    """Return latents (N, Z) and the latents (Z,) of the custom example in the default plane of
    the N: up to two latents as they are (a single one on a line), else principal components."""
    fitted = overview_plane(means)
    points, custom = fitted.places(means), fitted.places(z[None])[0]
    return Placement(points, custom, fitted.titles, means.shape[1] <= 2)
