"""Training objectives, as pure functions of one forward pass.

An objective is `f(out: Pass, *, <options>) -> Loss`. It holds no state and does not depend on the
training step. All terms are in nats per example: summed over the event, averaged over samples and
batch.
Notation: B batch, K posterior samples, Z latent dimensions.
"""

import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

from torch import Tensor

from vae.base.criterion import ELBO, RECONSTRUCTION, Criterion
from vae.base.options import Option
from vae.components.terms import Pass, frozen, kl_parts, mmd_to_prior, rate, reconstruction_error


class Loss(NamedTuple):
    """The loss to minimise and the terms to plot; scalars, nats per example."""

    total: Tensor
    terms: dict[str, Tensor]


def elbo(
    out: Pass,
    *,
    beta: Annotated[
        float,
        Option(
            "Weight of the KL in the loss, without unit. β = 1 is the evidence lower bound. "
            "Larger values favour a low KL over reconstruction (β-VAE).",
            low=0.0,
            high=1000.0,
            scheduled=True,
            live=True,
            label="β",
        ),
    ] = 1.0,
) -> Loss:
    """Negative ELBO (Kingma & Welling 2014, eq. 7); with β ≠ 1 the β-VAE (Higgins et al. 2017,
    https://openreview.net/forum?id=Sy2fzU9gl, eq. 4). K samples average ln p(x|z) outside the
    logarithm: a less noisy estimate of the same bound. `iwae` is a different bound."""
    terms = {"reconstruction": reconstruction_error(out).mean()} | rate(out)
    if not beta:  # then q(z|x) shrinks without bound, and 0 times an infinite gradient is NaN
        return Loss(terms["reconstruction"], terms)
    return Loss(terms["reconstruction"] + beta * terms["kl"], terms)


def capacity(
    out: Pass,
    *,
    capacity: Annotated[
        float,
        Option(
            "C, the target of the KL, nats per example. Larger values let the latents carry more "
            "information about an example; the warmup schedule raises C gradually.",
            low=0.0,
            high=10_000.0,
            scheduled=True,
            live=True,
            label="Capacity C (nats)",
        ),
    ] = 5.0,
    capacity_weight: Annotated[
        float,
        Option(
            "γ, weight of the distance |KL − C|, without unit. Larger values hold the KL closer "
            "to C at the expense of reconstruction.",
            low=0.0,
            high=100_000.0,
            log=True,
            scheduled=True,
            live=True,
            label="Capacity weight γ",
        ),
    ] = 10.0,
) -> Loss:
    """Reconstruction + γ |KL − C|, with the KL averaged over the batch (Burgess et al. 2018,
    https://arxiv.org/abs/1804.03599, eq. 8, with γ = 1000 and C rising to 25 nats)."""
    terms = {"reconstruction": reconstruction_error(out).mean()} | rate(out)
    distance = (terms["kl"] - capacity).abs()
    return Loss(terms["reconstruction"] + capacity_weight * distance, terms)


def free_bits(
    out: Pass,
    *,
    free_bits: Annotated[
        float,
        Option(
            "λ, free KL of each latent dimension, nats per example (1 bit is 0.693 nats). Larger "
            "values keep more dimensions in use.",
            low=0.0,
            high=100.0,
            scheduled=True,
            live=True,
            label="Free nats per dimension λ",
        ),
    ] = 0.25,
) -> Loss:
    """Reconstruction + Σ_d max(λ, KL_d), with the KL of each dimension averaged over the batch
    (Kingma et al. 2016, https://arxiv.org/abs/1606.04934)."""
    terms = {"reconstruction": reconstruction_error(out).mean()} | rate(out)
    paid = terms["kl_per_dimension"].clamp(min=free_bits).sum()
    return Loss(terms["reconstruction"] + paid, terms)


