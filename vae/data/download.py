"""Files from the network: fetched once, checked, and either whole or not there.

They are kept in the user's cache (`pooch.os_cache("vae-lab")`, or the folder that VAE_LAB_CACHE
names). A file on its way is FILE.part; what arrived before an interruption is used by the next
attempt, also from another mirror. Only when SHA-256 agrees does it get its name (pooch sees to
that), so a file of that name and of the declared size is never half a file. One process fetches
a file, others wait for it.
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

from vae.data.dataset import DataError

CACHE = "VAE_LAB_CACHE"  # the environment variable
CHUNK = 1 << 16  # bytes between two looks at `cancelled`
TIMEOUT = 10.0  # seconds without a byte

Progress = Callable[[int, int], None]  # (bytes there, bytes in all)
Cancelled = Callable[[], bool]


class DownloadError(DataError):
    """No mirror gave the file; the message names each and why."""


class DownloadCancelledError(DataError):
    """`cancelled` said so; what has arrived is kept for the next attempt."""


class _MirrorError(Exception):
    """What is wrong with one mirror."""


def cache() -> Path:
    """The folder that downloads are kept in; it need not exist."""
    import pooch  # type: ignore[import-untyped]

    own = os.environ.get(CACHE, "")
    return Path(os.path.expanduser(own)) if own else Path(pooch.os_cache("vae-lab"))


def is_whole(file: Path, size: int) -> bool:
    """Whether the file is there, whole: it was checked before it was given its name."""
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
    """The file, downloaded from the first of the mirrors (URLs) that has it, if it is not there.

    `progress` is called with the bytes there and `size` after each piece; `cancelled` is asked
    before each, and ends it with DownloadCancelledError. Raises DownloadError if no mirror
    delivers, DataError if the folder cannot be written.
    """
    faults = []
    stop = cancelled or (lambda: False)
    if not is_whole(file, size):
        with _writing(file), _alone(file, stop):
            for url in mirrors:  # of a file that came meanwhile, pooch asks none
                fault = _from_mirror(file, url, sha256, partial(_stream, size, progress, stop))
                if not fault:
                    break
                faults.append((str(urlsplit(url).hostname), fault))
    if len(faults) == len(mirrors):
        raise DownloadError(f"{file.name} could not be downloaded ({_joined(faults)})")
    return file


def _from_mirror(file: Path, url: str, sha256: str, stream: Callable[[str, Path], None]) -> str:
    """Fetch, check and name the file; what was wrong, or nothing."""
    import pooch

    pooch.get_logger().setLevel("CRITICAL")  # the caller tells of it
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
            if not resumed:  # else the part may have been at fault: once more from the start
                return "another file than the one expected (its SHA-256 differs)"
        else:
            return ""
    raise AssertionError


def _stream(size: int, progress: Progress | None, stop: Cancelled, url: str, part: Path) -> None:
    """Add to the part what it lacks; _MirrorError if the mirror does not give that."""
    done = part.stat().st_size if part.is_file() else 0
    if done > size:
        part.unlink()
        done = 0
    if progress:
        progress(done, size)
    if done == size:
        return
    with _network():
        answer = _opened(url, done)
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
            f"The download of {part.stem} was cancelled after {done:,} of {size:,} bytes; it goes "
            "on from there next time."
        )
    if done < size:
        raise _MirrorError(f"cut off after {done:,} of {size:,} bytes")


@contextmanager
def _network() -> Iterator[None]:
    """What goes wrong here is the mirror's fault, not that of the disk."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise _MirrorError(f"HTTP {error.code}") from error
    except urllib.error.URLError as error:
        raise _MirrorError(_reason(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(_reason(error)) from error


def _piece(answer: http.client.HTTPResponse) -> bytes:
    with _network():
        return answer.read1(CHUNK)


def _opened(url: str, start: int) -> http.client.HTTPResponse:
    """The answer to a request for the bytes from `start` on; anew where that cannot be had."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "vae-lab"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT
        )
    except urllib.error.HTTPError as error:
        if start and error.code == 416:
            return _opened(url, 0)
        raise
    given = (answer.headers.get("Content-Range") or "").replace("=", " ")
    if answer.status == 206 and not given.startswith(f"bytes {start}-"):
        answer.close()
        return _opened(url, 0)
    return answer


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    """A folder that can be written, or the sentence for it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(
            f"{file.parent} cannot be written ({_reason(error)}): make room there or change its "
            f"permissions, or let the environment variable {CACHE} name another folder."
        ) from error


@contextmanager
def _alone(file: Path, stop: Cancelled) -> Iterator[None]:
    """One process at a time, and one thread."""
    from filelock import FileLock, Timeout

    lock = FileLock(file.with_name(file.name + ".lock"))
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            if stop():
                raise DownloadCancelledError(
                    f"The download of {file.name} was cancelled while another process had it."
                ) from None
    try:
        yield
    finally:
        lock.release()


def _joined(faults: list[tuple[str, str]]) -> str:
    """Each fault after the hosts that have it."""
    hosts: dict[str, list[str]] = {}
    for host, fault in faults:
        hosts.setdefault(fault, []).append(host)
    return "; ".join(f"{', '.join(names)}: {fault}" for fault, names in hosts.items())


def _reason(error: object) -> str:
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(told).rstrip(".")
