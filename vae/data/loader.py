"""Data sets in memory: equal requests load once."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from vae.base.files import FileState, file_state
from vae.data.bundled import INCLUDED
from vae.data.dataset import Dataset
from vae.data.sources import SOURCES
from vae.data.table import DATASETS, load

CAPACITY = 4  # data sets


class Request(NamedTuple):
    """Everything that determines the examples of a data set."""

    data: str  # a name or a path
    examples: int
    seed: int  # 0 where all examples are the same for every seed
    options: str  # JSON
    state: FileState | None  # of the file at the path


def request(data: str, examples: int, seed: int, options: Mapping[str, Any]) -> Request:
    """Return the request of a data set; equal requests, equal data."""
    is_file = data not in DATASETS
    is_whole = not examples and (is_file or data in SOURCES or data in INCLUDED)
    state = file_state(Path(data)) if is_file else None
    return Request(data, examples, 0 if is_whole else seed, json.dumps(options), state)


@lru_cache(maxsize=CAPACITY)
def loaded(wanted: Request) -> Dataset:
    """Return the requested data set; raises DataError, or ValueError for an invalid option."""
    data, examples, seed, options, _ = wanted
    return load(data, examples=examples, seed=seed, options=json.loads(options))
