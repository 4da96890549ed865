"""Import a run archive atomically. The archive is untrusted.

Members, sizes and SHA-256 are checked first against the manifest and against the allowed files of
a run folder, and `validation` reads each run once. Nothing is unpickled. The import works in a
hidden folder beside the runs and renames it at the end.

An imported run equals the exported one byte for byte, with four exceptions: a taken name becomes
NAME-2, …; a run that was queued or in training is stopped and can be resumed; it has no requests;
and its uploaded data have the path of their new place, named by the SHA-256 of their content, so
that no file can take the place of a later upload.
"""

import errno
import hashlib
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from vae.base.archives import ZipArchive, has_overlaps
from vae.base.files import reason, sweep, temporary_folder, write_json
from vae.base.foreign import one_line
from vae.runs import notes
from vae.runs.exporter import (
    CHUNK,
    FORMAT,
    MANIFEST,
    MB,
    MEMBERS,
    RUNS,
    TOTAL,
    UPLOADS,
    Progress,
    compression,
    limit,
    own_data,
)
from vae.runs.manifest import read_head
from vae.runs.names import NAME, NameTakenError, check_room, checked_name
from vae.runs.run import Run
from vae.runs.status import SAVED, saved
from vae.runs.store import move_in
from vae.runs.validation import examine

MANIFEST_LIMIT = 16 * MB
ENDED = "It was queued or in training at its export."
STOPPED = f"{ENDED} Resume continues from its last saved state."

Files = dict[str, dict[str, Any]]


class Arrival(NamedTuple):
    """An imported run, and its name in the archive."""

    run: Run
    name: str


class ArrivalError(ValueError):
    """The archive is not valid; the message is a sentence for people."""

    def __init__(self, why: str, way_out: str = "Export the run again.") -> None:
        super().__init__(f"This file cannot be imported: {why}. {way_out}")


def unpack(
    root: Path | str,
    file: Path | bytes | BinaryIO,
    name: str | None = None,
    progress: Progress = lambda share: None,
) -> list[Arrival]:
    """Import the runs of an archive into a root, a single run under another name if given.

    `progress` receives the finished share, 0 to 1. Raises ValueError, and changes nothing, for an
    invalid archive, a taken name and a root that cannot be written; OSError for a file that cannot
    be opened.
    """
    root = Path(root)
    with _stream(file) as stream:
        with _untrusted("it is damaged, or VAE Lab did not export it"):
            archive = ZipArchive(stream)
            runs, files = _contents(archive, stream.seek(0, os.SEEK_END))
        if name is not None:
            _check_name(root, name, runs)
        check_room(root, len(runs))
        try:
            root.mkdir(parents=True, exist_ok=True)
            sweep(root)
            hidden = temporary_folder(root / "import")
            try:
                _extract(archive, files, hidden, progress)
                for run in runs:
                    with _untrusted(f"the run {run} is damaged", hidden):
                        _adapt(Run(hidden / run), root)
                return _move_in(hidden, root, runs, name)
            finally:
                shutil.rmtree(hidden, ignore_errors=True)
        except OSError as error:
            raise ValueError(f"Cannot import into {root}: {reason(error)}.") from None


