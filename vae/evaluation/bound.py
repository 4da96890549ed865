"""Terms of the bound and of −ln p(x) for single examples.

Letters: B examples of a batch, K samples, Z latents. Nats per example.
"""

import math

import torch
from torch import Tensor

from vae.base.progress import Progress, parts, silent
from vae.batches import Batch
from vae.components.terms import Pass, factorises, kl, kl_per_dimension
from vae.evaluation import importance
from vae.evaluation.aggregate_posterior import Posteriors
from vae.model import VAE

PAIRS = 4096  # (sample, example) pairs decoded at a time, at most
NUMBERS = 2**22  # decoder outputs computed at a time, at most: well below a second

Terms = dict[str, Tensor]  # name → (B,) or (B, Z)


def batch_terms(
    model: VAE, batch: Batch, samples: int, importance_samples: int, progress: Progress
) -> tuple[Terms, Posteriors | None]:
    """Return the terms of each example of a batch by name, and q(z|x) where it is Gaussian.

    `samples` of q(z|x) average the reconstruction error; `importance_samples` of q(z|x) estimate
    ln p(x), and 0 skips that estimate.
    """
    out = model(batch.x, 0, batch.y)
    first, second = parts(progress, (samples, importance_samples))
    error, divergence = _bound(model, out, samples, first)
    terms = {"error": error, "mean": model.decoder_input(out.q.mean)}
    if model.codes is not None:
        terms["codes"] = model.codes.nearest(out.q.mean).T  # (B, G)
    if not model.has_kl:
        return terms, None
    terms["kl"] = divergence
    terms["noise"] = model.mean_noise * out.q.stddev.square()
    if factorises(out):
        terms["kl_per_dimension"] = kl_per_dimension(out)
    if importance_samples:
        log_w = log_weights(model, batch.x, importance_samples, batch.y, second)
        terms |= _weight_terms(log_w.cpu())
    return terms, Posteriors.of(out.q)


def batch_size(model: VAE, most: int) -> int:
    """Return how many z to decode at once: at most `most`, and at most NUMBERS outputs."""
    each = model._likelihood.multiplicity * math.prod(model._likelihood.coded_shape)
    return max(1, min(most, NUMBERS // each))


def log_weights(
    model: VAE, x: Tensor, samples: int, y: Tensor | None = None, progress: Progress = silent
) -> Tensor:
    """Return ln p(x, z_k) − ln q(z_k|x) of K = `samples` z_k ~ q(z|x), x (B, *event) → (K, B).

    A conditional model gives ln p(x, z_k|y) − ln q(z_k|x, y).
    """
    q = model.posterior(x, y)
    found: list[Tensor] = []
    for k in _portions(samples, len(x), batch_size(model, PAIRS)):
        z = q.rsample(torch.Size((k,)))  # (k, B, Z)
        log_prior, log_posterior = model.prior().log_prob(z), q.log_prob(z)
        found.append(log_prior + model.likelihood(z, y).log_prob(x) - log_posterior)
        progress(sum(map(len, found)) / samples)
    return torch.cat(found)


def log_likelihood(model: VAE, x: Tensor, samples: int, y: Tensor | None = None) -> Tensor:
    """Return ln p(x) estimated with K = `samples` importance samples, x (B, *event) → (B,).

    A conditional model gives ln p(x|y).
    """
    return importance.log_mean(log_weights(model, x, samples, y))


def _bound(model: VAE, out: Pass, samples: int, progress: Progress) -> tuple[Tensor, Tensor]:
    """Return −ln p(x|z) averaged over samples z ~ q(z|x), and the KL, (B,) each, float64.

    The same samples average the KL where it has no closed form.
    """
    error = torch.zeros(len(out.x), dtype=torch.float64)
    divergence = torch.zeros_like(error)
    done = 0
    for k in _portions(samples, len(out.x), batch_size(model, PAIRS)):
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
    """Split `samples` into portions of at most `pairs` (sample, example) pairs, at least one
    sample each."""
    size = max(1, pairs // examples)
    return [min(size, samples - start) for start in range(0, samples, size)]


def _weight_terms(log_w: Tensor) -> Terms:
    """Return ln p(x), effective samples and tail shape, (B,) each, of ln weights (K, B)."""
    return {
        "log_p": importance.log_mean(log_w),
        "effective": importance.effective_samples(log_w),
        "shape": importance.tail_shape(log_w),
    }
