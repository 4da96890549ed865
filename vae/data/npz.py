"""The arrays of an .npz or .h5 file → examples, classes, factors and row names.

Known layouts: x and labels under usual names; x_train, y_train, x_test, y_test (Keras);
train_images, val_images, test_images (MedMNIST); imgs and latents_values (dSprites); a sparse
matrix of SciPy. Otherwise `data_examples` chooses among the arrays.
"""

import re
from pathlib import Path
from typing import Protocol

import numpy as np

from vae.base.numbers import plural
from vae.base.records import Floats
from vae.data.arrays import Array, Raw
from vae.data.description import (
    AUTO,
    NONE,
    Description,
    Guess,
    Reading,
    chosen,
    grouped,
    joined,
    listed,
    named,
)
from vae.data.errors import LIMIT, ChoiceError, DataError
from vae.data.formats import Archive, Head, parsing
from vae.data.series import with_lengths

EXAMPLES = ("x", "images", "image", "imgs", "data", "arr_0")
LABELS = ("labels", "label", "y", "targets", "target", "arr_1")
FACTORS = ("factors", "latents_values", "latents", "factors_of_variation", "ground_truth_factors")
LENGTHS = ("lengths", "length", "lens", "seq_lengths", "seq_len", "n_steps", "num_steps")
NAMES = ("names", "filenames", "files", "paths", "ids")
DSPRITES = ("color", "shape", "scale", "orientation", "x", "y")
COMPRESSED = {"indices", "indptr", "format", "shape", "data"}
SPARSE = (COMPRESSED, {"row", "col", "format", "shape", "data"})


def read_npz(path: Path, wanted: Description) -> Raw:
    """Return the arrays of an .npz file; raises a DataError that lists them if none is chosen."""
    archive = Archive(path)
    if archive.heads.keys() in SPARSE:
        return _sparse(archive)
    return read_arrays(archive, wanted)


class Arrays(Protocol):
    """Arrays by name: an .npz or an HDF5 file."""

    path: Path
    heads: dict[str, Head]

    def __getitem__(self, name: str) -> Array: ...


def read_arrays(archive: Arrays, wanted: Description) -> Raw:
    """Return the arrays of a file; raises a DataError that lists them if none is chosen."""
    return _Roles(archive, wanted).raw()


