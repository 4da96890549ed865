"""What a likelihood makes of data before any model: the nats that a model without latents pays.

Without latents the decoder's output is one constant h, (multiplicity, *event): a free number (or
one for each level) per element of x, beside the likelihood's own parameters, such as a learned
sigma. The best of them minimises the mean over examples of -ln p(x | h), in nats per example. A
VAE that ends with -ELBO above it has learned nothing that a constant does not know.

h is fitted to training examples and judged on held-out ones: test, else validation; where nothing
is held out, on the training examples themselves. A pixel that is black in every training example
would drive its h to infinity, and one held-out grey value there would then cost infinitely much.
So likelihoods of values in [0, 1] are fitted as if one more example had been seen, spread evenly
over the values that x may take: the rule of succession (Laplace 1814), with the weight of one
example for each element (Perks 1947). Gaussians need none of it for h; a learned sigma stops at
the floor that its likelihood has.
"""

import math
from typing import Any

import torch
from torch import Tensor

from vae.base.progress import Progress, parts, silent
from vae.base.records import Baseline, Ints
from vae.batches import Batches
from vae.components.likelihoods import LIKELIHOODS, Likelihood, bits_per_dimension
from vae.config import RunConfig
from vae.data import Dataset, stratified
from vae.evaluation.constant_fit import best_constant

MOST = 3_000_000  # numbers of the examples that are fitted to, and of those judged
CPU = torch.device("cpu")


def baselines(
    dataset: Dataset, config: RunConfig, progress: Progress = silent
) -> tuple[Baseline, ...]:
    """`baseline` for every row of LIKELIHOODS, in order."""
    told = parts(progress, [1.0] * len(LIKELIHOODS))
    return tuple(baseline(dataset, config, *row) for row in zip(LIKELIHOODS, told, strict=True))


def baseline(
    dataset: Dataset, config: RunConfig, name: str, progress: Progress = silent
) -> Baseline:
    """What the likelihood of this name makes of the data that `config` divides and binarises.

    Its options are those of `config` if that has chosen it, else their defaults. At most MOST
    numbers are fitted to and judged, examples drawn stratified with a fixed seed. `progress` is
    told an estimate of the share that is done, and may raise to end it.
    """
    chosen = config.chosen("likelihood") if config.likelihood == name else {}
    try:
        alone = _alone(config, name, chosen)
        splits = alone.split(dataset)
    except ValueError as error:
        return Baseline(name, str(error))
    domain = alone.domain(dataset)
    likelihood = LIKELIHOODS[name](domain, **alone.chosen("likelihood")).double()
    held = next((part for part in ("test", "val") if len(splits.rows(part))), "train")
    fitted, judged = _drawn(dataset, splits.train), _drawn(dataset, splits.rows(held))
    fit = best_constant(likelihood, _seen(dataset, fitted, alone), progress=progress)
    errors = _errors(likelihood, fit.h, _seen(dataset, judged, alone))
    progress(1.0)
    nats = float(errors.mean())
    caveat = likelihood.caveat(domain)
    proper = likelihood.discrete and not caveat
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
        examples=(len(judged), len(splits.rows(held))),
        fitted=(len(fitted), len(splits.train)),
        converged=fit.converged,
    )


def _alone(config: RunConfig, name: str, options: dict[str, Any]) -> RunConfig:
    """The likelihood and what decides on the data, without a model that could be refused."""
    shares = {key: config.get(key) for key in ("val_share", "test_share", "seed", "binarize")}
    return RunConfig.of(likelihood=name, batch_size=1, **shares, **options)


def _drawn(dataset: Dataset, rows: Ints) -> Ints:
    most = max(1, MOST // math.prod(dataset.event_shape))
    return stratified(dataset.labels, rows, most, seed=0)


def _seen(dataset: Dataset, rows: Ints, config: RunConfig) -> Tensor:
    return Batches(dataset, rows, config, CPU).fixed(config.seed).x.double()


@torch.no_grad()
def _errors(likelihood: Likelihood, h: Tensor, x: Tensor) -> Tensor:
    """-ln p(x | h) of each example, (N,)."""
    px = likelihood(h)
    parts = [x[start : start + 256] for start in range(0, len(x), 256)]
    return torch.cat([-px.log_prob(part) for part in parts])
