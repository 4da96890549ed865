"""Meaning of arrays in files: shapes, ranges and labels.

Shapes. N×D is vectors. N×H×W, N×H×W×C and N×C×H×W are images and become (N, C, H, W). With four
axes, the channel axis is the last or the second, whichever has length 1, 3 or 4. If both have, it
is the shorter one, or the last if they are equal. A fourth channel is transparency and is dropped.

Range. Whole numbers from 0 to 255 are grey values, stored as bytes. They are divided by 1 if none
exceeds 1, by 16 if none exceeds 16, otherwise by 255. Images of other numbers must lie in [0, 1]
(not divided) or in [0, 255] (divided by 255); other ranges raise a DataError, because VAE Lab
needs images in [0, 1]. Vectors of floats, and of whole numbers beyond a byte, are not divided.

Labels are whole numbers or text. The classes are the distinct labels, sorted.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.numbers import compact
from vae.base.records import Ints
from vae.data.dataset import DataError, Dataset

CHANNELS = (1, 3, 4)
MOST_CLASSES = 1000
Array = NDArray[Any]


class Raw(NamedTuple):
    """Arrays of a file before `compose`."""

    x: Array
    labels: Array | None = None
    test_x: Array | None = None
    test_labels: Array | None = None
    scale: float = 0.0  # of bytes with a known range; 0: derived from the values
    note: str = ""  # changes of the examples, for `about`


def compose(name: str, file: str, raw: Raw) -> Dataset:
    """Return the data set of these arrays; raises a DataError with the file's name if invalid."""
    x = shaped(raw.x, file)
    if raw.test_x is not None:
        test = shaped(raw.test_x, f"{file} (test part)")
        if test.shape[1:] != x.shape[1:]:
            raise DataError(
                f"{file}: examples are {_times(x.shape[1:])} and those of the test part "
                f"{_times(test.shape[1:])}. Give both parts the same shape, or remove one."
            )
        x = np.concatenate([x, test])
    x, scale = (x, raw.scale) if raw.scale else valued(x, file)
    labels, classes = _labelled(raw, file)
    count = f"{len(x) if raw.test_x is None else len(raw.x):,} examples from {file}"
    tested = "" if raw.test_x is None else f", and {len(raw.test_x):,} of its test part"
    axis = _channel_axis(raw.x.shape) if raw.x.ndim == 4 else None
    alpha = ", transparency dropped" if axis and raw.x.shape[axis] == 4 else ""
    return Dataset(
        name=name,
        x=np.require(x, requirements=["C", "W"]),
        scale=scale,
        labels=labels,
        classes=classes,
        test=0 if raw.test_x is None else len(raw.test_x),
        about=f"{count}{tested}{alpha}{raw.note}.",
    )


def shaped(array: Array, file: str) -> Array:
    """Return the array as (N, D) or (N, C, H, W) with unchanged values."""
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{file} holds {array.dtype} and not numbers: convert it, for example with "
            "astype('float32')."
        )
    if array.size == 0:
        raise DataError(f"{file} is empty: its shape is {_times(array.shape)}.")
    if array.ndim == 2:
        return array
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and (axis := _channel_axis(array.shape)):
        return np.moveaxis(array, axis, 1)[:, :3]
    raise DataError(
        f"{file} has shape {_times(array.shape)}: give images as N×H×W, N×H×W×C or N×C×H×W with C "
        "1, 3 or 4, or vectors as N×D."
    )


def valued(x: Array, file: str) -> tuple[Array, float]:
    """Return the examples as uint8 or float32, and their scale."""
    image = x.ndim == 4
    check_finite(x, file)
    low, high = float(x.min()), float(x.max())
    whole = x.dtype.kind in "biu" or (image and high > 1 and bool((x == np.rint(x)).all()))
    if whole and low >= 0 and high <= 255:
        return x.astype(np.uint8, copy=False), _grey_scale(high)
    if not image:
        if max(-low, high) > float(np.finfo(np.float32).max):
            raise DataError(
                f"{file} has values up to {compact(max(-low, high), 3)}, which is too large: "
                "rescale it."
            )
        return x.astype(np.float32, copy=False), 1.0
    if low < 0 or high > 255 or 1 < high <= 16:
        raise DataError(
            f"{file} holds images with values from {compact(low)} to {compact(high)}: rescale "
            "them to lie between 0 and 1, or between 0 and 255."
        )
    return x.astype(np.float32, copy=False), 1.0 if high <= 1 else 255.0


def check_finite(x: Array, file: str) -> None:
    """Raise a DataError with the count and the first position of NaN and infinity, if any."""
    if x.dtype.kind != "f" or (finite := np.isfinite(x)).all():
        return
    first, *place = (int(i) for i in np.unravel_index(int(np.argmin(finite)), x.shape))
    count = int(x.size - np.count_nonzero(finite))
    raise DataError(
        f"{file} holds NaN or infinity {count:,} times, first in example {first} at position "
        f"{', '.join(map(str, place))} (counted from 0): remove or replace these values."
    )


def _labelled(raw: Raw, file: str) -> tuple[Ints | None, tuple[str, ...]]:
    """Return the labels of both parts, numbered from 0, and the names of the classes."""
    if raw.labels is None and raw.test_labels is None:
        return None, ()
    parts = [_part(raw.labels, len(raw.x), file)]
    if raw.test_x is not None:
        parts.append(_part(raw.test_labels, len(raw.test_x), f"{file} (test part)"))
    if len({part.dtype.kind == "U" for part in parts}) > 1:
        raise DataError(
            f"{file}: the labels of one part are text, of the other numbers: make them alike."
        )
    names, index = np.unique(np.concatenate(parts), return_inverse=True)
    if len(names) > MOST_CLASSES:
        raise DataError(
            f"{file} has {len(names):,} distinct labels, and at most {MOST_CLASSES:,} classes are "
            "possible: rename the labels if they are not classes."
        )
    return index.astype(np.int64), tuple(str(name) for name in names)


def _part(labels: Array | None, examples: int, file: str) -> Array:
    """Return one label per example, whole numbers or text, (N,)."""
    count = 0 if labels is None or labels.ndim == 0 else len(labels)
    if labels is None or count != examples:
        raise DataError(
            f"{file} has {examples:,} examples and {count:,} labels: give one label per example, "
            "or no labels."
        )
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1:
        raise DataError(
            f"{file}: labels have shape {_times(labels.shape)}: give one number or word per "
            "example (argmax(axis=1) converts one-hot rows to numbers)."
        )
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind in "biuU":
        return labels
    wrong = np.ones(len(labels), bool)
    if labels.dtype.kind == "f":
        wrong = ~((np.abs(labels) < 2**53) & (labels == np.rint(labels)))
    if wrong.any():
        raise DataError(
            f"{file}: labels are whole numbers or text, and these are {labels.dtype}, such as "
            f"{labels[wrong][0]}: rename them if they are not classes."
        )
    return labels.astype(np.int64)


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    """Return the channel axis of N×H×W×C or N×C×H×W; None if there is none."""
    axes = [axis for axis in (3, 1) if shape[axis] in CHANNELS]
    return min(axes, key=lambda axis: shape[axis], default=None)


def _grey_scale(high: float) -> float:
    """Return the divisor of grey values with this maximum: 1, 16 or 255."""
    return next(scale for scale in (1.0, 16.0, 255.0) if high <= scale)


def _times(shape: tuple[int, ...]) -> str:
    """Return a shape as text, such as "6×28×28"."""
    return "×".join(map(str, shape)) or "of a single number"
