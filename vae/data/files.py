"""A user's file or folder → a `Dataset`; and storage of uploads.

| file | content |
|---|---|
| .npz | x and, if there are any, labels; or x_train, y_train, x_test, y_test |
| .npy | examples; labels, if any, in NAME-labels.npy or NAME_labels.npy beside it |
| .csv | one row per example, labels in a column label, class, target or y |
| .parquet | one row per example: numbers, a list of numbers or a picture; labels as in a .csv |
| .zip | pictures, optionally in folders named after their classes; also a folder of pictures |
| IDX | …images-idx3-ubyte[.gz]; …labels-idx1-ubyte[.gz] and, for train, t10k or test beside it |
| .mat | as in SVHN: X of H×W×C×N and y; for train_…, test_… beside it |
| cifar-10-binary.tar.gz | CIFAR-10 |

In an .npz, x may also be named images, data or arr_0, or be the only array with two or more axes;
labels may be named label, y, target or targets.

`arrays` defines the meaning of shapes and ranges. Every error in a file raises a `DataError`.
"""

import difflib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from vae.data.arrays import Raw, check_finite, compose
from vae.data.csv_table import read_csv
from vae.data.dataset import DataError, Dataset
from vae.data.formats import Archive, parsing, read_idx_family, read_npy
from vae.data.parquet import read_parquet
from vae.data.pictures import has_pictures, read_folder, read_zip
from vae.data.published import read_cifar, read_mat_family

KINDS = (
    ".npz, .npy, .csv, .parquet, a folder or .zip of pictures, or IDX (…-images-idx3-ubyte, .gz "
    "or not)"
)
ENDINGS = r"\.(npz|npy|csv|parquet|zip|mat|tar\.gz)$"
IDX = r"[-.]idx\d?(-ubyte)?( ?\(\d+\))?(\.gz)?$"  # browsers add (1) to a second copy
UPLOAD = {"x", "scale", "test", "name", "about"}  # arrays of a stored upload


def read(path: Path | str) -> Dataset:
    """Return the data set in a file or folder; raises DataError if it cannot be read."""
    path = Path(os.path.expanduser(path))  # an unknown ~user stays and is reported below
    return _load(path, _name(path), None)


def save_upload(name: str, content: bytes, root: Path, labels: bytes | None = None) -> Path:
    """Normalise an uploaded file, store it as root/.uploads/<sha256>.npz and return that path.

    `labels` is the content of the labels file of an IDX or .npy file. The same upload under the
    same name is stored once. Raises DataError as `read` does; nothing is then stored.
    """
    name = re.sub(r"[\x00-\x1f]", "_", re.split(r"[/\\]", name)[-1]).lstrip(".")
    name = name[-60:] or "upload"  # short enough for file systems, with its ending
    digest = hashlib.sha256(repr((name, labels)).encode() + b"\0" + content).hexdigest()
    stored = root / ".uploads" / f"{digest}.npz"
    if not stored.is_file():
        with tempfile.TemporaryDirectory() as main, tempfile.TemporaryDirectory() as beside:
            path = Path(main) / name
            path.write_bytes(content)
            with_labels = None if labels is None else _labels_file(Path(beside), path, labels)
            dataset = _load(path, _stem(name), with_labels)
        stored.parent.mkdir(parents=True, exist_ok=True)
        _write_upload(dataset, stored)
    return stored


def _labels_file(folder: Path, path: Path, labels: bytes) -> Path:
    """Write uploaded labels to a file with the name of their format, and return its path."""
    ending = "labels.npy" if path.suffix.lower() == ".npy" else "labels-idx1-ubyte"
    beside = folder / (ending + ".gz" * labels.startswith(b"\x1f\x8b"))
    beside.write_bytes(labels)
    return beside


def _load(path: Path, name: str, labels: Path | None) -> Dataset:
    """Return the data set in a file under this name.

    Labels come from the `labels` file, or from the file itself or a file beside it.
    """
    try:
        _check_path(path)
    except OSError as error:  # the name is too long, or a folder has no permission
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    reader = _reader(path)
    if labels is not None and reader not in (_read_npy, read_idx_family):
        raise DataError(f"{path.name} contains its labels: remove the separate labels file.")
    found = reader(path, labels)
    return found if isinstance(found, Dataset) else compose(name, path.name, found)


def _reader(path: Path) -> Callable[[Path, Path | None], Raw | Dataset]:
    """Return the reader of a folder or of files with this name; DataError if there is none."""
    if path.is_dir():
        return lambda path, _: read_folder(path)
    for pattern, reader in READERS.items():
        if re.search(pattern, path.name, re.I):
            return reader
    pickled = re.search(r"\.(pkl|pickle|pt|pth|joblib)$", path.name, re.I)
    why = " Pickles are refused because they can run code." if pickled else ""
    raise DataError(f"{path.name} has an unknown file type: save it as {KINDS}.{why}")


def _read_npz(path: Path, _: Path | None) -> Raw | Dataset:
    archive = Archive(path)
    return _read_upload(archive) if archive.heads.keys() >= UPLOAD else archive.raw()


