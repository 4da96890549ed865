"""Files that survive: replaced whole or grown by whole lines, readable at any moment.

A writer killed between two instructions leaves the old file or the new one, never a half; a line
cut short by a crash is not read, and the next writer starts on a line of its own.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def replace(path: Path, content: bytes) -> None:
    """Write a whole file: temporary name, flush to disk, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Replace a file by a JSON value, indented for people."""
    replace(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON value in a file; None if there is no file or no JSON in it."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def append_line(path: Path, value: Any, sync: bool = True) -> None:
    """Append one JSON value as one line; with `sync`, it is on the disk when this returns."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Have what was appended to a file on the disk; a missing file has nothing."""
    if path.exists():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def read_lines(path: Path) -> list[Any]:
    """Every whole line's JSON value; a half-written line is skipped, a missing file is empty."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    values = []
    for line in lines:
        try:
            values.append(json.loads(line))
        except ValueError:
            continue
    return values


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """Replace a file by JSON lines."""
    replace(path, b"".join(json.dumps(v, ensure_ascii=False).encode() + b"\n" for v in values))


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]], meta: Any = None) -> None:
    """Replace a safetensors file: named arrays, and a JSON value as its metadata."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    replace(path, save(contiguous, {"meta": json.dumps(meta, ensure_ascii=False)}))


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], Any]:
    """The arrays and the metadata of a safetensors file.

    Raises OSError if it cannot be opened, ValueError if it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            meta = json.loads((file.metadata() or {}).get("meta", "null"))
            return {name: file.get_tensor(name) for name in file.keys()}, meta  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}.") from None
