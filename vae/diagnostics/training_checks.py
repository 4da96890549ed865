"""Checks of the course of training: values of x, learning rate, overfitting, length.

Changes of the score count as shares of its span, the total gain, so that no threshold depends on
the number of pixels or the unit of x. The score of few validation examples is noisy: its jitter
counts only above the standard error over these examples.
"""

import math

import numpy as np

from vae.base.numbers import fixed, percent, plain, plural, typed
from vae.base.records import DIVERGED, RESCALE, SLOWER
from vae.components.schedules import row_of
from vae.diagnostics.findings import QUARTER, RATE, REACH, Finding, Fix, NoFinding, Observations
from vae.diagnostics.training_stats import TrainingStats
from vae.diagnostics.wording import nats, score_name, too_few
from vae.figures.quantities import SPLITS
from vae.runs.status import ACTIVE

WORSE = 0.01  # share of the span: a smaller fall needs no fix; on digits 0.2 nats
NOISES = 4.0  # standard deviations that a fall must exceed: by chance in one run of 30,000
LEAP = 0.5  # share of the range: largest normal rise of the loss above its initial value
SLIGHT = 0.02  # share of the range: a fall of the training score that is no drop
FALL = 0.25  # share of the range: largest normal drop of the score in one epoch
UNSTEADY = 0.05  # share of the range: largest normal jitter of the score; on digits .003
UNDONE = 0.03  # share of the span: largest gain of a finished run in its last quarter
STRAIGHT = 0.2  # of the span: a straight curve gains .25 in a quarter of the epochs
FIRST = 0.25  # share of the epochs in which sudden drops are normal
FEW = 20  # validation examples below which jitter is no evidence by itself


def large_values(obs: Observations) -> Finding | NoFinding:
    """Detect non-finite numbers that the learning rate does not explain."""
    if not _diverged(obs) or SLOWER in obs.message:
        return NoFinding("The values of x caused no number that is not finite.")
    fix = Fix("data_scale", "standardise", "Every column has mean 0 and standard deviation 1.")
    return Finding((obs.message,), fix if RESCALE in obs.message else None)


def _diverged(obs: Observations) -> bool:
    return obs.state == "failed" and obs.message.startswith(DIVERGED)


def learning_rate(obs: Observations) -> Finding | NoFinding:
    """Detect non-finite numbers, a loss above its initial value, sudden drops, or jitter."""
    stats, evidence = obs.stats, []
    if _diverged(obs) and SLOWER in obs.message:
        evidence.append(obs.message)
    before, highest = stats.loss
    early, late = (SPLITS.get(split, split) for split in stats.loss_splits)
    if highest - before > LEAP * stats.range + 2 * abs(stats.gap) and stats.reach >= REACH:
        evidence.append(
            f"The {late} loss rose to {nats(highest)} by epoch {plain(stats.peak)}, above the "
            f"{early} loss of {nats(before)} before training."
        )
    evidence += _leaps(obs)
    if stats.jitter > max(UNSTEADY * stats.range, _noise(obs)):
        share = (
            f"{percent(stats.jitter / stats.span)} of its total gain"
            if stats.span
            else "it gained nothing"
        )
        evidence.append(
            f"The {score_name(obs)} jitters by {nats(stats.jitter)} from epoch to epoch: {share}."
        )
    if not evidence:
        return too_few(obs, 2) or NoFinding(
            f"The {score_name(obs)} rises without drops or jitter."
        )
    lr = min(RATE, obs.config.lr / 10)
    return Finding(tuple(evidence), Fix("lr", float(typed(lr, 2)), "Smaller steps."))


def _noise(obs: Observations) -> float:
    """Return the standard error of the validation score over its examples, nats: a jitter below
    it is no sign of large steps. Without a model it is unknown, and infinite for few examples."""
    if obs.stats.split != "val" or not obs.held:
        return 0.0
    if obs.model is None:
        return math.inf if obs.held < FEW else 0.0
    return obs.model.sd / math.sqrt(obs.held)


def _leaps(obs: Observations) -> list[str]:
    """Return a sentence about the largest drop of the score in one epoch after the first
    quarter, unless β changed in it; nothing if the drop is normal.

    Few validation examples may drop by chance. Steps that are too large lower the training score,
    of all examples, visibly in the same epoch or in the next one.
    """
    stats = obs.stats
    still = np.nan_to_num(np.diff(stats.beta)) == 0
    late = stats.epoch[1:] > FIRST * stats.epoch[-1] if len(stats.epoch) else still
    rose = np.diff(stats.train) > -SLIGHT * stats.range  # False where it is unknown
    alone = rose & np.append(rose[1:], True)[: len(rose)]
    falls = np.where(still & late & ~alone, -np.diff(stats.value), -np.inf)
    if not len(falls) or falls.max() <= FALL * stats.range:
        return []
    worst = int(falls.argmax())
    return [
        f"The {score_name(obs)} dropped by {nats(falls[worst])} in one epoch, at epoch "
        f"{plain(stats.epoch[worst + 1])}; its total gain is {nats(stats.span)}."
    ]


