"""A run as one Python file that trains it again without VAE Lab, for reading and for the record.

The file holds the library's own functions and classes word for word (`bundle`), the settings of
the run (`settings`), and a few hand-written parts (`templates`): the data, the loop over the steps
and the command line. The steps and the validation are those of the Trainer, so with the same
versions and number of threads on a CPU, the weights are exactly those of the run.

It needs torch and NumPy; scikit-learn for its digits, zuko for a flow. The script generates
synthetic data again, reads MNIST and similar data from the publisher's four files, and all other
data from an .npz (`data_file`) beside it.
"""

import io
from typing import Any

from vae.data import load
from vae.runs import Run
from vae.script.run_facts import file_name
from vae.script.writer import Writer

__all__ = ["data_file", "file_name", "script"]


def script(run: Run) -> str:
    """Return the script of a run. Raises ValueError if the run's settings are not valid, or if it
    was recorded without its network or began with weights from elsewhere."""
    run.require_network()
    if "adopted" in run.header:
        raise ValueError(
            f"{run.name} began with weights that were trained elsewhere: no script can train them "
            "again."
        )
    run.require_code(to_run=False)
    return Writer(run).text()


def data_file(run: Run) -> bytes:
    """Return all examples of the run's data source as an .npz. Raises ValueError without them."""
    import numpy as np

    chosen = run.data()  # raises ValueError if the data are missing or have changed
    config = run.config
    whole = load(config.data, seed=config.seed, options=config.chosen("data"))
    whole = chosen if config.hide_share else whole
    arrays: dict[str, Any] = {"x": whole.x, "scale": whole.scale, "test": whole.test}
    if whole.labels is not None:
        arrays["labels"] = whole.labels
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
