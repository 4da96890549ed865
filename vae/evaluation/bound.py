"""The bound and the likelihood of examples: what they say one by one, and their means.

Letters: B examples of a chunk, N all examples, K samples, Z latents. Nats per example.
"""

import math
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor

from vae.base.progress import Progress, parts, silent
from vae.base.records import Evaluation
from vae.batches import Batch
from vae.components.likelihoods import bits_per_dimension
from vae.components.terms import Pass, factorises, kl, kl_per_dimension
from vae.evaluation import importance
from vae.evaluation.aggregate_posterior import Posteriors
from vae.model import VAE

ACTIVE = 0.01  # variance of the posterior mean above which a latent counts as active
WEIGHED = ("nll", "nll_se", "nll_samples", "ess")
UNDEFINED = (  # for a point
    *("elbo", "elbo_se", "kl", "kl_se", "kl_per_dimension", "kl_per_dimension_se"),
    *("active_units", "active_units_interval"),
    *WEIGHED,
)
FULL = (
    "mutual_information",
    "mutual_information_se",
    "aggregate_kl",
    "aggregate_kl_se",
    "probes",
    "disentanglement",
    "fidelity",
)
PAIRS = 4096  # (sample, example) pairs decoded at a time, at most,
NUMBERS = 2**22  # and numbers that they are decoded to: a portion takes well below a second

NO_DENSITY = "A point posterior has no density: KL, ELBO and -ln p(x) do not exist."
SPREADS = "One example has no spread: there is no standard error."


def seen(
    model: VAE, batch: Batch, samples: int, weigh: int, full: bool, progress: Progress
) -> dict[str, Any]:
    """What a chunk of examples says, each (B,) or (B, Z): with L = `samples` of q(z|x), K =
    `weigh` importance samples, and where `full` the posteriors themselves."""
    out = model(batch.x, 0, batch.y)
    sampled, weighed = parts(progress, (samples, weigh))
    error, divergence = _bound(model, out, samples, sampled)
    found: dict[str, Any] = {"error": error, "mean": out.q.mean}
    if model.has_kl:
        found["kl"] = divergence
        found["noise"] = model.mean_noise * out.q.stddev.square()
    if factorises(out):
        found["per_dimension"] = kl_per_dimension(out)
    if weigh:
        found |= _weighed(log_weights(model, batch.x, weigh, batch.y, weighed))
    if full and model.has_kl:
        found["posteriors"] = Posteriors.of(out.q)
    return found


def active_units(means: Tensor, noise: Tensor | float = 0.0) -> int:
    """How many latents have a posterior mean whose variance over the examples exceeds 0.01,
    means (N, Z) (Burda et al. 2016, section 5.3). `noise` (N, Z) is the variance with which each
    mean was estimated, and does not count."""
    noise = torch.as_tensor(noise).double().expand_as(means).mean(0)
    return int((means.double().var(0, correction=0) - noise > ACTIVE).sum())


def active_interval(means: Tensor, noise: Tensor | float = 0.0) -> tuple[int, int] | None:
    """The ends of a 95 % interval of how many latents are active among all examples of the kind of
    these, means (N, Z) and `noise` as above; None of a single example.

    Each variance V has an interval V e^(±q s / V), s the standard error of a mean of squared
    deviations, of a level of 1 − 0.05 / Z, so that with 95 % all Z hold at once (Bonferroni); what
    lies above 0.01 as a whole counts at the lower end, what lies there in part at the upper. Where
    means have heavy tails, a few hundred examples may show too small an s.
    """
    n, latents = means.shape
    if n < 2:
        return None
    wide = means.double()
    noise = torch.as_tensor(noise).double().expand_as(wide)
    squares = (wide - wide.mean(0)).square()  # (N, Z)
    variance = squares.mean(0)
    relative = (squares - noise).std(0) / n**0.5 / variance.clamp(min=1e-300)
    reach = (NormalDist().inv_cdf(1 - 0.025 / latents) * relative).exp()
    least = ACTIVE + noise.mean(0)
    return int((variance / reach > least).sum()), int((variance * reach > least).sum())


