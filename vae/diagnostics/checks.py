"""The illnesses that the doctor knows: a function each, in one table.

An illness reads a `Case` and returns `Seen` or `Quiet`, and is pure. Where one is the cause of
another (a learning rate that shut all latents), only the cause is told: `explains`. Thresholds,
and why they are what they are, stand in `vae.diagnostics.findings`. Notation: Z latent dimensions.
"""

import math
from collections.abc import Mapping

import numpy as np

from vae.base.options import first_row
from vae.components.likelihoods import LIKELIHOODS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.schedules import CONSTANT, WARMUP, row_of
from vae.diagnostics.findings import (
    FALL,
    FIRST,
    FLOOR,
    HALVED,
    HIGH_RATE,
    IGNORED,
    INACTIVE,
    KEPT,
    LEAP,
    NARROW,
    NOISES,
    POINT,
    QUARTER,
    RATE,
    REACH,
    STRAIGHT,
    UNDONE,
    UNSTEADY,
    WORSE,
    Case,
    Examination,
    Finding,
    Illness,
    Quiet,
    Remedy,
    Seen,
)
from vae.runs.status import ACTIVE


def examine(case: Case) -> Examination:
    """Look for every illness."""
    looks = {name: row.look(case) for name, row in ILLNESSES.items()}
    ill = [name for name, look in looks.items() if isinstance(look, Seen)]
    explained = {other for name in ill for other in ILLNESSES[name].explains}
    found = tuple(
        Finding(name, look)
        for name, look in looks.items()
        if isinstance(look, Seen) and name not in explained
    )
    return Examination(found, {n: look for n, look in looks.items() if isinstance(look, Quiet)})


