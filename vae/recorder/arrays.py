"""Arrays from a training loop: tensors, NumPy arrays or lists, checked and converted.

Letters in shapes: N examples, Z latent dimensions, M pictures or series, *event the shape of one
example.
Every function raises ValueError with a sentence for people.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vae.base import numbers
from vae.base.records import Floats, Ints

EXAMPLES = 20_000  # of a map, at most
PICTURES = 256  # of a frame, at most
CHANNELS = (1, 3)
SIDE = 4  # pixels of a picture, at least
SLACK = 0.01  # by which a reconstruction may leave [0, 1]


def plain(value: Any) -> NDArray[Any]:
    """Return a tensor of any library, an array or a list as a NumPy array on the CPU."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)


def number(value: Any, name: str, step: int) -> float:
    """Return a finite number."""
    found = plain(value)
    if found.size != 1 or found.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} is one number, not {_described(found)}: take the mean over the examples."
        )
    scalar = float(found.reshape(()))
    if not np.isfinite(scalar):
        raise ValueError(
            f"Training diverged: {name} is not finite at step {step}. Lower the learning rate, or "
            "clip the gradient."
        )
    return scalar


def floats(value: Any, name: str, step: int, axes: Sequence[int], missing: bool = False) -> Floats:
    """Return finite numbers with one of these numbers of axes; NaN, not observed, if allowed."""
    found = plain(value)
    if found.ndim not in axes or found.dtype.kind not in "fiub":
        counts = " or ".join(map(str, axes))
        raise ValueError(f"{name} has {counts} axes of numbers, not {_described(found)}.")
    whole: Floats = found.astype(np.float32)
    if not (np.isfinite(whole) | (missing & np.isnan(whole))).all():
        raise ValueError(
            f"Training diverged: {name} has a value that is not finite at step {step}. Lower the "
            "learning rate, or clip the gradient."
        )
    return whole


def _described(found: NDArray[Any]) -> str:
    kind = "text" if found.dtype.kind in "US" else str(found.dtype)
    return f"{kind} of shape {found.shape}" if found.ndim else kind


def labels(value: Any, count: int, classes: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Return the class (N,) of each example and the names of the classes.

    `value` holds numbers of classes, or their names. A number without a name has itself as name.
    """
    found = plain(value)
    if found.shape != (count,):
        raise ValueError(f"labels has one class for each of {count} examples: {found.shape}.")
    if found.dtype.kind in "USO":
        names, numbers = np.unique(found.astype(str), return_inverse=True)
        return numbers.astype(np.int64), tuple(map(str, names))
    if found.dtype.kind == "f" and not (found == np.rint(found)).all():
        raise ValueError("labels are whole numbers from 0 on, or names of classes.")
    numbers = found.astype(np.int64)
    highest = int(numbers.max(initial=-1)) + 1
    if numbers.min(initial=0) < -1 or highest > EXAMPLES:
        raise ValueError("labels are whole numbers from 0 on, or -1 for an example without one.")
    rest = [str(k) for k in range(len(classes), highest)]
    return numbers, (*map(str, classes), *rest)


def examples(
    value: Any,
    name: str,
    step: int,
    shape: tuple[int, ...] | None,
    is_series: bool = False,
    missing: bool = False,
) -> Floats:
    """Return examples (M, *event): pictures (M, C, H, W) with values in [0, 1], series (M, C, T)
    or vectors (M, D). `missing` values of series and vectors are NaN."""
    found = plain(value)
    axes = (2, 3) if is_series else (2, 3, 4)
    x = floats(found, name, step, axes, missing and found.ndim < 4)
    if len(x) > PICTURES:
        raise ValueError(f"{name} has {len(x)} examples: record at most {PICTURES}.")
    if not is_series:
        x = _pictures(x / np.float32(255.0 if found.dtype == np.uint8 else 1.0), name, shape)
    else:
        x = _series(x, shape)
    if shape is not None and x.shape[1:] != shape:
        raise ValueError(f"{name} has examples of shape {x.shape[1:]}, the originals {shape}.")
    if not x[0:1].size and x.ndim != 4:
        raise ValueError(f"{name} has no values: shape {x.shape}.")
    return np.ascontiguousarray(x)


def _pictures(x: Floats, name: str, shape: tuple[int, ...] | None) -> Floats:
    """Return pictures (M, C, H, W), given as such, as (M, H, W), as (M, H, W, C), or flat if their
    `shape` is known; vectors (M, D) remain."""
    if x.ndim == 3 and min(x.shape[1:]) < SIDE:
        raise ValueError(
            f"{name} has shape {x.shape}, and a picture has at least {SIDE} pixels each way: of "
            'series, say Recorder(…, layout="series").'
        )
    if shape is not None and x.shape[1:] != shape and x[0:1].size == np.prod(shape):
        x = np.moveaxis(x, 3, 1) if x.ndim == 4 else x.reshape(-1, *shape)
    elif x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[1] not in CHANNELS and x.shape[3] in CHANNELS:
        x = np.moveaxis(x, 3, 1)
    if x.ndim == 4 and x.shape[1] not in CHANNELS and (shape is None or x.shape[1:] == shape):
        raise ValueError(f"{name} are pictures (M, C, H, W) with 1 or 3 channels: {x.shape}.")
    return x


def _series(x: Floats, shape: tuple[int, ...] | None) -> Floats:
    """Return series (M, C, T), given as such, as (M, T, C), as (M, T), or as flat rows (M, T·C) if
    their `shape` (C, T) is known. The longer axis is time."""
    if shape is not None and x.ndim == 2 and x.shape[1] == np.prod(shape):
        x = x.reshape(-1, *shape[::-1])
    elif x.ndim == 2:
        return x[:, None]
    is_first = x.shape[1:] == shape if shape in (x.shape[1:], x.shape[:0:-1]) else None
    channels_first = x.shape[1] < x.shape[2] if is_first is None else is_first
    return x if channels_first else x.transpose(0, 2, 1)


def check_range(x: Floats) -> None:
    """Check that original pictures have values in [0, 1]."""
    low, high = float(x.min(initial=0.0)), float(x.max(initial=0.0))
    if x.ndim == 4 and (low < -SLACK or high > 1 + SLACK):
        raise ValueError(
            f"Pictures have values from 0 to 1, and these originals {numbers.number(low)} to "
            f"{numbers.number(high)}: rescale originals, reconstructions and samples for "
            "r.pictures."
        )