def at_once(model: VAE, pairs: int) -> int:
    """How many of so many z may be decoded together."""
    each = model._likelihood.multiplicity * math.prod(model.domain.shape)
    return max(1, min(pairs, NUMBERS // each))


def log_weights(
    model: VAE, x: Tensor, samples: int, y: Tensor | None = None, progress: Progress = silent
) -> Tensor:
    """ln p(x, z_k) / q(z_k|x) of K = `samples` from q(z|x), x (B, *event) → (K, B); of a
    conditional model ln p(x, z_k|y) / q(z_k|x, y)."""
    q = model.posterior(x, y)
    found: list[Tensor] = []
    for k in _portions(samples, len(x), at_once(model, PAIRS)):
        z = q.rsample(torch.Size((k,)))  # (k, B, Z)
        log_prior, log_posterior = model.prior().log_prob(z), q.log_prob(z)
        found.append(log_prior + model.likelihood(z, y).log_prob(x) - log_posterior)
        progress(sum(map(len, found)) / samples)
    return torch.cat(found)


def log_likelihood(model: VAE, x: Tensor, samples: int, y: Tensor | None = None) -> Tensor:
    """ln p(x) by importance sampling with K = `samples` from q(z|x), x (B, *event) → (B,); of a
    conditional model ln p(x|y)."""
    return importance.log_mean(log_weights(model, x, samples, y))


def _bound(model: VAE, out: Pass, samples: int, progress: Progress) -> tuple[Tensor, Tensor]:
    """-ln p(x|z) of each example, averaged over the samples z ~ q(z|x), and the KL, averaged over
    the same samples where it has no closed form; (B,) each, float64."""
    error = torch.zeros(len(out.x), dtype=torch.float64)
    divergence = torch.zeros_like(error)
    done = 0
    for k in _portions(samples, len(out.x), at_once(model, PAIRS)):
        drawn = out._replace(z=out.q.rsample(torch.Size((k,))))
        px = model.likelihood(drawn.z, out.y)
        error -= px.log_prob(out.x).cpu().double().sum(0) / samples  # (k, B) → (B,)
        if model.has_kl and not model.config.closed_kl:
            divergence += kl(drawn).cpu().double() * k / samples
        done += k
        progress(done / samples)
    if model.has_kl and model.config.closed_kl:
        divergence = kl(out).cpu().double()
    return error, divergence


def _portions(samples: int, examples: int, pairs: int) -> list[int]:
    """`samples` in portions that make at most so many pairs with the examples, or one by one."""
    size = max(1, pairs // examples)
    return [min(size, samples - start) for start in range(0, samples, size)]


def _weighed(log_w: Tensor) -> dict[str, Tensor]:
    """What importance weights ln w (K, B) say of each example, (B,)."""
    log_w = log_w.cpu()
    return {
        "log_p": importance.log_mean(log_w),
        "effective": importance.effective_samples(log_w),
        "shape": importance.tail_shape(log_w),
    }


def record_of(model: VAE, found: list[dict[str, Any]], weigh: int) -> Evaluation:
    """Means over the examples, with their standard errors; what a full evaluation adds is None."""
    one = {k: torch.cat([p[k] for p in found]) for k in found[0] if k != "posteriors"}  # (N, …)
    each = one["per_dimension"].double() if "per_dimension" in one else None  # (N, Z)
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
        reconstruction_se=_standard_error(one["error"]),
        kl=kl,
        kl_se=None if kl is None else _standard_error(one["kl"]),
        kl_per_dimension=None if each is None else tuple(each.mean(0).tolist()),
        kl_per_dimension_se=None if each is None else _standard_errors(each),
        active_units=active_units(one["mean"], one["noise"]) if model.has_kl else None,
        active_units_interval=(
            active_interval(one["mean"], one["noise"]) if model.has_kl else None
        ),
        nll=-float(one["log_p"].mean()) if weigh else None,
        nll_se=nll_se,
        nll_samples=weigh or None,
        ess=_spread_of(one["effective"], weigh) if weigh else None,
        bits_per_dimension=None,
        bits_per_dimension_se=None,
        **dict.fromkeys(FULL),
        notes={"nll": doubt} if doubt else {},
    )


def _standard_error(values: Tensor) -> float | None:
    """Of the mean of values (N,); None of a single one."""
    return float(values.std() / len(values) ** 0.5) if len(values) > 1 else None


def _standard_errors(values: Tensor) -> tuple[float, ...] | None:
    """Of the means of the columns of values (N, Z); None of a single row."""
    n = len(values)
    return tuple((values.std(0) / n**0.5).tolist()) if n > 1 else None


def _spread_of(effective: Tensor, samples: int) -> dict[str, float]:
    """Effective samples over the examples: their mean, and mean and least as shares of K."""
    mean, least = float(effective.mean()), float(effective.min())
    return {"mean": mean, "share": mean / samples, "smallest": least / samples}


def with_bits_and_notes(model: VAE, record: Evaluation, asked: int) -> Evaluation:
    """Bits per dimension where they mean something, and a reason for everything that is None."""
    notes = dict(record.notes)
    if model.caveat:
        notes["likelihood"] = model.caveat
    if not model.has_kl:
        notes |= dict.fromkeys(UNDEFINED, NO_DENSITY)
    elif record.nll is None:
        missing = "Not asked for: give a number of importance samples."
        notes |= dict.fromkeys(WEIGHED, model.caveat if asked else missing)
    if record.examples == 1:
        names = ("elbo", "reconstruction", "kl", "kl_per_dimension", "nll")
        notes |= {f"{n}_se": SPREADS for n in names if getattr(record, n) is not None}
        notes |= {"active_units_interval": SPREADS} if model.has_kl else {}
    if model.has_kl and not model.config.closed_kl:
        notes["kl"] = "No closed form: the mean of ln q(z|x) - ln p(z) over the samples."
    if model.has_kl and record.kl_per_dimension is None:
        reason = (
            f"Not defined: posterior {model.config.posterior} with prior {model.config.prior} "
            "does not factorise over latent dimensions."
        )
        notes |= dict.fromkeys(("kl_per_dimension", "kl_per_dimension_se"), reason)
    reason = _no_bits(model, record)
    if reason:
        missing_bits = dict.fromkeys(("bits_per_dimension", "bits_per_dimension_se"), reason)
        return record._replace(notes=notes | missing_bits)
    return _with_bits(record._replace(notes=notes), math.prod(model.domain.shape))


def _no_bits(model: VAE, record: Evaluation) -> str:
    """Why there are no bits per dimension; "" where there are."""
    if not model.discrete or model.caveat:
        return "p(x|z) is no probability of these values: bits per dimension have no meaning."
    return NO_DENSITY if record.elbo is None else ""


def _with_bits(record: Evaluation, dimensions: int) -> Evaluation:
    """With bits per dimension of -ln p(x), else of the bound, and their standard error."""
    assert record.elbo is not None
    weighed = record.nll is not None
    nats, se = (record.nll, record.nll_se) if weighed else (-record.elbo, record.elbo_se)
    assert nats is not None
    notes = record.notes | ({"bits_per_dimension_se": SPREADS} if se is None else {})
    return record._replace(
        bits_per_dimension=bits_per_dimension(nats, dimensions),
        bits_per_dimension_se=None if se is None else bits_per_dimension(se, dimensions),
        notes=notes,
    )
