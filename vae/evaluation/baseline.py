"""Baseline of a likelihood on data: −ln p(x) of the best model without latents.

Without latents the decoder's output is one constant h, (multiplicity, *event): a free number (or
one for each level) per element of x, beside the likelihood's parameters, such as a learned σ. The
best constant minimises the mean over examples of −ln p(x | h), in nats per example. A VAE whose
−ELBO is larger has learned no more than a constant. The constant is fitted to the rescaled data,
as a VAE is, and its nats are in the units of x, as those of a VAE are.

h is fitted to training examples and evaluated on test, else validation, else training examples. A
pixel that is black in every training example would drive its h to infinity, and one grey value
there in a held-out example would then cost infinitely many nats. Likelihoods of values in [0, 1]
are therefore fitted with one further example, spread evenly over the values that x may take: the
rule of succession (Laplace 1814), with the weight of one example for each element (Perks 1947).
That of counts is half at 0 and half at 1. Real values need no such example; a learned σ stops at
the floor of its likelihood.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.base.data_records import Baseline
from vae.base.progress import Progress, parts, silent
from vae.base.records import Ints
from vae.batches import Batches
from vae.components.likelihoods import LIKELIHOODS, bits_per_dimension
from vae.components.rescalings import Units
from vae.config import RunConfig
from vae.data import Dataset, stratified
from vae.evaluation.constant_fit import best_constant

MOST = 3_000_000  # numbers of the examples in the fit, and in the evaluation
OF_DATA = ("val_share", "test_share", "seed", "binarize", "data_scale")
CPU = torch.device("cpu")


def baselines(
    dataset: Dataset, config: RunConfig, progress: Progress = silent
) -> tuple[Baseline, ...]:
    """Return the baseline of every row of LIKELIHOODS, in order."""
    shares = parts(progress, [1.0] * len(LIKELIHOODS))
    return tuple(baseline(dataset, config, *row) for row in zip(LIKELIHOODS, shares, strict=True))


def baseline(
    dataset: Dataset, config: RunConfig, name: str, progress: Progress = silent
) -> Baseline:
    """Return the baseline of one likelihood on the data that `config` divides and binarizes.

    Its options are those of `config` if that has this likelihood, else the defaults. Fit and
    evaluation read at most MOST numbers each, of stratified examples with a fixed seed. `progress`
    receives an estimate of the completed share and may raise to cancel.
    """
    chosen = config.chosen("likelihood") if config.likelihood == name else {}
    try:
        alone = _alone(config, name, chosen)
        splits = alone.split(dataset)
    except ValueError as error:
        return Baseline(name, str(error))
    domain = alone.domain(dataset)
    units = Units(domain).double()
    likelihood = LIKELIHOODS[name](domain, **alone.chosen("likelihood")).double()
    held = next((part for part in ("test", "val") if len(splits.rows(part))), "train")
    fitted, evaluated = _drawn(dataset, splits.train), _drawn(dataset, splits.rows(held))
    fit = best_constant(likelihood, units(_examples(dataset, fitted, alone)), progress=progress)
    with torch.no_grad():
        errors = _errors(units.of_x(likelihood(fit.h)), _examples(dataset, evaluated, alone))
    progress(1.0)
    nats = float(errors.mean())
    caveat = likelihood.caveat(domain)
    proper = likelihood.discrete and not (caveat or domain.missing)  # every value has a term
    return Baseline(
        name,
        caveat=caveat,
        options=alone.chosen("likelihood"),
        learned={key: float(value) for key, value in likelihood.scalars().items()},
        nats=nats,
        se=float(errors.std() / math.sqrt(len(errors))) if len(errors) > 1 else None,
        bits_per_dimension=bits_per_dimension(nats, math.prod(domain.shape)) if proper else None,
        probability=likelihood.discrete,
        split=held,
        examples=(len(evaluated), len(splits.rows(held))),
        fitted=(len(fitted), len(splits.train)),
        converged=fit.converged,
    )


def _alone(config: RunConfig, likelihood: str, options: dict[str, Any]) -> RunConfig:
    """Return a configuration of the likelihood and the data only, whose model is always valid."""
    data = {name: config.get(name) for name in OF_DATA}
    return RunConfig.of(likelihood=likelihood, batch_size=1, **data, **options)


def _drawn(dataset: Dataset, rows: Ints) -> Ints:
    most = max(1, MOST // math.prod(dataset.event_shape))
    return stratified(dataset.labels, rows, most, seed=0)


def _examples(dataset: Dataset, rows: Ints, config: RunConfig) -> Tensor:
    return Batches(dataset, rows, config, CPU).fixed(config.seed).x.double()


def _errors(px: Distribution, x: Tensor) -> Tensor:
    """Return −ln p(x) of each example, (N,)."""
    parts = [x[start : start + 256] for start in range(0, len(x), 256)]
    return torch.cat([-px.log_prob(part) for part in parts])
