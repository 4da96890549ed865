"""The table of data sets, and the way from a name or a path to a `Dataset`."""

from collections.abc import Callable, Mapping
from typing import Any

from vae.data.bundled import digits
from vae.data.dataset import Dataset
from vae.data.synthetic import mixture, moon_phases

DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "moon-phases": moon_phases,
    "mixture": mixture,
}


def load(data: str, *, examples: int = 0, seed: int = 0, options: Mapping[str, Any] = {}) -> Dataset:
    return DATASETS[data](examples, seed, **options)


def summary() -> list[Any]:
    return []