def iwae(
    out: Pass,
    *,
    gradient: Annotated[
        str,
        Option(
            "Gradient estimator of the encoder. reparameterised: the plain gradient, whose "
            "signal-to-noise ratio falls as K grows. doubly: doubly reparameterised, with the "
            "same mean and a signal-to-noise ratio that rises with K (Gaussian posteriors only).",
            choices=("reparameterised", "doubly"),
        ),
    ] = "reparameterised",
) -> Loss:
    """Negative K-sample bound, ln 1/K Σ_k p(x, z_k)/q(z_k|x): averages inside the logarithm
    (Burda et al. 2016, https://arxiv.org/abs/1509.00519, eq. 8). K = 1 is the ELBO.

    With v_k = w_k / Σ w for the ratios w_k, the gradient for the parameters φ of q is
    Σ v_k (∂ ln w_k/∂z_k ∂z_k/∂φ − ∂ ln q(z_k|x)/∂φ). As E[f ∂ ln q/∂φ] = E[∂f/∂z ∂z/∂φ] and
    ∂v_k/∂ ln w_k = v_k − v_k², its mean equals that of Σ v_k² ∂ ln w_k/∂z_k ∂z_k/∂φ: "doubly"
    (Tucker et al. 2019, https://arxiv.org/abs/1810.04152). The bound contributes one
    factor v_k when ln q(z_k|x) is detached from φ; a hook on z contributes the other. Therefore
    only one loss of a `Pass` may be differentiated. The rules of the configuration refuse "doubly"
    for a posterior that is not Gaussian.
    """
    doubly = gradient == "doubly" and out.z.requires_grad
    q = frozen(out.q) if doubly else out.q
    assert not doubly or q is not out.q, "the rules of the configuration refuse other posteriors"
    error = reconstruction_error(out)
    log_weights = out.p.log_prob(out.z) - error - q.log_prob(out.z)  # (K, B)
    if doubly:
        weights = log_weights.detach().softmax(0).unsqueeze(-1)  # (K, B, 1)
        out.z.register_hook(lambda slope: slope * weights)  # type: ignore[no-untyped-call]
    bound = (log_weights.logsumexp(0) - math.log(len(out.z))).mean()
    terms = {"reconstruction": error.mean()} | rate(out) | {"iwae_bound": bound}
    return Loss(-bound, terms)


def beta_tc(
    out: Pass,
    *,
    mi_weight: Annotated[
        float,
        Option(
            "α, weight of the mutual information of x and z, without unit. Larger values reduce "
            "the information about x in z.",
            low=0.0,
            high=1000.0,
            scheduled=True,
            live=True,
            label="Information weight α",
        ),
    ] = 1.0,
    tc_weight: Annotated[
        float,
        Option(
            "β, weight of the total correlation, without unit. Larger values make the latent "
            "dimensions more independent of each other.",
            low=0.0,
            high=1000.0,
            scheduled=True,
            live=True,
            label="Total correlation weight β",
        ),
    ] = 6.0,
    dimension_weight: Annotated[
        float,
        Option(
            "γ, weight of the KL of each dimension of q(z) from the prior, without unit. Larger "
            "values bring the distribution of each latent dimension closer to the prior.",
            low=0.0,
            high=1000.0,
            scheduled=True,
            live=True,
            label="Dimension-wise weight γ",
        ),
    ] = 1.0,
) -> Loss:
    """β-TCVAE: each of the three parts of the KL has a weight (Chen et al. 2018,
    https://arxiv.org/abs/1802.04942, eq. 4).

    The sampled parts enter as KL + (α − 1) MI + (β − 1) TC + (γ − 1) Σ_d KL_d with the analytic
    KL. The mean is the same, without the noise of a sampled KL, which collapses every latent on
    the digits with a learned σ. With all weights 1 it is `elbo`.
    """
    parts = kl_parts(out)
    terms = {"reconstruction": reconstruction_error(out).mean()} | rate(out) | parts
    extra = (
        (mi_weight - 1) * parts["mutual_information"]
        + (tc_weight - 1) * parts["total_correlation"]
        + (dimension_weight - 1) * parts["dimension_wise_kl"]
    )
    return Loss(terms["reconstruction"] + terms["kl"] + extra, terms)


