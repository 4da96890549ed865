"""Settings that follow the data where the usual values do not suit them, and sentences on them.

The likelihood must be defined for the values of x. An epoch has STEPS steps or more, else the
usual number of epochs ends before the latents are used. In 60 epochs of 480 pictures, batches of
128 left the posterior collapsed (ELBO −185 nats; +73 in batches of 16); of scikit-learn's 1,437
training digits, they gave −22.6 nats, and 0.7 in batches of 64. A smaller batch is a power of two.
"""

from collections.abc import Mapping
from typing import Any

from vae.base.numbers import plural
from vae.components.objectives import OBJECTIVES
from vae.config.rules import suitable_likelihood, values_of
from vae.config.run_config import RunConfig
from vae.data.dataset import Dataset

STEPS = 16  # least of an epoch
SMALL = 8  # examples; a batch becomes no smaller, for a gradient with little noise, unless the
# training examples give fewer than four of them
ADAPTABLE = ("likelihood", "batch_size")


def adaptations(
    config: RunConfig, dataset: Dataset, usual: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the settings of ADAPTABLE that the data need, and not those that suit them.

    `usual` are values of these settings in place of those of the configuration.
    """
    now = {name: config.get(name) for name in ADAPTABLE} | dict(usual or {})
    training = len(config.divide(dataset).train)
    needed = {
        "likelihood": suitable_likelihood(dataset, now["likelihood"]),
        "batch_size": suitable_batch(
            now["batch_size"], training, OBJECTIVES[config.objective].batch
        ),
    }
    return {name: value for name, value in needed.items() if value != now[name]}


def suitable_batch(size: int, training: int, least: int = 1) -> int:
    """Return the batch size, or a smaller one of at least `least` for few training examples."""
    if size * STEPS <= training:
        return size
    wanted = max(training // STEPS, min(SMALL, training // 4), 1)
    return min(size, max(least, 1 << wanted.bit_length() - 1))


def sentences(found: Mapping[str, Any], config: RunConfig, dataset: Dataset) -> list[str]:
    """Return a sentence on each adapted setting."""
    examples = plural(len(config.divide(dataset).train), "training example")
    words = {
        "likelihood": f"The data hold {values_of(dataset)}: the likelihood is ",
        "batch_size": f"The data have {examples}: the batch size is ",
    }
    return [f"{words[name]}{value}." for name, value in found.items()]
