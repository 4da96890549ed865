"""A data set whose examples stay in a file that is mapped into memory."""

import hashlib

import numpy as np

from vae.base import memory
from vae.base.numbers import byte_count
from vae.base.progress import report
from vae.data.dataset import Dataset, subset
from vae.data.errors import DataError
from vae.data.mapping import in_file, mapping_of, pieces
from vae.data.scan import Scan, scanned, stored

INDEX = 40  # bytes an example: its place in the splits and in the order of an epoch


class MappedDataset(Dataset):
    """A data set with a mapped x, which may be a view with any strides. Properties of all values
    are found in one pass, once for each state of the file."""

    @property
    def in_memory(self) -> bool:
        return False

    @property
    def resident(self) -> int:
        return INDEX * len(self.x)

    @property
    def scan(self) -> Scan:
        return scanned(self.x)

    @property
    def missing(self) -> bool:
        return self.scan.missing

    @property
    def in_unit_interval(self) -> bool:
        return self.scan.low >= 0 and self.scan.high <= self.scale

    @property
    def is_binary(self) -> bool:
        values = self.scan.values
        return bool(values) and set(values) <= {0.0, float(self.scale)}

    @property
    def is_counts(self) -> bool:
        return self.scale == 1 and self.scan.whole and self.scan.low >= 0

    @property
    def fingerprint(self) -> str:
        labels = b"" if self.labels is None else np.ascontiguousarray(self.labels, np.int64).data
        kind = f"fingerprint {self.scale!r} {hashlib.sha256(labels).hexdigest()}"
        return str(stored(self.x, kind, self._fingerprint))

    def _fingerprint(self) -> str:
        """Return the fingerprint of `Dataset`, a piece at a time."""
        digest = hashlib.sha256(repr((self.x.shape, self.x.dtype.str, self.scale)).encode())
        done = 0
        for part in pieces(self.x):
            digest.update(np.ascontiguousarray(part).data)
            done += len(part)
            report("Computing the fingerprint…", done / len(self.x))
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels, np.int64).data)
        return digest.hexdigest()[:16]


def mapped(dataset: Dataset) -> Dataset:
    """Return the data set, as a MappedDataset if its examples are mapped."""
    if mapping_of(dataset.x) is None:
        return dataset
    return MappedDataset(*dataset._replace(x=in_file(dataset.x)))


def drawn(dataset: Dataset, examples: int, seed: int) -> Dataset:
    """Return `subset` of a data set, in memory; 0 or all examples leave it where it is."""
    free = len(dataset.x) - dataset.test
    if dataset.in_memory or examples in (0, free):
        return subset(dataset, examples, seed)
    check_copy(dataset, (examples + dataset.test) / len(dataset.x))
    return Dataset(*subset(dataset, examples, seed))


def check_copy(dataset: Dataset, copies: float) -> None:
    """Raise DataError if so many copies of mapped examples do not fit into the memory."""
    needs, free = dataset.x.nbytes * copies, memory.free()
    if not dataset.in_memory and needs > free:
        raise DataError(
            f"{dataset.name} is read from its file, and this would copy {byte_count(needs)} of it "
            f"into memory, of which {byte_count(free)} are free: use all examples as they are, or "
            "fewer."
        )
