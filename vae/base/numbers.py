"""Numbers as text for people: a true minus sign, and as many digits as they carry.

Four significant digits suffice for one value. A value with a standard error ends at the error's
second digit.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal

MINUS = "\u2212"


def number(value: float) -> str:
    """Return four significant digits, with powers of ten below 0.001 and from 10,000 on.

    Below a millionth a value is the rounding error of float32, and written as 0.
    """
    if abs(value) < 1e-6:
        return "0.000"
    text = f"{value:#.4g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3g}"
    return text.rstrip(".").replace("-", MINUS)


def fixed(value: float, places: int = 2) -> str:
    """Return a value with a fixed number of decimal places; a negative zero has no sign."""
    return f"{round(float(value), places) + 0.0:,.{places}f}".replace("-", MINUS)


def compact(value: float, digits: int = 4) -> str:
    """Return at most this many significant digits, without zeros at the end: 0 and 255."""
    return f"{value:.{digits}g}".replace("-", MINUS)


def typed(value: float, digits: int = 6) -> str:
    """Return a number in the notation of fields and flags, with an ASCII minus: 0.5, -1, 1e-05."""
    return f"{value:.{digits}g}"


def plain(value: float) -> str:
    """Return three significant digits, without a power of ten and without zeros at the end."""
    if abs(value) >= 100:
        return fixed(value, 0)
    return f"{Decimal(f'{value:.3g}'):f}".replace("-", MINUS)


def evenly(values: Iterable[float], most: int = 3) -> list[str]:
    """Return the positions of a path as text, all with the fewest decimal places that are exact,
    such as 0.125 for eighths; with two places if more than `most` were needed."""
    numbers = [float(value) for value in values]
    for places in range(most + 1):
        if all(abs(value - round(value, places)) < 1e-5 for value in numbers):
            return [fixed(value, places) for value in numbers]
    return [fixed(value) for value in numbers]


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 channel", "3 channels"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def whole(value: float) -> str:
    """Return a number of things: an integer as it is, others with four significant digits."""
    return f"{value:,}" if isinstance(value, int) else number(value)


def counted(value: float, noun: str) -> str:
    """Return a number of things with its noun, such as "12 latents", "2.500 latents"."""
    return f"{whole(value)} {noun}" + ("" if value == 1 else "s")


def extent(shape: Sequence[int]) -> str:
    """Return width × height of a picture (C, H, W), such as "50×48"; the steps of a series (C, T),
    the length of a vector."""
    return f"{shape[2]}×{shape[1]}" if len(shape) == 3 else f"{shape[-1]:,}"


def byte_count(size: float) -> str:
    """Return a number of bytes with its unit: "0.2 MiB", "22.6 GiB"."""
    small = size < 2**30 / 10
    return f"{fixed(size / 2**20, 1)} MiB" if small else f"{fixed(size / 2**30, 1)} GiB"


def event_size(shape: Sequence[int]) -> str:
    """Return the size of an example in words: "50×48 pixels, 3 channels", "2 values"."""
    if len(shape) == 2:
        return f"{plural(shape[1], 'step')} of {plural(shape[0], 'channel')}"
    if len(shape) != 3:
        return f"{extent(shape)} values"
    return f"{extent(shape)} pixels" + (f", {shape[0]} channels" if shape[0] > 1 else "")


def percent(share: float, places: int | None = None) -> str:
    """Return a share of one in percent, with so many decimal places.

    Without `places` it is whole from 10 % on, and has two significant digits below.
    """
    value = 100 * float(share)
    if places is not None:
        return f"{fixed(value, places)} %"
    return f"{fixed(value, 0) if abs(value) >= 10 else compact(value, 2)} %"


def with_error(value: float, se: float | None) -> tuple[str, str]:
    """Return a value and its standard error in matching digits, two for the error: −26.03, 0.38.

    Without an error the value has four significant digits, and the error is "".
    """
    if se is None or not se > 0:
        return number(value), ""
    places = min(max(0, 1 - math.floor(math.log10(se))), 6)
    return fixed(value, places), f"{se:,.{places}f}"
