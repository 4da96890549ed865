"""Runs as one file, NAME.vae.zip: to keep, to send, to open elsewhere. `arrival` is the way back.

The file is a small root of runs: NAME/config.json and all else that a run folder keeps, for as
many runs as it holds; .uploads/SHA256.npz, the data of their own that they were trained on; and
last the `manifest.json`: its `format`, the names of the `runs`, and of every other member of
`files` its `size` in bytes and its `sha256`. Locks, logs, wishes and attempts at jobs stay behind.
Arrays are stored as they are, so that they are no larger than the file; text is deflated.

A run may be training meanwhile: its last saved state is read first, the reports after it, so that
what is read holds at least all that resuming needs. The same folder gives the same bytes.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from vae.base.files import read_arrays, sweep, temporary_folder
from vae.runs.names import NAME
from vae.runs.run import Run

FORMAT = 1
ENDING, MANIFEST, UPLOADS = ".vae.zip", "manifest.json", ".uploads"
MB, GB = 2**20, 2**30
RESULT = r"derived/[a-z]+-[0-9a-f]{16}"  # of a job, and none of the files of an attempt
LIMITS = {  # what a run folder may hold, and its bytes at most
    r"(last|best)\.safetensors": 8 * GB,
    r"(metrics|changes)\.jsonl": 256 * MB,
    r"(notes|status|config)\.json": 2 * MB,
    r"frames/(examples|[0-9]{9,15})\.safetensors": GB,
    rf"{RESULT}\.json": 16 * MB,
    rf"{RESULT}\.safetensors": GB,
}
UPLOAD, UPLOAD_LIMIT = rf"{re.escape(UPLOADS)}/[0-9a-f]{{64}}\.npz", 8 * GB
MEMBERS, TOTAL, RUNS = 50_000, 64 * GB, 500  # of one file, at most
CHUNK = MB  # bytes that are read at once

Progress = Callable[[float], None]


def pack(
    runs: Sequence[Run], out: Path | BinaryIO, progress: Progress = lambda share: None
) -> None:
    """Write runs as one file; a path holds the whole file afterwards, or what it held before.

    `progress` is told the share that is done. Raises ValueError with a sentence for a run that
    cannot be read, OSError where the file cannot be written.
    """
    if isinstance(out, Path):
        with _appearing(out) as file:
            pack(runs, file, progress)
        return
    parts = {name: path for run in runs for name, path in _parts(run).items()}
    whole, done, files = max(1, size(runs)), 0, dict[str, Any]()
    with zipfile.ZipFile(out, "w") as archive:
        for name, path in parts.items():
            with suppress(FileNotFoundError):  # cut back by a run that has just been resumed
                files[name] = _add(archive, name, path)
                done += files[name]["size"]
                progress(min(done / whole, 1.0))
        manifest = {"format": FORMAT, "runs": [run.name for run in runs], "files": files}
        text = json.dumps(manifest, indent=1)
        archive.writestr(member(MANIFEST), text)


def size(runs: Sequence[Run]) -> int:
    """Bytes that the files of these runs hold now, before text is deflated."""
    total = 0
    for path in {path for run in runs for path in _parts(run).values()}:
        with suppress(OSError):
            total += path.stat().st_size
    return total


def file_name(runs: Sequence[Run]) -> str:
    """What the file of these runs is called."""
    return f"{runs[0].name}{ENDING}" if len(runs) == 1 else f"{len(runs)}-runs{ENDING}"


def member(name: str) -> zipfile.ZipInfo:
    """A member of the file, of no date and readable by all: arrays stored, text deflated."""
    info = zipfile.ZipInfo(name)
    info.compress_type = compression(name)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def compression(name: str) -> int:
    """How a member of this name is kept."""
    text = name.endswith((".json", ".jsonl"))
    return zipfile.ZIP_DEFLATED if text else zipfile.ZIP_STORED


def limit(name: str) -> int | None:
    """The bytes that a member may hold; None if a name is that of none, such as one that leads out
    of the folder."""
    if re.fullmatch(UPLOAD, name):
        return UPLOAD_LIMIT
    run, _, part = name.partition("/")
    if not NAME.fullmatch(run):
        return None
    return next((most for pattern, most in LIMITS.items() if re.fullmatch(pattern, part)), None)


def own_data(run: Run) -> Path | None:
    """The upload that a run was trained on, where it lies beside it."""
    path = Path(run.settings["data"])
    beside = run.path.parent / UPLOADS / path.name
    if re.fullmatch(UPLOAD, f"{path.parent.name}/{path.name}") and beside.is_file():
        return beside
    return None


def _parts(run: Run) -> dict[str, Path]:
    """Member → file, in the order in which they are read; raises ValueError for settings that
    cannot be."""
    _ = run.config
    own = {p.relative_to(run.path).as_posix(): p for p in run.path.glob("**/*") if p.is_file()}
    found = {
        f"{run.name}/{name}": own[name]
        for pattern in LIMITS
        for name in sorted(own)
        if re.fullmatch(pattern, name)
    }
    data = own_data(run)
    return found | ({f"{UPLOADS}/{data.name}": data} if data else {})


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    """Copy a file into the archive; what the manifest says of it. Raises ValueError if it is
    damaged or larger than what is taken back."""
    if path.suffix == ".safetensors":
        read_arrays(path)
    digest, count, most = hashlib.sha256(), 0, limit(name) or 0
    with path.open("rb") as source, archive.open(member(name), "w", force_zip64=True) as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)
            digest.update(chunk)
            count += len(chunk)
            if count > most:
                raise ValueError(f"{path} is larger than the {most / GB:.2g} GB that are taken.")
    return {"size": count, "sha256": digest.hexdigest()}


@contextmanager
def _appearing(out: Path) -> Iterator[BinaryIO]:
    """A file to write, at `out` once it is whole. What one that was killed has left behind goes
    with the next one."""
    nest = out.parent / f".{out.name}.parts"
    nest.mkdir(exist_ok=True)
    sweep(nest)
    folder = temporary_folder(nest / "part")
    try:
        with (folder / out.name).open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder / out.name, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # another one is at work there
            nest.rmdir()
