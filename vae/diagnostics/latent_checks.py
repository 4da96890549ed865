"""Checks of the latents: posterior collapse, a decoder that ignores z, unused latents.

A KL counts in nats per example, because it has no unit of x.
"""

import numpy as np

from vae.base.numbers import compact, plural, typed
from vae.base.options import first_row
from vae.components.likelihoods import LIKELIHOODS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.schedules import CONSTANT, WARMUP
from vae.config import fields
from vae.diagnostics.findings import (
    INACTIVE,
    LEARNED,
    QUARTER,
    RATE,
    REACH,
    Finding,
    Fix,
    NoFinding,
    Observations,
)
from vae.diagnostics.wording import NO_KL, TOO_EARLY, kl_name, nats, sample_name

USEFUL = 0.1  # nats: a smaller Z keeps latents with at least this KL; ten times INACTIVE
IGNORED = 0.1  # nats, and share of the KL: a swap of z that costs less has no effect; under the
# exact posterior it costs at least I(x; z), which is at most the KL (Hoffman & Johnson 2016)
HIGH_RATE = 1e-2  # a learning rate above may shut latents in its first steps


def posterior_collapse(obs: Observations) -> Finding | NoFinding:
    """Detect a KL near 0 in every dimension."""
    stats, z = obs.stats, obs.config.latent_dim
    if stats.kl is None or obs.shut is None:
        return NO_KL
    if not obs.shut:
        return NoFinding(
            f"The {kl_name(obs)} is {nats(stats.kl)} over {plural(z, 'latent')} "
            f"({stats.last_epochs})."
        )
    if stats.reach < REACH:
        return TOO_EARLY
    evidence = [
        f"The {kl_name(obs)} of all {z} latents together is {nats(stats.kl)} "
        f"({stats.last_epochs}); an active latent has more than {compact(INACTIVE)} nats."
    ]
    return Finding((*evidence, *_beside_reference(obs)), _opening(obs))


def _beside_reference(obs: Observations) -> list[str]:
    m = obs.model
    if m is None or m.elbo is None or m.reference is None:
        return []
    return [
        f"ELBO of {sample_name(m)}: {nats(m.elbo)}; that of a model without latents "
        f"{nats(-m.reference, m.reference_se)}."
    ]


def _opening(obs: Observations) -> Fix | None:
    """Return the most likely remedy of inactive latents: weight 1 for the KL, a learned σ, a
    warm-up."""
    config = obs.config
    price = max(
        ((config.get(n), n) for n in ("beta", "mi_weight", "dimension_weight") if config.get(n)),
        default=(0.0, ""),
    )
    if price[0] > 1:
        why = "The weight of the KL in the ELBO."
        return Fix(price[1], 1.0, why, advice=f"lower {_label(price[1])}, or warm it up")
    if config.lr > HIGH_RATE:
        return Fix("lr", RATE, "Large first steps deactivate latents permanently.")
    if LIKELIHOODS[config.likelihood].noise == "fixed":
        why = "A fixed σ may be so large that no latent is worth its KL."
        return Fix("likelihood", LEARNED, why)
    if config.weight_decay:
        return Fix("weight_decay", 0.0, "Decay pulls the weights that read z to 0.")
    if config.get("beta_schedule") == CONSTANT:
        length = max(1, round(QUARTER * config.epochs))
        why = "The KL's weight rises from 0 while the decoder learns to use z."
        return Fix("beta_schedule", f"{WARMUP}:{length}", why)
    if config.kl_per_dimension and not OBJECTIVES[config.objective].kl_floor:
        return Fix(
            "objective",
            first_row(OBJECTIVES, kl_floor=True),
            "The first nats of each latent cost nothing.",
        )
    return None


def _label(name: str) -> str:
    return next(field.label for field in fields() if field.name == name)


def ignored_latents(obs: Observations) -> Finding | NoFinding:
    """Detect a decoder that reconstructs equally well from the z of another example."""
    m = obs.model
    if m is None:
        return NoFinding("The weights could not be loaded.", checked=False)
    if obs.stats.reach < REACH:
        return TOO_EARLY
    kl = obs.stats.kl or 0.0
    words = f"Another example's z costs {nats(m.swap, m.swap_se)} ({sample_name(m)})"
    if m.swap + 2 * m.swap_se >= max(IGNORED, IGNORED * kl):
        return NoFinding(f"{words}.")
    epochs = obs.stats.last_epochs
    paid = f", and the {kl_name(obs)} is {nats(kl)} ({epochs})" if kl else ""
    config = obs.config
    fix = Fix(
        "lr", float(typed(config.lr / 10, 2)), "Units of the decoder may be inactive for every z."
    )
    if OBJECTIVES[config.objective].subsidises_kl:
        default = type(config).model_fields["objective"].default
        fix = Fix("objective", default, "It rewards a nat of KL only by the gain of the decoder.")
    elif config.weight_decay:
        fix = Fix("weight_decay", 0.0, "Decay pulls the weights that read z to 0.")
    elif config.conditional:
        fix = Fix("condition", "none", "The class may be enough for the decoder.")
    return Finding((f"{words}: the reconstruction hardly changes{paid}.",), fix)


def unused_latents(obs: Observations) -> Finding | NoFinding:
    """Detect latents with a KL near 0 beside active ones."""
    per, off, z = obs.stats.kl_per_dimension, obs.off, obs.config.latent_dim
    if obs.stats.kl is None or not POSTERIORS[obs.config.posterior].has_density:
        return NO_KL
    if per is None or off is None:
        return NoFinding(
            "The KL of this posterior and prior is no sum over latents.", checked=False
        )
    if not off or off == z:
        return NoFinding(
            f"{z - off} of {z} latents have a {kl_name(obs)} above {compact(INACTIVE)} nats "
            f"({obs.stats.last_epochs})."
        )
    names = ", ".join(f"z{d + 1}" for d in np.flatnonzero(per < INACTIVE)[:6])
    more = f" and {off - 6} more" if off > 6 else ""
    evidence = (
        f"{off} of {z} latents have a {kl_name(obs)} below {compact(INACTIVE)} nats "
        f"({obs.stats.last_epochs}): {names}{more}."
    )
    useful = int((per >= USEFUL).sum())
    why = (
        f"The number of latents with {compact(USEFUL)} nats or more."
        if useful
        else f"No latent has {compact(USEFUL)} nats."
    )
    return Finding((evidence,), Fix("latent_dim", max(1, useful), why))
