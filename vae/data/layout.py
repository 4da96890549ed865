"""Axes and range of values of arrays: vectors, series or pictures.

Shapes. N×D is vectors, flat pictures of a given shape, or series of one channel. N×H×W, N×H×W×C
and N×C×H×W are pictures and become (N, C, H, W). With four axes, the channel axis is the last or
the second, whichever has length 1, 3 or 4. If both have, it is the shorter one, or the last if
they are equal. N×T×C of real numbers with few channels C is a series and becomes (N, C, T); the
longer axis is time.

Range. Pictures become values from 0 to 1. Whole numbers from 0 to 255 are bytes and are divided by
1 if none exceeds 1, by 16 if none exceeds 16, otherwise by 255. Real numbers in [0, 1] are not
divided, those in [0, 255] are divided by 255. All other values are scaled by the range found: the
highest one, or the lowest one if it is negative, and the highest one, become 1, 0 and 1. Vectors
and series are never scaled, and only their values may be NaN: not observed.
"""

import math
import re
from typing import NamedTuple

import numpy as np

from vae.base.numbers import compact, plural
from vae.data.array_cache import changed
from vae.data.arrays import Array, check_finite, check_observed, times
from vae.data.description import AUTO, GROUNDS, NONE, Description, Guess, chosen
from vae.data.errors import DataError
from vae.data.scan import Scan, scanned
from vae.data.series import MOST_CHANNELS, ragged_reason

CHANNELS = (1, 3, 4)
FLAT = 14  # smallest side of a flat picture that is guessed
FEW_CHANNELS = 3  # of a series
LONG = 8  # a series is this many times longer than its number of channels


class Arranged(NamedTuple):
    """Examples in the shape of the model, with the guesses that led there."""

    x: Array  # (N, D), (N, C, T) or (N, C, H, W)
    guesses: tuple[Guess, ...]


def arranged(
    array: Array,
    wanted: Description,
    file: str,
    pixels: str = "",
    series: str = "",
    rows: str = "",
) -> Arranged:
    """Return the array as (N, D), (N, C, T) or (N, C, H, W) with unchanged values.

    `pixels` is a reason to read rows of bytes as small flat pictures, `series` one to read N×T or
    N×T×C as series, `rows` one to read N×D as vectors.
    """
    _check_numbers(array, file)
    guesses: tuple[Guess, ...] = ()
    if array.ndim == 2:
        layout = _flat_layout(array, wanted, series, rows)
        shape = _flat_shape(array, wanted, pixels, layout.value)
        if shape.value == NONE:
            is_series = layout.value == "series"
            return Arranged(array[:, None] if is_series else array, (layout, shape))
        array, guesses = _reshaped(array, shape.value, file), (shape,)
        series = layout.why if layout.value == "series" else ""
    elif wanted.data_shape not in (AUTO, NONE):
        array = _reshaped(array, wanted.data_shape, file)
        guesses = (chosen(wanted, "data_shape", NONE, ""),)
    guess = ("series", series) if series else _guessed_layout(array, file)
    layout = _layout(wanted, *guess)
    time_first = bool(series) and not guesses and layout.value == "series"
    moved = array.transpose(0, 2, 1) if time_first else _moved(array, layout.value, file)
    return Arranged(moved, (layout, *guesses))


def _check_numbers(array: Array, file: str) -> None:
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{file} holds {array.dtype} and not numbers: convert it, for example with "
            "astype('float32')."
        )
    if array.size == 0:
        raise DataError(f"{file} holds no values: its array has the shape {times(array.shape)}.")


def _layout(wanted: Description, guess: str, why: str) -> Guess:
    return chosen(wanted, "data_layout", guess, why, ("vectors", "series", "hw", "hwc", "chw"))


def _flat_layout(array: Array, wanted: Description, series: str, rows: str) -> Guess:
    """Return the layout of rows: vectors, unless there is a reason to read series."""
    series = series or ("" if rows else ragged_reason(array))
    if not series:
        why = rows or "One row per example; choose series if it is a curve."
        return _layout(wanted, "vectors", why)
    return _layout(wanted, "series", series)


