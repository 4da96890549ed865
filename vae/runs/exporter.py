"""Export runs to one archive, NAME.vae.zip, for backup or another machine.

The archive has the layout of a root of runs: NAME/config.json and the other files of each run
folder, .uploads/SHA256.npz with uploaded data, and last `manifest.json` with the `format`, the
names of the `runs`, and for each other member in `files` its `size` in bytes and its `sha256`.
Locks, logs, requests, unfinished jobs and the file of a network are left out; config.json
holds its text. Arrays are stored uncompressed, so that they need no more memory than disk space;
text is deflated.

A run may train meanwhile: its last saved state is read first and the reports after it, so that the
archive holds everything that resuming needs. Equal folders give equal bytes.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from vae.base import visitors
from vae.base.archives import ZipArchive
from vae.base.files import read_arrays, sweep, temporary_folder
from vae.base.numbers import compact
from vae.runs.names import NAME
from vae.runs.run import Run

FORMAT = 1
ENDING, MANIFEST, UPLOADS = ".vae.zip", "manifest.json", ".uploads"
MB, GB = 2**20, 2**30
RESULT = r"derived/[a-z]+-[0-9a-f]{16}"  # finished jobs only
LIMITS = {  # allowed files of a run folder → bytes at most
    r"(last|best)\.safetensors": 8 * GB,
    r"(metrics|changes)\.jsonl": 256 * MB,
    r"(notes|status|config)\.json": 2 * MB,
    r"frames/(examples|[0-9]{9,15})\.safetensors": GB,
    rf"{RESULT}\.json": 16 * MB,
    rf"{RESULT}\.safetensors": GB,
}
UPLOAD, UPLOAD_LIMIT = rf"{re.escape(UPLOADS)}/[0-9a-f]{{64}}\.npz", 8 * GB
MEMBERS, TOTAL, RUNS = 50_000, 64 * GB, 500  # of one archive, at most
CHUNK = MB  # bytes per read

Progress = Callable[[float], None]


def pack(
    runs: Sequence[Run], out: Path | BinaryIO, progress: Progress = lambda share: None
) -> None:
    """Write runs to one archive; a file at a path is replaced atomically.

    `progress` receives the finished share, 0 to 1. Raises ValueError for a run that cannot be
    read, OSError if the archive cannot be written.
    """
    if isinstance(out, Path):
        with _appearing(out) as file:
            pack(runs, file, progress)
        return
    parts = {name: path for run in runs for name, path in _parts(run).items()}
    whole, done, files = max(1, size(runs)), 0, dict[str, Any]()
    with zipfile.ZipFile(out, "w") as archive:
        for name, path in parts.items():
            with suppress(FileNotFoundError):  # a run that has just resumed has removed it
                files[name] = _add(archive, name, path)
                done += files[name]["size"]
                progress(min(done / whole, 1.0))
        manifest = {"format": FORMAT, "runs": [run.name for run in runs], "files": files}
        text = json.dumps(manifest, indent=1)
        archive.writestr(member(MANIFEST), text)


def size(runs: Sequence[Run]) -> int:
    """Return the total size of the files of these runs in bytes, before compression."""
    total = 0
    for path in {path for run in runs for path in _parts(run).values()}:
        with suppress(OSError):
            total += path.stat().st_size
    return total


def file_name(runs: Sequence[Run]) -> str:
    """Return the name of an archive of these runs."""
    return f"{runs[0].name}{ENDING}" if len(runs) == 1 else f"{len(runs)}-runs{ENDING}"


def member(name: str) -> zipfile.ZipInfo:
    """Return a member without a date and readable by all: arrays stored, text deflated."""
    info = zipfile.ZipInfo(name)
    info.compress_type = compression(name)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def compression(name: str) -> int:
    """Return the compression of a member of this name."""
    text = name.endswith((".json", ".jsonl"))
    return zipfile.ZIP_DEFLATED if text else zipfile.ZIP_STORED


def limit(name: str) -> int | None:
    """Return the largest allowed size of a member in bytes; None for a name that is not allowed,
    such as one that leads out of the folder."""
    if re.fullmatch(UPLOAD, name):
        return UPLOAD_LIMIT
    run, _, part = name.partition("/")
    if not NAME.fullmatch(run):
        return None
    return next((most for pattern, most in LIMITS.items() if re.fullmatch(pattern, part)), None)


def own_data(run: Run) -> Path | None:
    """Return the upload that a run was trained on, if it is in the same root."""
    path = Path(run.settings["data"])
    beside = run.path.parent / UPLOADS / path.name
    if re.fullmatch(UPLOAD, f"{path.parent.name}/{path.name}") and beside.is_file():
        return beside
    return None


def _parts(run: Run) -> dict[str, Path]:
    """Return member → file in the order of reading; raises ValueError for invalid settings."""
    _ = run.config
    paths = {p.relative_to(run.path).as_posix(): p for p in run.path.glob("**/*") if p.is_file()}
    found = {
        f"{run.name}/{name}": paths[name]
        for pattern in LIMITS
        for name in sorted(paths)
        if re.fullmatch(pattern, name)
    }
    data = own_data(run)
    return found | ({f"{UPLOADS}/{data.name}": data} if data else {})


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    """Copy a file into the archive and return its manifest entry. Raises ValueError if the file
    is damaged or too large to import."""
    if path.suffix == ".safetensors":
        read_arrays(path)
    digest, count, most = hashlib.sha256(), 0, limit(name) or 0
    with path.open("rb") as source, archive.open(member(name), "w", force_zip64=True) as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)
            digest.update(chunk)
            count += len(chunk)
            if count > most:
                raise ValueError(f"{path} exceeds the limit of {compact(most / GB, 2)} GB.")
    return {"size": count, "sha256": digest.hexdigest()}


@contextmanager
def _appearing(out: Path) -> Iterator[BinaryIO]:
    """A file that appears at `out` once it is complete. The next export removes the remains of one
    that was killed."""
    visitors.check_change()
    nest = out.parent / f".{out.name}.parts"
    folder = nest
    try:
        nest.mkdir(exist_ok=True)
        sweep(nest)
        folder = temporary_folder(nest / "part")
        with (folder / out.name).open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _read_back(folder / out.name)
        os.replace(folder / out.name, out)
    except OSError as error:  # a write has no name, and that of its file is hidden
        name = str(error.filename or nest)
        place = str(out) if name.startswith(str(nest)) else name
        raise OSError(error.errno, error.strerror, place) from error
    finally:
        if folder != nest:
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # another export uses the folder
            nest.rmdir()


def _read_back(path: Path) -> None:
    """Raise ValueError unless the members of an archive on the disk have their checksums."""
    try:
        with ZipArchive(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error) as error:
        bad = str(error)
    if bad:
        raise ValueError(f"The exported file cannot be read back ({bad}): export it again.")