def _n(value: float) -> str:
    """A number for a sentence, three significant digits and no power of ten."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace("-", "−")
    text = np.format_float_positional(value, 3, fractional=False, trim="-")
    return str(text).replace("-", "−")


def _share(value: float) -> str:
    percent = 100 * value
    text = f"{percent:.0f}" if abs(percent) >= 10 else f"{percent:.2g}"
    return f"{text}\u00a0%".replace("-", "−")


def _nats(value: float, se: float | None = None) -> str:
    return f"{_n(value)} nats" if se is None else f"{_n(value)} ± {_n(se)} nats"


def _named(case: Case) -> str:
    whose = {"val": "validation", "train": "training"}[case.course.split]
    return f"{whose} {case.course.criterion.score_title}"


def _few(case: Case, least: int) -> Quiet | None:
    if len(case.course.value) >= least:
        return None
    return Quiet(f"It takes {least} epochs with reports, and there are fewer.", looked=False)


FIXED = first_row(LIKELIHOODS, support="real", noise="fixed")
LEARNED = first_row(LIKELIHOODS, support="real", noise="learned")
LEVELS = first_row(LIKELIHOODS, support="levels")
NO_KL = Quiet("This posterior has no KL.", looked=False)
NO_CHECKUP = Quiet("The model has not been looked at.", looked=False)


def learning_rate(case: Case) -> Seen | Quiet:
    """Non-finite numbers, a loss above that before training, leaps, or a score that jitters."""
    course, evidence = case.course, []
    if case.state == "failed" and "diverged" in case.message:
        evidence.append(case.message)
    before, highest = course.loss
    if highest - before > LEAP * course.range + 2 * abs(course.gap) and course.reach >= REACH:
        evidence.append(
            f"The loss rose to {_nats(highest)} by epoch {_n(course.peak)}, above the "
            f"{_nats(before)} before training."
        )
    evidence += _leaps(case)
    if course.jitter > UNSTEADY * course.range:
        share = (
            f"{_share(course.jitter / course.span)} of all it gained"
            if course.span
            else "it gained none"
        )
        evidence.append(
            f"The {_named(case)} jitters by {_nats(course.jitter)} from epoch to epoch: {share}."
        )
    if not evidence:
        return _few(case, 2) or Quiet(f"The {_named(case)} rises without leaps or jitter.")
    lr = min(RATE, case.config.lr / 10)
    return Seen(tuple(evidence), Remedy("lr", float(f"{lr:.2g}"), "Smaller steps."))


def _leaps(case: Case) -> list[str]:
    """The largest loss of the score from one epoch to the next after the first quarter, where it
    is one; not where β moved."""
    course = case.course
    still = np.nan_to_num(np.diff(course.beta)) == 0
    late = course.epoch[1:] > FIRST * course.epoch[-1] if len(course.epoch) else still
    falls = np.where(still & late, -np.diff(course.value), -np.inf)
    if not len(falls) or falls.max() <= FALL * course.range:
        return []
    worst = int(falls.argmax())
    return [
        f"The {_named(case)} fell by {_nats(falls[worst])} from one epoch to the next at epoch "
        f"{_n(course.epoch[worst + 1])}; it had gained {_nats(course.span)} in all."
    ]


def vanished(case: Case) -> Seen | Quiet:
    """No latent carries anything: the KL is next to nothing in every dimension."""
    course, z = case.course, case.config.latent_dim
    if course.kl is None or case.shut is None:
        return NO_KL
    if not case.shut:
        return Quiet(f"The KL is {_nats(course.kl)} over {z} latents.")
    if course.reach < REACH:
        return Quiet("Too early to say: the weights have hardly moved.", looked=False)
    end = _n(course.epoch[-1])
    evidence = [
        f"The KL of all {z} latents together is {_nats(course.kl)} at epoch {end}; one latent in "
        f"use has more than {INACTIVE:g} nats."
    ]
    return Seen((*evidence, *_beside_reference(case)), _opening(case))


def _beside_reference(case: Case) -> list[str]:
    m = case.measured
    if m is None or m.elbo is None or m.reference is None:
        return []
    return [
        f"ELBO of {m.examples:,} {m.split} examples {_nats(m.elbo)}; that of a model without "
        f"latents {_nats(-m.reference, m.reference_se)}."
    ]


def _opening(case: Case) -> Remedy | None:
    """What lets latents open: no more than its price for the KL, a fitting σ, a warm-up."""
    config = case.config
    price = max(
        ((config.get(n), n) for n in ("beta", "mi_weight", "dimension_weight") if config.get(n)),
        default=(0.0, ""),
    )
    if price[0] > 1:
        return Remedy(price[1], 1.0, "The KL at its own price, that of the ELBO.")
    if config.lr > HIGH_RATE:
        return Remedy("lr", RATE, "Large first steps shut latents for good.")
    if LIKELIHOODS[config.likelihood].noise == "fixed":
        why = "A fixed σ may be so wide that no latent is worth its KL."
        return Remedy("likelihood", LEARNED, why)
    if config.weight_decay:
        return Remedy("weight_decay", 0.0, "It pulls the weights that use z to 0.")
    if config.get("beta_schedule") == CONSTANT:
        length = max(1, round(QUARTER * config.epochs))
        why = "The KL's weight rises from 0 while the decoder learns to use z."
        return Remedy("beta_schedule", f"{WARMUP}:{length}", why)
    if config.kl_per_dimension and not OBJECTIVES[config.objective].kl_floor:
        return Remedy(
            "objective",
            first_row(OBJECTIVES, kl_floor=True),
            "The first nats of each latent are free.",
        )
    return None


def ignored(case: Case) -> Seen | Quiet:
    """The decoder makes the same of another example's z."""
    m = case.measured
    if m is None:
        return NO_CHECKUP
    if case.course.reach < REACH:
        return Quiet("Too early to say: the weights have hardly moved.", looked=False)
    kl = case.course.kl or 0.0
    among = f"{m.examples:,} {m.split} examples"
    words = f"Another example's z costs {_nats(m.swap, m.swap_se)} ({among})"
    if m.swap + 2 * m.swap_se >= max(IGNORED, IGNORED * kl):
        return Quiet(f"{words}.")
    paid = f", and z is paid {_nats(kl)} of KL" if kl else ""
    config = case.config
    remedy = Remedy("lr", float(f"{config.lr / 10:.2g}"), "Units of the decoder may have died.")
    if OBJECTIVES[config.objective].subsidises_kl:
        default = type(config).model_fields["objective"].default
        remedy = Remedy(
            "objective", default, "It pays for a nat only what the decoder gains by it."
        )
    elif config.weight_decay:
        remedy = Remedy("weight_decay", 0.0, "It pulls the weights that use z to 0.")
    elif config.conditional:
        remedy = Remedy("condition", "none", "The class may tell the decoder all it needs.")
    return Seen((f"{words}: the reconstruction is hardly worse{paid}.",), remedy)


