"""Files that survive: replaced whole or grown by whole lines, readable at any moment.

A writer killed between two instructions leaves the old file or the new one, never a half; a line
cut short by a crash is not read, and the next writer starts on a line of its own. What a killed
writer can leave behind is a temporary file, `.NAME.HOST.PID.RANDOM.tmp`; `sweep` removes those
whose process is gone. An OSError names the file that was meant; `sentence` tells it to people.
"""

import errno
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from vae.base.finite import first_non_finite

TEMPORARY = ".tmp"
FORGOTTEN = 24 * 3600.0  # seconds after which another host's temporary file is taken for dead
ABOUT = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your disk quota is used up: free some space",
    errno.EACCES: "there is no permission: change that, or choose another folder",
    errno.EPERM: "it is not permitted: change that, or choose another folder",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a part of its path is a file and no folder",
    errno.EEXIST: "a file of that name is in the way",
    errno.EISDIR: "it is a folder",
}


def replace(path: Path, content: bytes, sync: bool = True) -> None:
    """Write a whole file: temporary name, flush to disk, rename.

    Without `sync` a loss of power may leave the file empty; a killed process never does.
    """
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(TEMPORARY, _prefix(path.name), path.parent)
        try:
            try:
                _write(handle, content)
                os.fchmod(handle, 0o644)
                if sync:
                    os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """An OSError names this path, whichever handle or temporary file it befell."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def temporary_folder(path: Path) -> Path:
    """A new hidden folder beside `path`, to be filled and renamed to it."""
    return Path(tempfile.mkdtemp(TEMPORARY, _prefix(path.name), path.parent))


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders in a folder whose writers are gone."""
    for path in folder.glob(f".*{TEMPORARY}"):
        with suppress(OSError):
            if not _abandoned(path):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _prefix(name: str) -> str:
    return f".{name}.{socket.gethostname()}.{os.getpid()}."


def _abandoned(path: Path) -> bool:
    writer, _, _ = path.name.removesuffix(TEMPORARY).rpartition(".")
    rest, _, pid = writer.rpartition(".")
    if rest.endswith(f".{socket.gethostname()}") and pid.isdecimal():
        return int(pid) != os.getpid() and not psutil.pid_exists(int(pid))
    return time.time() - path.stat().st_mtime > FORGOTTEN


def write_json(path: Path, value: Any, sync: bool = True) -> None:
    """Replace a file by a JSON value, indented for people. Raises ValueError naming a number that
    is not finite."""
    replace(path, _json(path, value, indent=2) + b"\n", sync)


def _json(path: Path, value: Any, indent: int | None = None) -> bytes:
    """Return a value as JSON for a file; a NaN or an infinite number has no JSON."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        name = first_non_finite(value)
        raise ValueError(f"Cannot write {path}: {name} is not a finite number.") from None


def read_json(path: Path) -> Any:
    """The JSON value in a file; None if there is no file or no JSON in it."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def append_line(path: Path, value: Any, sync: bool = True) -> None:
    """Append one JSON value as one line; with `sync`, it is on the disk when this returns."""
    line = _json(path, value) + b"\n"
    with _naming(path):
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            end = os.lseek(handle, 0, os.SEEK_END)
            torn = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
            _write(handle, b"\n" * torn + line)
            if sync:
                os.fsync(handle)
        finally:
            os.close(handle)


def sync(path: Path) -> None:
    """Have what was appended to a file on the disk; a missing file has nothing."""
    if path.exists():
        with _naming(path), path.open("rb+") as file:
            os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the JSON object of every whole line, with None for NaN and infinite numbers.

    Other lines are skipped; a missing file has no lines.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    values = []
    for line in lines:
        with suppress(ValueError, RecursionError):
            values.append(json.loads(line, parse_constant=lambda name: None))
    return [value for value in values if isinstance(value, dict)]


def keep_lines(path: Path, values: Iterable[dict[str, Any]]) -> None:
    """Make a file hold these JSON lines and nothing else; one that does already stays as it is."""
    content = b"".join(_json(path, value) + b"\n" for value in values)
    if path.exists() and path.read_bytes() != content:
        replace(path, content)


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]], meta: Any = None) -> None:
    """Replace a safetensors file: named arrays, and a JSON value as its metadata."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    replace(path, save(contiguous, {"meta": _json(path, meta).decode()}))


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
        raise ValueError(f"{path} is damaged ({error}).") from None


def read_meta(path: Path) -> dict[str, Any]:
    """The metadata alone of a safetensors file; empty if there is none that can be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            meta = json.loads((file.metadata() or {}).get("meta", "null"))
    except (OSError, ValueError, SafetensorError):
        return {}
    return meta if isinstance(meta, dict) else {}


def reason(error: OSError) -> str:
    """Why the operating system refused and the way out, as the end of a sentence."""
    return ABOUT.get(error.errno or 0, error.strerror or str(error))


def sentence(error: OSError) -> str:
    """Which file the operating system refused, why, and the way out."""
    if error.filename is None:
        return f"{reason(error)[:1].upper()}{reason(error)[1:]}."
    return f"Cannot use {error.filename}: {reason(error)}."
