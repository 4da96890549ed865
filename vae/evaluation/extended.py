"""What a full evaluation adds: what the latents hold of the example (`aggregate`), of its class
(`probes`) and of the factors that generated it (`disentanglement`), and how well samples of the
model pass for examples (`fidelity`).

Samples are z ~ p(z), then x. Where examples are 0 or 1 (binary or binarised) and the
likelihood is one of such values, x is a draw from p(x|z), as a mean between 0 and 1 would be told
from them at once; else it is the mean E[x|z], as the pages show it: without the noise of p(x|z),
which is no part of what a picture looks like. A
conditional model gets the classes of the examples that it is compared with. A point posterior is
trained without a prior, so there is nothing to draw from.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae.base import rng
from vae.base.progress import Progress, parts
from vae.base.records import Evaluation, Floats, Ints
from vae.batches import Batches
from vae.data.dataset import stratified
from vae.evaluation.aggregate_posterior import Posteriors, information, joined
from vae.evaluation.bound import NO_DENSITY, at_once
from vae.model import VAE, turn

if TYPE_CHECKING:
    from vae.evaluation.sample_quality import Space

AGGREGATE = ("mutual_information", "mutual_information_se", "aggregate_kl", "aggregate_kl_se")
DRAWS = 2000  # of z, each against all examples, for what the aggregate posterior says
EXAMINED = 5000  # examples at most for probes and disentanglement
COMPARED = 3000  # examples at most that samples are compared with
CHUNK = 256  # samples at a time, at most

NO_PRIOR = "A point posterior is trained without a prior: there is no p(z) to draw samples from."
NO_SPACE = "No training examples were given, and their principal components are what it takes."


class Known(NamedTuple):
    """The examples that are judged, and what is known of them."""

    batches: Batches
    means: Floats  # (N, Z) of q(z|x)
    posteriors: list[Posteriors | None]  # of each chunk
    labels: Ints | None  # (N,)
    factors: Mapping[str, Floats]  # name → (N,)
    training: Batches | None  # examples of the training part


def completed(
    model: VAE, record: Evaluation, known: Known, seed: int, progress: Progress
) -> Evaluation:
    """The record with all that a full evaluation adds, or the reason why it is not there."""
    cost = seconds(model, len(known.means), known.labels, known.factors)
    for step, told in zip(STEPS, parts(progress, list(cost.values())), strict=True):
        record = step(model, record, known, seed, told)
    return record


def seconds(
    model: VAE, examples: int, labels: Ints | None, factors: Mapping[str, Floats]
) -> dict[str, float]:
    """About how long each of STEPS takes on one core."""
    from vae.evaluation.disentanglement import BINS  # scikit-learn takes a second to import

    examined, compared = min(examples, EXAMINED), min(examples, COMPARED)
    latents, kinds = model.config.latent_dim, [len(np.unique(f)) for f in factors.values()]
    trees = sum(kind if 2 < kind <= BINS else 1 for kind in kinds) * (len(kinds) > 1)
    return {
        "aggregate": 2e-9 * DRAWS * examples * latents * model.has_kl,
        "probes": 1e-4 * examined * (labels is not None),
        "disentanglement": 6e-5 * examined * latents * trees,
        "fidelity": (4e-7 * compared**2 + pace(model) * compared) * model.has_kl + 1e-3,
    }


def pace(model: VAE) -> float:
    """Seconds that it takes to decode one z, as measured now."""
    size = at_once(model, CHUNK)
    z = torch.zeros(size, model.config.latent_dim, device=model.device)
    for _ in range(2):  # the first time, buffers are still to be made
        start = time.perf_counter()
        with torch.no_grad():
            model.likelihood(z, turn(model, size))
    return (time.perf_counter() - start) / size


def _with_aggregate(
    model: VAE, record: Evaluation, known: Known, seed: int, progress: Progress
) -> Evaluation:
    """With what the aggregate posterior says, where q has a density that all z can be put into."""
    posteriors = [part for part in known.posteriors if part is not None]
    if not model.has_kl:
        return _without(record, AGGREGATE, NO_DENSITY)
    if len(posteriors) < len(known.posteriors):
        reason = (
            "Not computed: the density of every z under every q(z|x) of a "
            f"{model.config.posterior} posterior takes too long."
        )
        return _without(record, AGGREGATE, reason)
    with torch.no_grad():
        prior, own = model.prior(), rng.mix(seed, "evaluation", 1)
        found = information(
            joined(posteriors),
            lambda z: prior.log_prob(z.float().to(model.device)),
            DRAWS,
            own,
            progress,
        )
    notes = dict(record.notes)
    if math.log(record.examples) - found.mutual_information.value < 1:
        notes["mutual_information"] = (
            f"Near its largest value ln {record.examples} = {math.log(record.examples):.4g}: it "
            "would grow with the number of examples."
        )
    return record._replace(
        mutual_information=found.mutual_information.value,
        mutual_information_se=found.mutual_information.se,
        aggregate_kl=found.aggregate_kl.value,
        aggregate_kl_se=found.aggregate_kl.se,
        notes=notes,
    )


def _with_probes(
    model: VAE, record: Evaluation, known: Known, seed: int, progress: Progress
) -> Evaluation:
    """With what the latents tell of the class."""
    from vae.evaluation.probes import probe

    labels = known.labels
    if labels is None:
        return _without(record, ("probes",), "The data have no labels.")
    rows = stratified(labels, len(known.means), EXAMINED, seed)
    return _tried(record, "probes", lambda: probe(known.means[rows], labels[rows], seed, progress))


def _with_disentanglement(
    model: VAE, record: Evaluation, known: Known, seed: int, progress: Progress
) -> Evaluation:
    """With what the latents tell of the factors."""
    from vae.evaluation.disentanglement import disentanglement

    if not known.factors:
        return _without(record, ("disentanglement",), "The data have no known factors.")
    rows = stratified(known.labels, len(known.means), EXAMINED, seed)
    factors = {name: values[rows] for name, values in known.factors.items()}
    return _tried(
        record,
        "disentanglement",
        lambda: disentanglement(known.means[rows], factors, seed, progress=progress),
    )


def _with_fidelity(
    model: VAE, record: Evaluation, known: Known, seed: int, progress: Progress
) -> Evaluation:
    """With how well samples pass for examples."""
    from vae.evaluation.sample_quality import NEIGHBOURS, Space, fidelity

    if not model.has_kl or known.training is None:
        return _without(record, ("fidelity",), NO_SPACE if model.has_kl else NO_PRIOR)
    rows = torch.from_numpy(stratified(known.labels, len(known.means), COMPARED, seed))
    first, second = parts(progress, (pace(model) * len(rows), 4e-7 * len(rows) ** 2))
    own = rng.mix(seed, "evaluation", 2)
    try:
        with torch.no_grad(), rng.stream(model.device, own, "evaluation"):
            space = Space.of(known.training.fixed(own).x.cpu().numpy(), len(rows))
            real, y = known.batches.take(rows.to(model.device))
            sampled = _sampled(model, y, len(rows), space, first)
        table = fidelity(space.place(real.cpu().numpy()), sampled, own, second)
    except ValueError as error:
        return _without(record, ("fidelity",), str(error))
    note = (
        f"{len(rows):,} samples, {'draws of p(x|z)' if _binary(model) else 'the means E[x|z]'}, "
        f"z ~ p(z), against {len(rows):,} examples in {space.axes.shape[1]} principal components "
        f"of {len(known.training):,} training examples ({100 * space.explained:.0f} % of their "
        f"variance), {NEIGHBOURS} neighbours. Reference: real examples against real ones. "
        "The squared Fréchet distance is in squared units of the data, whose variance there is "
        f"{space.variance:.4g}; it is no FID."
    )
    return record._replace(
        fidelity={name: row._asdict() for name, row in table.items()},
        notes=record.notes | {"fidelity": note},
    )


def _binary(model: VAE) -> bool:
    """Whether examples are 0 or 1, as the model sees them, and so is what it draws."""
    return model.domain.levels == 2 and model.discrete


def _sampled(
    model: VAE, y: Tensor | None, count: int, space: "Space", progress: Progress
) -> NDArray[np.float64]:
    """So many samples of the model, of the classes y (count,), in the space of their comparison,
    (count, d)."""
    prior, placed, chunk = model.prior(), [], at_once(model, CHUNK)
    for start in range(0, count, chunk):
        z = prior.sample(torch.Size((min(chunk, count - start),)))
        px = model.likelihood(z, None if y is None else y[start : start + chunk])
        x = px.sample() if _binary(model) else px.mean
        placed.append(space.place(x.cpu().numpy()))
        progress(min(1.0, (start + chunk) / count))
    return np.concatenate(placed)


def _tried(record: Evaluation, name: str, made: Callable[[], Mapping[str, Any]]) -> Evaluation:
    """With a table of named tuples, or the reason why it cannot be made."""
    try:
        table: Any = {key: value._asdict() for key, value in made().items()}
    except ValueError as error:
        return _without(record, (name,), str(error))
    notes = dict(record.notes)
    if record.examples > EXAMINED:
        notes[name] = f"On {EXAMINED:,} of the examples."
    changed: dict[str, Any] = {name: table, "notes": notes}
    return record._replace(**changed)


def _without(record: Evaluation, names: tuple[str, ...], reason: str) -> Evaluation:
    return record._replace(notes=record.notes | dict.fromkeys(names, reason))


STEPS = (_with_aggregate, _with_probes, _with_disentanglement, _with_fidelity)
