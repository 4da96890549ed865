"""A run as one Python file that trains it again without VAE Lab, for reading and for the record.

The file holds what this run uses and nothing else: the library's own functions and classes, word
for word (`bundle`), around a training loop written for the purpose (`parts`). Every draw comes
from the same stream and every sum is taken in the same order as in `vae.training.trainer`, so that
on a CPU, with the same versions and number of threads, the figures are the run's own.

It needs torch and NumPy; scikit-learn for its digits, zuko for a flow. Data that are drawn by
formula are drawn again; MNIST and its kin are read from the publisher's four files; all others,
a person's own among them, from an .npz (`data_file`) that lies beside the script.
"""

import io
from typing import Any

from vae.data import load
from vae.runs import Run
from vae.script.run_facts import file_name
from vae.script.writer import Writer

__all__ = ["data_file", "file_name", "script"]


def script(run: Run) -> str:
    """The file; raises ValueError with a sentence if the run's settings cannot be used."""
    return Writer(run).text()


def data_file(run: Run) -> bytes:
    """All examples of the run's source as an .npz for the script; raises ValueError without it."""
    import numpy as np

    config = run.config
    whole = load(config.data, seed=config.seed, options=config.chosen("data"))
    run.data()  # refuses data that have changed since
    arrays: dict[str, Any] = {"x": whole.x, "scale": whole.scale, "test": whole.test}
    if whole.labels is not None:
        arrays["labels"] = whole.labels
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
