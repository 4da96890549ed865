"""Data: a name or a path → a `Dataset`, the same for pictures and for vectors.

One file a family: `synthetic` draws, `bundled` finds what is installed, `files` reads a user's
own (`formats` and `csv_table` turn bytes into arrays, `arrays` says what those mean). NumPy only.
A data set is a function `f(examples, seed, *, <own options>) -> Dataset` and its row in
`DATASETS`; what is not a row is a path.
"""

from vae.data.dataset import DataError, Dataset, Splits, prepare, split, stratified, subset
from vae.data.files import read, save_upload
from vae.data.table import DATASETS, Summary, load, summary

__all__ = [
    "DATASETS",
    "DataError",
    "Dataset",
    "Splits",
    "Summary",
    "load",
    "prepare",
    "read",
    "save_upload",
    "split",
    "stratified",
    "subset",
    "summary",
]
