"""A test over a whole table fails with the name of the row at fault."""

import pytest

from tests.tables import each


def test_the_row_at_fault_is_named() -> None:
    seen = []

    @each("value", [1, 2, 3])
    @each(("low", "high"), [(0, 3), (1, 2)], ids=["wide", "narrow"])
    def law(value: int, low: int, high: int) -> None:
        seen.append((value, low, high))
        assert low <= value < high

    with pytest.raises(AssertionError) as failure:
        law()
    assert seen == [(1, 0, 3), (1, 1, 2), (2, 0, 3), (2, 1, 2)]
    assert failure.value.__notes__ == ["in the row narrow of low, high", "in the row 2 of value"]
