"""Data: a name or a path → a `Dataset`, the same for pictures and for vectors.

One file a family: `synthetic` and `sprites` draw, `bundled` finds what is installed, `online` what
is published (`sources` knows where, `download` fetches it once), `files` reads a user's own.
`formats`, `published`, `csv_table`, `parquet` and `pictures` turn bytes into arrays, `arrays` says
what those mean. NumPy; Pillow and PyArrow where a file needs them.
A data set is a function `f(examples, seed, *, <own options>) -> Dataset` and its row in
`DATASETS`; what is not a row is a path.
"""

from vae.data.dataset import DataError, Dataset, Splits, prepare, split, stratified, subset
from vae.data.download import DownloadCancelledError, DownloadError
from vae.data.files import read, save_upload
from vae.data.online import on_disk
from vae.data.sources import SOURCES
from vae.data.table import DATASETS, OFFLINE, Summary, download, load, summary

__all__ = [
    "DATASETS",
    "OFFLINE",
    "SOURCES",
    "DataError",
    "Dataset",
    "DownloadCancelledError",
    "DownloadError",
    "Splits",
    "Summary",
    "download",
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
