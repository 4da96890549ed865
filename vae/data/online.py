"""Published data sets: `download` fetches their files once, a row loads them and never downloads.

A row is `f(examples, seed) -> Dataset`. The publisher's test part is always complete; of the other
examples, `examples` 0 takes all, another number a stratified subset. `sources` describes each data
set.
"""

from pathlib import Path

from vae.base import visitors
from vae.data.compose import compose
from vae.data.dataset import Dataset, subset
from vae.data.download import CACHE, Cancelled, DownloadError, Progress, cache, fetch, is_whole
from vae.data.errors import DataError
from vae.data.sources import SOURCES


def folder(name: str) -> Path:
    """Return the folder of a row's files; the files may not exist yet."""
    source = SOURCES[name]
    if source.installed and all((source.installed / f.name).is_file() for f in source.files):
        return source.installed
    return cache() / name


def on_disk(name: str) -> bool:
    """Return whether a row can be loaded without the network."""
    source, path = SOURCES[name], folder(name)
    return path == source.installed or all(is_whole(path / f.name, f.size) for f in source.files)


def is_missing(name: str) -> bool:
    """Return whether this is a published data set that is not on this machine yet."""
    return name in SOURCES and not on_disk(name)


def download(
    name: str, progress: Progress | None = None, cancelled: Cancelled | None = None
) -> Path:
    """Return the folder of a row's files, after downloading the missing ones.

    `progress` receives the downloaded bytes and the bytes of all files. Raises DataError if no
    mirror delivers a file or `cancelled` returns True, RefusedError on a read-only server.
    """
    source, path = SOURCES[name], folder(name)
    if on_disk(name):
        return path
    visitors.check_change()
    done = 0
    for file in source.files:
        part = _of_all(progress, done, source.size)
        urls = [mirror + file.name for mirror in source.mirrors]
        try:
            fetch(
                path / file.name, urls, file.sha256, file.size, progress=part, cancelled=cancelled
            )
        except DownloadError as error:
            raise DownloadError(_offline(name, error)) from error
        done += file.size
    return path


def _of_all(progress: Progress | None, before: int, size: int) -> Progress | None:
    """Return a callback that converts the progress of one file to the progress of all files."""
    return progress and (lambda done, _: progress(before + done, size))


def _offline(name: str, error: DownloadError) -> str:
    """Return the error for a failed download, with the missing files and their folder."""
    files = [f.name for f in SOURCES[name].files if not is_whole(folder(name) / f.name, f.size)]
    return (
        f"{name} is not on this machine, and {error}: connect to the network, or put "
        f"{', '.join(files)} into {cache() / name} (the environment variable {CACHE} sets "
        "another cache folder)."
    )


def _load(name: str, examples: int, seed: int) -> Dataset:
    """Return a published data set; DataError if it is not on this machine, or if its files have
    another shape or other classes."""
    if is_missing(name):
        closed = visitors.is_read_only()
        way_out = "choose other data" if closed else "press Download under Data, in the sidebar"
        raise DataError(f"{name} is not on this machine yet: {way_out}.")
    source, path = SOURCES[name], folder(name)
    raw = source.read(path / source.files[0].name)._replace(scale=255.0)
    whole = compose(name, name, raw)
    shape = (source.examples + source.test, *source.shape)
    if whole.x.shape != shape or len(whole.classes) != len(source.classes):
        raise DataError(
            f"The files of {name} in {path} hold {whole.x.shape} and {len(whole.classes)} classes "
            f"instead of {shape} and {len(source.classes)}: remove them to download them again."
        )
    return subset(whole._replace(classes=source.classes, about=f"{source.about}."), examples, seed)


def mnist(examples: int, seed: int) -> Dataset:
    """Handwritten digits, 28×28 grey values, 60,000 and 10,000 for the test (LeCun et al. 1998).

    http://yann.lecun.com/exdb/mnist/
    """
    return _load("mnist", examples, seed)


def fashion_mnist(examples: int, seed: int) -> Dataset:
    """Articles of clothing, 28×28 grey values, 60,000 and 10,000 for the test (Xiao et al. 2017).

    https://arxiv.org/abs/1708.07747. The files of Debian's package dataset-fashion-mnist are used
    if it is installed.
    """
    return _load("fashion-mnist", examples, seed)


def kmnist(examples: int, seed: int) -> Dataset:
    """Cursive Japanese characters, 28×28 grey values, 60,000 and 10,000 for the test (Clanuwat et
    al. 2018).

    https://arxiv.org/abs/1812.01718
    """
    return _load("kmnist", examples, seed)


def emnist_letters(examples: int, seed: int) -> Dataset:
    """Handwritten letters, upper and lower case together, 28×28 grey values, 124,800 and 20,800
    for the test (Cohen et al. 2017).

    https://arxiv.org/abs/1702.05373. The publisher's files are transposed; these letters are
    upright.
    """
    return _load("emnist-letters", examples, seed)


def cifar_10(examples: int, seed: int) -> Dataset:
    """Colour photographs of animals and vehicles in ten classes, 32×32, 50,000 and 10,000 for the
    test (Krizhevsky 2009).

    https://www.cs.toronto.edu/~kriz/cifar.html, the binary version.
    """
    return _load("cifar-10", examples, seed)


def svhn(examples: int, seed: int) -> Dataset:
    """House numbers from street views, 32×32 in colour, cropped to a digit, 73,257 and 26,032 for
    the test (Netzer et al. 2011).

    http://ufldl.stanford.edu/housenumbers/, format 2.
    """
    return _load("svhn", examples, seed)