def overfitting(obs: Observations) -> Finding | NoFinding:
    """Detect a validation score that falls from its best while the training score rises."""
    stats = obs.stats
    if stats.split != "val":
        return NoFinding("The run has no validation examples.", checked=False)
    if few := too_few(obs, 8):
        return few
    smooth = stats.smooth
    best = int(smooth.argmax())
    fall = float(smooth[best] - smooth[-1])
    rise = float(stats.smooth_train[-1] - stats.smooth_train[best])
    noise = stats.jitter * math.sqrt(2 / max(1, round(0.1 * len(smooth))))
    least = max(WORSE * stats.span, NOISES * noise)
    if not (fall > least and rise > 0 and stats.gap > least):
        return NoFinding(_beside_best(obs))
    at = plain(stats.epoch[best])
    evidence = (
        f"The {score_name(obs)}, averaged over {_width(stats)}, fell by {nats(fall)} since epoch "
        f"{at}, {percent(fall / stats.span)} of its total gain; noise explains {nats(noise)}.",
        f"The train {stats.criterion.score_title}, averaged likewise, rose by {nats(rise)} since "
        f"then and is {nats(stats.gap)} higher now.",
    )
    if not obs.config.patience:
        length = max(5, round(0.1 * stats.epoch[best]))
        return Finding(
            evidence,
            Fix("patience", length, f"Stop after {plural(length, 'epoch')} without improvement."),
        )
    if not obs.config.weight_decay:
        return Finding(evidence, Fix("weight_decay", 1.0, "Smaller weights memorise less."))
    return Finding(evidence, None)


def _beside_best(obs: Observations) -> str:
    """Return the last validation value and the best one, as the header of a page shows it.

    Both numbers are given, not their difference, which rounding can turn into 0.
    """
    stats, by = obs.stats, obs.stats.criterion
    best = int(stats.value.argmax())
    last, highest = (fixed(by.signed(float(stats.value[at]))) for at in (-1, best))
    words = (
        f"The {SPLITS[stats.split]} {by.title} is {last} nats at epoch {plain(stats.epoch[-1])}"
    )
    if best == len(stats.value) - 1:
        return f"{words}, its best."
    return f"{words}; its best is {highest} nats, at epoch {plain(stats.epoch[best])}."


def _width(stats: TrainingStats) -> str:
    """Return the number of epochs in an average of the score: "8 epochs"."""
    width = len(stats.tail)
    return f"{width:,} epoch{'s' * (width > 1)}"


def undertrained(obs: Observations) -> Finding | NoFinding:
    """Detect a run that ended while its score still rose."""
    stats, config = obs.stats, obs.config
    if obs.state in (*ACTIVE, "paused"):
        return NoFinding("The run has not ended.", checked=False)
    if few := too_few(obs, 2):
        return few
    back = max(1, round(QUARTER * (len(stats.value) - 1)))
    if np.nan_to_num(stats.beta[-1]) != np.nan_to_num(stats.beta[-1 - back]):
        return NoFinding("β still changed in the last quarter of the epochs.", checked=False)
    gain = stats.gain(QUARTER)
    share = gain / stats.span if stats.span > 0 else 0.0
    early = bool(obs.shut) and stats.reach < REACH
    what = score_name(obs).replace("−", "")
    moved, part = "did not improve", ""
    if gain > 0:
        moved, part = f"improved by {nats(gain)}", f", {percent(share)} of its total improvement"
    words = (
        f"The {what}, averaged over {_width(stats)}, {moved} in the last quarter of the epochs"
        f"{part}."
    )
    if share <= UNDONE and not early:
        return NoFinding(words)
    evidence = [words]
    if early:
        evidence.append(
            f"{plural(stats.steps, 'step')} cannot have moved a weight by more than "
            f"{plain(stats.reach)}."
        )
    if config.lr <= RATE / 10 and (share >= STRAIGHT or early):
        return Finding(tuple(evidence), Fix("lr", RATE, "The steps are small."))
    times = min(10, max(2, math.ceil(share / UNDONE), math.ceil(4 * REACH / stats.reach * early)))
    decays = row_of(str(config.get("lr_schedule"))).ends
    why = "Train longer." if not decays else "A longer schedule, from the start."
    epochs = times * max(config.epochs, int(stats.epoch[-1]))
    return Finding(tuple(evidence), Fix("epochs", epochs, why, resume=not decays))
