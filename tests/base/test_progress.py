"""Progress: consecutive parts make one share that never decreases."""

import pytest

from vae.base.progress import parts, silent


def test_each_part_advances_the_share_by_its_weight() -> None:
    told: list[float] = []
    for part in parts(told.append, [1, 0, 3]):
        part(0.5)
        part(1.0)
    assert told == [0.125, 0.25, 0.25, 0.25, 0.625, 1.0]


def test_parts_of_parts_end_where_the_next_begin() -> None:
    told: list[float] = []
    for outer in parts(told.append, [0.1, 0.7, 1e-9, 1 / 3]):
        for inner in parts(outer, [1 / 7] * 7):
            for i in range(11):
                inner(i / 10)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, pytest.approx(1.0, abs=1e-12))
    assert max(told) <= 1.0


def test_the_silent_function_accepts_every_share() -> None:
    parts(silent, [1, 1])[0](1.0)
