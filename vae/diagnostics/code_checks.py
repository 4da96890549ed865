"""Check of the codebook: a decoder that receives a handful of codes."""

import math

from vae.base.numbers import plain
from vae.base.options import options_of
from vae.components.quantised import Quantised
from vae.diagnostics.findings import REACH, Finding, Fix, NoFinding, Observations
from vae.diagnostics.wording import TOO_EARLY

FEW = 10.0  # codes: a smaller perplexity is a collapse
SHARE = 0.25  # of the codebook: one of a few codes has not collapsed above it
LARGE = 1.0  # commitment weight: with a larger one the encoder hardly moves between codes


def codebook_collapse(obs: Observations) -> Finding | NoFinding:
    """Detect a codebook of which the validation examples use a handful of codes."""
    codes, perplexity = obs.config.get("codes"), obs.stats.perplexity
    if codes is None:
        return NoFinding("This model has no codebook.", checked=False)
    if perplexity is None:
        return NoFinding("The use of the codes needs validation examples.", checked=False)
    words = f"The perplexity of the codes is {plain(perplexity)} of {codes:,}"
    if perplexity >= min(FEW, SHARE * codes):
        return NoFinding(f"{words} ({obs.stats.last_epochs}).")
    if obs.stats.reach < REACH:
        return TOO_EARLY
    bits = f"{plain(math.log(perplexity))} nats, where even use has {plain(math.log(codes))}"
    return Finding((f"{words} ({obs.stats.last_epochs}): a code carries {bits}.",), _revival(obs))


def _revival(obs: Observations) -> Fix | None:
    """Return the most likely remedy: revival, codes that follow faster, less commitment, fewer
    codes."""
    config, usual = obs.config, options_of(Quantised)
    least, decay, weight = (usual[n].default for n in ("code_revival", "code_decay", "commitment"))
    if config.get("code_revival") < least:
        return Fix("code_revival", least, "Dead codes move to outputs of the encoder.")
    if config.get("code_decay") > decay:
        return Fix("code_decay", decay, "The codes follow the encoder faster.")
    if not 0 < config.get("commitment") <= LARGE:
        return Fix("commitment", weight, "The encoder stays near its codes and can still move.")
    fewer = 2 ** math.ceil(math.log2(2 * (obs.stats.perplexity or 1)))
    why = "The data need no more; with several groups, codes combine."
    return Fix("codes", fewer, why) if fewer < config.get("codes") else None
