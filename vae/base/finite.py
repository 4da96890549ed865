"""The first number of a record that is not finite, by its name."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def first_non_finite(value: Any, name: str = "the value") -> str:
    """Return the name of the first NaN or infinite number in a record, "" if all are finite.

    Records, mappings and sequences are searched to any depth. The name is the innermost field or
    key: "sigma" for {"terms": {"sigma": nan}}.
    """
    if isinstance(value, float):
        return "" if math.isfinite(value) else name
    if isinstance(value, np.ndarray):
        return "" if np.isfinite(value).all() else name
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        found = (first_non_finite(inner, str(key)) for key, inner in value.items())
    elif isinstance(value, list | tuple):
        found = (first_non_finite(inner, name) for inner in value)
    else:
        return ""
    return next(filter(None, found), "")
