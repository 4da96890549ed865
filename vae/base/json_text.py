"""JSON from outside, read without nonsense: NaN, infinite and endless numbers become None.

Readers check the types of the values that they use, and None fits no type of a number.
"""

import json
import math
from contextlib import suppress
from typing import Any

LARGEST = 2**53  # whole numbers beyond it are not exact as floats
SCALARS = ("_se", "_samples")  # endings of keys of an evaluation whose value is a number
DIGITS = 17  # of a whole number at most; Python refuses to parse more than 4300


def parse(text: bytes | str) -> Any:
    """Return the value of a JSON text; raises ValueError if it is none, or nests too deeply."""
    try:
        return json.loads(
            text, parse_constant=lambda name: None, parse_int=_whole, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("the JSON nests too deeply") from None


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, and no truth value."""
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    with suppress(OverflowError):
        return is_real and math.isfinite(value)
    return False


def is_count(value: Any) -> bool:
    """Whether a value is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _whole(text: str) -> int | None:
    if len(text) > DIGITS or abs(int(text)) > LARGEST:
        return None
    return int(text)


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def is_result(key: str, value: Any) -> bool:
    """Whether a value has the type of an evaluation's: a number, a list of numbers where the key
    names one, a mean with its smallest share, or rows of numbers by name."""
    if value is None:
        return True
    if key.endswith("_interval"):
        return _are_numbers(value) and len(value) == 2
    if key.startswith("kl_per_dimension"):
        return _are_numbers(value)
    if key.endswith(SCALARS) or not isinstance(value, dict):
        return is_number(value)
    if value.keys() >= {"mean", "smallest"}:
        return _are_numbers([*value.values()])
    rows = value.values()
    return all(
        isinstance(row, dict) and "value" in row and _are_numbers([*row.values()]) for row in rows
    )


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(map(is_number, values))
