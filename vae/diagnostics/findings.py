"""The collapse doctor: what it reads, the thresholds it goes by, and what it says.

Its illnesses are in `vae.diagnostics.checks`: functions of one signature, `f(case: Case) -> Seen |
Quiet`. Each says what it saw, in sentences with numbers and units, and one remedy, a single
setting to change; or that it saw nothing, and where it looked.

The thresholds were fixed on one data set (digits), one network (mlp) and one seed, and tried on
others by `tests/diagnostics/test_field_trial.py`. False alarms of `learning_rate` there, on a
mixture of Gaussians whose score gains 3 nats in all, changed it after the fact: UNSTEADY was .02
(seeds 1 and 2; tried again on 3 and 4), LEAP was .1 and asked for no REACH (seeds 3 and 4; tried
again only on these, so that for LEAP they are no longer unseen). A trial on seeds that none of
this had seen, 21 and 22, changed nothing: of 61 planted illnesses it named 60, and called none of
8 healthy runs ill. A decoder that ignores z was planted later, on the same seeds and with the same
thresholds: of 16 it named 15.

Changes of the score (the ELBO, or what else chooses the best weights) count as shares of its span,
all that it has gained, so that no threshold depends on the number of pixels or the unit of x. A KL
has no unit of x: it counts in nats per example.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from vae.config import RunConfig, fields
from vae.diagnostics.training_stats import Course

INACTIVE = 0.01  # nats: KL of a latent below which it is off; a posterior mean of variance 0.01,
# the bound of Burda et al. 2016 (section 5.3), is worth ½ · 0.01 and more
KEPT = 0.1  # nats: a latent below is not worth keeping when Z is chosen anew; ten times INACTIVE
IGNORED = 0.1  # nats, and share of the KL: a swap of z that costs less is not heeded; the exact
# posterior's costs at least I(x; z), which the KL bounds from above (Hoffman & Johnson 2016)
WORSE = 0.01  # share of the span: a smaller fall is not worth a remedy; on the digits 0.2 nats
NOISES = 4.0  # standard deviations that a fall has to exceed: by chance one run in 30,000
LEAP = 0.5  # share of its range by which the loss may not rise above that before training
FALL = 0.25  # share of its range that the score may not lose from one epoch to the next
UNSTEADY = 0.05  # share of its range: jitter of the score from epoch to epoch; on the digits .003
UNDONE = 0.03  # share of the span that the last quarter of the epochs still brought
STRAIGHT = 0.2  # of the span: a quarter of the epochs brings .25 where the curve has no bend yet
REACH = 0.25  # Σ of the learning rate: Adam moves a weight no further (Kingma & Ba 2015, 2.1)
HALVED = 0.5  # of σ over the last quarter: falling all the way from 1, it is below 1/16 by then
NARROW = 0.02  # of the spread of x: a density that is narrower grows without bound (Mattei &
# Frellsen 2018, section 2); 34 dB, above what pictures are reconstructed with
FLOOR = 1.5 * math.exp(-7)  # of σ: the likelihood's own lowest is e⁻⁷
POINT = 1e-4  # of the prior's σ: a narrower posterior tells more than 8 nats a latent
RATE, HIGH_RATE = 2e-3, 1e-2  # the learning rate to come back to; Adam's own is 1e-3
FIRST = 0.25  # share of the epochs in which the score may leap as it likes
QUARTER = 0.25


class Measured(NamedTuple):
    """What was measured, nats per example; a standard error beside each mean."""

    split: str
    examples: int
    elbo: float | None  # None for a point posterior
    swap: float  # what it costs to decode from another example's z
    swap_se: float
    narrowest: float | None  # posterior σ: geometric mean over examples, of the narrowest latent
    spread: float  # standard deviation of all values of x, in the unit of x
    levels: int = 0  # values that x can take; 0 for real ones
    reference: float | None = None  # what a model without latents pays, −ELBO
    reference_se: float | None = None


class Remedy(NamedTuple):
    """One setting to change, in a new run or, to train longer, in this one."""

    field: str
    value: Any
    why: str
    resume: bool = False


class Seen(NamedTuple):
    """An illness has been seen."""

    evidence: tuple[str, ...]
    remedy: Remedy | None


class Quiet(NamedTuple):
    """Nothing has been seen; `looked` says whether it could be."""

    sentence: str
    looked: bool = True


class Case(NamedTuple):
    """All that an illness may read."""

    config: RunConfig
    course: Course
    state: str = "finished"
    message: str = ""  # why it failed
    measured: Measured | None = None

    @property
    def off(self) -> int | None:
        """Latents whose KL is below INACTIVE; None where they have none of their own."""
        per = self.course.kl_per_dimension
        return None if per is None else int((per < INACTIVE).sum())

    @property
    def shut(self) -> bool | None:
        """Whether no latent is in use; None where there is no KL."""
        if self.course.kl is None:
            return None
        if self.off is not None:
            return self.off == self.config.latent_dim
        return self.course.kl < INACTIVE * self.config.latent_dim


class Illness(NamedTuple):
    """A row of the table."""

    look: Callable[[Case], Seen | Quiet]
    title: str
    about: str
    serious: bool = True
    explains: tuple[str, ...] = ()  # illnesses that are its consequences


class Finding(NamedTuple):
    """What ails a run."""

    name: str  # a row of ILLNESSES
    seen: Seen


class Examination(NamedTuple):
    """What was found, the causes first, and every look that found nothing: name → Quiet."""

    findings: tuple[Finding, ...]
    quiet: dict[str, Quiet]


def remedied(config: RunConfig, remedy: Remedy) -> RunConfig:
    """The run's own settings with the one change; options of a row that is left go with it."""
    values = config.model_dump() | {remedy.field: remedy.value}
    orphans = {f.name for f in fields() if f.kind == remedy.field and not f.belongs_to(values)}
    return RunConfig.of(**{k: v for k, v in values.items() if k not in orphans})