@contextmanager
def _stream(file: Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(file, Path):
        with file.open("rb") as stream:
            yield stream
    else:
        yield BytesIO(file) if isinstance(file, bytes) else file


@contextmanager
def _untrusted(what: str, hidden: Path | None = None) -> Iterator[None]:
    """Turn every error of reading untrusted bytes into ArrivalError; errors of the disk pass."""
    try:
        yield
    except ArrivalError:
        raise
    except Exception as error:  # readers of untrusted bytes raise nearly every type
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        message = str(error).replace(f"{hidden}/", "")
        why = one_line(message).rstrip(".") or type(error).__name__
        raise ArrivalError(f"{what} ({why})") from None


def _check_name(root: Path, name: str, runs: list[str]) -> None:
    if len(runs) > 1:
        raise ValueError(f"This file contains {len(runs)} runs: import them without a new name.")
    if (root / checked_name(name)).exists():
        raise NameTakenError(name)


def _contents(archive: zipfile.ZipFile, length: int) -> tuple[list[str], Files]:
    """Return the names of the runs and the manifest's members, checked against the archive."""
    infos = {info.filename: info for info in archive.infolist()}
    if len(infos) < len(archive.infolist()):
        raise ArrivalError("two of its members have the same name")
    if MANIFEST not in infos:
        raise ArrivalError(f"it has no {MANIFEST}, which every export contains")
    if len(infos) > MEMBERS or has_overlaps(infos.values(), length):
        raise ArrivalError("it has too many members, or members that overlap")
    runs, files = _manifest(archive, infos.pop(MANIFEST))
    if infos.keys() != files.keys():
        odd = min(infos.keys() ^ files.keys())
        raise ArrivalError(f"its content and its manifest differ in {odd!r}")
    for info in infos.values():
        _check_member(info, files[info.filename]["size"])
    if sum(entry["size"] for entry in files.values()) > TOTAL:
        raise ArrivalError("it is larger than any file that VAE Lab exports")
    return runs, files


def _manifest(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[list[str], Files]:
    """Read the manifest; check the types of its values and the settings file of every run."""
    _check_member(info, info.file_size, MANIFEST_LIMIT)
    with archive.open(info) as source:
        head = json.loads(source.read(info.file_size))
    if isinstance(head["format"], int) and head["format"] > FORMAT:
        raise ArrivalError(
            "a newer version of VAE Lab exported it", "Update VAE Lab to import it."
        )
    runs, files = head["runs"], head["files"]
    if not 1 <= len(runs) <= RUNS or len(set(runs)) < len(runs):
        raise ArrivalError("its manifest lists no run, too many runs, or one run twice")
    for run in runs:
        if not NAME.fullmatch(run) or f"{run}/config.json" not in files:
            raise ArrivalError(f"its run {run!r} has no settings, or an invalid name")
    for name, about in files.items():
        if type(about["size"]) is not int or not isinstance(about["sha256"], str):
            raise ArrivalError(f"its manifest lacks the size or the SHA-256 of {name!r}")
        if name.split("/")[0] not in (*runs, UPLOADS):
            raise ArrivalError(f"it contains {name!r}, which is outside its runs")
    return runs, files


def _check_member(info: zipfile.ZipInfo, size: int, most: int | None = None) -> None:
    """Raise ArrivalError unless a member has the form that `exporter.member` writes."""
    name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
    most = limit(name) if most is None else most
    if most is None:
        raise ArrivalError(f"it contains {name!r}, which is not a file of a run")
    if kind not in (0, stat.S_IFREG) or info.is_dir():
        raise ArrivalError(f"{name} is a link or a folder, not a file")
    if info.flag_bits & 1 or info.compress_type != compression(name):
        raise ArrivalError(f"{name} is encrypted, or its compression is not that of an export")
    if info.file_size != size or not 0 <= size <= most:
        raise ArrivalError(f"{name} exceeds the size limit, or its size differs from the manifest")


def _extract(archive: zipfile.ZipFile, files: Files, hidden: Path, progress: Progress) -> None:
    """Write every member to the hidden folder and verify its size and SHA-256."""
    whole, done = max(1, sum(entry["size"] for entry in files.values())), 0
    if whole > shutil.disk_usage(hidden).free:
        raise OSError(errno.ENOSPC, "full")
    for name, entry in files.items():
        path, digest, left = hidden / name, hashlib.sha256(), entry["size"]
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            _untrusted(f"{name} is damaged"),
            archive.open(name) as source,
            path.open("xb") as target,
        ):
            while chunk := source.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    break
                digest.update(chunk)
                target.write(chunk)
                done += len(chunk)
                progress(min(done / whole, 1.0))
        if left or digest.hexdigest() != entry["sha256"]:
            raise ArrivalError(
                f"{name} is damaged (its size or SHA-256 differs from the manifest)"
            )


def _adapt(run: Run, root: Path) -> None:
    """Validate a run and adapt it to its new root; raises exceptions of nearly any type."""
    examine(run)
    if (run.path / notes.FILE).exists():
        notes.change(run.path)
        (run.path / "notes.lock").unlink(missing_ok=True)
    if run.status().state not in SAVED:
        state = {"state": "stopped", "message": ENDED if run.is_recorded else STOPPED}
        write_json(run.path / "status.json", saved(run.path) | state)
    if beside := own_data(run):
        there, head = _upload_path(beside, root), read_head(run.path)
        if Path(run.settings["data"]).resolve() != there:
            head["config"]["data"] = str(there)
            write_json(run.path / "config.json", head)


def _upload_path(upload: Path, root: Path) -> Path:
    """Return the path of an upload in the folder of uploads of a root."""
    there = root.resolve() / UPLOADS / upload.name
    digest = _sha256(upload)
    return there if _sha256(there) == digest else there.with_name(f"{digest}.npz")


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _move_in(hidden: Path, root: Path, runs: list[str], name: str | None) -> list[Arrival]:
    """Move the hidden folders into the root, data first; undo all moves if one fails."""
    for upload in (hidden / UPLOADS).glob("*"):
        there = _upload_path(upload, root)
        there.parent.mkdir(exist_ok=True)
        if not there.exists():
            os.rename(upload, there)
    arrivals: list[Arrival] = []
    try:
        for run in runs:
            arrivals.append(Arrival(move_in(hidden / run, root, name), run))
    except BaseException:
        for arrival in arrivals:
            os.rename(arrival.run.path, hidden / arrival.name)
        raise
    return arrivals