class _Roles:
    """The use of each array of an archive."""

    def __init__(self, archive: Arrays, wanted: Description) -> None:
        self.archive, self.wanted, self.file = archive, wanted, archive.path.name
        self.keys = list(archive.heads)
        self.examples = self._examples()
        self.key = self.examples.value
        self.length = self._length(self.key)
        self.used = {self.key}
        self.steps = self._find(LENGTHS, "train") or self._find(LENGTHS, "") or ""
        if self._is_joined():
            self.length = self._length(self.steps)

    def raw(self) -> Raw:
        """Return the arrays with their roles."""
        x, is_series = self._ended(self._parts(self.key), self.steps)
        label, labels = self._label()
        factors, values = self._factors(label)
        names, texts = self._names()
        test = self._sibling(self.key, "test")
        test_label = None if labels is None else self._sibling(label.value, "test")
        test_x = None if test is None else self._take(test)
        if test_x is not None and is_series:
            test_x, _ = self._ended(test_x, self._sibling(self.steps, "test") or "")
        test_labels = self._take(test_label) if test_label and test_x is not None else None
        left = [(key, self._why(key)) for key in self.keys if key not in self.used]
        reading = Reading(
            (self.examples, label, factors, names), "array", len(self.keys), grouped(left)
        )
        series = f"{self.steps} holds where each series ends." if is_series else ""
        raw = Raw(x, labels, test_x, test_labels, names=texts, factors=values, reading=reading)
        return raw._replace(series=series)

    def _is_joined(self) -> bool:
        """Whether the examples are series one after the other, (ΣT, C), beside their lengths."""
        head, examples = self.archive.heads.get(self.steps), self.archive.heads[self.key]
        if head is None or head.fault or len(head.shape) != 1 or len(examples.shape) != 2:
            return False
        values = self.archive[self.steps] if head.shape[0] < self.length else np.empty(0)
        return values.dtype.kind in "iu" and int(values.sum()) == self.length

    def _ended(self, x: Array, steps: str) -> tuple[Array, bool]:
        """Return series with NaN after their ends, and whether an array holds where these are."""
        head = self.archive.heads.get(steps)
        if head is None or head.fault or self.wanted.data_layout not in (AUTO, "series"):
            return x, False
        ends = self._parts(steps)
        self._check_ends(x, ends, steps)
        found = with_lengths(x, ends, self.file)
        if found is None:
            self.used.discard(steps)
        return (x, False) if found is None else (found, True)

    def _check_ends(self, x: Array, ends: Array, steps: str) -> None:
        """Raise a DataError if whole numbers, one for each series, cannot be their lengths. An
        array "length" beside pictures may be something else, and is left out."""
        is_series = steps != LENGTHS[1] or self.wanted.data_layout == "series"
        is_whole = ends.shape == x.shape[:1] and ends.dtype.kind in "iu"
        if x.ndim != 3 or not is_whole or not is_series:
            return
        longest = max(x.shape[1:])
        if ends.min() < 1 or ends.max() > longest:
            raise DataError(
                f"{self.file}: {steps} holds {ends.min():,} to {ends.max():,}, and the series in "
                f"{self.key} ({'×'.join(map(str, x.shape))}) have at most {longest:,} steps: "
                f"correct the array, or rename it to read the series without their ends."
            )

    def _examples(self) -> Guess:
        found = self._find(EXAMPLES, "train") or self._find(EXAMPLES, "")
        why = f"The array has the name {found}."
        tall = [key for key, head in self.archive.heads.items() if len(head.shape) >= 2]
        faulty = [key for key, head in self.archive.heads.items() if head.fault]
        if not found and (len(tall) == 1 or (faulty and not tall)):
            found, why = (tall or faulty)[0], "The only array with two or more axes."
        if not found and self.wanted.data_examples == AUTO:
            heads = self.archive.heads.items()
            shapes = [f"{key} ({'×'.join(map(str, head.shape))})" for key, head in heads]
            raise ChoiceError(
                f"{self.file} holds {', '.join(shapes) or 'no array'}: choose the array of the "
                f"examples (--data-examples {tall[0] if tall else 'NAME'}), or name it x.",
                "data_examples",
                tuple(tall),
            )
        guess = chosen(self.wanted, "data_examples", found or "", why, tall)
        key = self.keys[named(guess.value, self.keys, self.file, "data_examples")]
        return guess._replace(value=key)

    def _label(self) -> tuple[Guess, Array | None]:
        part = "train" if "train" in self.key.lower() else ""
        found = self._find(LABELS, part)
        if found == "arr_1" and self.archive.heads[found].shape != (self.length,):
            found = None
        if self.wanted.data_label == AUTO and found and self._is_real(found):
            found = None
        why = f"The array has the name {found}." if found else "No array has the name of labels."
        single = [k for k in self._of_length() if len(self.archive.heads[k].shape) <= 2]
        guess = chosen(self.wanted, "data_label", found or NONE, why, (NONE, *single))
        if guess.value == NONE:
            return guess, None
        key = self.keys[named(guess.value, self.keys, self.file, "data_label")]
        return guess._replace(value=key), self._parts(key)

    def _is_real(self, key: str) -> bool:
        """Whether an array of labels holds numbers that are not whole: then it is a factor."""
        if self.archive.heads[key].fault or self._length(key) != self.length:
            return False
        values = self.archive[key]
        if values.dtype.kind != "f" or values.ndim != 1:
            return False
        found = values[values == values]
        return bool((found != np.rint(found)).any())

    def _factors(self, label: Guess) -> tuple[Guess, dict[str, Floats]]:
        found = [key for key in self._of_length() if key.lower() in FACTORS]
        why = f"The array has the name {found[0]}." if found else "No array is a known factor."
        real = self._find(LABELS, "") if label.value == NONE else None
        if real and self.wanted.data_label == AUTO and self._is_real(real):
            found, why = [*found, real], f"{real} holds real numbers."
        guess = chosen(self.wanted, "data_factors", joined(found), why, self._of_length())
        values: dict[str, Floats] = {}
        for name in listed(guess.value):
            key = self.keys[named(name, self.keys, self.file, "data_factors")]
            values |= self._columns(key)
        return guess, values

    def _columns(self, key: str) -> dict[str, Floats]:
        """Return the factors in an array, (N,) each, without those that never change."""
        array = self._take(key)
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or len(array) != self.length or array.dtype.kind not in "biuf":
            raise DataError(f"{self.file}: {key} holds no factors, one row per example.")
        known = key.startswith("latents_") and array.shape[1] == len(DSPRITES)
        titles = DSPRITES if known else [f"{key} {k + 1}" for k in range(array.shape[1])]
        titles = [key] if array.shape[1] == 1 else titles
        columns = {t: array[:, k].astype(np.float32) for k, t in enumerate(titles)}
        return {t: c for t, c in columns.items() if len(c) and c.min() < c.max()}

    def _names(self) -> tuple[Guess, Array | None]:
        flat = [k for k in self._of_length() if len(self.archive.heads[k].shape) == 1]
        found = next((key for key in flat if key.lower() in NAMES), None)
        why = f"The array has the name {found}." if found else "No array names the rows."
        guess = chosen(self.wanted, "data_names", found or NONE, why, (NONE, *flat))
        if guess.value == NONE or self._sibling(self.key, "test"):
            return guess._replace(value=NONE), None
        key = self.keys[named(guess.value, self.keys, self.file, "data_names")]
        texts = self._take(key)
        if texts.shape != (self.length,):
            raise DataError(f"{self.file}: {key} has not one name per example.")
        return guess._replace(value=key), texts.astype(np.str_)

    def _parts(self, key: str) -> Array:
        """Return an array, followed by that of the validation part."""
        val = self._sibling(key, "val")
        if val is None:
            return self._take(key)
        return np.concatenate([self._take(key), self._take(val)])

    def _take(self, key: str) -> Array:
        self.used.add(key)
        return self.archive[key]

    def _sibling(self, key: str, part: str) -> str | None:
        """Return test_images for train_images, if there is one."""
        if "train" not in key.lower():
            return None
        name = re.sub("train", part, key, flags=re.I).lower()
        return next((one for one in self.keys if one.lower() == name), None)

    def _find(self, bases: tuple[str, ...], part: str) -> str | None:
        """Return the name of the array with this role, such as x_train or train_images, in upper
        or lower case; None if it is missing."""
        by_lower = {name.lower(): name for name in self.keys}
        for base in bases:
            for name in (f"{base}_{part}", f"{part}_{base}") if part else (base,):
                if name in by_lower:
                    return by_lower[name]
        return None

    def _of_length(self) -> list[str]:
        """Return the other arrays with one row per example."""
        return [k for k in self.keys if k != self.key and self._length(k) == self.length]

    def _length(self, key: str) -> int:
        return (*self.archive.heads[key].shape, 0)[0]

    def _why(self, key: str) -> str:
        head = self.archive.heads[key]
        return head.why if head.fault else "no role"


