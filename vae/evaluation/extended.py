"""Tables of measures that take longer: probes, disentanglement, and sample quality.

Each function reads `Inputs` and computes the rows of one table. Samples are z ~ p(z), then x.
Where examples are 0 or 1 (binary or binarized) and the likelihood has such values, x is a draw
from p(x|z), because a mean between 0 and 1 would differ from every example; otherwise x is the
mean E[x|z], which the pages show too, without the noise of p(x|z). A conditional model draws the
classes of the examples that its samples are compared with, and a model that reads library sizes
takes theirs.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from vae.base import rng
from vae.base.numbers import compact, percent
from vae.base.progress import Progress, parts
from vae.base.records import Estimate
from vae.batches import Batch
from vae.evaluation.bound import batch_size
from vae.evaluation.disentanglement import BINS, Score, disentanglement
from vae.evaluation.inputs import CHUNK, DRAWS, Encoded, Inputs
from vae.evaluation.probes import Probe, probe
from vae.evaluation.sample_quality import NEIGHBOURS, Space, Statistic, fidelity
from vae.model import VAE

if TYPE_CHECKING:
    from vae.base.records import Floats

EXAMINED = 5000  # examples at most for probes and disentanglement
COMPARED = 3000  # examples at most that samples are compared with

Outcome = tuple[dict[str, Estimate], str]  # row → estimate, and a note


def probe_table(inputs: Encoded, rows: Mapping[str, Probe]) -> Outcome:
    """Return the accuracy of each probe of the class."""
    assert inputs.labels is not None
    at = inputs.rows(EXAMINED)
    means, labels = inputs.means[at], inputs.labels[at]
    return probe(means, labels, rows, inputs.seed, inputs.progress), _partial(inputs)


def score_table(inputs: Encoded, rows: Mapping[str, Score]) -> Outcome:
    """Return each score of disentanglement."""
    at = inputs.rows(EXAMINED)
    factors: dict[str, Floats] = {name: values[at] for name, values in inputs.factors.items()}
    found = disentanglement(inputs.means[at], factors, rows, inputs.seed, progress=inputs.progress)
    return found, _partial(inputs)


def _partial(inputs: Encoded) -> str:
    return f"On {EXAMINED:,} of the examples." if len(inputs) > EXAMINED else ""


def sample_table(inputs: Inputs, rows: Mapping[str, Statistic]) -> Outcome:
    """Return each statistic of samples against examples."""
    assert inputs.training is not None
    model, seed = inputs.model, rng.mix(inputs.seed, "evaluation", 2)
    at = torch.from_numpy(inputs.rows(COMPARED))
    n = len(at)
    first, second = parts(inputs.progress, (inputs.pace * n, 4e-7 * n**2))
    with rng.stream(model.device, seed, "evaluation"):
        domain = model.domain
        space = Space.of(domain.rescale(inputs.training.fixed(seed).x.cpu().numpy()), n)
        real, y = inputs.batches.take(at.to(model.device))
        sampled = _sampled(model, Batch(real, y), space, first)
    placed = space.place(domain.rescale(real.cpu().numpy()))
    table = fidelity(placed, sampled, rows, seed, second)
    drawn = "draws of p(x|z)" if _binary(model) else "the means E[x|z]"
    note = (
        f"{n:,} samples, {drawn}, z ~ p(z), against {n:,} examples in {space.axes.shape[1]} "
        f"principal components of {len(inputs.training):,} training examples "
        f"({percent(space.explained, 0)} of their variance), {NEIGHBOURS} neighbours. Reference: "
        "real examples against real ones. The squared Fréchet distance is in squared units of "
        f"the {'rescaled ' if domain.scale else ''}data, whose variance there is "
        f"{compact(space.variance)}; it is not comparable with the FID."
    )
    return table, note


def _binary(model: VAE) -> bool:
    """Return whether examples and draws from p(x|z) are 0 or 1."""
    return model.domain.levels == 2 and model.discrete


def _sampled(model: VAE, examples: Batch, space: Space, progress: Progress) -> NDArray[np.float64]:
    """Return coordinates in `space` of as many samples as examples, with their classes and
    library sizes, (n, d)."""
    prior, placed, chunk = model.prior(), [], batch_size(model, CHUNK)
    count, y = len(examples.x), examples.y
    for start in range(0, count, chunk):
        part = slice(start, start + chunk)
        z = prior.sample(torch.Size((min(chunk, count - start),)))
        px = model.likelihood(z, None if y is None else y[part], examples.x[part])
        x = px.sample() if _binary(model) else px.mean
        placed.append(space.place(model.domain.rescale(x.cpu().numpy())))
        progress(min(1.0, (start + chunk) / count))
    return np.concatenate(placed)


# ── seconds that measures take on one core, about


def aggregate_seconds(inputs: Inputs) -> float:
    return 2e-9 * DRAWS * len(inputs) * inputs.model.config.latent_dim * inputs.model.has_kl


def probe_seconds(inputs: Inputs) -> float:
    return 1e-4 * min(len(inputs), EXAMINED) * (inputs.labels is not None)


def score_seconds(inputs: Inputs) -> float:
    values = [len(np.unique(f)) for f in inputs.factors.values()]
    trees = sum(count if 2 < count <= BINS else 1 for count in values) * (len(values) > 1)
    return 6e-5 * min(len(inputs), EXAMINED) * inputs.model.config.latent_dim * trees


def sample_seconds(inputs: Inputs) -> float:
    n = min(len(inputs), COMPARED)
    return (4e-7 * n**2 + inputs.pace * n) * inputs.model.has_kl