def _flat_shape(array: Array, wanted: Description, pixels: str, layout: str) -> Guess:
    """Return the shape of flat pictures or of series of several channels; none for vectors. Rows
    of bytes with the size of a square are pictures."""
    size = array.shape[1]
    shapes = _squares(size)
    if layout == "series":
        parts = [c for c in range(2, MOST_CHANNELS + 1) if size % c == 0 and size > c * c]
        why = f"One channel: each of the {size:,} values of a row is a time step."
        return chosen(
            wanted, "data_shape", NONE, why, (NONE, *(f"{size // c}x{c}" for c in parts))
        )
    if wanted.data_layout == "vectors":
        return chosen(wanted, "data_shape", NONE, "The layout is vectors.")
    guess, why = NONE, f"{plural(size, 'value')} of an example: no square picture."
    if shapes and _are_bytes(array) and (pixels or math.isqrt(size // len(shapes)) >= FLAT):
        guess, why = shapes[0], pixels or f"{size:,} bytes are a picture of {shapes[0]}."
    elif shapes:
        why = f"{size:,} values could be pictures of {shapes[0]}; then give this shape."
    return chosen(wanted, "data_shape", guess, why, (NONE, *shapes))


def _squares(size: int) -> list[str]:
    """Return the shapes of square pictures with this many values, grey before colour."""
    found = []
    for channels in (1, 3):
        side = math.isqrt(size // channels)
        if side >= 4 and side * side * channels == size:
            grey = f"{side}x{side}"
            found += [grey] if channels == 1 else [f"3x{grey}", f"{grey}x3"]
    return found


def _are_bytes(array: Array) -> bool:
    if array.dtype == np.uint8:
        return True
    parts = (array[:100], array)  # the first rows decide nearly every case quickly
    scans = (scanned(part) for part in parts)
    return all(s.whole and not s.missing and s.low >= 0 and 1 < s.high <= 255 for s in scans)


def _reshaped(array: Array, text: str, file: str) -> Array:
    """Return the array with examples of this shape; DataError if their sizes differ."""
    shape = tuple(int(n) for n in re.split("[x×]", text))
    size = math.prod(array.shape[1:])
    if math.prod(shape) != size:
        fits = " or ".join(_squares(size)) or "a shape of this size"
        raise DataError(
            f"{file} has {plural(size, 'value')} per example, and data_shape {text} needs "
            f"{math.prod(shape):,}: give {fits}."
        )
    return array.reshape(len(array), *shape)


def _guessed_layout(array: Array, file: str) -> tuple[str, str]:
    """Return the layout of arrays of three or four axes, and the reason."""
    if array.ndim == 3:
        short, long = sorted(array.shape[1:])
        real = array.dtype.kind == "f"
        if real and (short <= FEW_CHANNELS or long >= LONG * short):
            return "series", f"{long:,} time steps of {plural(short, 'channel')}, real numbers."
        return "hw", "Three axes: height × width of each picture."
    if array.ndim == 4 and (axis := _channel_axis(array.shape)):
        channels = array.shape[axis]
        return ("hwc" if axis == 3 else "chw"), f"Axis {axis + 1} has length {channels}: channels."
    raise DataError(
        f"{file} has shape {times(array.shape)}: give images as N×H×W, N×H×W×C or N×C×H×W with C "
        "1, 3 or 4, or vectors as N×D."
    )


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    """Return the channel axis of N×H×W×C or N×C×H×W; None if there is none."""
    axes = [axis for axis in (3, 1) if shape[axis] in CHANNELS]
    return min(axes, key=lambda axis: shape[axis], default=None)


def _moved(array: Array, layout: str, file: str) -> Array:
    """Return an array of this layout as (N, D), (N, C, T) or (N, C, H, W)."""
    n = len(array)
    if layout == "vectors":
        return array.reshape(n, -1)
    if layout == "series" and array.ndim == 3:
        channels_first = array.shape[1] < array.shape[2]
        return array if channels_first else array.transpose(0, 2, 1)
    if layout == "hw" and array.ndim == 3:
        return array[:, None]
    axis = {"hwc": 3, "chw": 1}.get(layout)
    if array.ndim == 4 and axis and array.shape[axis] in CHANNELS:
        return np.moveaxis(array, axis, 1)
    raise DataError(
        f"{file} has shape {times(array.shape)}, which is not data_layout {layout}: choose "
        "another layout."
    )


class Scaled(NamedTuple):
    """Examples as the data set stores them, and their divisor."""

    x: Array  # uint8 or float32
    scale: float
    guess: Guess | None = None


def scaled(x: Array, wanted: Description, file: str, known: float = 0.0) -> Scaled:
    """Return the examples as uint8 or float32, and their divisor; `known` is the highest possible
    value of bytes."""
    check_finite(x, file, missing=x.ndim < 4)
    check_observed(x, file)
    found = scanned(x)
    low, high = found.low, found.high
    if x.ndim < 4:
        if max(-low, high) > float(np.finfo(np.float32).max):
            raise DataError(
                f"{file} has values up to {compact(max(-low, high), 3)}, which is too large: "
                "rescale it."
            )
        return Scaled(_as(x, np.float32), 1.0)
    guess = chosen(wanted, "data_range", *_guessed_range(found, known))
    start, end = (0.0, 1.0) if guess.value == NONE else map(float, guess.value.split(","))
    if end <= start:
        raise DataError(f"data_range {guess.value} has its higher value first: give low,high.")
    return Scaled(*_divided(x, found, start, end), guess)


def _as(x: Array, dtype: type[np.generic]) -> Array:
    """Return x in this type; x itself if it has it."""
    if x.dtype == dtype:
        return x
    return changed(x, lambda part: part.astype(dtype), np.dtype(dtype).str)


def _guessed_range(found: Scan, known: float) -> tuple[str, str]:
    """Return the values that become 0 and 1, and the reason."""
    if known:
        return f"0,{_exact(known)}", "Picture files hold bytes."
    low, high, whole = found.low, found.high, _are_levels(found)
    ends = f"The values lie between {compact(low, 6)} and {compact(high, 6)}"
    if whole and low >= 0 and high <= 255:
        end = next(end for end in (1, 16, 255) if high <= end)
        return f"0,{end}", f"{ends}, whole numbers of a range from 0 to {end}."
    if low >= 0 and (high <= 1 or 16 < high <= 255):
        end = 1 if high <= 1 else 255
        return f"0,{end}", f"{ends}, real numbers of a range from 0 to {end}."
    return f"{_exact(min(low, 0.0))},{_exact(high)}", f"{ends}: scaled by this range."


def _exact(value: float) -> str:
    """Return the shortest text that reads as the same number."""
    return repr(value).removesuffix(".0")


def _are_levels(found: Scan) -> bool:
    """Whether values are whole numbers of a range; real ones are not if none exceeds 1."""
    return found.whole and (found.integers or found.high > 1)


def _divided(x: Array, found: Scan, start: float, end: float) -> tuple[Array, float]:
    """Return the values with the range start to end mapped to 0 to 1, and their divisor."""
    if start == 0 and end in (1, 16, 255) and found.low >= 0 and found.high <= 255:
        return _as(x, np.uint8 if _are_levels(found) else np.float32), end

    def divided(part: Array) -> Array:
        return ((part.astype(np.float64) - start) / (end - start)).astype(np.float32)

    return changed(x, divided, f"from {start!r} to {end!r}"), 1.0


def on_ground(x: Array, scale: float, wanted: Description) -> tuple[Array, Guess | None]:
    """Return pictures without their fourth channel, composited on the ground; x (N, C, H, W)."""
    if x.ndim != 4 or x.shape[1] != 4:
        return x, None
    guess = chosen(wanted, "data_ground", "white", "The fourth channel is transparency.",
                   (*GROUNDS, NONE))  # fmt: skip
    if guess.value == NONE:
        return x[:, :3], guess

    def composited(part: Array) -> Array:
        alpha = part[:, 3:] / scale
        mixed = part[:, :3] * alpha + GROUNDS[guess.value] / 255 * scale * (1 - alpha)
        return (np.rint(mixed) if x.dtype == np.uint8 else mixed).astype(x.dtype)

    return changed(x, composited, f"{scale!r} on {guess.value}"), guess
