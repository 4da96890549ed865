"""Files that a separate process reads: libraries in C can loop or crash on damaged content.

`read_apart` starts `python -m vae.data PATH NAME OPTIONS FOLDER`, which writes the data set as an
upload, or the sentence of a DataError, into a temporary folder, and ends. A process that crashes
or takes too long becomes a DataError.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import vae
from vae.base.foreign import one_line
from vae.data import uploads
from vae.data.dataset import Dataset
from vae.data.description import PLAIN, Description
from vae.data.errors import ChoiceError, DataError
from vae.data.formats import Archive

SECONDS = 300  # of the process, at most
DATASET, PROBLEM = "dataset.npz", "problem.json"
PROJECT = Path(vae.__file__).parents[1]


def read_apart(path: Path, name: str, wanted: Description) -> Dataset:
    """Return the data set that a separate process reads. Raises its DataError, and one for a
    process that crashed or took longer than SECONDS."""
    with tempfile.TemporaryDirectory(prefix="vae-data-") as text:
        folder = Path(text)
        options = json.dumps(asdict(wanted))
        command = [sys.executable, "-P", "-m", "vae.data", str(path), name, options, text]
        places = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": places}
        try:
            subprocess.run(
                command, capture_output=True, env=environment, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise DataError(
                f"{path.name} took more than {SECONDS} s to read: save it again, or as .npz."
            ) from None
        if (folder / PROBLEM).is_file():
            raise _error(folder / PROBLEM)
        if not (folder / DATASET).is_file():
            raise DataError(f"{one_line(path.name)} is damaged: save or download it again.")
        return uploads.read_upload(Archive(folder / DATASET), PLAIN)


def save_result(
    path: Path, name: str, wanted: Description, folder: Path, read: uploads.Named
) -> None:
    """Read a file, and write the data set or the sentence of the DataError into the folder."""
    try:
        uploads.write(read(path, name, wanted), folder / DATASET)
    except DataError as error:
        found = {"message": str(error), "setting": "", "choices": []}
        if isinstance(error, ChoiceError):
            found |= {"setting": error.setting, "choices": error.choices}
        (folder / PROBLEM).write_text(json.dumps(found))


def _error(path: Path) -> DataError:
    """Return the error in a file of `save_result`."""
    found = json.loads(path.read_text())
    if found["setting"]:
        return ChoiceError(found["message"], found["setting"], tuple(found["choices"]))
    return DataError(found["message"])
