"""Keys of results: each names the run, the weights and the settings that a result depends on.

A result in a file (`key`) depends on the content of the weights, so that a copy of the run's
folder finds it again. A result in memory, or at an address of the server, depends on the run's
manifest and on the state of its files (`run_key`): a new run of the same name has other keys.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from vae.base.files import FileState, file_state
from vae.runs.run import Run

LETTERS = 16  # hexadecimal digits of a key


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits; a changed file is read again.

    Raises OSError if the file cannot be read.
    """
    path.stat()
    return _digest(path, file_state(path))


@lru_cache(maxsize=65_536)
def _digest(path: Path, state: FileState) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(weights: str, spec: dict[str, Any]) -> str:
    """Return the key of a result of these weights (their digest) with these settings (JSON)."""
    return _shortened([weights, spec])


def run_key(run: Run, checkpoint: str | None = None, files: Sequence[str] = ()) -> str:
    """Return a key of a run, of the weights of a checkpoint, and of further files of its folder.

    The key contains the run's path and the content of its manifest, which has the time of its
    creation. `files` are names inside the folder; a missing file counts as such. Raises ValueError
    if the checkpoint has no weights.
    """
    try:
        manifest = digest(run.path / "config.json")
    except OSError:
        manifest = ""
    parts = [run.path / name for name in files]
    if checkpoint is not None:
        parts.append(run.weights_path(checkpoint))
    states = [(path.name, *file_state(path)) for path in parts]
    return _shortened([str(run.path), manifest, checkpoint, states])


def _shortened(content: Any) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LETTERS]