def _sparse(archive: Archive) -> Raw:
    """Return a sparse matrix of SciPy as a dense one, within the memory limit."""
    from scipy import sparse

    file = archive.path.name
    with parsing(file, "a sparse matrix"):
        kind, shape = str(archive["format"].item(), "ascii"), tuple(archive["shape"].tolist())
        if kind not in ("csr", "csc", "coo") or len(shape) != 2 or min(shape) < 1:
            raise DataError(f"{file} is a sparse matrix of kind {kind}: convert it with .tocsr().")
        if 8 * shape[0] * shape[1] > LIMIT:
            raise DataError(
                f"{file} needs more than {LIMIT // 2**30} GiB as a dense matrix of "
                f"{shape[0]:,}×{shape[1]:,}: use fewer rows or columns."
            )
        data = archive["data"]
        if kind == "coo":
            matrix = sparse.coo_matrix((data, (archive["row"], archive["col"])), shape)
        else:
            make = sparse.csr_matrix if kind == "csr" else sparse.csc_matrix
            matrix = make((data, archive["indices"], archive["indptr"]), shape)
            matrix.check_format(full_check=True)  # no index outside the matrix
        note = f"A sparse matrix ({kind}) of {plural(len(data), 'value')} other than 0."
        return Raw(matrix.toarray(), reading=Reading((), "array", 5, (), (note,)))