def _read_npy(path: Path, labels: Path | None) -> Raw:
    beside = [path.with_name(f"{path.stem}{mark}labels.npy") for mark in "-_"]
    labels = labels or next((p for p in beside if p.is_file()), None)
    return Raw(read_npy(path), None if labels is None else read_npy(labels))


def _with_labels_inside(read: Callable[[Path], Raw]) -> Callable[[Path, Path | None], Raw]:
    """Return a reader with the parameters of READERS for files that contain their labels."""
    return lambda path, _: read(path)


READERS: dict[str, Callable[[Path, Path | None], Raw | Dataset]] = {
    r"\.npz$": _read_npz,
    r"\.npy$": _read_npy,
    r"\.csv$": _with_labels_inside(read_csv),
    r"\.parquet$": _with_labels_inside(read_parquet),
    r"\.zip$": _with_labels_inside(read_zip),
    r"\.mat$": _with_labels_inside(read_mat_family),
    r"cifar-10-binary.*\.tar\.gz$": _with_labels_inside(read_cifar),
    IDX: read_idx_family,
}


def _check_path(path: Path) -> None:
    """Raise DataError unless a path is a readable file with content or a folder of pictures."""
    if path.is_dir():
        if has_pictures(path):
            return
        inside = sorted(p.name for p in path.iterdir() if _has_reader(p))[:3]
        hint = f", for example {', '.join(inside)}" if inside else f": {KINDS}"
        raise DataError(f"{path} is a folder: give a file in it{hint}, or a folder of pictures.")
    if not path.exists():
        raise DataError(_missing(path))
    if not path.is_file():
        raise DataError(f"{path} is not a file: give the path of one ({KINDS}).")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} is not readable for this user: change its permissions.")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty: save or download it again.")


def _missing(path: Path) -> str:
    """Return the error for a missing path: similar names, or the part of the path that exists."""
    folder = path.parent
    if folder.is_dir():
        names = [p.name for p in folder.iterdir()] if os.access(folder, os.R_OK) else []
        close = difflib.get_close_matches(path.name, names, 3, 0.6)
        hint = f"did you mean {' or '.join(close)}?" if close else "check its name."
        return f"There is no file {path}: {hint}"
    nearest = next(p for p in (*folder.parents, Path(".")) if p.is_dir())
    return f"There is no file {path}: the path exists only up to {nearest}."


def _has_reader(path: Path) -> bool:
    return any(re.search(pattern, path.name, re.I) for pattern in READERS)


def _stem(name: str) -> str:
    """Return a file's name without its endings."""
    return re.sub(rf"({ENDINGS}|{IDX})", "", name, flags=re.I) or name


def _name(path: Path) -> str:
    """Return the name of a file's data: its stem, or its folder for train-images… and
    t10k-images…."""
    stem = _stem(path.name) or _stem(path.resolve().name)  # "." and ".." too
    if stem.lower() not in ("train-images", "t10k-images"):
        return stem
    folder = path.resolve().parent
    folder = folder.parent if folder.name == "raw" else folder  # torchvision's MNIST/raw
    return folder.name or stem


def _write_upload(dataset: Dataset, path: Path) -> None:
    """Write a data set atomically."""
    arrays: dict[str, Any] = {
        "x": dataset.x,
        "scale": np.float64(dataset.scale),
        "test": np.int64(dataset.test),
        "name": np.str_(dataset.name),
        "about": np.str_(dataset.about),
        "classes": np.array(dataset.classes, dtype=np.str_),
    }
    if dataset.labels is not None:
        arrays["labels"] = dataset.labels
    part = path.with_suffix(f".{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read_upload(archive: Archive) -> Dataset:
    """Return the data set of a stored upload; DataError if the file is not a valid one."""
    file = archive.path.name
    with parsing(file, "an upload that VAE Lab has stored"):
        labels = archive["labels"] if "labels" in archive.heads else None
        dataset = Dataset(
            name=str(archive["name"].item()),
            x=archive["x"],
            scale=float(archive["scale"].item()),
            labels=labels,
            classes=tuple(str(c) for c in archive["classes"]) if labels is not None else (),
            test=int(archive["test"].item()),
            about=str(archive["about"].item()),
        )
        _check_upload(dataset, file)
    return dataset


def _check_upload(dataset: Dataset, file: str) -> None:
    """Raise DataError unless types, shapes and ranges are those that `_write_upload` writes."""
    x, labels = dataset.x, dataset.labels
    sound = x.ndim in (2, 4) and x.size and x.dtype in (np.uint8, np.float32)
    sound = sound and dataset.scale in (1.0, 16.0, 255.0) and 0 <= dataset.test < len(x)
    if sound and labels is not None:
        sound = labels.shape == x.shape[:1] and labels.dtype == np.int64
        sound = sound and labels.min() >= 0 and labels.max() < len(dataset.classes)
    if not sound:
        raise DataError(f"{file} is not an upload that VAE Lab has stored: upload it again.")
    check_finite(x, file)
