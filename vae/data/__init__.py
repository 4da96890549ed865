"""Data sets: a name or a path → a `Dataset` of pictures or vectors.

`synthetic` and `sprites` draw examples, `bundled` loads data of a package or of this project,
`online` loads published data (`sources` lists the files, `download` fetches them once) and
`files` reads a user's files by a `Description`, whose missing settings it guesses. `npz`, `idx`,
`published`, `csv_table`, `parquet`, `hdf5`, `h5ad` and `pictures` parse bytes into arrays;
`compose` turns these into a data set.
A data set is a function `f(examples, seed, *, <options>) -> Dataset` and its row in `DATASETS`.
Any other name is a path. `loader` keeps the data sets that were loaded last.
"""

from vae.data.bundled import INCLUDED
from vae.data.dataset import Dataset, Splits, prepare, split, stratified, subset
from vae.data.description import Description, Reading
from vae.data.download import DownloadCancelledError, DownloadError
from vae.data.errors import ChoiceError, DataError
from vae.data.files import read, save_upload
from vae.data.missing import HideShare
from vae.data.online import is_missing, on_disk
from vae.data.sources import SOURCES
from vae.data.table import DATASETS, OFFLINE, Summary, download, load, summary

__all__ = [
    "DATASETS",
    "INCLUDED",
    "OFFLINE",
    "SOURCES",
    "ChoiceError",
    "DataError",
    "Dataset",
    "Description",
    "DownloadCancelledError",
    "DownloadError",
    "HideShare",
    "Reading",
    "Splits",
    "Summary",
    "download",
    "is_missing",
    "load",
    "on_disk",
    "prepare",
    "read",
    "save_upload",
    "split",
    "stratified",
    "subset",
    "summary",
]
