"""Evaluation: one yardstick for every run, whatever it was trained on.

Everything is in nats per example and a pure function of (model, examples, seed). With L posterior
samples, reconstruction = -1/L Σ ln p(x|z_l), z_l ~ q(z|x); the KL is analytic. With K importance
samples, -ln p(x) is estimated by -ln 1/K Σ p(x, z_k) / q(z_k|x), an upper bound in expectation
that tightens as K grows (Burda et al. 2016, https://arxiv.org/abs/1509.00519, eq. 8); whether the
weights can be trusted, `importance` says. A standard error over the examples is that of the mean
as an estimate for all data of their kind: spread of one example / √N.

A full evaluation takes longer. It asks what the latents hold: of the example (`aggregate`), of its
class (`probes`) and of the factors that generated it (`disentanglement`).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from vae import importance, streams
from vae.aggregate import Posteriors, information, joined
from vae.batches import Batches
from vae.bounds import Pass, factorises, kl, kl_per_dimension
from vae.data.dataset import stratified
from vae.likelihoods import bits_per_dimension
from vae.model import VAE
from vae.records import Evaluation, Floats, Ints

ACTIVE = 0.01  # variance of the posterior mean above which a latent counts as active
WEIGHED = ("nll", "nll_se", "nll_samples", "ess")
AGGREGATE = ("mutual_information", "mutual_information_se", "aggregate_kl", "aggregate_kl_se")
FULL = (*AGGREGATE, "probes", "disentanglement")
UNDEFINED = ("elbo", "elbo_se", "kl", "kl_per_dimension", "active_units", *WEIGHED)  # for a point
CHUNK = 256  # examples at a time
PAIRS = 4096  # (sample, example) pairs decoded at a time
DRAWS = 2000  # of z, each against all examples, for what the aggregate posterior says
EXAMINED = 5000  # examples at most for probes and disentanglement

NO_DENSITY = "A point posterior has no density: KL, ELBO and -ln p(x) do not exist."
SPREADS = "One example has no spread: there is no standard error."


def evaluate(
    model: VAE,
    batches: Batches,
    *,
    elbo_samples: int = 10,
    nll_samples: int = 0,
    seed: int = 0,
    full: bool = False,
    labels: Ints | None = None,
    factors: Mapping[str, Floats] | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Evaluation:
    """Judge a model on examples. `run`, `split` and `checkpoint` are left for the caller.

    `labels` (N,) and `factors` name → (N,) are what is known of the examples; only a full
    evaluation looks at them. Raises ValueError if there are no examples or elbo_samples is below
    1.
    """
    if not len(batches):
        raise ValueError("There is no example to evaluate on: choose another split.")
    if elbo_samples < 1 or nll_samples < 0:
        raise ValueError("Evaluation takes at least 1 ELBO sample, and 0 or more for -ln p(x).")
    weigh = nll_samples if model.has_kl and not model.caveat else 0
    parts: list[dict[str, Any]] = []
    with torch.no_grad(), streams.stream(model.device, seed, "evaluation"):
        for i, (x, y) in enumerate(batches.chunks(CHUNK)):
            out = model(x, 0, y)
            parts.append(_seen(model, out, elbo_samples))
            if weigh:
                parts[-1] |= _weighed(log_weights(model, x, weigh, y))
            if full and model.has_kl:
                parts[-1]["posteriors"] = Posteriors.of(out.q)
            progress(min(1.0, (i + 1) * CHUNK / len(batches)))
    record = _with_bits_and_notes(model, _record(model, parts, weigh), nll_samples)
    if not full:
        missing = "Not asked for: it takes longer, and the full evaluation (--full) has it."
        return record._replace(notes=record.notes | dict.fromkeys(FULL, missing))
    record = _with_aggregate(model, record, [part.get("posteriors") for part in parts], seed)
    means = torch.cat([part["mean"] for part in parts]).cpu().numpy()
    return _with_meaning(record, means, labels, factors or {}, seed)


def active_units(means: Tensor, noise: Tensor | float = 0.0) -> int:
    """How many latents have a posterior mean whose variance over the examples exceeds 0.01,
    means (N, Z) (Burda et al. 2016, section 5.3). `noise` (N, Z) is the variance with which each
    mean was estimated, and does not count."""
    noise = torch.as_tensor(noise).double().expand_as(means).mean(0)
    return int((means.double().var(0, correction=0) - noise > ACTIVE).sum())


def log_weights(model: VAE, x: Tensor, samples: int, y: Tensor | None = None) -> Tensor:
    """ln p(x, z_k) / q(z_k|x) of K = `samples` from q(z|x), x (B, *event) → (K, B); of a
    conditional model ln p(x, z_k|y) / q(z_k|x, y)."""
    q = model.posterior(x, y)
    found = []
    for k in _portions(samples, len(x)):
        z = q.rsample(torch.Size((k,)))  # (k, B, Z)
        log_prior, log_posterior = model.prior().log_prob(z), q.log_prob(z)
        found.append(log_prior + model.likelihood(z, y).log_prob(x) - log_posterior)
    return torch.cat(found)


def log_likelihood(model: VAE, x: Tensor, samples: int, y: Tensor | None = None) -> Tensor:
    """ln p(x) by importance sampling with K = `samples` from q(z|x), x (B, *event) → (B,); of a
    conditional model ln p(x|y)."""
    return importance.log_mean(log_weights(model, x, samples, y))


def _seen(model: VAE, out: Pass, samples: int) -> dict[str, Any]:
    """What a chunk of examples says, each (B,) or (B, Z)."""
    error, divergence = _bound(model, out, samples)
    found: dict[str, Any] = {"error": error, "mean": out.q.mean}
    if model.has_kl:
        found["kl"] = divergence
        found["noise"] = model.mean_noise * out.q.stddev.square()
    if factorises(out):
        found["per_dimension"] = kl_per_dimension(out)
    return found


def _bound(model: VAE, out: Pass, samples: int) -> tuple[Tensor, Tensor]:
    """-ln p(x|z) of each example, averaged over the samples z ~ q(z|x), and the KL, averaged over
    the same samples where it has no closed form; (B,) each, float64."""
    error = torch.zeros(len(out.x), dtype=torch.float64)
    divergence = torch.zeros_like(error)
    for k in _portions(samples, len(out.x)):
        drawn = out._replace(z=out.q.rsample(torch.Size((k,))))
        px = model.likelihood(drawn.z, out.y)
        error -= px.log_prob(out.x).cpu().double().sum(0) / samples  # (k, B) → (B,)
        if model.has_kl and not model.config.closed_kl:
            divergence += kl(drawn).cpu().double() * k / samples
    if model.has_kl and model.config.closed_kl:
        divergence = kl(out).cpu().double()
    return error, divergence


def _portions(samples: int, examples: int) -> list[int]:
    """`samples` in portions whose pairs with the examples fit into memory."""
    size = max(1, PAIRS // examples)
    return [min(size, samples - start) for start in range(0, samples, size)]


def _weighed(log_w: Tensor) -> dict[str, Tensor]:
    """What importance weights ln w (K, B) say of each example, (B,)."""
    log_w = log_w.cpu()
    return {
        "log_p": importance.log_mean(log_w),
        "effective": importance.effective_samples(log_w),
        "shape": importance.tail_shape(log_w),
    }


def _record(model: VAE, parts: list[dict[str, Any]], weigh: int) -> Evaluation:
    """Means over the examples, with their standard errors."""
    one = {k: torch.cat([p[k] for p in parts]) for k in parts[0] if k != "posteriors"}  # (N, …)
    per_dimension = one["per_dimension"].double().mean(0) if "per_dimension" in one else None
    reconstruction = float(one["error"].mean())
    kl = float(one["kl"].mean()) if model.has_kl else None
    nll_se = _standard_error(one["log_p"]) if weigh else None
    doubt = weigh and importance.doubt(one["effective"], one["shape"], weigh, nll_se or math.inf)
    return Evaluation(
        run="",
        split="",
        checkpoint="",
        examples=len(one["error"]),
        elbo=None if kl is None else -(reconstruction + kl),
        elbo_se=None if kl is None else _standard_error(one["error"] + one["kl"]),
        reconstruction=reconstruction,
        kl=kl,
        kl_per_dimension=None if per_dimension is None else tuple(per_dimension.tolist()),
        active_units=active_units(one["mean"], one["noise"]) if model.has_kl else None,
        nll=-float(one["log_p"].mean()) if weigh else None,
        nll_se=nll_se,
        nll_samples=weigh or None,
        ess=_spread_of(one["effective"], weigh) if weigh else None,
        bits_per_dimension=None,
        **dict.fromkeys(FULL),
        notes={"nll": doubt} if doubt else {},
    )


def _standard_error(values: Tensor) -> float | None:
    """Of the mean of values (N,); None of a single one."""
    return float(values.std() / len(values) ** 0.5) if len(values) > 1 else None


def _spread_of(effective: Tensor, samples: int) -> dict[str, float]:
    """Effective samples over the examples: their mean, and mean and least as shares of K."""
    mean, least = float(effective.mean()), float(effective.min())
    return {"mean": mean, "share": mean / samples, "smallest": least / samples}


def _with_aggregate(
    model: VAE, record: Evaluation, parts: list[Posteriors | None], seed: int
) -> Evaluation:
    """With what the aggregate posterior says, where q has a density that all z can be put into."""
    known = [part for part in parts if part is not None]
    if not model.has_kl:
        return _without(record, AGGREGATE, NO_DENSITY)
    if len(known) < len(parts):
        reason = (
            "Not computed: the density of every z under every q(z|x) of a "
            f"{model.config.posterior} posterior takes too long."
        )
        return _without(record, AGGREGATE, reason)
    with torch.no_grad():
        prior, own = model.prior(), streams.mix(seed, "evaluation", 1)
        found = information(
            joined(known), lambda z: prior.log_prob(z.float().to(model.device)), DRAWS, own
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


def _with_meaning(
    record: Evaluation,
    means: Floats,
    labels: Ints | None,
    factors: Mapping[str, Floats],
    seed: int,
) -> Evaluation:
    """With what the latents, means (N, Z), tell of classes and factors."""
    from vae.disentanglement import disentanglement  # scikit-learn takes a second to import
    from vae.probes import probe

    rows = stratified(labels, len(means), EXAMINED, seed)
    known = {name: values[rows] for name, values in factors.items()}
    if labels is None:
        record = _without(record, ("probes",), "The data have no labels.")
    else:
        record = _tried(record, "probes", lambda: probe(means[rows], labels[rows], seed))
    if not factors:
        reason = "The data have no known factors."
        return _without(record, ("disentanglement",), reason)
    return _tried(record, "disentanglement", lambda: disentanglement(means[rows], known, seed))


def _tried(record: Evaluation, name: str, made: Callable[[], Mapping[str, Any]]) -> Evaluation:
    """With a table of named tuples, or the reason why it cannot be made."""
    try:
        table: Any = {key: value._asdict() for key, value in made().items()}
    except ValueError as error:
        return _without(record, (name,), str(error))
    notes = dict(record.notes)
    if record.examples > EXAMINED:
        notes[name] = f"On {EXAMINED} of the examples."
    changed: dict[str, Any] = {name: table, "notes": notes}
    return record._replace(**changed)


def _without(record: Evaluation, names: tuple[str, ...], reason: str) -> Evaluation:
    return record._replace(notes=record.notes | dict.fromkeys(names, reason))


def _with_bits_and_notes(model: VAE, record: Evaluation, asked: int) -> Evaluation:
    """Bits per dimension where they mean something, and a reason for everything that is None."""
    notes = dict(record.notes)
    if model.caveat:
        notes["likelihood"] = model.caveat
    if not model.has_kl:
        notes |= dict.fromkeys(UNDEFINED, NO_DENSITY)
    elif record.nll is None:
        missing = "Not asked for: give a number of importance samples."
        notes |= dict.fromkeys(WEIGHED, model.caveat if asked else missing)
    if model.has_kl and record.examples == 1:
        notes |= {"elbo_se": SPREADS} | ({} if record.nll is None else {"nll_se": SPREADS})
    if model.has_kl and not model.config.closed_kl:
        notes["kl"] = "No closed form: the mean of ln q(z|x) - ln p(z) over the samples."
    if model.has_kl and record.kl_per_dimension is None:
        notes["kl_per_dimension"] = (
            f"Not defined: posterior {model.config.posterior} with prior {model.config.prior} "
            "does not factorise over latent dimensions."
        )
    if not model.discrete or model.caveat:
        reason = "p(x|z) is no probability of these values: bits per dimension have no meaning."
        return record._replace(notes=notes | {"bits_per_dimension": reason})
    if record.elbo is None:
        return record._replace(notes=notes | {"bits_per_dimension": notes["elbo"]})
    bound = -record.elbo if record.nll is None else record.nll
    bits = bits_per_dimension(bound, math.prod(model.domain.shape))
    return record._replace(bits_per_dimension=bits, notes=notes)
