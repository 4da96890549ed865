"""The table of data sets, and the one way from a name or a path to a `Dataset`."""

import difflib
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vae.data.bundled import digits
from vae.data.dataset import DataError, Dataset, subset
from vae.data.files import KINDS, read
from vae.data.synthetic import mixture, moon_phases
from vae.options import Field, check, options_of, refuse_unknown

DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "moon-phases": moon_phases,
    "mixture": mixture,
}


class Summary(NamedTuple):
    """A row of the table for people."""

    name: str
    examples: int  # by default
    shape: tuple[int, ...]  # of one example, by default
    classes: tuple[str, ...]
    factors: tuple[str, ...]
    about: str


def load(
    data: str, *, examples: int = 0, seed: int = 0, options: Mapping[str, Any] | None = None
) -> Dataset:
    """The data set of this name, or in the file at this path.

    `examples` is how many to draw from a formula, or to take of real data (stratified, its own
    test part whole); 0 takes the row's default number, or all. `options` are those that the row
    declares. Raises DataError, or ValueError for an option.
    """
    options = options or {}
    if data not in DATASETS:
        if options:
            raise DataError(f"A file has no options, and {', '.join(options)} was given.")
        return subset(_file(data), examples, seed)
    specs = options_of(DATASETS[data])
    if specs:
        refuse_unknown(options, list(specs))
    elif options:
        raise DataError(f"{data} has no options, and {', '.join(options)} was given.")
    for name, value in options.items():
        check(Field(*specs[name], group=""), value)
    return DATASETS[data](examples, seed, **options)


def summary() -> list[Summary]:
    """What each row of the table is, in order."""
    loaded = ((name, load(name)) for name in DATASETS)
    return [
        Summary(name, len(d.x), d.event_shape, d.classes, tuple(d.factors), d.about)
        for name, d in loaded
    ]


def _file(data: str) -> Dataset:
    """The file at a path; DataError for what is neither a path nor a name."""
    name = os.path.basename(data)
    close = difflib.get_close_matches(name.lower(), DATASETS, 1, 0.5)
    if os.path.exists(data) or "." in name or (os.sep in data and not close):
        return read(data)
    hint = f"did you mean {close[0]}? " if close else ""
    raise DataError(
        f"There is no data set {name!r}: {hint}There are {', '.join(DATASETS)}, and the path of a "
        f"file works too: {KINDS}."
    )
