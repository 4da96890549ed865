"""A user's file or folder → a `Dataset`.

| file | content |
|---|---|
| .npz | arrays: `npz` finds their roles |
| .npy | examples; labels, if any, in NAME-labels.npy or NAME_labels.npy beside it |
| .csv, .tsv, .txt, also .gz | one row per example: `columns` finds the roles of the columns |
| .ts, also .gz | one series per line: sktime and the UEA archive |
| .parquet | one row per example: numbers, a list of numbers or a picture |
| .h5ad | AnnData: X, dense or sparse, with obs and var |
| .h5, .hdf5 | datasets: as the arrays of .npz |
| .zip or folder | pictures, or one series a file; folders may be their classes; `shards` of an
array; or a training and a test part: `parts` |
| IDX | …images-idx3-ubyte[.gz]; …labels-idx1-ubyte[.gz] and, for train, t10k or test beside it |
| .mat | arrays as in an .npz; or as SVHN: X of H×W×C×N and y; for train_…, test_… beside it |
| cifar-10-binary.tar.gz | CIFAR-10 |

A reader is a function of a path and a `Description`; those in APART run in a separate process.
`compose` defines the meaning of shapes and ranges. Every error in a file raises a `DataError`.
"""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vae.data import uploads
from vae.data.apart import read_apart
from vae.data.arrays import Raw
from vae.data.compose import compose
from vae.data.csv_table import read_csv
from vae.data.dataset import Dataset
from vae.data.description import NONE, Description, Reading, chosen, grouped
from vae.data.errors import DataError
from vae.data.folders import files_in, zip_members
from vae.data.formats import Archive, read_npy
from vae.data.h5ad import read_h5ad
from vae.data.hdf5 import read_h5
from vae.data.idx import IDX, file_label, idx_files, read_idx_family, read_idx_folder
from vae.data.matlab import MatFile, with_test_part
from vae.data.npz import read_arrays, read_npz
from vae.data.parquet import read_parquet
from vae.data.parts import PART, Pair, pair_in, read_pair
from vae.data.pictures import has_pictures, read_folder, read_pictures, sorted_out
from vae.data.published import read_cifar
from vae.data.series_files import read_series, series_in
from vae.data.shards import joined_shards
from vae.data.ts_file import INSIDE, read_ts

KINDS = (
    ".npz, .npy, .csv, .tsv, .txt, .ts, .parquet, .h5ad, .h5, .mat, a folder or .zip of pictures "
    "or of series, or IDX (…-images-idx3-ubyte, .gz or not)"
)
ENDINGS = r"\.(npz|npy|(csv|tsv|txt|ts)(\.gz)?|parquet|h5ad|h5|hdf5|zip|mat|tar\.gz)$"
Reader = Callable[[Path, Description], Raw]


def read(path: Path | str, options: Mapping[str, Any] | None = None) -> Dataset:
    """Return the data set in a file or folder; `options` are settings of `Description`.

    Raises DataError if it cannot be read, ValueError for an invalid option.
    """
    path = Path(os.path.expanduser(path))  # an unknown ~user stays and is reported below
    return _load(path, _name(path), Description.of(options or {}))


def save_upload(
    files: Mapping[str, bytes], root: Path, options: Mapping[str, Any] | None = None
) -> Path:
    """Store uploaded files, name → content, as one data set and return the path of its file."""
    return uploads.save_upload(files, root, options or {}, _load_upload)


def _load_upload(path: Path, wanted: Description) -> Dataset:
    """Return the data set of an uploaded file, or of a folder of files uploaded together."""
    if path.is_dir() and not _is_family(path):
        names = ", ".join(sorted(p.name for p in path.iterdir())[:4])
        raise DataError(f"The uploaded files are not one data set ({names}): keep one of them.")
    return _load(path, _upload_name(path), wanted)


def _upload_name(path: Path) -> str:
    """Return the name of an upload: the stem of its file, or of its first file of examples."""
    if path.is_dir():
        if pair := _pair_of(path):
            return pair.name
        files = [p for p in sorted(path.iterdir()) if "label" not in p.name]
        known = [p for p in files if re.search(rf"{IDX}|\.npy$", p.name, re.I)]
        trains = [p for p in known if "train" in p.name]
        largest = max(trains or known, key=lambda p: p.stat().st_size, default=None)
        return _stem(largest.name) if largest else "pictures"
    return _stem(path.name)


def _load(path: Path, name: str, wanted: Description) -> Dataset:
    """Return the data set in a file under this name."""
    try:
        _check_path(path)
    except OSError as error:  # the name is too long, or a folder has no permission
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    reader = _reader(path)
    if reader is read_npz and (archive := Archive(path)).heads.keys() >= uploads.UPLOAD:
        return uploads.read_upload(archive, wanted)
    read_file = read_apart if reader in APART else read_here
    return read_file(path, name, wanted)


def read_here(path: Path, name: str, wanted: Description) -> Dataset:
    """Return the data set in a file or folder under this name, read in this process."""
    return compose(name, path.name, _reader(path)(path, wanted), wanted)


def _reader(path: Path) -> Reader:
    """Return the reader of a folder or of files with this name; DataError if there is none."""
    if path.is_dir():
        return next(reader for test, reader in FOLDERS if test(path))
    for pattern, reader in READERS.items():
        if re.search(pattern, path.name, re.I):
            return reader
    pickled = re.search(r"\.(pkl|pickle|pt|pth|joblib)$", path.name, re.I)
    why = " Pickles are refused because they can run code." if pickled else ""
    raise DataError(f"{path.name} has an unknown file type: save it as {KINDS}.{why}")


def _read_npy(path: Path, wanted: Description) -> Raw:
    beside = [path.with_name(f"{path.stem}{mark}labels.npy") for mark in "-_"]
    return _npy_pair(path, next((p for p in beside if p.is_file()), None), wanted, [])


