"""The table of data sets, and the one way from a name or a path to a `Dataset`."""

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from vae.base.options import Field, check, options_of, refuse_unknown
from vae.data import online
from vae.data.bundled import digits
from vae.data.dataset import DataError, Dataset, subset
from vae.data.download import Cancelled, DownloadError, Progress
from vae.data.files import KINDS, read
from vae.data.online import (
    cifar_10,
    emnist_letters,
    fashion_mnist,
    kmnist,
    mnist,
    on_disk,
    svhn,
)
from vae.data.sources import SOURCES
from vae.data.sprites import shapes
from vae.data.synthetic import mixture, moon_phases

DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "moon-phases": moon_phases,
    "mixture": mixture,
    "shapes": shapes,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "kmnist": kmnist,
    "emnist-letters": emnist_letters,
    "cifar-10": cifar_10,
    "svhn": svhn,
}
OFFLINE = tuple(name for name in DATASETS if name not in SOURCES)  # rows that need no download


class Summary(NamedTuple):
    """A row of the table for people."""

    name: str
    examples: int  # by default
    shape: tuple[int, ...]  # of one example, by default
    classes: tuple[str, ...]
    factors: tuple[str, ...]
    about: str
    download: int = 0  # bytes that loading it would fetch; 0 where it is on this machine


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
    with _offline():
        return DATASETS[data](examples, seed, **options)


def download(
    name: str, progress: Progress | None = None, cancelled: Cancelled | None = None
) -> Path:
    """The folder of a published row's files, those that are not on this machine downloaded.

    `progress` is called with the bytes there and the bytes of all files; `cancelled` is asked all
    the while, and ends it with DownloadCancelledError: what has arrived is kept for the next
    attempt. Raises DataError.
    """
    with _offline():
        return online.download(name, progress, cancelled)


@contextmanager
def _offline() -> Iterator[None]:
    """Where nothing can be downloaded, tell what there is."""
    try:
        yield
    except DownloadError as error:
        there = [*OFFLINE, *(name for name in SOURCES if on_disk(name))]
        raise DownloadError(
            f"{error} Without the network there are {', '.join(there)}, and files of your own by "
            "their path (--data PATH)."
        ) from error


def summary() -> list[Summary]:
    """What each row of the table is, in order; the published ones as they declare, so that
    nothing is downloaded.
    """
    return [_declared(name) if name in SOURCES else _drawn(name) for name in DATASETS]


def _drawn(name: str) -> Summary:
    d = load(name)
    return Summary(name, len(d.x), d.event_shape, d.classes, tuple(d.factors), d.about)


def _declared(name: str) -> Summary:
    source = SOURCES[name]
    there = on_disk(name)
    mib = source.size / 2**20
    where = "on this machine" if there else f"{mib:,.0f} MiB to download when first used"
    shape = "×".join(map(str, source.shape))
    about = f"{source.about}; {source.examples:,} and {source.test:,} to test, {shape}; {where}."
    number = source.examples + source.test
    size = 0 if there else source.size
    return Summary(name, number, source.shape, source.classes, (), about, size)


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
