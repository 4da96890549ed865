"""Training objectives, as pure functions of one forward pass.

An objective is `f(out: Pass, *, <its own options>) -> Loss`. It holds no state and knows no step.
Everything is in nats per example: summed over the event, averaged over samples and batch.
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
    https://openreview.net/forum?id=Sy2fzU9gl, eq. 4). K samples are an average of ln p(x|z),
    outside the logarithm: a steadier estimate of the same bound, where `iwae` has another one."""
    terms = {"reconstruction": reconstruction_error(out).mean()} | rate(out)
    return Loss(terms["reconstruction"] + beta * terms["kl"], terms)


def capacity(
    out: Pass,
    *,
    capacity: Annotated[
        float,
        Option(
            "C, the KL that the loss asks for, nats per example. Larger lets the latents tell "
            "more about an example; the schedule warmup opens them little by little.",
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
            "γ, the price of every nat between KL and C, without unit. Larger holds the KL closer "
            "to C, and reconstruction matters less beside it.",
            low=0.0,
            high=100_000.0,
            log=True,
            scheduled=True,
            live=True,
            label="Capacity weight γ",
        ),
    ] = 10.0,
) -> Loss:
    """Reconstruction + γ |KL − C|, the KL that of the batch (Burgess et al. 2018,
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
            "λ, the KL that each latent dimension has for free, nats per example (1 bit is 0.693 "
            "nats). Larger keeps more dimensions in use.",
            low=0.0,
            high=100.0,
            scheduled=True,
            live=True,
            label="Free nats per dimension λ",
        ),
    ] = 0.25,
) -> Loss:
    """Reconstruction + Σ_d max(λ, KL_d), the KL of each dimension that of the batch (Kingma et al.
    2016, https://arxiv.org/abs/1606.04934, eq. 15)."""
    terms = {"reconstruction": reconstruction_error(out).mean()} | rate(out)
    paid = terms["kl_per_dimension"].clamp(min=free_bits).sum()
    return Loss(terms["reconstruction"] + paid, terms)


def iwae(
    out: Pass,
    *,
    gradient: Annotated[
        str,
        Option(
            "How the encoder learns: reparameterised, the plain gradient, whose noise outgrows it "
            "as K grows; or doubly, another of the same mean that K makes steadier (for "
            "Gaussian posteriors).",
            choices=("reparameterised", "doubly"),
        ),
    ] = "reparameterised",
) -> Loss:
    """Negative K-sample bound, ln 1/K Σ_k p(x, z_k)/q(z_k|x): the K samples inside the logarithm
    (Burda et al. 2016, https://arxiv.org/abs/1509.00519, eq. 8). K = 1 is the ELBO.

    With v_k = w_k / Σ w for the ratios w_k, the gradient for the parameters φ of q is
    Σ v_k (∂ ln w_k/∂z_k ∂z_k/∂φ − ∂ ln q(z_k|x)/∂φ). As E[f ∂ ln q/∂φ] = E[∂f/∂z ∂z/∂φ] and
    ∂v_k/∂ ln w_k = v_k − v_k², what remains on average is Σ v_k² ∂ ln w_k/∂z_k ∂z_k/∂φ: "doubly"
    (Tucker et al. 2019, https://arxiv.org/abs/1810.04152, section 3). The bound itself brings
    one v_k once φ is held still in ln q(z_k|x); a hook on z brings the other, so that only one
    loss of a `Pass` may be differentiated.
    """
    doubly = gradient == "doubly" and out.z.requires_grad
    q = frozen(out.q) if doubly else out.q
    if doubly and q is out.q:
        raise ValueError(
            "The doubly reparameterised gradient needs a Gaussian posterior: choose one, or "
            "gradient reparameterised."
        )
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
            "α, weight of the mutual information of x and z, without unit. Larger "
            "lets z tell less about x.",
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
            "β, weight of the total correlation, without unit. Larger makes the latent dimensions "
            "more independent of one another.",
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
            "makes each latent dimension by itself look like the prior.",
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
    KL: the same on average, without the noise of a sampled KL (which on the digits keeps every
    latent shut under a learned σ), and with all weights 1 it is `elbo`.
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
        "λ, nats for a whole unit of MMD², the distance of q(z) from p(z). Larger makes all "
        "latents together look like the prior.",
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
            "α, without unit: 1 − α is the weight of the KL, α + λ − 1 that of the MMD. Larger "
            "lets z tell more about x; 1 drops the KL.",
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

    It is −ELBO − α I(x; z) + (λ − 1) KL(q(z) || p(z)); as the mean KL is I(x; z) + KL(q(z) ||
    p(z)), that is reconstruction + (1 − α) KL + (α + λ − 1) KL(q(z) || p(z)), and the last,
    which has no closed form, gives way to the MMD.
    """
    terms = {"reconstruction": reconstruction_error(out).mean()} | rate(out)
    terms["mmd"] = mmd_to_prior(out)
    paid = (1 - info_alpha) * terms["kl"] + (info_alpha + mmd_weight - 1) * terms["mmd"]
    return Loss(terms["reconstruction"] + paid, terms)


def wae(out: Pass, *, mmd_weight: MmdWeight = 10.0) -> Loss:
    """WAE-MMD: reconstruction + λ MMD² of q(z) and p(z), and no KL, so that q may be a point
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
    best_by: Criterion = ELBO  # selects the best weights; the reconstruction if no KL is trained
    subsidises_kl: bool = False  # a nat of KL can cost less than a nat of the loss
    kl_floor: bool = False  # KL below a floor is free in each latent dimension


OBJECTIVES: dict[str, Objective] = {
    "elbo": Objective(elbo),
    "capacity": Objective(capacity, subsidises_kl=True),
    "free-bits": Objective(free_bits, needs="factors", subsidises_kl=True, kl_floor=True),
    "iwae": Objective(iwae, best_by=Criterion("iwae_bound", "K-sample bound")),
    "beta-tc": Objective(beta_tc, needs="factors", subsidises_kl=True),
    "info": Objective(info, batch=2, subsidises_kl=True),
    "wae": Objective(wae, needs="nothing", batch=2, best_by=RECONSTRUCTION),
    "reconstruction": Objective(reconstruction, needs="nothing", best_by=RECONSTRUCTION),
}