def _npy_pair(
    path: Path, labels: Path | None, wanted: Description, left: list[tuple[str, str]]
) -> Raw:
    label = file_label(labels, wanted)
    found = None if labels is None or label.value == NONE else read_npy(labels)
    used = 1 + (found is not None)
    left += [] if labels is None or found is not None else [(labels.name, "no classes read")]
    reading = Reading((label,), "file", used + len(left), grouped(left))
    return Raw(read_npy(path), found, reading=reading)


def _npy_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npy"))


def _read_npy_folder(folder: Path, wanted: Description) -> Raw:
    """Return the examples in a folder of one .npy file, and its labels in a second one: by its
    name, else one number for each example. Two files of equal examples are joined."""
    files = _npy_files(folder)
    heads = {path: read_npy(path).shape for path in files}
    labels = [path for path in files if re.search("label|target|class|(^|_)y", path.stem, re.I)]
    labels = labels or [path for path, shape in heads.items() if len(shape) == 1]
    examples = [path for path in files if path not in labels]
    left = [(p.name, "no .npy file") for p in sorted(folder.iterdir()) if p not in files]
    if len(examples) == len(files) and len({shape[1:] for shape in heads.values()}) == 1:
        label = file_label(None, wanted)
        x = joined_shards([read_npy(path) for path in files], [path.name for path in files])
        reading = Reading((label,), "file", len(files) + len(left), grouped(left))
        return Raw(x, reading=reading, rows=f"{len(files)} files of examples, joined in order.")
    if len(examples) != 1 or len(labels) > 1:
        names = ", ".join(path.name for path in files)
        raise DataError(f"{names}: give one file of examples and one of labels.")
    return _npy_pair(examples[0], labels[0] if labels else None, wanted, left)


def _has_series(folder: Path) -> bool:
    """Whether a folder holds one series a file, and no pictures."""
    if folder.resolve() == folder.resolve().parent or has_pictures(folder):
        return False
    return bool(series_in(list(files_in(folder))))


def _read_series_folder(folder: Path, wanted: Description) -> Raw:
    return read_series(folder.name, list(files_in(folder)), wanted)


def _read_zip(path: Path, wanted: Description) -> Raw:
    """Return the pictures of a .zip or, without any, its two parts or its series."""
    with zip_members(path) as members:
        is_pair, is_series = pair_in(members), series_in(members)
        if not (is_pair or is_series) or sorted_out(members).pictures:
            return read_pictures(path.name, members, wanted)
        return read_pair(members, wanted) if is_pair else read_series(path.name, members, wanted)


def _pair_of(folder: Path) -> Pair | None:
    """Return the two parts of a data set in a folder without pictures."""
    names = [p for p in folder.iterdir() if p.is_file() and PART.search(p.name)]
    members = [m for m in files_in(folder) if len(m.parts) == 1] if len(names) > 1 else []
    return None if not members or has_pictures(folder) else pair_in(members)


def _read_pair_folder(folder: Path, wanted: Description) -> Raw:
    return read_pair(list(files_in(folder)), wanted)


def _labels_inside(read: Callable[[Path], Raw]) -> Reader:
    """Return a reader of files of one published form, which contain their classes."""

    def reader(path: Path, wanted: Description) -> Raw:
        raw = read(path)
        guess, why = (NONE, "The file has no classes.") if raw.labels is None else (INSIDE, "")
        why = why or "The file contains the classes."
        label = chosen(wanted, "data_label", guess, why, (guess, NONE), closed=True)
        raw = raw._replace(reading=Reading((label,), "file"))
        return raw if label.value != NONE else raw._replace(labels=None, test_labels=None)

    return reader


def _read_mat(path: Path, wanted: Description) -> Raw:
    """Return SVHN's pictures where a file has them, else its table."""
    file = MatFile(path)
    if file.has_pictures:
        return _labels_inside(lambda _: with_test_part(file))(path, wanted)
    return read_arrays(file, wanted)


FOLDERS: tuple[tuple[Callable[[Path], Any], Reader], ...] = (
    (idx_files, read_idx_folder),
    (lambda folder: len(_npy_files(folder)) == 2 and not has_pictures(folder), _read_npy_folder),
    (_pair_of, _read_pair_folder),
    (lambda folder: _has_series(folder), _read_series_folder),
    (lambda folder: True, read_folder),
)
READERS: dict[str, Reader] = {
    r"\.npz$": read_npz,
    r"\.npy$": _read_npy,
    r"\.(csv|tsv|txt)(\.gz)?$": read_csv,
    r"\.ts(\.gz)?$": read_ts,
    r"\.parquet$": read_parquet,
    r"\.h5ad$": read_h5ad,
    r"\.(h5|hdf5)$": read_h5,
    r"\.zip$": _read_zip,
    r"\.mat$": _read_mat,
    r"cifar-10-binary.*\.tar\.gz$": _labels_inside(read_cifar),
    IDX: read_idx_family,
}


APART = (read_h5ad, read_h5)  # readers in a separate process


def _is_family(folder: Path) -> bool:
    """Return whether the files of a folder form one data set."""
    return has_pictures(folder) or any(test(folder) for test, _ in FOLDERS[:-1])


def _check_path(path: Path) -> None:
    """Raise DataError unless a path is a readable file with content or a folder of pictures."""
    if path.is_dir():
        if _is_family(path):
            return
        inside = sorted(p.name for p in path.iterdir() if _has_reader(p))[:3]
        hint = f", for example {', '.join(inside)}" if inside else f": {KINDS}"
        raise DataError(
            f"{path} is a folder: give a file in it{hint}, or a folder of pictures or of series, "
            "one a file."
        )
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
