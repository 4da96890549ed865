"""What the result of a job is called: by the weights and the settings that it depends on.

The name is made from what the weights file holds and not from when it was written, so that results
kept with a run are found again in a copy of its folder.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

LETTERS = 16  # of a name, hexadecimal


def digest(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; it is read again only when it has changed.

    Raises OSError if it cannot be read.
    """
    stat = path.stat()
    return _digest(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _digest(path: Path, stamp: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(weights: str, spec: dict[str, Any]) -> str:
    """The name of what has been made with these weights (their digest) and settings (JSON)."""
    what = json.dumps([weights, spec], sort_keys=True)
    return hashlib.sha256(what.encode()).hexdigest()[:LETTERS]
