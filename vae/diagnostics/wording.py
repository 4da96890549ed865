"""Numbers and names in the sentences of findings."""

from vae.base.numbers import plain, plural, with_error
from vae.diagnostics.findings import ModelStats, NoFinding, Observations
from vae.figures.quantities import SPLITS, examples_of

NO_KL = NoFinding("This posterior has no KL.", checked=False)
TOO_EARLY = NoFinding("Too early: the weights have hardly moved.", checked=False)


def nats(value: float, se: float | None = None) -> str:
    """Return a value in nats, with its standard error in matching digits."""
    if se is None:
        return f"{plain(value)} nats"
    return " ± ".join(filter(None, with_error(value, se))) + " nats"


def kl_name(obs: Observations) -> str:
    """Return the split of the KL in the training statistics: "validation KL"."""
    return f"{SPLITS[obs.stats.split]} KL"


def sample_name(m: ModelStats) -> str:
    """Return number, split and weights of the examples of model statistics."""
    return f"{examples_of(m.examples, m.split)}, last weights"


def score_name(obs: Observations) -> str:
    """Return split and score of the training statistics, such as "validation ELBO"."""
    return f"{SPLITS[obs.stats.split]} {obs.stats.criterion.score_title}"


def too_few(obs: Observations, least: int) -> NoFinding | None:
    """Return why a check needs more epochs, or None."""
    if len(obs.stats.value) >= least:
        return None
    return NoFinding(f"The check needs {plural(least, 'epoch')} with reports.", checked=False)