def overfitted(case: Case) -> Seen | Quiet:
    """The score of validation falls from its best while that of training goes on rising."""
    course = case.course
    if course.split != "val":
        return Quiet("No example is held out for validation.", looked=False)
    if few := _few(case, 8):
        return few
    smooth = course.smooth
    best = int(smooth.argmax())
    fall = float(smooth[best] - smooth[-1])
    rise = float(course.smooth_train[-1] - course.smooth_train[best])
    noise = course.jitter * math.sqrt(2 / max(1, round(0.1 * len(smooth))))
    least = max(WORSE * course.span, NOISES * noise)
    if not (fall > least and rise > 0 and course.gap > least):
        return Quiet(f"The {_named(case)} is {_nats(max(fall, 0.0))} below its best.")
    at = _n(course.epoch[best])
    evidence = (
        f"The {_named(case)} fell by {_nats(fall)} since epoch {at}, "
        f"{_share(fall / course.span)} of what it had gained; by chance it moves {_nats(noise)}.",
        f"That of training rose by {_nats(rise)} meanwhile and is now {_nats(course.gap)} above.",
    )
    if not case.config.patience:
        length = max(5, round(0.1 * course.epoch[best]))
        return Seen(
            evidence, Remedy("patience", length, f"End when {length} epochs bring no more.")
        )
    if not case.config.weight_decay:
        return Seen(evidence, Remedy("weight_decay", 1.0, "Smaller weights remember less."))
    return Seen(evidence, None)


def floored(case: Case) -> Seen | Quiet:
    """The likelihood's learned σ falls without end, or the posterior shrinks to a point."""
    evidence = [*_sigma(case), *_pointlike(case)]
    if not evidence:
        return _widths(case)
    config = case.config
    likelihood = LIKELIHOODS[config.likelihood]
    if likelihood.noise == "per element":
        why = "One σ for all elements: those that never vary cannot take it to its floor."
        return Seen(tuple(evidence), Remedy("likelihood", LEARNED, why))
    if likelihood.noise == "learned" and not likelihood.discrete:
        if case.measured is not None and case.measured.levels > 1:
            why = "A probability of the levels that x takes has an upper bound."
            return Seen(tuple(evidence), Remedy("likelihood", LEVELS, why))
        why = "A σ that stays as it is set, 0.1."
        return Seen(tuple(evidence), Remedy("likelihood", FIXED, why))
    beta = config.get("beta")
    if beta is not None and beta < 1:
        return Seen(tuple(evidence), Remedy("beta", 1.0, "The KL at its price in the ELBO."))
    if likelihood.noise == "fixed":
        why = "The σ that the reconstructions deserve."
        return Seen(tuple(evidence), Remedy("likelihood", LEARNED, why))
    return Seen(tuple(evidence), None)


def _widths(case: Case) -> Quiet:
    sigma, m = case.course.sigma, case.measured
    said = [f"σ of x {_n(sigma[-1])}"] if len(sigma) and np.isfinite(sigma[-1]) else []
    said += [f"narrowest posterior σ {_n(m.narrowest)}"] if m and m.narrowest else []
    if not said:
        return Quiet("No σ is learned, neither of x nor of z.", looked=False)
    return Quiet(f"{', '.join(said)}: above the floor.".capitalize())


def _sigma(case: Case) -> list[str]:
    sigma, epoch, m = case.course.sigma, case.course.epoch, case.measured
    if not len(sigma) or not np.isfinite(sigma[-1]):
        return []
    last, end = float(sigma[-1]), _n(epoch[-1])
    if last <= FLOOR:
        lowest = _n(math.exp(-7))
        return [f"The smallest σ is {_n(last)} at epoch {end}; it can go no lower than {lowest}."]
    if m is not None and last < NARROW * m.spread:
        share = f"{100 * last / m.spread:.2g}\u00a0%"
        return [f"σ is {_n(last)} at epoch {end}, {share} of the spread of x, {_n(m.spread)}."]
    back = min(max(1, round(QUARTER * (len(sigma) - 1))), len(sigma) - 1)
    before, then = float(sigma[-1 - back]), _n(epoch[-1 - back])
    if back and last < HALVED * before:
        return [f"σ falls on: {_n(before)} at epoch {then}, {_n(last)} at epoch {end}."]
    return []


def _pointlike(case: Case) -> list[str]:
    m = case.measured
    if m is None or m.narrowest is None or OBJECTIVES[case.config.objective].needs == "nothing":
        return []
    if m.narrowest >= POINT:
        return []
    return [f"The posterior's σ in its narrowest latent is {_n(m.narrowest)}; the prior's is 1."]


