"""Numbers and names in the sentences of findings."""

import numpy as np

from vae.diagnostics.findings import NoFinding, Observations

NO_KL = NoFinding("This posterior has no KL.", checked=False)
TOO_EARLY = NoFinding("Too early: the weights have hardly moved.", checked=False)


def number(value: float) -> str:
    """Return three significant digits without a power of ten."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace("-", "−")
    text = np.format_float_positional(value, 3, fractional=False, trim="-")
    return str(text).replace("-", "−")


def percent(value: float) -> str:
    """Return a share in percent."""
    percent = 100 * value
    text = f"{percent:.0f}" if abs(percent) >= 10 else f"{percent:.2g}"
    return f"{text}\u00a0%".replace("-", "−")


def nats(value: float, se: float | None = None) -> str:
    """Return a value in nats, with its standard error."""
    return f"{number(value)} nats" if se is None else f"{number(value)} ± {number(se)} nats"


def score_name(obs: Observations) -> str:
    """Return split and score of the training statistics, such as "validation ELBO"."""
    split = {"val": "validation", "train": "training"}[obs.stats.split]
    return f"{split} {obs.stats.criterion.score_title}"


def too_few(obs: Observations, least: int) -> NoFinding | None:
    """Return why a check needs more epochs, or None."""
    if len(obs.stats.value) >= least:
        return None
    return NoFinding(f"The check needs {least} epochs with reports.", checked=False)
