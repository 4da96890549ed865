"""Check of the learned standard deviations, of x and of the posterior."""

import math

import numpy as np

from vae.base.numbers import percent, plain
from vae.base.options import first_row
from vae.components.likelihoods import LIKELIHOODS
from vae.components.objectives import OBJECTIVES
from vae.diagnostics.findings import LEARNED, QUARTER, Finding, Fix, NoFinding, Observations
from vae.diagnostics.wording import sample_name
from vae.runs.status import ACTIVE

HALVED = 0.5  # of σ in the last quarter: at this rate from 1, σ ends below 1/16
NARROW = 0.02  # of the spread of x: the density of a narrower σ grows without bound (Mattei &
# Frellsen 2018, section 2); 34 dB, better than usual reconstructions of pictures
FLOOR = 1.5 * math.exp(-7)  # of σ: the likelihoods allow no less than e⁻⁷
POINT = 1e-4  # of the prior's σ: a narrower posterior has more than 8 nats a latent
FIXED = first_row(LIKELIHOODS, support="real", noise="fixed")
LEVELS = first_row(LIKELIHOODS, support="levels")


def variance_floor(obs: Observations) -> Finding | NoFinding:
    """Detect a learned σ of x that falls without bound, or a posterior that becomes a point."""
    evidence = [*_sigma(obs), *_pointlike(obs)]
    if not evidence:
        return _widths(obs)
    config = obs.config
    likelihood = LIKELIHOODS[config.likelihood]
    if likelihood.noise == "per element":
        why = "One σ for all elements: constant ones cannot take it to its floor."
        return Finding(tuple(evidence), Fix("likelihood", LEARNED, why))
    if likelihood.noise == "learned" and not likelihood.discrete:
        if obs.model is not None and obs.model.levels > 1:
            why = "The probability of a level of x has an upper bound."
            return Finding(tuple(evidence), Fix("likelihood", LEVELS, why))
        why = "A fixed σ of 0.1."
        return Finding(tuple(evidence), Fix("likelihood", FIXED, why))
    beta = config.get("beta")
    if beta is not None and beta < 1:
        return Finding(tuple(evidence), Fix("beta", 1.0, "The weight of the KL in the ELBO."))
    if likelihood.noise == "fixed":
        why = "A σ that fits the errors of the reconstructions."
        return Finding(tuple(evidence), Fix("likelihood", LEARNED, why))
    return Finding(tuple(evidence), None)


def _widths(obs: Observations) -> NoFinding:
    sigma, m = obs.stats.sigma, obs.model
    found = []
    if len(sigma) and np.isfinite(sigma[-1]):
        found.append(f"σ of x is {plain(sigma[-1])} (epoch {plain(obs.stats.epoch[-1])})")
    if m and m.narrowest:
        found.append(f"narrowest posterior σ is {plain(m.narrowest)} ({sample_name(m)})")
    if not found:
        return NoFinding("No σ is learned, neither of x nor of z.", checked=False)
    return NoFinding(f"The {', the '.join(found)}: above the floor.")


def _sigma(obs: Observations) -> list[str]:
    sigma, epoch, m = obs.stats.sigma, obs.stats.epoch, obs.model
    if not len(sigma) or not np.isfinite(sigma[-1]):
        return []
    last, end = float(sigma[-1]), plain(epoch[-1])
    if last <= FLOOR:
        lowest = plain(math.exp(-7))
        return [f"The smallest σ is {plain(last)} at epoch {end}; its minimum is {lowest}."]
    if m is not None and last < NARROW * m.spread:
        share = percent(last / m.spread)
        return [
            f"σ is {plain(last)} at epoch {end}, {share} of the spread of x, {plain(m.spread)}."
        ]
    if obs.state in ACTIVE:  # every σ falls at first
        return []
    back = min(max(1, round(QUARTER * (len(sigma) - 1))), len(sigma) - 1)
    before, then = float(sigma[-1 - back]), plain(epoch[-1 - back])
    if back and last < HALVED * before:
        return [f"σ still falls: {plain(before)} at epoch {then}, {plain(last)} at epoch {end}."]
    return []


def _pointlike(obs: Observations) -> list[str]:
    m = obs.model
    if m is None or m.narrowest is None or OBJECTIVES[obs.config.objective].needs == "nothing":
        return []
    if m.narrowest >= POINT:
        return []
    return [
        f"The posterior's σ in its narrowest latent is {plain(m.narrowest)} ({sample_name(m)}); "
        "the prior's is 1."
    ]
