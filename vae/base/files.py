"""Crash-safe files: replaced atomically or extended by complete lines, readable at any time.

If a writer is killed, the old or the new file remains, never a part. Readers ignore an incomplete
line, and the next writer starts a new line. A killed writer can leave a temporary file,
`.NAME.HOST.PID.RANDOM.tmp`; `sweep` removes those of processes that no longer exist. An OSError
names the target file; `sentence` formats it for users. On a read-only server every change raises
RefusedError.
"""

import errno
import hashlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from vae.base import visitors
from vae.base.finite import first_non_finite
from vae.base.json_text import parse

TEMPORARY = ".tmp"
EXPIRY = 24 * 3600.0  # seconds after which `sweep` removes a temporary file of another host
ABOUT = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your disk quota is used up: free some space",
    errno.EACCES: "permission denied: change its permissions, or choose another folder",
    errno.EPERM: "it is not permitted: change its permissions, or choose another folder",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.ENOENT: "there is no such file or folder: check its path",
    errno.ENOTDIR: "a part of its path is a file, not a folder: check its path",
    errno.EEXIST: "a file of that name exists: remove it, or choose another name",
    errno.EISDIR: "it is a folder, not a file: check its path",
}


class FileState(NamedTuple):
    """The state of a file or folder on disk; zeros if there is none."""

    modified: int  # nanoseconds since 1970
    size: int  # bytes
    inode: int


def file_state(path: Path | str) -> FileState:
    """Return the state of a file, which changes when the file is written or replaced."""
    try:
        return state_of(os.stat(path))
    except OSError:
        return FileState(0, 0, 0)


def state_of(stat: os.stat_result) -> FileState:
    """Return the state of a file of this status."""
    return FileState(stat.st_mtime_ns, stat.st_size, stat.st_ino)


def replace(path: Path, content: bytes, sync: bool = True) -> None:
    """Replace a file atomically: write a temporary file, flush it to the disk, rename it.

    The folder has to exist, so that a run that was deleted meanwhile is not made anew.
    Without `sync` a power failure can leave the file empty; a killed process cannot. Raises
    OSError with this path.
    """
    with replacing(path, sync) as handle:
        _write(handle, content)


@contextmanager
def replacing(path: Path, sync: bool = True) -> Iterator[int]:
    """Yield the handle of a temporary file that replaces `path` at the end of the block, as in
    `replace`; after an exception the old file stays."""
    visitors.check_change()
    with _naming(path):
        handle, temporary = tempfile.mkstemp(TEMPORARY, _prefix(path.name), path.parent)
        try:
            try:
                yield handle
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
    """Raise each OSError of the block again with this path instead of a temporary name."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(handle: int, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def has_room(folder: Path, size: int) -> bool:
    """Return whether the disk of a folder, and a quota on it, have room for so many bytes."""
    try:
        with tempfile.TemporaryFile(prefix=_prefix("room"), suffix=TEMPORARY, dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return shutil.disk_usage(folder).free >= 0
    except OSError:
        return False


def make_folder(path: Path) -> None:
    """Create a folder in an existing one, unless it is there."""
    visitors.check_change()
    with _naming(path):
        path.mkdir(exist_ok=True)


def temporary_folder(path: Path) -> Path:
    """Return a new hidden folder in the same folder as `path`, to be filled and then renamed."""
    visitors.check_change()
    return Path(tempfile.mkdtemp(TEMPORARY, _prefix(path.name), path.parent))


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders in a folder whose writers no longer exist."""
    for path in [] if visitors.is_read_only() else folder.glob(f".*{TEMPORARY}"):
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
    """Return whether the writer of a temporary file has ended, or the file has expired."""
    writer, _, _ = path.name.removesuffix(TEMPORARY).rpartition(".")
    rest, _, pid = writer.rpartition(".")
    if rest.endswith(f".{socket.gethostname()}") and pid.isdecimal():
        return int(pid) != os.getpid() and not psutil.pid_exists(int(pid))
    return time.time() - path.stat().st_mtime > EXPIRY


def write_json(path: Path, value: Any, sync: bool = True) -> None:
    """Replace a file by a JSON value, indented. Raises ValueError with the name of a number that
    is not finite."""
    replace(path, _json(path, value, indent=2) + b"\n", sync)


def _json(path: Path, value: Any, indent: int | None = None) -> bytes:
    """Return a value as JSON; ValueError for NaN or an infinite number, which JSON lacks."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        name = first_non_finite(value)
        raise ValueError(f"Cannot write {path}: {name} is not a finite number.") from None


def read_json(path: Path) -> Any:
    """Return the JSON value in a file, with None for nonsense numbers; None if the file is missing
    or not JSON."""
    try:
        return parse(path.read_bytes())
    except (OSError, ValueError):
        return None


def write_sealed(path: Path, value: Any, sync: bool = True) -> None:
    """Replace a file by a JSON value and its SHA-256."""
    write_json(path, {"value": value, "sha256": _seal(value)}, sync)


def read_sealed(path: Path) -> Any:
    """Return the value in a file that `write_sealed` wrote; None if the file is missing, or any
    other than it was written."""
    found = read_json(path)
    if not isinstance(found, dict) or found.get("sha256") != _seal(found.get("value")):
        return None
    return found.get("value")


def _seal(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def append_line(path: Path, value: Any, sync: bool = True) -> None:
    """Append a JSON value as one line; with `sync`, wait until it is on the disk."""
    visitors.check_change()
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
    """Flush a file to the disk; does nothing for a missing file."""
    if path.exists():
        with _naming(path), path.open("rb+") as file:
            os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the JSON object of every complete line, with None for nonsense numbers.

    Other lines are skipped. A missing file has no lines.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    values = []
    for line in lines:
        with suppress(ValueError):
            values.append(parse(line))
    return [value for value in values if isinstance(value, dict)]


def keep_lines(path: Path, values: Iterable[dict[str, Any]]) -> None:
    """Replace an existing file by these JSON lines; an identical file stays untouched."""
    content = b"".join(_json(path, value) + b"\n" for value in values)
    if path.exists() and path.read_bytes() != content:
        replace(path, content)


def write_arrays(
    path: Path, arrays: dict[str, NDArray[Any]], meta: Any = None, manifest: Any = None
) -> None:
    """Replace a safetensors file by named arrays with one or two JSON values as metadata."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    values = {"meta": meta} | ({} if manifest is None else {"manifest": manifest})
    replace(path, save(contiguous, {key: _json(path, v).decode() for key, v in values.items()}))


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], Any]:
    """Return the arrays and the metadata of a safetensors file.

    Raises OSError if it cannot be opened, ValueError if it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            meta = parse((file.metadata() or {}).get("meta", "null"))
            return {name: file.get_tensor(name) for name in file.keys()}, meta  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}).") from None


def read_meta(path: Path, key: str = "meta") -> dict[str, Any]:
    """Return the metadata of a safetensors file without its arrays; empty if it is unreadable."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            meta = parse((file.metadata() or {}).get(key, "null"))
    except (OSError, ValueError, SafetensorError):
        return {}
    return meta if isinstance(meta, dict) else {}


def reason(error: OSError) -> str:
    """Return the reason of an OSError and a solution, as the end of a sentence."""
    return ABOUT.get(error.errno or 0, error.strerror or str(error))


def sentence(error: OSError) -> str:
    """Return the file of an OSError, the reason and a solution, as a sentence."""
    if error.filename is None:
        return f"{reason(error)[:1].upper()}{reason(error)[1:]}."
    return f"Cannot use {error.filename}: {reason(error)}."
