"""Evaluation: one yardstick for every run, whatever it was trained on.

Everything is in nats per example and a pure function of (model, examples, seed). With L posterior
samples, reconstruction = -1/L Σ ln p(x|z_l), z_l ~ q(z|x); the KL is analytic. With K importance
samples, -ln p(x) is estimated by -ln 1/K Σ p(x, z_k) / q(z_k|x), an upper bound in expectation
that tightens as K grows (Burda et al. 2016, https://arxiv.org/abs/1509.00519, eq. 8).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae import streams
from vae.batches import Batches
from vae.bounds import Pass, factorises, kl, kl_per_dimension
from vae.likelihoods import bits_per_dimension
from vae.model import VAE
from vae.records import Evaluation

ACTIVE = 0.01  # variance of the posterior mean above which a latent counts as active
UNDEFINED = ("elbo", "kl", "kl_per_dimension", "active_units", "nll", "nll_samples")  # for a point
CHUNK = 256  # examples at a time
PAIRS = 4096  # (sample, example) pairs decoded at a time


def evaluate(
    model: VAE,
    batches: Batches,
    *,
    elbo_samples: int = 10,
    nll_samples: int = 0,
    seed: int = 0,
    progress: Callable[[float], None] = lambda share: None,
) -> Evaluation:
    """Judge a model on examples. `run`, `split` and `checkpoint` are left for the caller.

    Raises ValueError if there are no examples or elbo_samples is below 1.
    """
    if not len(batches):
        raise ValueError("There is no example to evaluate on: choose another split.")
    if elbo_samples < 1 or nll_samples < 0:
        raise ValueError("Evaluation takes at least 1 ELBO sample, and 0 or more for -ln p(x).")
    sums = dict.fromkeys(("reconstruction", "kl", "nll"), 0.0)
    parts: dict[str, list[Tensor]] = {"mean": [], "per_dimension": [], "noise": []}
    weigh = nll_samples if model.has_kl and not model.caveat else 0
    with torch.no_grad(), streams.stream(model.device, seed, "evaluation"):
        for i, (x, y) in enumerate(batches.chunks(CHUNK)):
            out = model(x, 0, y)
            error, divergence = _bound(model, out, elbo_samples)
            sums["reconstruction"] += error
            if model.has_kl:
                sums["kl"] += divergence
                parts["mean"].append(out.q.mean)
                parts["noise"].append(model.mean_noise * out.q.stddev.square())
            if factorises(out):
                parts["per_dimension"].append(kl_per_dimension(out))
            if weigh:
                sums["nll"] -= float(log_likelihood(model, x, weigh, y).sum())
            progress(min(1.0, (i + 1) * CHUNK / len(batches)))
    n, joined = len(batches), {k: torch.cat(v) for k, v in parts.items() if v}
    reconstruction, kl = sums["reconstruction"] / n, sums["kl"] / n if model.has_kl else None
    per_dimension = joined["per_dimension"].double().mean(0) if parts["per_dimension"] else None
    record = Evaluation(
        run="",
        split="",
        checkpoint="",
        examples=n,
        elbo=None if kl is None else -(reconstruction + kl),
        reconstruction=reconstruction,
        kl=kl,
        kl_per_dimension=None if per_dimension is None else tuple(per_dimension.tolist()),
        active_units=active_units(joined["mean"], joined["noise"]) if model.has_kl else None,
        nll=sums["nll"] / n if weigh else None,
        nll_samples=weigh or None,
        bits_per_dimension=None,
        notes={},
    )
    return _with_bits_and_notes(model, record, nll_samples)


def active_units(means: Tensor, noise: Tensor | float = 0.0) -> int:
    """How many latents have a posterior mean whose variance over the examples exceeds 0.01,
    means (N, Z) (Burda et al. 2016, section 5.3). `noise` (N, Z) is the variance with which each
    mean was estimated, and does not count."""
    noise = torch.as_tensor(noise).double().expand_as(means).mean(0)
    return int((means.double().var(0, correction=0) - noise > ACTIVE).sum())


def log_likelihood(model: VAE, x: Tensor, samples: int, y: Tensor | None = None) -> Tensor:
    """ln p(x) by importance sampling with K = `samples` from q(z|x), x (B, *event) → (B,); of a
    conditional model ln p(x|y)."""
    q = model.posterior(x, y)
    log_weights = []
    for k in _portions(samples, len(x)):
        z = q.rsample(torch.Size((k,)))  # (k, B, Z)
        log_prior, log_posterior = model.prior().log_prob(z), q.log_prob(z)
        log_weights.append(log_prior + model.likelihood(z, y).log_prob(x) - log_posterior)
    return torch.cat(log_weights).double().logsumexp(0) - math.log(samples)  # (K, B) → (B,)


def _bound(model: VAE, out: Pass, samples: int) -> tuple[float, float]:
    """Sums over the examples of -ln p(x|z), averaged over the samples z ~ q(z|x), and of the KL,
    averaged over the same samples where it has no closed form."""
    error = divergence = 0.0
    for k in _portions(samples, len(out.x)):
        drawn = out._replace(z=out.q.rsample(torch.Size((k,))))
        px = model.likelihood(drawn.z, out.y)
        error -= float(px.log_prob(out.x).sum(1).cpu().double().sum()) / samples  # (k, B) → ()
        if model.has_kl and not model.config.closed_kl:
            divergence += float(kl(drawn).cpu().double().sum()) * k / samples
    if model.has_kl and model.config.closed_kl:
        divergence = float(kl(out).cpu().double().sum())
    return error, divergence


def _portions(samples: int, examples: int) -> list[int]:
    """`samples` in portions whose pairs with the examples fit into memory."""
    size = max(1, PAIRS // examples)
    return [min(size, samples - start) for start in range(0, samples, size)]


def _with_bits_and_notes(model: VAE, record: Evaluation, asked: int) -> Evaluation:
    """Bits per dimension where they mean something, and a reason for everything that is None."""
    notes: dict[str, str] = {}
    if model.caveat:
        notes["likelihood"] = model.caveat
    if not model.has_kl:
        reason = "A point posterior has no density: KL, ELBO and -ln p(x) do not exist."
        notes |= dict.fromkeys(UNDEFINED, reason)
    elif record.nll is None:
        missing = "Not asked for: give a number of importance samples."
        notes |= dict.fromkeys(("nll", "nll_samples"), model.caveat if asked else missing)
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
