"""Sources of z: distributions over latents whose samples the decoder turns into examples.

The decoder was trained on z of the training data, the aggregate posterior
q(z) = 1/N Σ_n q(z|x_n); the samples of the model itself come from its prior p(z). Where the two
differ, samples of other sources lie closer to q(z), and a comparison shows the cost of the
difference. A mixture is fitted to one sample of q(z|x) of each example, so that it approximates
q(z) rather than the distribution of the means.

A source is a function of the latents of training examples and a `Draw`, and returns z (M, Z). The
temperature multiplies the deviation from each centre: 1 is the source itself. A larger number with
the same seed begins with the same z. Letters: N examples, M samples, Z latents, C components.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from vae.analysis.encoding import fitted_sample, posterior_sample, prior_sample
from vae.analysis.mixture import Mixture, best_mixture, fit_mixture, fit_mixtures
from vae.base import rng
from vae.base.records import Floats, Ints
from vae.batches import Batches
from vae.model import VAE

ALL = -1  # every class in turn
BY_BIC = 0  # the number of components with the lowest BIC
COUNTS = (1, 2, 3, 5, 8, 12)  # of components that BIC chooses from
MOST = 400  # z sampled at once, so that a smaller number returns the first of them


class Draw(NamedTuple):
    """Number, seed and options of the samples of a source."""

    number: int
    seed: int
    temperature: float = 1.0
    components: int = BY_BIC
    label: int = ALL


class Latents:
    """Latents of training examples, and the mixtures fitted to them so far."""

    def __init__(
        self,
        model: VAE,
        batches: Batches,
        mean: Floats,
        seed: int,
        labels: Ints | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        self.model, self.batches, self.mean, self.seed = model, batches, mean, seed
        self.labels, self.classes = labels, tuple(classes)
        self.z = posterior_sample(model, batches, seed, seed)  # (N, Z) one sample of each q(z|x)
        self._fits: dict[tuple[int, int], Mixture] = {}

    def fit(self, components: int, label: int = ALL) -> Mixture:
        """Return the mixture fitted to all latents, or to those of one class.

        Raises ValueError for fewer than two latents.
        """
        key = (components, label)
        if key not in self._fits:
            z = self.z if label == ALL else self.z[self.labels == label]
            if components == BY_BIC and len(z) > 1:
                self._fits[key] = best_mixture(fit_mixtures(z, COUNTS))
            else:
                self._fits[key] = fit_mixture(z, max(components, 1))
        return self._fits[key]


def from_prior(latents: Latents, draw: Draw) -> Floats:
    """z from the prior p(z). Good for judging the model as a generator."""
    return prior_sample(latents.model, draw.number, draw.seed, draw.temperature)


def from_codes(latents: Latents, draw: Draw) -> Floats:
    """z from a prior over codes, fitted to the training data: each group takes a code with its
    frequency to the power 1 / temperature, independently of the other groups. Good for samples of
    a model with a codebook, where no other z is a code."""
    codes = latents.model.codes
    assert codes is not None
    with torch.no_grad():
        nearest = codes.nearest(torch.from_numpy(latents.mean).to(latents.batches.device))
    uniform = np.random.default_rng((draw.seed, 3)).random((draw.number, len(nearest)))
    chosen = np.empty(uniform.shape[::-1], np.int64)  # (G, M)
    for group, found in enumerate(nearest.cpu().numpy()):
        present, count = np.unique(found, return_counts=True)
        power = np.log(count) / max(draw.temperature, 1e-3)
        ends = np.exp(power - power.max()).cumsum()
        at = np.searchsorted(ends / ends[-1], uniform[:, group], side="right")
        chosen[group] = present[np.minimum(at, len(present) - 1)]
    vectors = codes.vectors(torch.from_numpy(chosen).to(latents.batches.device))
    return np.asarray(vectors.cpu().numpy(), np.float32)


def from_noise(latents: Latents, draw: Draw) -> Floats:
    """z from one normal distribution with the mean and covariance of the encoded training data.
    Good for a model without prior, or where all latents have moved away from the prior."""
    return fitted_sample(latents.mean, draw.number, draw.seed, draw.temperature)


def from_aggregate(latents: Latents, draw: Draw) -> Floats:
    """z ~ q(z|x) of random training examples, the distribution that the decoder was trained on.
    Good for finding out whether poor samples come from the prior or from the decoder; samples
    resemble training examples."""
    number = max(draw.number, MOST)
    rows = np.random.default_rng((draw.seed, 2)).integers(len(latents.mean), size=number)
    model, device = latents.model, latents.batches.device
    with torch.no_grad(), rng.stream(device, draw.seed, "page"):
        q = model.posterior(*latents.batches.take(torch.from_numpy(rows).to(device)))
        mean, z = q.mean, q.rsample()
    scaled = mean + draw.temperature * (z - mean)
    return np.asarray(scaled[: draw.number].cpu().numpy(), np.float32)


def from_mixture(latents: Latents, draw: Draw) -> Floats:
    """z from a mixture of Gaussians fitted to the encoded training data. Good for new samples
    where the data fill the prior unevenly."""
    return latents.fit(draw.components).sample(draw.number, draw.seed, draw.temperature)


def from_class(latents: Latents, draw: Draw) -> Floats:
    """z from a mixture of Gaussians fitted to the encoded examples of one class. Good for samples
    of a class from a model that was trained without labels."""
    present = classes_of(latents) if draw.label == ALL else [draw.label]
    z = np.empty((draw.number, latents.mean.shape[1]), np.float32)
    for k, label in enumerate(present):
        part = z[k :: len(present)]
        mixture = latents.fit(draw.components, label)
        part[:] = mixture.sample(len(part), draw.seed + label, draw.temperature)
    return z


def classes_of(latents: Latents) -> list[int]:
    """Return the classes with at least two examples, the least for a Gaussian."""
    if latents.labels is None:
        return []
    found, count = np.unique(latents.labels[latents.labels >= 0], return_counts=True)
    return [int(label) for label, size in zip(found, count, strict=True) if size > 1]


class Source(NamedTuple):
    """A row of the table of sources."""

    title: str
    draw: Callable[[Latents, Draw], Floats]
    offered: Callable[[Latents], bool]
    options: tuple[str, ...] = ()  # fields of `Draw` it reads beside number, seed, temperature


SOURCES: dict[str, Source] = {
    "prior": Source("prior", from_prior, lambda latents: latents.model.has_kl),
    "fitted-codes": Source(
        "fitted codes", from_codes, lambda latents: latents.model.codes is not None
    ),
    "noise": Source("fitted normal", from_noise, lambda latents: True),
    "aggregate": Source("aggregate posterior", from_aggregate, lambda latents: True),
    "mixture": Source("fitted mixture", from_mixture, lambda latents: True, ("components",)),
    "class": Source(
        "by class",
        from_class,
        lambda latents: bool(classes_of(latents)) and not latents.model.classes,
        ("components", "label"),
    ),
}


def sample_classes(latents: Latents, source: str, draw: Draw) -> Ints | None:
    """Return the class of each sample, (M,), for a source by class or a conditional model; else
    None."""
    if "label" in SOURCES[source].options:
        turns = classes_of(latents)
    elif latents.model.classes:
        turns = list(range(latents.model.classes))
    else:
        return None
    turns = turns if draw.label == ALL else [draw.label]
    return np.asarray(turns)[np.arange(draw.number) % len(turns)]