def untrained(case: Case) -> Seen | Quiet:
    """The score still rises at a rate that matters."""
    course, config = case.course, case.config
    if case.state in (*ACTIVE, "paused"):
        return Quiet("It has not ended yet.", looked=False)
    if few := _few(case, 2):
        return few
    back = max(1, round(QUARTER * (len(course.value) - 1)))
    if np.nan_to_num(course.beta[-1]) != np.nan_to_num(course.beta[-1 - back]):
        return Quiet("β still moved in the last quarter of the epochs.", looked=False)
    gain = course.gain(QUARTER)
    share = gain / course.span if course.span > 0 else 0.0
    early = bool(case.shut) and course.reach < REACH
    what = _named(case).replace("−", "")
    moved, part = "did not improve", ""
    if gain > 0:
        moved, part = f"improved by {_nats(gain)}", f", {_share(share)} of all its improvement"
    words = f"The {what} {moved} in the last quarter of training{part}."
    if share <= UNDONE and not early:
        return Quiet(words)
    evidence = [words]
    if early:
        evidence.append(
            f"{course.steps:,} steps cannot have moved a weight by more than {_n(course.reach)}."
        )
    if config.lr <= RATE / 10 and (share >= STRAIGHT or early):
        return Seen(tuple(evidence), Remedy("lr", RATE, "The steps are small."))
    times = min(10, max(2, math.ceil(share / UNDONE), math.ceil(4 * REACH / course.reach * early)))
    decays = row_of(str(config.get("lr_schedule"))).ends
    why = "Train on." if not decays else "A schedule that is longer, from the start."
    epochs = times * max(config.epochs, int(course.epoch[-1]))
    return Seen(tuple(evidence), Remedy("epochs", epochs, why, resume=not decays))


def collapsed(case: Case) -> Seen | Quiet:
    """Some latents carry nothing: there are more than needed."""
    per, off, z = case.course.kl_per_dimension, case.off, case.config.latent_dim
    if case.course.kl is None or not POSTERIORS[case.config.posterior].has_density:
        return NO_KL
    if per is None or off is None:
        return Quiet("The KL is not a sum over latents here.", looked=False)
    if not off or off == z:
        return Quiet(f"{z - off} of {z} latents have a KL above {INACTIVE:g} nats.")
    names = ", ".join(f"z{d + 1}" for d in np.flatnonzero(per < INACTIVE)[:6])
    more = f" and {off - 6} more" if off > 6 else ""
    evidence = f"{off} of {z} latents have a KL below {INACTIVE:g} nats: {names}{more}."
    kept = int((per >= KEPT).sum())
    why = f"As many as carry {KEPT:g} nats or more." if kept else f"None carries {KEPT:g} nats."
    return Seen((evidence,), Remedy("latent_dim", max(1, kept), why))


ILLNESSES: Mapping[str, Illness] = {
    "floored": Illness(
        floored,
        "Variance at its floor",
        "A learned σ that nears 0, or a posterior that shrinks to a point: the density grows "
        "without bound, and the ELBO with it, while nothing more is learned.",
        explains=("learning_rate", "untrained", "overfitted"),
    ),
    "learning_rate": Illness(
        learning_rate,
        "Learning rate too high",
        "Steps so long that training leaps about or breaks off.",
        explains=("vanished", "collapsed", "ignored", "untrained", "overfitted"),
    ),
    "vanished": Illness(
        vanished,
        "KL vanishing",
        "The posterior has become the prior: z tells nothing, and the model is one without "
        "latents (posterior collapse).",
        explains=("ignored", "collapsed", "untrained", "overfitted"),
    ),
    "ignored": Illness(
        ignored,
        "Decoder ignores z",
        "Each example is reconstructed nearly as well from the z of another.",
        explains=("collapsed",),
    ),
    "overfitted": Illness(
        overfitted,
        "Overfitting",
        "The model learns its training examples by heart: on others it becomes worse. The best "
        "weights are those before.",
        explains=("untrained",),
    ),
    "untrained": Illness(
        untrained,
        "Not yet trained",
        "Training ended while the score still rose at a rate that matters.",
        serious=False,
    ),
    "collapsed": Illness(
        collapsed,
        "More latents than needed",
        "Some latents are switched off. That does no harm: the KL does it where a latent is not "
        "worth its price.",
        serious=False,
    ),
}
