"""Measures that are averages over the examples, and the number of active units.

Each is a function of `Inputs`. With L posterior samples, reconstruction = −1/L Σ ln p(x|z_l),
z_l ~ q(z|x); the KL is analytic where it has a closed form. A standard error is that of the mean
as an estimate for all data of the same kind: the standard deviation over examples / √N.

Letters: N examples, K importance samples, Z latents. Nats per example.
"""

import math
from statistics import NormalDist

import torch
from torch import Tensor

from vae.base.numbers import compact
from vae.components import likelihoods
from vae.evaluation import importance
from vae.evaluation.inputs import Encoded, Inputs, Result

ACTIVE = 0.01  # variance of the posterior mean above which a latent counts as active


def mean(values: Tensor, note: str = "") -> Result:
    """Return the mean of values (N,) with its standard error; None of a single value."""
    n = len(values)
    return Result(float(values.mean()), float(values.std() / n**0.5) if n > 1 else None, note=note)


def elbo(inputs: Inputs) -> Result:
    """Return −(reconstruction + KL), the evidence lower bound on ln p(x)."""
    total = mean(inputs.terms["error"] + inputs.terms["kl"])
    parts = [float(inputs.terms[name].mean()) for name in ("error", "kl")]
    return total._replace(value=-sum(parts))


def reconstruction(inputs: Inputs) -> Result:
    """Return the mean of −ln p(x|z), z ~ q(z|x)."""
    return mean(inputs.terms["error"])


def kl(inputs: Encoded) -> Result:
    """Return the mean of KL(q(z|x) ‖ p(z))."""
    note = "No closed form: the mean of ln q(z|x) - ln p(z) over the samples."
    return mean(inputs.terms["kl"], note if inputs.samples_kl else "")


def kl_per_dimension(inputs: Encoded) -> Result:
    """Return the mean KL of each latent, a list of Z numbers."""
    each = inputs.terms["kl_per_dimension"].double()  # (N, Z)
    n = len(each)
    errors = (each.std(0) / n**0.5).tolist() if n > 1 else None
    return Result(each.mean(0).tolist(), errors)


def nll(inputs: Inputs) -> Result:
    """Return the mean of −ln p(x), each ln p(x) ≈ ln 1/K Σ p(x, z_k) / q(z_k|x).

    The estimate of ln p(x) is too low in expectation and rises with K (Burda et al. 2016,
    https://arxiv.org/abs/1509.00519, eq. 8). The note says when the weights are unreliable.
    """
    terms, k = inputs.terms, inputs.importance_samples
    found = mean(terms["log_p"])
    note = importance.doubt(terms["effective"], terms["shape"], k, found.se or math.inf)
    return found._replace(value=-found.value, samples=k, note=note)


def effective_samples(inputs: Inputs) -> Result:
    """Return effective samples: their mean, and mean and minimum as shares of K."""
    effective, k = inputs.terms["effective"], inputs.importance_samples
    mean, least = float(effective.mean()), float(effective.min())
    return Result({"mean": mean, "share": mean / k, "smallest": least / k})


def bits_per_dimension(inputs: Inputs) -> Result:
    """Return bits for each number of an example, of −ln p(x) or, without it, of −ELBO."""
    weighted = inputs.importance_samples > 0
    nats = nll(inputs) if weighted else elbo(inputs)
    value = nats.value if weighted else -nats.value
    numbers = math.prod(inputs.model.domain.shape)
    bits = likelihoods.bits_per_dimension
    return Result(bits(value, numbers), None if nats.se is None else bits(nats.se, numbers))


def mutual_information(inputs: Encoded) -> Result:
    """Return I(x; z) against the mixture of all q(z|x) (Hoffman & Johnson 2016)."""
    found, n = inputs.information.mutual_information, len(inputs)
    note = ""
    if math.log(n) - found.value < 1:
        note = (
            f"Near its largest value ln {n} = {compact(math.log(n))}: it would grow with the "
            "number of examples."
        )
    return Result(found.value, found.se, note=note)


def aggregate_kl(inputs: Encoded) -> Result:
    """Return KL(q(z) ‖ p(z)), q(z) the mixture of all q(z|x)."""
    found = inputs.information.aggregate_kl
    return Result(found.value, found.se)


def active_latents(inputs: Encoded) -> Result:
    """Return the number of active units with its 95 % interval."""
    means, noise = inputs.terms["mean"], inputs.terms["noise"]
    ends = active_interval(means, noise)
    return Result(active_units(means, noise), interval=None if ends is None else list(ends))


def active_units(means: Tensor, noise: Tensor | float = 0.0) -> int:
    """Return the number of latents whose posterior mean, means (N, Z), has a variance above 0.01
    over the examples (Burda et al. 2016, section 5). `noise` (N, Z), the variance with which
    each mean was estimated, is subtracted."""
    noise = torch.as_tensor(noise).double().expand_as(means).mean(0)
    return int((means.double().var(0, correction=0) - noise > ACTIVE).sum())


def active_interval(means: Tensor, noise: Tensor | float = 0.0) -> tuple[int, int] | None:
    """Return a 95 % interval of the number of active latents over all examples of the same kind,
    for means (N, Z) and `noise` as above; None for a single example.

    Each variance V has an interval V e^(±q s / V) of level 1 − 0.05 / Z, so that all Z hold
    together with 95 % (Bonferroni). s is the standard error of a mean of squared deviations. The
    lower end counts the latents whose interval lies above 0.01, the upper end those whose interval
    reaches above it. For means with heavy tails, s from a few hundred examples can be too small.
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
