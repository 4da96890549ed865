"""Data sets that an installed package contains, available without a download.

A row is `f(examples, seed) -> Dataset`. `examples` 0 takes all examples, another number a
stratified subset.
"""

import importlib.util
from pathlib import Path

import numpy as np

from vae.data.dataset import DataError, Dataset, subset


def digits(examples: int, seed: int) -> Dataset:
    """Handwritten digits, 8×8 grey values from 0 to 16, with the digit as label.

    The test part of the UCI data set "Optical recognition of handwritten digits" (Alpaydin &
    Kaynak 1998, https://archive.ics.uci.edu/dataset/80), distributed with scikit-learn.
    """
    # Importing scikit-learn takes longer than reading the file: read it from the package's folder.
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise DataError("digits is part of scikit-learn: run pip install scikit-learn.")
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():
        raise DataError(f"{path} of scikit-learn is missing: reinstall it with pip.")
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)  # (1797, 65), the label last
    whole = Dataset(
        name="digits",
        x=np.ascontiguousarray(table[:, :-1]).reshape(-1, 1, 8, 8),
        scale=16.0,
        labels=table[:, -1].astype(np.int64),
        classes=tuple("0123456789"),
        about="1,797 scans of handwritten digits in 17 grey values, from scikit-learn.",
    )
    return subset(whole, examples, seed)
