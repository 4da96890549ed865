"""Downloads of files into a cache: each file once, checked by SHA-256, complete or absent.

The cache is `pooch.os_cache("vae-lab")` or the folder in the environment variable VAE_LAB_CACHE.
A partial download is FILE.part; the next attempt continues it, also from another mirror. pooch
renames it to FILE only if its SHA-256 is correct, so a file of that name and of the declared size
is complete. One process downloads a file while others wait for it.
"""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from vae.data.errors import DataError

CACHE = "VAE_LAB_CACHE"  # the environment variable
CHUNK = 1 << 16  # bytes between two calls of `cancelled`
TIMEOUT = 10.0  # seconds without a byte

Progress = Callable[[int, int], None]  # (bytes downloaded, bytes in total)
Cancelled = Callable[[], bool]


class DownloadError(DataError):
    """No mirror delivered the file; the message names each mirror and its failure."""


class DownloadCancelledError(DataError):
    """`cancelled` returned True; the next attempt continues the partial download."""


class _MirrorError(Exception):
    """A failure of one mirror."""


def cache() -> Path:
    """Return the folder of the downloads; it may not exist yet."""
    import pooch  # type: ignore[import-untyped]

    folder = os.environ.get(CACHE, "")
    return Path(os.path.expanduser(folder)) if folder else Path(pooch.os_cache("vae-lab"))


def is_whole(file: Path, size: int) -> bool:
    """Return whether a file exists and has this size in bytes; `fetch` has checked its SHA-256."""
    return file.is_file() and file.stat().st_size == size


def fetch(
    file: Path,
    mirrors: Sequence[str],
    sha256: str,
    size: int,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Path:
    """Return the file, after downloading it from the first working mirror (URL) if it is missing.

    Calls `progress` with the downloaded bytes and `size` after each piece, and `cancelled` before
    each piece. Raises DownloadCancelledError if `cancelled` returns True, DownloadError if no
    mirror delivers the file, DataError if the folder cannot be written.
    """
    faults = []
    stop = cancelled or (lambda: False)
    if not is_whole(file, size):
        with _writing(file), _alone(file, stop):
            for url in mirrors:  # pooch contacts none if another process has downloaded the file
                fault = _from_mirror(file, url, sha256, partial(_stream, size, progress, stop))
                if not fault:
                    break
                faults.append((str(urlsplit(url).hostname), fault))
    if len(faults) == len(mirrors):
        raise DownloadError(f"{file.name} could not be downloaded ({_joined(faults)})")
    return file


def _from_mirror(file: Path, url: str, sha256: str, stream: Callable[[str, Path], None]) -> str:
    """Download, check and rename the file; return the failure of the mirror, or ""."""
    import pooch

    pooch.get_logger().setLevel("CRITICAL")  # the caller reports the error
    part = file.with_name(file.name + ".part")

    def downloader(url: str, output_file: str, pooch: object) -> None:
        stream(url, part)
        part.replace(output_file)

    for resumed in (True, False) if part.exists() else (False,):
        try:
            pooch.retrieve(url, sha256, file.name, file.parent, downloader=downloader)
        except _MirrorError as error:
            return str(error)
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            if not resumed:  # a resumed part may be damaged: download again from the start
                return "another file than the one expected (its SHA-256 differs)"
        else:
            return ""
    raise AssertionError


def _stream(size: int, progress: Progress | None, stop: Cancelled, url: str, part: Path) -> None:
    """Append the missing bytes to the part; raises _MirrorError if the mirror fails."""
    done = part.stat().st_size if part.is_file() else 0
    if done > size:
        part.unlink()
        done = 0
    if progress:
        progress(done, size)
    if done == size:
        return
    with _network():
        answer = _request(url, done)
    done = done if answer.status == 206 else 0
    with answer, part.open("ab" if done else "wb") as file:
        while not stop() and (piece := _piece(answer)):
            done += len(piece)
            if done > size:
                file.truncate(0)
                raise _MirrorError("more than the file has")
            file.write(piece)
            if progress:
                progress(done, size)
    if stop():
        raise DownloadCancelledError(
            f"The download of {part.stem} was cancelled after {done:,} of {size:,} bytes; the "
            "next attempt continues from there."
        )
    if done < size:
        raise _MirrorError(f"cut off after {done:,} of {size:,} bytes")


@contextmanager
def _network() -> Iterator[None]:
    """Convert errors of the network inside the block to _MirrorError; the disk is not involved."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise _MirrorError(f"HTTP {error.code}") from error
    except urllib.error.URLError as error:
        raise _MirrorError(_reason(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(_reason(error)) from error


def _piece(answer: http.client.HTTPResponse) -> bytes:
    """Return the next bytes of a response, at most CHUNK; none at its end."""
    with _network():
        return answer.read1(CHUNK)


def _request(url: str, start: int) -> http.client.HTTPResponse:
    """Return the response with the bytes from `start` on, or with all if the server has no
    ranges."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "vae-lab"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT
        )
    except urllib.error.HTTPError as error:
        if start and error.code == 416:
            return _request(url, 0)
        raise
    content_range = (answer.headers.get("Content-Range") or "").replace("=", " ")
    if answer.status == 206 and not content_range.startswith(f"bytes {start}-"):
        answer.close()
        return _request(url, 0)
    return answer


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    """Create the folder of a file; raise a DataError if the block cannot write in it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(
            f"{file.parent} cannot be written ({_reason(error)}): free some space, change its "
            f"permissions, or let the environment variable {CACHE} name another folder."
        ) from error


@contextmanager
def _alone(file: Path, stop: Cancelled) -> Iterator[None]:
    """Let one process and one thread at a time run the block for this file."""
    from filelock import FileLock, Timeout

    lock = FileLock(file.with_name(file.name + ".lock"))
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            if stop():
                raise DownloadCancelledError(
                    f"The download of {file.name} was cancelled while another process was "
                    "downloading the file."
                ) from None
    try:
        yield
    finally:
        lock.release()


def _joined(faults: list[tuple[str, str]]) -> str:
    """Return the failures as text: each one after its hosts."""
    hosts: dict[str, list[str]] = {}
    for host, fault in faults:
        hosts.setdefault(fault, []).append(host)
    return "; ".join(f"{', '.join(names)}: {fault}" for fault, names in hosts.items())


def _reason(error: object) -> str:
    """Return the reason of an error as a clause without full stop."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).rstrip(".")
