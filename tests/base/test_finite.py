"""The first number that is not finite is found at any depth of a record, and its name is
returned."""

import math
from typing import Any, NamedTuple

import numpy as np

from tests.tables import each
from vae.base.finite import first_non_finite


class Record(NamedTuple):
    step: int = 3
    loss: float | None = 1.5
    terms: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    parts: tuple[float, ...] = (0.5, -1e300)
    note: str = "nan"
    values: Any = None


@each("bad", [math.nan, math.inf, -math.inf])
@each(
    ("fields", "name"),
    [
        ({"loss": "BAD"}, "loss"),
        ({"terms": {"mmd": 1.0, "sigma": "BAD"}}, "sigma"),
        ({"parts": (1.0, "BAD")}, "parts"),
        ({"terms": {"probe": {"low": [0.0, "BAD"]}}}, "low"),
        ({"values": np.float64(0), "loss": "BAD"}, "loss"),
    ],
)
def test_the_name_of_the_first_non_finite_number_is_returned(
    fields: dict[str, Any], name: str, bad: float
) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(filled(inner) for inner in value)
        return bad if isinstance(value, str) else value

    record = Record(**{key: filled(value) for key, value in fields.items()})
    assert first_non_finite(record) == first_non_finite(record._asdict()) == name


def test_arrays_are_searched_and_finite_records_have_no_name() -> None:
    assert first_non_finite(Record(values=np.array([1.0, np.nan], np.float32))) == "values"
    assert first_non_finite(Record(values=np.arange(3))) == ""
    assert first_non_finite(Record(loss=None, terms={"text": "inf", "flag": True})) == ""
