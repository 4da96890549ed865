"""Data: a name or a path → a `Dataset`, the same for pictures and for vectors.

One file a family: `synthetic` draws, `bundled` finds what is installed, `files` reads a user's own.
NumPy only. A data set is a function `f(examples, seed, *, <own options>) -> Dataset` and its row in
`DATASETS`; what is not a row is a path.
"""

from vae.data.dataset import Dataset, Splits, prepare, split
from vae.data.table import DATASETS, load, summary

__all__ = ["DATASETS", "Dataset", "Splits", "load", "prepare", "split", "summary"]
