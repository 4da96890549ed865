"""Settings that follow the data where the usual values do not suit them, and sentences on them.

The likelihood must be defined for the values of x. A batch is at most half of the training
examples, so that an epoch has two steps or more; else it becomes a quarter of them or less, a
power of two.
"""

from collections.abc import Mapping
from typing import Any

from vae.base.numbers import plural
from vae.components.objectives import OBJECTIVES
from vae.config.rules import suitable_likelihood, values_of
from vae.config.run_config import RunConfig
from vae.data.dataset import Dataset

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
    if size <= training // 2:
        return size
    quarter = training // 4
    return min(size, max(least, 1 << max(quarter, 1).bit_length() - 1))


def sentences(found: Mapping[str, Any], config: RunConfig, dataset: Dataset) -> list[str]:
    """Return a sentence on each adapted setting."""
    examples = plural(len(config.divide(dataset).train), "training example")
    words = {
        "likelihood": f"The data hold {values_of(dataset)}: the likelihood is ",
        "batch_size": f"The data have {examples}: the batch size is ",
    }
    return [f"{words[name]}{value}." for name, value in found.items()]
