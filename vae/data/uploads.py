"""Uploaded files: read once and stored under the root of the runs, with the reading.

A stored upload is an .npz file of the arrays of a `Dataset`. Its settings are fixed: other ones
need the original files.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from pydantic import TypeAdapter

from vae.base import visitors
from vae.data.arrays import check_finite, check_observed
from vae.data.column_kinds import Names, are_sound
from vae.data.dataset import Dataset
from vae.data.description import Description, Reading
from vae.data.errors import DataError
from vae.data.formats import Archive, parsing

COLOURS = (1, 3)  # numbers of channels of a stored picture: transparency is dropped
UPLOAD = {"x", "scale", "test", "name", "about"}  # arrays of every stored upload
_READING: TypeAdapter[Reading] = TypeAdapter(Reading)
_ENTRIES: TypeAdapter[Names] = TypeAdapter(Names)
Reader = Callable[[Path, Description], Dataset]
Named = Callable[[Path, str, Description], Dataset]


def save_upload(
    files: Mapping[str, bytes], root: Path, options: Mapping[str, Any], read: Reader
) -> Path:
    """Read uploaded files, store the data set as root/.uploads/<sha256>.npz and return that path.

    The same files with the same options are stored once. Raises DataError as `read` does; nothing
    is then stored.
    """
    visitors.check_change()
    wanted = Description.of(options)
    safe = {_safe(name): content for name, content in files.items()}
    digest = hashlib.sha256(repr((sorted(safe), wanted)).encode())
    for name in sorted(safe):
        digest.update(hashlib.sha256(safe[name]).digest())
    stored = root / ".uploads" / f"{digest.hexdigest()}.npz"
    if not stored.is_file():
        with tempfile.TemporaryDirectory() as folder:
            inside = Path(folder) / "upload"
            inside.mkdir()
            for name, content in safe.items():
                (inside / name).write_bytes(content)
            dataset = read(inside / next(iter(safe)) if len(safe) == 1 else inside, wanted)
        stored.parent.mkdir(parents=True, exist_ok=True)
        write(dataset, stored)
    return stored


def _safe(name: str) -> str:
    """Return a file name without folders and signs of control, short enough for file systems."""
    name = re.sub(r"[\x00-\x1f]", "_", re.split(r"[/\\]", name)[-1]).lstrip(".")
    return name[-60:] or "upload"


def write(dataset: Dataset, path: Path) -> None:
    """Write a data set atomically."""
    arrays: dict[str, Any] = {
        "x": dataset.x,
        "scale": np.float64(dataset.scale),
        "test": np.int64(dataset.test),
        "name": np.str_(dataset.name),
        "about": np.str_(dataset.about),
        "classes": np.array(dataset.classes, dtype=np.str_),
        "factor_names": np.array(list(dataset.factors), dtype=np.str_),
        "reading": np.str_(_READING.dump_json(dataset.reading or Reading()).decode()),
    }
    arrays |= {f"factor_{k}": v for k, v in enumerate(dataset.factors.values())}
    if dataset.labels is not None:
        arrays["labels"] = dataset.labels
    if dataset.names is not None:
        arrays["names"] = dataset.names
    if dataset.columns:
        arrays["columns"] = np.array(dataset.columns, np.str_)
    if dataset.kinds:
        arrays["kinds"] = np.array(dataset.kinds, np.str_)
        arrays["entries"] = np.str_(json.dumps(dataset.entries))
    part = path.with_suffix(f".{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_upload(archive: Archive, wanted: Description) -> Dataset:
    """Return the data set of a stored upload.

    Raises a DataError for a file that is no valid upload, and for other settings than its own.
    """
    file, heads = archive.path.name, archive.heads
    with parsing(file, "an upload that VAE Lab has stored"):
        labels = archive["labels"] if "labels" in heads else None
        dataset = Dataset(
            name=str(archive["name"].item()),
            x=archive["x"],
            scale=float(archive["scale"].item()),
            labels=labels,
            classes=tuple(str(c) for c in archive["classes"]) if labels is not None else (),
            factors=_factors(archive),
            test=int(archive["test"].item()),
            about=str(archive["about"].item()),
            names=archive["names"] if "names" in heads else None,
            reading=_reading(archive),
            columns=tuple(map(str, archive["columns"])) if "columns" in heads else (),
            **_kinds(archive),
        )
        _check(dataset, file)
    _check_settings(wanted, dataset, file)
    return dataset


def _factors(archive: Archive) -> dict[str, Any]:
    if "factor_names" not in archive.heads:
        return {}
    return {str(name): archive[f"factor_{k}"] for k, name in enumerate(archive["factor_names"])}


def _kinds(archive: Archive) -> dict[str, Any]:
    """Return the kinds of the columns of a mixed table, and the names of their values."""
    if "kinds" not in archive.heads:
        return {}
    entries = _ENTRIES.validate_python(json.loads(str(archive["entries"].item())))
    return {"kinds": tuple(map(str, archive["kinds"])), "entries": entries}


def _reading(archive: Archive) -> Reading:
    if "reading" not in archive.heads:
        return Reading()
    return _READING.validate_python(json.loads(str(archive["reading"].item())))


def _check_settings(wanted: Description, dataset: Dataset, file: str) -> None:
    """Raise a DataError for a setting that differs from the reading of the upload."""
    known = dataset.reading.settings if dataset.reading else {}
    for name, value in wanted.given.items():
        if known.get(name) != value:
            raise DataError(
                f"{dataset.name} ({file[:8]}….npz) was read with {name} {known.get(name)}: upload "
                "the original file again to read it in another way."
            )


def _check(dataset: Dataset, file: str) -> None:
    """Raise DataError unless types, shapes and ranges are those that `write` writes."""
    x, labels, names = dataset.x, dataset.labels, dataset.names
    sound = x.ndim in (2, 3, 4) and x.size and x.dtype in (np.uint8, np.float32)
    sound = sound and dataset.scale in (1.0, 16.0, 255.0) and 0 <= dataset.test < len(x)
    if sound and labels is not None:
        sound = labels.shape == x.shape[:1] and labels.dtype == np.int64
        sound = sound and labels.min() >= -1 and labels.max() < len(dataset.classes)
    if sound and x.ndim == 3:
        sound = x.dtype == np.float32
    if sound and x.ndim == 4:
        sound = x.shape[1] in COLOURS and x.min() >= 0 and x.max() <= dataset.scale
    if sound and names is not None:
        sound = names.shape == x.shape[:1] and names.dtype.kind == "U"
    sound = sound and len(dataset.columns) in (0, x.shape[1])
    sound = sound and are_sound(x, dataset.kinds, dataset.entries)
    for values in dataset.factors.values():
        sound = sound and values.shape == x.shape[:1] and values.dtype == np.float32
    if not sound:
        raise DataError(f"{file} is not an upload that VAE Lab has stored: upload it again.")
    check_finite(x, file, missing=x.ndim < 4)
    check_observed(x, file)
