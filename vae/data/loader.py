"""Data sets in memory: equal requests load once."""

import json
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from vae.base.files import FileState, file_state
from vae.data.bundled import INCLUDED
from vae.data.dataset import Dataset
from vae.data.missing import hidden
from vae.data.sources import SOURCES
from vae.data.table import DATASETS, load

CAPACITY = 4  # data sets in memory
_loaded: dict["Request", Dataset] = {}  # the latest last
_lock = Lock()


class Request(NamedTuple):
    """Everything that determines the examples of a data set."""

    data: str  # a name or a path
    examples: int
    seed: int  # 0 where all examples are the same for every seed
    options: str  # JSON
    state: FileState | None  # of the file at the path
    hidden: float = 0.0  # share of the observed values


def request(
    data: str, examples: int, seed: int, options: Mapping[str, Any], hidden: float = 0.0
) -> Request:
    """Return the request of a data set; equal requests, equal data."""
    is_file = data not in DATASETS
    is_whole = not examples and not hidden and (is_file or data in SOURCES or data in INCLUDED)
    state = file_state(Path(data)) if is_file else None
    return Request(data, examples, 0 if is_whole else seed, json.dumps(options), state, hidden)


def loaded(wanted: Request) -> Dataset:
    """Return the requested data set; raises DataError, or ValueError for an invalid option.

    A file read with guesses is also the one read with the settings that were guessed.
    """
    found = _loaded.get(wanted) or _load(wanted)
    with _lock:
        _keep(wanted, found)
        if found.reading and wanted.data not in DATASETS:
            options = json.loads(wanted.options) | found.reading.settings
            _keep(wanted._replace(options=json.dumps(options)), found)
        return found


def _load(wanted: Request) -> Dataset:
    data, examples, seed, options, _, share = wanted
    whole = load(data, examples=examples, seed=seed, options=json.loads(options))
    return hidden(whole, share, seed)


def _keep(wanted: Request, data: Dataset) -> None:
    """Add a data set as the latest one, and drop the oldest beyond CAPACITY."""
    _loaded.pop(wanted, None)
    _loaded[wanted] = data
    for old in list(_loaded):
        if len({id(one) for one in _loaded.values()}) > CAPACITY:
            del _loaded[old]
