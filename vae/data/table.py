"""The table of data sets, and `load`, which turns a name or a path into a `Dataset`."""

import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vae.base import memory, visitors
from vae.base.numbers import byte_count
from vae.base.options import Field, check, options_of, refuse_unknown
from vae.data import online
from vae.data.bundled import digits, fashion_mnist_10k
from vae.data.dataset import Dataset
from vae.data.download import Cancelled, DownloadError, Progress
from vae.data.errors import DataError
from vae.data.files import KINDS, read
from vae.data.mapped_dataset import drawn
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
    "fashion-mnist-10k": fashion_mnist_10k,
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
MANY, FEW = 100_000, 100  # examples: from many on, a few are drawn first to measure one
OFFLINE = tuple(name for name in DATASETS if name not in SOURCES)  # rows that need no download


class Summary(NamedTuple):
    """Description of a row of the table for users."""

    name: str
    examples: int  # by default
    shape: tuple[int, ...]  # of one example, by default
    classes: tuple[str, ...]
    factors: tuple[str, ...]
    about: str
    download: int = 0  # bytes to download before use; 0 if it is on this machine


def load(
    data: str, *, examples: int = 0, seed: int = 0, options: Mapping[str, Any] | None = None
) -> Dataset:
    """Return the data set of this name, or of the file at this path.

    `examples` is the number of examples to draw from a synthetic row, or to select from other data
    (stratified, with a complete test part). 0 takes the row's default number, or all. `options`
    are the options of the row, or of a file.

    Raises DataError, or ValueError for an invalid option.
    """
    options = options or {}
    if data not in DATASETS:
        return drawn(_file(data, options), examples, seed)
    specs = options_of(DATASETS[data])
    if specs:
        refuse_unknown(options, list(specs))
    elif options:
        raise DataError(f"{data} has no options: remove {', '.join(options)}.")
    for name, value in options.items():
        check(Field(*specs[name], group=""), value)
    if data in OFFLINE and examples > MANY:
        _check_memory(DATASETS[data](FEW, seed, **options), examples)
    return DATASETS[data](examples, seed, **options)


def _check_memory(few: Dataset, examples: int) -> None:
    """Raise DataError if so many examples like these few need more than the free memory."""
    needs, free = few.x.nbytes / len(few.x) * examples, memory.free()
    if needs > free:
        raise DataError(
            f"{examples:,} examples of {few.name} need {byte_count(needs)} of memory, and "
            f"{byte_count(free)} are free: lower examples."
        )


def download(
    name: str, progress: Progress | None = None, cancelled: Cancelled | None = None
) -> Path:
    """Return the folder of a published row's files, after downloading the missing ones.

    `progress` receives the downloaded bytes and the bytes of all files. If `cancelled` returns
    True, the download raises DownloadCancelledError; the next attempt continues it. Raises
    DownloadError with the data sets that need no network.
    """
    try:
        return online.download(name, progress, cancelled)
    except DownloadError as error:
        local = [*OFFLINE, *(name for name in SOURCES if on_disk(name))]
        raise DownloadError(
            f"{error} Without the network, use {', '.join(local)}, or a file of yours "
            "(--data PATH)."
        ) from error


def summary() -> list[Summary]:
    """Return the descriptions of all rows in the order of the table, without any download."""
    return [_from_source(name) if name in SOURCES else _from_data(name) for name in DATASETS]


def _from_data(name: str) -> Summary:
    d = load(name)
    return Summary(name, len(d.x), d.event_shape, d.classes, tuple(d.factors), d.about)


def _from_source(name: str) -> Summary:
    source = SOURCES[name]
    local = on_disk(name)
    mib = source.size / 2**20
    where = "on this machine" if local else f"{mib:,.0f} MiB to download at first use"
    shape = "×".join(map(str, source.shape))
    about = (
        f"{source.about}; {source.examples:,} and {source.test:,} for the test, {shape}; {where}."
    )
    number = source.examples + source.test
    size = 0 if local else source.size
    return Summary(name, number, source.shape, source.classes, (), about, size)


def _file(data: str, options: Mapping[str, Any]) -> Dataset:
    """Return the data set in the file at a path; DataError if there is neither file nor row."""
    name = os.path.basename(data)
    if os.sep in data or "." in name or os.path.exists(os.path.expanduser(data)):
        visitors.check_path(data)
    close = difflib.get_close_matches(name.lower(), DATASETS, 1, 0.5)
    if os.path.exists(data) or "." in name or (os.sep in data and not close):
        return read(data, options)
    hint = f": did you mean {close[0]}?" if close else "."
    raise DataError(
        f"There is no data set {name!r}{hint} Choose one of {', '.join(DATASETS)}, or give the "
        f"path of a file: {KINDS}."
    )
