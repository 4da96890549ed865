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
from vae.likelihoods import bits_per_dimension
from vae.model import VAE
from vae.objectives import Pass, kl_per_dimension
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
    reconstruction, nll = 0.0, 0.0
    kls, means = [], []
    with torch.no_grad(), streams.stream(model.device, seed, "evaluation"):
        for i, x in enumerate(batches.chunks(CHUNK)):
            out = model(x, 0)
            reconstruction += _reconstruction(model, out, elbo_samples)
            if model.has_kl:
                kls.append(kl_per_dimension(out))
                means.append(out.q.mean)
                if nll_samples:
                    nll -= float(log_likelihood(model, x, nll_samples).sum())
            progress(min(1.0, (i + 1) * CHUNK / len(batches)))
    n = len(batches)
    per_dimension = torch.cat(kls).double().mean(0) if kls else None  # (Z,)
    kl = None if per_dimension is None else float(per_dimension.sum())
    record = Evaluation(
        run="",
        split="",
        checkpoint="",
        examples=n,
        elbo=None if kl is None else -(reconstruction / n + kl),
        reconstruction=reconstruction / n,
        kl=kl,
        kl_per_dimension=None if per_dimension is None else tuple(per_dimension.tolist()),
        active_units=active_units(torch.cat(means)) if means else None,
        nll=nll / n if nll_samples and model.has_kl else None,
        nll_samples=nll_samples if nll_samples and model.has_kl else None,
        bits_per_dimension=None,
        notes={},
    )
    return _with_bits_and_notes(model, batches, record)


def active_units(means: Tensor) -> int:
    """How many latents have a posterior mean whose variance over the examples exceeds 0.01,
    means (N, Z) (Burda et al. 2016, section 5.3)."""
    return int((means.double().var(0, correction=0) > ACTIVE).sum())


def log_likelihood(model: VAE, x: Tensor, samples: int) -> Tensor:
    """ln p(x) by importance sampling with K = `samples` from q(z|x), x (B, *event) → (B,)."""
    q = model.posterior(x)
    log_weights = []
    for k in _portions(samples, len(x)):
        z = q.rsample(torch.Size((k,)))  # (k, B, Z)
        log_prior, log_posterior = model.prior().log_prob(z), q.log_prob(z)
        log_weights.append(log_prior + model.likelihood(z).log_prob(x) - log_posterior)
    return torch.cat(log_weights).double().logsumexp(0) - math.log(samples)  # (K, B) → (B,)


def _reconstruction(model: VAE, out: Pass, samples: int) -> float:
    """Sum over the examples of -ln p(x|z), averaged over the samples z ~ q(z|x)."""
    total = 0.0
    for k in _portions(samples, len(out.x)):
        px = model.likelihood(out.q.rsample(torch.Size((k,))))
        total -= float(px.log_prob(out.x).sum(1).cpu().double().sum()) / samples  # (k, B) → ()
    return total


def _portions(samples: int, examples: int) -> list[int]:
    """`samples` in portions whose pairs with the examples fit into memory."""
    size = max(1, PAIRS // examples)
    return [min(size, samples - start) for start in range(0, samples, size)]


def _with_bits_and_notes(model: VAE, batches: Batches, record: Evaluation) -> Evaluation:
    """Bits per dimension where they mean something, and a reason for everything that is None."""
    notes: dict[str, str] = {}
    if not model.has_kl:
        reason = "A point posterior has no density: KL, ELBO and -ln p(x) do not exist."
        notes |= dict.fromkeys(UNDEFINED, reason)
    elif record.nll is None:
        reason = "Not asked for: give a number of importance samples."
        notes |= dict.fromkeys(("nll", "nll_samples"), reason)
    binary = batches.binarize != "none" or bool(
        ((batches.x == 0) | (batches.x == batches.scale)).all()
    )
    if model.discrete and not binary:
        notes["likelihood"] = (
            "Grey values under a Bernoulli likelihood: a cross-entropy and not a log-likelihood. "
            "Compare it only with the same likelihood on the same data."
        )
    bound = (
        record.nll if record.nll is not None else (None if record.elbo is None else -record.elbo)
    )
    if not (model.discrete and binary):
        reason = "p(x|z) is no probability of these values: bits per dimension have no meaning."
        return record._replace(notes=notes | {"bits_per_dimension": reason})
    if bound is None:
        return record._replace(notes=notes | {"bits_per_dimension": notes["elbo"]})
    bits = bits_per_dimension(bound, math.prod(model.event_shape))
    return record._replace(bits_per_dimension=bits, notes=notes)
