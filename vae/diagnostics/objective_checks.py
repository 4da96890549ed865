"""Checks of the price of the KL at the end of training: the warm-up of β, a low β, a wide σ of x.

Each of them trains another objective than the ELBO of a good model; the curves look healthy.
"""

import math

from vae.base.numbers import compact, percent, plain, typed
from vae.components.schedules import WARMUP
from vae.diagnostics.findings import Finding, Fix, NoFinding, Observations
from vae.diagnostics.wording import NO_KL, kl_name, nats, sample_name
from vae.runs.status import ACTIVE

DONE = 0.9  # of β: a warm-up that reaches less has not ended
SHARE = 0.25  # of the epochs, a usual length of a warm-up
LOW = 0.1  # β: the KL then costs at most a tenth of its price in the ELBO
SPENT = 2.0  # nats a latent: a posterior whose σ is a seventh of the prior's has about as many
WIDE = 0.6  # root mean squared error of x as a share of σ; 1 at the best σ


def unfinished_warmup(obs: Observations) -> Finding | NoFinding:
    """Detect a warm-up of β that is longer than the training."""
    config, beta = obs.config, obs.stats.beta
    wanted, (name, _, length) = config.get("beta"), str(config.get("beta_schedule")).partition(":")
    if not wanted or not len(beta) or math.isnan(beta[-1]):
        return NoFinding("The objective has no β.", checked=False)
    if name != WARMUP:
        return NoFinding(f"β has no warm-up; at the end it is {plain(beta[-1])}.")
    if obs.state in (*ACTIVE, "paused"):
        return NoFinding("The run has not ended.", checked=False)
    end = f"β is {plain(beta[-1])} at epoch {plain(obs.stats.epoch[-1])}"
    if beta[-1] >= DONE * wanted:
        return NoFinding(f"{end}: the warm-up to {plain(wanted)} has ended.")
    evidence = (
        f"{end}, {percent(beta[-1] / wanted)} of {plain(wanted)}: the warm-up lasts {length} "
        "epochs.",
    )
    short = max(1, round(SHARE * config.epochs))
    why = "A quarter of the epochs; the rest trains the ELBO."
    return Finding(evidence, Fix("beta_schedule", f"{WARMUP}:{short}", why))


def holes(obs: Observations) -> Finding | NoFinding:
    """Detect posteriors that a low β leaves far from the prior."""
    kl, beta, z = obs.stats.kl, obs.stats.beta, obs.config.latent_dim
    if kl is None:
        return NO_KL
    if not len(beta) or math.isnan(beta[-1]):
        return NoFinding("The objective has no β.", checked=False)
    words = (
        f"With β = {plain(beta[-1])} the {kl_name(obs)} is {nats(kl)} over {z} latents "
        f"({obs.stats.last_epochs})"
    )
    if beta[-1] > LOW or kl < SPENT * z:
        return NoFinding(f"{words}.")
    evidence = (
        f"{words}, {plain(kl / z)} each: narrow posteriors far apart leave holes between them.",
    )
    why = "The weight of the KL in the ELBO: it pulls the posteriors together over the prior."
    return Finding(evidence, Fix("beta", 1.0, why) if obs.config.get("beta") != 1.0 else None)


def wide_noise(obs: Observations) -> Finding | NoFinding:
    """Detect a fixed σ of x that is much larger than the errors of the reconstructions."""
    m, sigma, beta = obs.model, obs.config.get("sigma"), obs.stats.beta
    if m is None or m.misfit is None or sigma is None:
        return NoFinding("The model has no fixed σ of x.", checked=False)
    if obs.stats.kl is None:
        return NO_KL
    error = m.misfit * sigma
    words = (
        f"The root mean squared error of x is {plain(error)}, {percent(m.misfit)} of the fixed "
        f"σ = {compact(sigma)} ({sample_name(m)})"
    )
    # β KL + error²/2σ² has the optimum of a σ √β: a low β alone lets the errors fall below σ
    cheap = math.sqrt(beta[-1]) if len(beta) and 0 < beta[-1] < 1 else 1.0
    if m.misfit >= WIDE:
        return NoFinding(f"{words}.")
    if m.misfit >= WIDE * cheap:
        return NoFinding(f"{words}, as low as β = {plain(beta[-1])} lets it fall.")
    why = "Close to the errors: the KL then costs less than the detail that it buys."
    return Finding((f"{words}: detail is not worth its KL.",), Fix("sigma", near(error), why))


def near(error: float) -> float:
    """Return a σ of one significant digit."""
    return float(typed(error, 1))
