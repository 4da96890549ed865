"""Importance weights: the estimate of ln p(x), and whether it is reliable.

With z_k ~ q(z|x) and w_k = p(x, z_k) / q(z_k|x), k = 1 … K, the estimate of ln p(x) is
ln 1/K Σ w_k, too low in expectation (Burda et al. 2016, https://arxiv.org/abs/1509.00519, eq. 8).
A small spread between repetitions is no proof: if q is too narrow, the large weights that make the
difference are never drawn. Two statistics of the weights detect this:

* the effective sample size (Σ w)² / Σ w², in samples, K if all weights are equal; where the
  weights have a variance, ln p(x) is too low by about ½ (1/ESS − 1/K) nats;
* the shape k of the generalised Pareto distribution that fits the largest weights: they have
  finite moments up to 1/k, so no variance from k = ½ on, and above k = 0.7 no affordable number
  of samples is enough (Vehtari et al. 2024, https://arxiv.org/abs/1507.02646).

Notation: K samples, B examples, M of the K weights in the tail.
"""

import math

import torch
from torch import Tensor

from vae.base.numbers import compact, percent

TAILED = 100  # samples that the shape of a tail requires
UNRELIABLE = 0.7  # k above which no affordable number of samples is enough
FLAT = 0.01  # spread of a tail, in units of the largest weight, that rounding can cause
SHARE = 0.25  # of the examples with such a k: the k of a single example is noisy
PRIOR = (10, 0.5)  # shrinks k towards ½ with the weight of ten samples


def log_mean(log_weights: Tensor) -> Tensor:
    """Return ln 1/K Σ w of ln w (K, B), in nats, float64 (B,)."""
    return log_weights.double().logsumexp(0) - math.log(len(log_weights))


def effective_samples(log_weights: Tensor) -> Tensor:
    """Return (Σ w)² / Σ w² of ln w (K, B), float64 (B,), between 1 and K (Kong 1992)."""
    w = log_weights.double()
    return (2 * w.logsumexp(0) - (2 * w).logsumexp(0)).exp()


def tail_shape(log_weights: Tensor) -> Tensor:
    """Return the shape k of the tail of each column of ln w (K, B), (B,); −∞ where it is flat.

    The tail is the M = min(K/5, 3√K) largest weights minus the largest other weight (Vehtari et
    al. 2024).
    """
    samples = len(log_weights)
    m = math.ceil(min(samples / 5, 3 * samples**0.5))
    if m == samples:  # a single weight is no tail
        return torch.full(log_weights.shape[1:], -math.inf, dtype=torch.float64)
    top = log_weights.double().topk(m + 1, dim=0).values
    w = (top - top[:1]).exp().flip(0)  # (M + 1, B), rising to 1
    return _pareto_shape(w[1:] - w[:1])


def _pareto_shape(x: Tensor) -> Tensor:
    """Return the shape of generalised Pareto distributions of x (M, B), ascending along M, (B,).

    θ stands for −k/sigma. Its posterior mean is taken over a grid under the profile likelihood
    M (ln(−θ/k) − k − 1), k(θ) = 1/M Σ ln(1 − θ x) (Zhang & Stephens 2009,
    https://doi.org/10.1198/tech.2009.08017; their k is our −k), and k = k(θ) is then shrunk
    towards ½.
    """
    m, flat = len(x), x[-1] <= FLAT
    x = torch.where(flat, torch.ones_like(x).cumsum(0), x)  # any tail: its result is not used
    points = 30 + int(m**0.5)
    j = torch.arange(1, points + 1, dtype=x.dtype, device=x.device).unsqueeze(1)  # (J, 1)
    quartile = x[max(int(m / 4 + 0.5) - 1, 0)].clamp(min=1e-290)
    theta = 1 / x[-1] + (1 - (points / (j - 0.5)).sqrt()) / (3 * quartile)  # (J, B)
    k = torch.stack([torch.log1p(-t * x).mean(0) for t in theta])
    profile = m * ((-theta / k).log() - k - 1)
    best = (profile.softmax(0) * theta).sum(0)  # (B,)
    strength, centre = PRIOR
    k = (m * torch.log1p(-best * x).mean(0) + strength * centre) / (m + strength)
    return torch.where(flat, -math.inf, k)


def doubt(effective: Tensor, shape: Tensor, samples: int, se: float) -> str:
    """Return why the mean of ln p(x) over the examples is unreliable, or "".

    `effective` samples (B,), `shape` of the tails (B,), `se` the standard error of the mean in
    nats.
    """
    if samples < TAILED:
        return (
            f"With fewer than {TAILED} samples the tail of the weights cannot be judged: "
            "−ln p(x) may be far too high."
        )
    heavy = float((shape > UNRELIABLE).double().mean())
    if heavy > SHARE:
        return (
            "−ln p(x) is only an upper bound here, too high by an unknown amount: for "
            f"{percent(heavy, 0)} of the examples a few samples outweigh all others (tail shape k "
            f"above {UNRELIABLE}), as when q(z|x) is too narrow or misplaced. More samples help "
            "little. ELBO, reconstruction and KL are not affected."
        )
    short = float((0.5 / effective - 0.5 / samples).mean())
    if short > se:
        return (
            f"−ln p(x) is too high by about {compact(short, 2)} nats per example, more than its "
            "standard error: take more samples."
        )
    return ""
