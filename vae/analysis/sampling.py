"""Where z is drawn from, to be decoded into samples.

The decoder has learnt from the z of the training data, the aggregate posterior
q(z) = 1/N Σ_n q(z|x_n), while the model's own samples come from its prior p(z). Where the two
differ, other sources are nearer to what the decoder knows, and a comparison of their samples shows
what the difference costs. A density fitted to the latents after training is that of Ghosh et al.
2020 (https://arxiv.org/abs/1903.12436, section 4); here it is fitted to one draw of q(z|x) of each
example, so that it follows q(z) itself and not the means alone.

Every source takes the latents of training examples and what is asked for, and returns z (M, Z).
The temperature multiplies the spread about each centre: 1 is the source itself. More z with the
same seed keep the first ones. Letters: N examples, M samples, Z latents, C components.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vae.analysis.encoding import fitted_sample, posterior_sample, prior_sample
from vae.base import rng
from vae.base.records import Floats, Ints
from vae.batches import Batches
from vae.model import VAE

ALL = -1  # every class in turn
BY_BIC = 0  # as many components as have the smallest BIC
TRIED = (1, 2, 3, 5, 8, 12)  # components that BIC chooses among
PRECISE, STEPS = 0.01, 50  # a fit ends when a step gains so few nats per example, or after so many
MOST = 400  # z that are drawn at once, so that fewer are the first of them
PER_COMPONENT = 2  # examples for each component and latent, at least

Doubles = NDArray[np.float64]


class Draw(NamedTuple):
    """What is asked of a source."""

    number: int
    seed: int
    temperature: float = 1.0
    components: int = BY_BIC
    label: int = ALL


class Gaussians(NamedTuple):
    """A mixture of Gaussians."""

    weight: Doubles  # (C,) sums to 1
    mean: Doubles  # (C, Z)
    covariance: Doubles  # (C, Z, Z)

    def draw(self, asked: Draw) -> Floats:
        """z (M, Z), each from a component by lot, deviations from its mean times temperature."""
        lots, noise = (np.random.default_rng((asked.seed, k)) for k in (0, 1))
        own = np.searchsorted(self.weight.cumsum(), lots.random(asked.number), side="right")
        own = np.minimum(own, len(self.weight) - 1)
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))[:, None]  # root rootᵀ = covariance
        unit = noise.standard_normal((asked.number, self.mean.shape[1]))
        apart = np.einsum("mij,mj->mi", root[own], unit)
        return np.asarray(self.mean[own] + asked.temperature * apart, np.float32)


def fitted(z: Floats, components: int = BY_BIC) -> Gaussians:
    """The mixture of Gaussians with full covariances fitted to z (N, Z) by expectation
    maximisation (scikit-learn), with so many components or as many as have the smallest BIC.

    No more than one for each `PER_COMPONENT` · Z examples. Raises ValueError for fewer than two.
    """
    from sklearn.mixture import GaussianMixture

    if len(z) < 2:
        raise ValueError("A Gaussian takes at least 2 examples: choose another source or class.")
    most = max(1, len(z) // (PER_COMPONENT * z.shape[1]))
    counts = [c for c in TRIED if c <= most] if components == BY_BIC else [min(components, most)]
    ridge = 1e-6 * float(z.var(0).mean()) + 1e-12
    wide = z.astype(np.float64)
    models = [
        GaussianMixture(
            c,
            reg_covar=ridge,
            tol=PRECISE,
            max_iter=STEPS,
            init_params="k-means++",
            random_state=0,
        ).fit(wide)
        for c in counts
    ]
    best = models[0] if len(models) == 1 else min(models, key=lambda model: model.bic(wide))
    return Gaussians(best.weights_, best.means_, best.covariances_)


class Latents:
    """Training examples in latent space: what a source may draw from. Fits are kept."""

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
        self.z = posterior_sample(model, batches, seed, seed)  # (N, Z) one draw of each q(z|x)
        self._fits: dict[tuple[int, int], Gaussians] = {}

    def fit(self, components: int, label: int = ALL) -> Gaussians:
        """The mixture fitted to all latents, or to those of one class."""
        key = (components, label)
        if key not in self._fits:
            some = slice(None) if label == ALL else self.labels == label
            self._fits[key] = fitted(self.z[some], components)
        return self._fits[key]


def from_prior(latents: Latents, asked: Draw) -> Floats:
    """The model's own samples: z ~ p(z), where the KL pulls the encoded data to. Good to judge
    the model by, as a generator."""
    return prior_sample(latents.model, asked.number, asked.seed, asked.temperature)


def from_noise(latents: Latents, asked: Draw) -> Floats:
    """z from one normal distribution with the mean and covariance of the encoded training data.
    Good where there is no prior, or the data have drifted from it as a whole."""
    return fitted_sample(latents.mean, asked.number, asked.seed, asked.temperature)


def from_aggregate(latents: Latents, asked: Draw) -> Floats:
    """z ~ q(z|x) of a training example at random: exactly what the decoder was trained on. Good to
    see whether poor samples are the prior's fault or the decoder's; it invents little."""
    number = max(asked.number, MOST)
    rows = np.random.default_rng((asked.seed, 2)).integers(len(latents.mean), size=number)
    model, device = latents.model, latents.batches.x.device
    with torch.no_grad(), rng.stream(device, asked.seed, "page"):
        q = model.posterior(*latents.batches.take(torch.from_numpy(rows).to(device)))
        mean, z = q.mean, q.rsample()
    moved = mean + asked.temperature * (z - mean)
    return np.asarray(moved[: asked.number].cpu().numpy(), np.float32)


def from_mixture(latents: Latents, asked: Draw) -> Floats:
    """z from a mixture of Gaussians fitted to the encoded training data. Good to sample new z
    where the data are, when they fill the prior unevenly."""
    return latents.fit(asked.components).draw(asked)


def from_class(latents: Latents, asked: Draw) -> Floats:
    """z from a mixture of Gaussians fitted to the encoded examples of one class. Good to ask a
    model for a class that it was never told."""
    present = classes_of(latents) if asked.label == ALL else [asked.label]
    z = np.empty((asked.number, latents.mean.shape[1]), np.float32)
    for k, label in enumerate(present):
        own = asked._replace(number=len(z[k :: len(present)]), seed=asked.seed + label)
        z[k :: len(present)] = latents.fit(asked.components, label).draw(own)
    return z


def classes_of(latents: Latents) -> list[int]:
    """The classes with examples enough for a Gaussian."""
    if latents.labels is None:
        return []
    found, count = np.unique(latents.labels[latents.labels >= 0], return_counts=True)
    return [int(label) for label, size in zip(found, count, strict=True) if size > 1]


class Source(NamedTuple):
    """A row of the table."""

    title: str
    draw: Callable[[Latents, Draw], Floats]
    offered: Callable[[Latents], bool]
    knobs: tuple[str, ...] = ()  # what it looks at beside number, seed and temperature


SOURCES: dict[str, Source] = {
    "prior": Source("prior", from_prior, lambda latents: latents.model.has_kl),
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


def classes_drawn(latents: Latents, source: str, asked: Draw) -> Ints | None:
    """The class that each z is meant for, (M,): where the source goes by class, or the model
    does; else None."""
    if "label" in SOURCES[source].knobs:
        turns = classes_of(latents)
    elif latents.model.classes:
        turns = list(range(latents.model.classes))
    else:
        return None
    turns = turns if asked.label == ALL else [asked.label]
    return np.asarray(turns)[np.arange(asked.number) % len(turns)]
