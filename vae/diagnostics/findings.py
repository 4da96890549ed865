"""The inputs and outcomes of diagnostic checks, and the thresholds that several checks share.

Letters: Z latent dimensions. Nats per example.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from vae.base.options import first_row
from vae.components.likelihoods import LIKELIHOODS
from vae.config import RunConfig, fields
from vae.diagnostics.training_stats import TrainingStats

INACTIVE = 0.01  # nats: a latent with a smaller KL is off; a posterior mean of variance 0.01,
# the bound of Burda et al. 2016 (section 5), is worth ½ · 0.01 and more
REACH = 0.25  # Σ of the learning rate: Adam moves a weight no further (Kingma & Ba 2015, 2.1)
QUARTER = 0.25  # of the epochs: the end of training
RATE = 2e-3  # the learning rate that a fix suggests; Adam's default is 1e-3
LEARNED = first_row(LIKELIHOODS, support="real", noise="learned")  # a Gaussian with learned σ


class ModelStats(NamedTuple):
    """Statistics of a model on examples of one split, see `latent_swap`."""

    split: str
    examples: int
    elbo: float | None  # None for a posterior without density
    swap: float  # increase of −ln p(x|z) when z comes from another example
    swap_se: float  # its standard error
    narrowest: float | None  # smallest geometric mean over examples of a latent's posterior σ
    spread: float  # standard deviation of all rescaled values of x, in the unit of σ
    misfit: float | None = None  # root mean squared error of x over its fixed σ
    levels: int = 0  # values that x can take; 0 for real numbers
    reference: float | None = None  # −ELBO of the best model without latents
    reference_se: float | None = None
    sd: float = 0.0  # of −ELBO, or of −ln p(x|z) without a KL, over the examples


class Fix(NamedTuple):
    """One setting to change in a new run or, with `resume`, in this run."""

    field: str
    value: Any
    why: str
    resume: bool = False
    advice: str = ""  # a few words for one line; without it, a page writes them from the setting


class Finding(NamedTuple):
    """A failure that a check detected."""

    evidence: tuple[str, ...]  # sentences with numbers and units
    fix: Fix | None


class NoFinding(NamedTuple):
    """No failure, or with `checked` False, the reason why the check does not apply."""

    sentence: str
    checked: bool = True


class Observations(NamedTuple):
    """Everything that a check may read of a run."""

    config: RunConfig
    stats: TrainingStats
    state: str = "finished"
    message: str = ""  # of a failed run
    model: ModelStats | None = None  # None if the weights could not be loaded
    held: int = 0  # number of validation examples; 0 if unknown

    @property
    def off(self) -> int | None:
        """Number of latents with a KL below INACTIVE; None if the KL is no sum over latents."""
        per = self.stats.kl_per_dimension
        return None if per is None else int((per < INACTIVE).sum())

    @property
    def shut(self) -> bool | None:
        """Whether no latent is in use; None without a KL."""
        if self.stats.kl is None:
            return None
        if self.off is not None:
            return self.off == self.config.latent_dim
        return self.stats.kl < INACTIVE * self.config.latent_dim


def validation_examples(config: RunConfig, examples: int) -> int:
    """Return the number of validation examples of a data set with so many examples, 0 for none."""
    return max(1, round(config.val_share * examples)) if config.val_share and examples else 0


class Check(NamedTuple):
    """A row of the table of checks."""

    function: Callable[[Observations], Finding | NoFinding]
    title: str
    help: str
    serious: bool = True
    symptom: str = ""  # on curves that are still drawn; without it, the title
    lasting: bool = False  # the evidence remains in the curves when the cause is gone
    explains: tuple[str, ...] = ()  # checks whose findings are consequences of this one


class Diagnosis(NamedTuple):
    """The outcomes of all checks by name, in the order of the table."""

    findings: dict[str, Finding]  # without those that another finding explains
    clear: dict[str, NoFinding]


def with_fix(config: RunConfig, fix: Fix) -> RunConfig:
    """Return the settings with one change; options of a replaced row are dropped."""
    values = config.model_dump() | {fix.field: fix.value}
    orphans = {f.name for f in fields() if f.kind == fix.field and not f.belongs_to(values)}
    return RunConfig.of(**{k: v for k, v in values.items() if k not in orphans})