MmdWeight = Annotated[
    float,
    Option(
        "λ, weight of MMD², a distance between q(z) and p(z), in nats per unit of MMD². Larger "
        "values bring the distribution of all latents closer to the prior.",
        low=0.0,
        high=100_000.0,
        log=True,
        scheduled=True,
        live=True,
        label="MMD weight λ",
    ),
]


def info(
    out: Pass,
    *,
    info_alpha: Annotated[
        float,
        Option(
            "α, without unit: 1 − α is the weight of the KL, α + λ − 1 that of MMD². Larger "
            "values allow more information about x in z; 1 removes the KL.",
            low=-100.0,
            high=1.0,
            scheduled=True,
            live=True,
            label="Information α",
        ),
    ] = 0.5,
    mmd_weight: MmdWeight = 10.0,
) -> Loss:
    """InfoVAE: reconstruction + (1 − α) KL + (α + λ − 1) MMD² (Zhao et al. 2019,
    https://arxiv.org/abs/1706.02262).

    The loss is −ELBO − α I(x; z) + (λ − 1) KL(q(z) || p(z)). As the mean KL is I(x; z) +
    KL(q(z) || p(z)), it equals reconstruction + (1 − α) KL + (α + λ − 1) KL(q(z) || p(z)). The
    last term has no closed form; MMD² replaces it.
    """
    terms = {"reconstruction": reconstruction_error(out).mean()} | rate(out)
    terms["mmd"] = mmd_to_prior(out)
    paid = (1 - info_alpha) * terms["kl"] + (info_alpha + mmd_weight - 1) * terms["mmd"]
    return Loss(terms["reconstruction"] + paid, terms)


def wae(out: Pass, *, mmd_weight: MmdWeight = 10.0) -> Loss:
    """WAE-MMD: reconstruction + λ MMD² of q(z) and p(z), without KL, so q may be a point
    (Tolstikhin et al. 2018, https://arxiv.org/abs/1711.01558, algorithm 2)."""
    terms = {"reconstruction": reconstruction_error(out).mean(), "mmd": mmd_to_prior(out)}
    return Loss(terms["reconstruction"] + mmd_weight * terms["mmd"], terms)


def reconstruction(out: Pass) -> Loss:
    """Reconstruction alone: with a point posterior, the plain autoencoder."""
    error = reconstruction_error(out).mean()
    return Loss(error, {"reconstruction": error})


class Objective(NamedTuple):
    """A row of the table: the loss and its properties."""

    loss: Callable[..., Loss]
    needs: str = "density"  # of q; or "nothing"; or "factors": q and p are diagonal Gaussians
    batch: int = 1  # smallest number of examples in a batch
    best_by: Criterion = ELBO  # selects the best weights; reconstruction if the loss has no KL
    subsidises_kl: bool = False  # a nat of KL can cost less than a nat of the loss
    weighs_kl: bool = False  # the loss is reconstruction + beta · KL
    kl_floor: bool = False  # the KL of each latent dimension costs nothing below a floor


OBJECTIVES: dict[str, Objective] = {
    "elbo": Objective(elbo, weighs_kl=True),
    "capacity": Objective(capacity, subsidises_kl=True),
    "free-bits": Objective(free_bits, needs="factors", subsidises_kl=True, kl_floor=True),
    "iwae": Objective(iwae, best_by=Criterion("iwae_bound", "K-sample bound")),
    "beta-tc": Objective(beta_tc, needs="factors", subsidises_kl=True),
    "info": Objective(info, batch=2, subsidises_kl=True),
    "wae": Objective(wae, needs="nothing", batch=2, best_by=RECONSTRUCTION),
    "reconstruction": Objective(reconstruction, needs="nothing", best_by=RECONSTRUCTION),
}
