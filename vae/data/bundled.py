"""Data sets that need no download: in an installed package, or in a file beside this module.

A row is `f(examples, seed) -> Dataset`. `examples` 0 takes all examples, another number a
stratified subset.
"""

import importlib.util
from pathlib import Path

import numpy as np

from vae.data.dataset import Dataset, subset
from vae.data.errors import DataError
from vae.data.sources import SOURCES

INCLUDED = {  # rows whose file is part of this project
    "fashion-mnist-10k": Path(__file__).parent / "fashion-mnist-10k" / "fashion-mnist-10k.npz",
}


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


def fashion_mnist_10k(examples: int, seed: int) -> Dataset:
    """Articles of clothing, 28×28 grey values, 1,000 of each class (Xiao et al. 2017).

    The first 1,000 of each class of Fashion-MNIST's training part: its test part remains unseen.
    https://arxiv.org/abs/1708.07747, MIT licence, © 2017 Zalando SE.
    """
    path = INCLUDED["fashion-mnist-10k"]
    if not path.is_file():
        raise DataError(f"{path} of this project is missing: install the project again.")
    with np.load(path, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]  # (10000, 28, 28), (10000,)
    whole = Dataset(
        name="fashion-mnist-10k",
        x=np.ascontiguousarray(images[:, None]),  # (10000, 1, 28, 28)
        scale=255.0,
        labels=labels.astype(np.int64),
        classes=SOURCES["fashion-mnist"].classes,
        about="10,000 articles of clothing, 1,000 of each class, from the training part of "
        "Fashion-MNIST (Xiao et al. 2017, MIT licence, © Zalando SE).",
    )
    return subset(whole, examples, seed)
