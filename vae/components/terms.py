"""A forward pass, and the terms of the training objectives.

Each term is a pure function of one `Pass`, in nats per example, summed over the event.
Notation: B batch, K posterior samples, Z latent dimensions, N training examples; q(z), the
aggregate posterior, is the mean of q(z|x) over the data.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # as in the code of the WAE's authors


class Pass(NamedTuple):
    """One forward pass, the input of every objective."""

    x: Tensor  # (B, *event)
    y: Tensor | None  # (B,) labels, for a conditional model
    q: Distribution  # q(z|x), batch shape (B,), event (Z,)
    p: Distribution  # p(z), event (Z,)
    z: Tensor  # (K, B, Z) reparameterised samples of q
    px: Distribution  # p(x|z), batch shape (K, B), event (*event)


def reconstruction_error(out: Pass) -> Tensor:
    """Return −ln p(x|z) of every sample, (K, B), nats per example."""
    return -out.px.log_prob(out.x)


def _is_diagonal(d: Distribution) -> bool:
    """Return whether a distribution is a Gaussian that factorises over its event (Z,)."""
    return isinstance(d, Independent) and isinstance(d.base_dist, Normal)


def factorises(out: Pass) -> bool:
    """Return whether q and p are Gaussians that factorise, so the KL is a sum over dimensions."""
    return all(_is_diagonal(d) for d in (out.q, out.p))


def kl_per_dimension(out: Pass) -> Tensor:
    """Return the analytic KL(q(z|x) || p(z)) per latent dimension, (B, Z).

    ½ (mu² + sigma² − ln sigma² − 1) for N(mu, sigma²) against N(0, 1) (Kingma & Welling 2014,
    appendix B). Both distributions must factorise over dimensions.
    """
    assert factorises(out)
    return kl_divergence(out.q.base_dist, out.p.base_dist)  # type: ignore[attr-defined]


def kl(out: Pass) -> Tensor:
    """Return KL(q(z|x) || p(z)), (B,): analytic between Gaussians, otherwise an unbiased estimate
    from the samples, which can be negative for a single example.

    Let q_0 be the base Gaussian of q, z = f(z_0) (q itself if it is Gaussian), and r = N(0, I).
    The estimate is the analytic KL(q_0 || r) plus the mean over the samples of
    ln q(z) − ln p(z) − (ln q_0(z_0) − ln r(z_0)), a control variate: the mean of its last part is
    that KL. The mean of ln q − ln p has the same expectation but so much noise that the latents
    may stay collapsed.
    """
    if factorises(out):
        return kl_per_dimension(out).sum(-1)
    r = _unit(out.z)
    if _is_diagonal(out.p):
        r = out.p
    base, origin = _gaussian_of(out.q, out.z)
    closed = _closed(base, r)
    if base is out.q and r is out.p:
        return closed
    of_q = out.q.log_prob(out.z) - base.log_prob(origin)  # (K, B); 0 if q is Gaussian
    of_p = r.log_prob(origin) - out.p.log_prob(out.z)
    return closed + (of_q + of_p).mean(0)


def _unit(z: Tensor) -> Distribution:
    """Return N(0, I) for z (..., Z)."""
    zero = z.new_zeros(z.shape[-1])
    return Independent(Normal(zero, zero + 1, validate_args=False), 1, validate_args=False)


def _gaussian_of(q: Distribution, z: Tensor) -> tuple[Distribution, Tensor]:
    """Return the base Gaussian of q (q itself if it is Gaussian) and z_0, the preimage of z."""
    return (q.base, q.origin(z)) if hasattr(q, "origin") else (q, z)  # type: ignore[attr-defined]


def _closed(q: Distribution, p: Distribution) -> Tensor:
    """Return KL(q || p), (B,), of a Gaussian q from a Gaussian p that factorises."""
    if isinstance(q, MultivariateNormal):
        p = MultivariateNormal(p.mean, scale_tril=p.stddev.diag_embed(), validate_args=False)
    return kl_divergence(q, p)


def frozen(q: Distribution) -> Distribution:
    """Return a Gaussian q with detached parameters; any other q unchanged."""
    if isinstance(q, Independent) and isinstance(q.base_dist, Normal):
        mean, sd = q.base_dist.loc.detach(), q.base_dist.scale.detach()
        return Independent(Normal(mean, sd, validate_args=False), 1, validate_args=False)
    if isinstance(q, MultivariateNormal):
        scale = q.scale_tril.detach()
        return MultivariateNormal(q.loc.detach(), scale_tril=scale, validate_args=False)
    return q


def rate(out: Pass) -> dict[str, Tensor]:
    """Return the KL averaged over the batch, also per dimension if q and p factorise."""
    if not factorises(out):
        return {"kl": kl(out).mean()}
    per_dimension = kl_per_dimension(out).mean(0)  # (B, Z) → (Z,)
    return {"kl": per_dimension.sum(), "kl_per_dimension": per_dimension}


def kl_parts(out: Pass) -> dict[str, Tensor]:
    """Return the three parts of the sampled KL: mutual information of x and z, total correlation
    of q(z), and KL of the single dimensions of q(z) from p(z) (Chen et al. 2018,
    https://arxiv.org/abs/1802.04942, eq. 2).

    The batch approximates the data: q(z_i) ≈ 1/B Σ_j q(z_i|x_j). This is their minibatch-weighted
    sampling (eq. 3) without the factor 1/N, which does not change the gradient and would add ln N
    nats to the mutual information and (Z − 1) ln N to the total correlation. The estimates are
    biased, and loose if B is far below N: the mutual information stays below ln B. Therefore they
    serve training only; analysis uses the mixture over all data. Their sum is exactly the sampled
    KL. q and p must factorise over dimensions.
    """
    assert factorises(out)
    size = math.log(len(out.x))
    joint, product = [], []
    for z in out.z:  # one sample at a time: (B, B, Z) is large
        pairs = out.q.base_dist.log_prob(z.unsqueeze(1))  # type: ignore[attr-defined]
        joint.append(pairs.sum(-1).logsumexp(1) - size)  # ln q(z_i|x_j) (B, B, Z) → (B,)
        product.append((pairs.logsumexp(1) - size).sum(-1))
    log_joint, log_product = torch.stack(joint), torch.stack(product)  # (K, B)
    return {
        "mutual_information": (out.q.log_prob(out.z) - log_joint).mean(),
        "total_correlation": (log_joint - log_product).mean(),
        "dimension_wise_kl": (log_product - out.p.log_prob(out.z)).mean(),
    }


def mmd(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of samples a (N, Z) and b (M, Z), without unit.

    E k(a, a') + E k(b, b') − 2 E k(a, b), each over pairs of distinct samples, so unbiased and
    sometimes negative (Gretton et al. 2012, eq. 3). k is the mean over scales s of
    sC/(sC + |a − b|²) with C = 2Z, the mean of |a − b|² under N(0, I) (Tolstikhin et al. 2018,
    section 4). The result is 0 if a or b has fewer than two samples.
    """
    if min(len(a), len(b)) < 2:
        return a.new_zeros(())

    def kernel(u: Tensor, v: Tensor) -> Tensor:
        square = (u.unsqueeze(1) - v).square().sum(-1)  # (N, 1, Z), (M, Z) → (N, M)
        widths = [2 * u.shape[-1] * s for s in KERNEL_SCALES]
        return torch.stack([c / (c + square) for c in widths]).mean(0)

    def within(u: Tensor) -> Tensor:
        k = kernel(u, u)
        return (k.sum() - k.trace()) / (len(u) * (len(u) - 1))

    return within(a) + within(b) - 2 * kernel(a, b).mean()


def mmd_to_prior(out: Pass) -> Tensor:
    """Return MMD² of q(z) and p(z), averaged over the K samples, without unit.

    Each MMD² uses as many samples of p as of q."""
    draw = out.p.rsample if out.p.has_rsample else out.p.sample
    return torch.stack([mmd(z, draw(z.shape[:1])) for z in out.z]).mean()
