"""The inputs of the measures: a trained model, examples, and their labels and factors.

A measure is a function of `Inputs`. It states its requirements by name, as rows of NEEDS; where a
requirement fails, the evaluation records the reason in place of the value.

Letters: N examples, Z latents.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae.base import rng
from vae.base.progress import Progress, parts, silent
from vae.base.records import Floats, Ints
from vae.batches import Batches, collected
from vae.data.dataset import stratified
from vae.data.series import after_end, holes
from vae.evaluation.aggregate_posterior import Information, Posteriors, information, joined
from vae.evaluation.bound import Terms, batch_size, batch_terms
from vae.model import VAE, classes_in_turn

CHUNK = 256  # examples, or samples, at a time, at most
MIWAE = (
    "the observed values of each example, and −ln p(x) with K samples is minus the MIWAE bound "
    "(Mattei & Frellsen 2019)."
)
DRAWS = 2000  # of z, each compared with all examples, for the aggregate posterior


class Gaps(NamedTuple):
    """The kinds of values without a term in the likelihood that some examples have."""

    holes: bool = False  # values that were not observed
    ends: bool = False  # steps after the end of a series

    @classmethod
    def of(cls, x: Tensor) -> "Gaps":
        """Return the gaps of examples x (N, *event)."""
        values = x.cpu().numpy()
        return cls(bool(holes(values).any()), bool((np.isnan(values) & after_end(values)).any()))

    @property
    def words(self) -> str:
        """The kinds of these values; "" without any."""
        kinds = ("values that were not observed", "steps after the end of a series")
        return " and ".join(words for words, here in zip(kinds, self, strict=True) if here)

    @property
    def note(self) -> str:
        """The meaning of the bound of such examples; "" without such values."""
        if not self.words:
            return ""
        terms = "reconstruction, ELBO and −ln p(x) are those of"
        if not self.holes:
            return f"{self.words.capitalize()} have no term: {terms} the steps of each series."
        return f"{self.words.capitalize()} have no term: {terms} {MIWAE}"


class Result(NamedTuple):
    """The outcome of a measure, in types of JSON; a companion that does not exist is None."""

    value: Any  # a number, a list of numbers for each latent, or a dictionary of numbers
    se: Any = None  # standard error, of the same form
    interval: list[int] | list[float] | None = None  # ends of the 95 % interval
    samples: int | None = None  # importance samples behind the value
    note: str = ""  # a caution


@dataclass(kw_only=True)
class Encoded:
    """Encoded examples: everything that a measure of the latents may read; p(z) = N(0, I)."""

    seed: int = 0
    labels: Ints | None = None  # (N,)
    factors: Mapping[str, Floats] = field(default_factory=dict)  # name → (N,)
    terms: Terms = field(default_factory=dict)  # name → (N,) or (N, Z), see `bound.batch_terms`
    posteriors: list[Posteriors | None] = field(default_factory=list)  # q(z|x), batch by batch
    progress: Progress = silent  # of the measure that is being computed

    def __len__(self) -> int:
        return len(self.terms["mean"])

    @property
    def samples_kl(self) -> bool:
        """Whether the KL has no closed form."""
        return False

    @cached_property
    def means(self) -> Floats:
        """Means of q(z|x), (N, Z)."""
        means: Floats = self.terms["mean"].cpu().numpy()
        return means

    def log_prior(self, z: Tensor) -> Tensor:
        """Return ln p(z) for z (M, Z), (M,)."""
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    @cached_property
    def information(self) -> Information:
        """I(x; z) and KL(q(z) ‖ p(z)), from the same draws of z."""
        return information(
            joined([q for q in self.posteriors if q is not None]),
            self.log_prior,
            DRAWS,
            rng.mix(self.seed, "evaluation", 1),
            self.progress,
        )

    def rows(self, most: int) -> Ints:
        """Return at most `most` positions of examples, stratified by label."""
        return stratified(self.labels, len(self), most, self.seed)


@dataclass(kw_only=True)
class Inputs(Encoded):
    """Everything that a measure may read."""

    model: VAE
    batches: Batches
    samples: int = 0  # K, importance samples for −ln p(x) that were requested
    full: bool = False  # measures that take longer were requested too
    training: Batches | None = None  # training examples
    gaps: Gaps = field(default_factory=Gaps)  # of the examples whose terms were read

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def samples_kl(self) -> bool:
        return not self.model.config.closed_kl

    @property
    def importance_samples(self) -> int:
        """K, or 0 where the model has no p(x)."""
        return self.samples if self.model.has_kl and not self.model.caveat else 0

    @cached_property
    def pace(self) -> float:
        """Seconds that decoding one z takes, measured once."""
        return pace(self.model)

    def log_prior(self, z: Tensor) -> Tensor:
        found: Tensor = self.model.prior().log_prob(z.float().to(self.model.device))
        return found

    def read_terms(self, samples: int, progress: Progress) -> None:
        """Compute `terms` and `posteriors` with so many posterior samples for each example."""
        chunk = batch_size(self.model, CHUNK)
        sizes = [min(chunk, len(self) - start) for start in range(0, len(self), chunk)]
        with torch.no_grad(), rng.stream(self.model.device, self.seed, "evaluation"):
            self.terms = collected(self._terms(samples, chunk, parts(progress, sizes)), len(self))

    def _terms(self, samples: int, chunk: int, progress: list[Progress]) -> Iterator[Terms]:
        """Yield the terms of each batch, and add its posteriors."""
        for batch, part in zip(self.batches.chunks(chunk), progress, strict=True):
            if self.model.domain.missing:
                self.gaps = Gaps(*np.logical_or(self.gaps, Gaps.of(batch.x)).tolist())
            args = (self.model, batch, samples, self.importance_samples, part)
            terms, posteriors = batch_terms(*args)
            if self.full:
                self.posteriors.append(posteriors)
            yield terms


def pace(model: VAE) -> float:
    """Return the seconds that decoding one z takes, measured now."""
    size = batch_size(model, CHUNK)
    z = torch.zeros(size, model.config.latent_dim, device=model.device)
    for _ in range(2):  # the first time allocates buffers
        start = time.perf_counter()
        with torch.no_grad():
            model.likelihood(z, classes_in_turn(model, size))
    return (time.perf_counter() - start) / size


# ── requirements of measures


def _density(inputs: Inputs) -> str:
    return inputs.model.config.no_density


def _factorised(inputs: Inputs) -> str:
    if "kl_per_dimension" in inputs.terms:
        return ""
    config = inputs.model.config
    return (
        f"Not defined: posterior {config.posterior} with prior {config.prior} does not factorise "
        "over latent dimensions."
    )


def _gaussian(inputs: Inputs) -> str:
    if all(q is not None for q in inputs.posteriors):
        return ""
    return (
        "Not computed: the density of every z under every q(z|x) of a "
        f"{inputs.model.config.posterior} posterior takes too long."
    )


def _samples(inputs: Inputs) -> str:
    return "" if inputs.samples else "Not requested: give a number of importance samples."


def _probability(inputs: Inputs) -> str:
    if inputs.model.discrete and not inputs.model.caveat:
        return ""
    return "p(x|z) is no probability of these values: bits per dimension have no meaning."


def _full(inputs: Inputs) -> str:
    return "" if inputs.full else "Not requested: it takes longer; --full computes it."


def _labels(inputs: Inputs) -> str:
    return "The data have no labels." if inputs.labels is None else ""


def _factors(inputs: Inputs) -> str:
    return "" if inputs.factors else "The data have no known factors."


def _prior(inputs: Inputs) -> str:
    if inputs.model.has_kl:
        return ""
    return (
        f"A {inputs.model.config.posterior} posterior is trained without a prior: there is no "
        "p(z) to draw samples from."
    )


def _codes(inputs: Inputs) -> str:
    if inputs.model.codes is not None:
        return ""
    return f"A {inputs.model.config.posterior} posterior has no codebook."


def _complete(inputs: Inputs) -> str:
    if not inputs.model.domain.missing:
        return ""
    words = inputs.gaps.words or "values that were not observed"
    return f"Not defined for data with {words}: it needs every value of an example."


def _training(inputs: Inputs) -> str:
    if inputs.training is not None:
        return ""
    return "No training examples were given, and their principal components are required."


NEEDS: dict[str, Callable[[Inputs], str]] = {  # name → the reason why it is not met, or ""
    "density": _density,
    "likelihood": lambda inputs: inputs.model.caveat,
    "probability": _probability,
    "samples": _samples,
    "full": _full,
    "factorised posterior": _factorised,
    "gaussian posterior": _gaussian,
    "labels": _labels,
    "factors": _factors,
    "prior": _prior,
    "codes": _codes,
    "training examples": _training,
    "complete examples": _complete,
}


def unmet(needs: tuple[str, ...], inputs: Inputs) -> str:
    """Return why the first unmet requirement is not met, or "" where all are."""
    return next(filter(None, (NEEDS[name](inputs) for name in needs)), "")
