"""Values in an address: a law over every form, and hostile texts."""

from typing import Any

import numpy as np
import pytest

from vae.dashboard.shared import address_values as values

FORMS: dict[str, tuple[values.Form, list[Any]]] = {
    "one of": (values.one_of({0: "all", 500: "500", "pca": "PCA"}), [0, 500, "pca"]),
    "same": (values.same(["a b", "ü&=#"]), ["a b", "ü&=#"]),
    "whole": (values.whole(-5, 2**31), [-5, 0, 7, 2**31]),
    "real": (values.real(0, 10), [0.0, 0.05, 1e-5, 9.5]),
    "open": (values.real(), [-12.5, 1e9]),
    "switch": (values.SWITCH, [True, False]),
    "words": (values.words(), ["", "beta=4 <b>"]),
    "some of": (values.some_of(["a", "b~c", "d e"]), [[], ["a"], ["b~c", "d e"]]),
    "vector": (values.vector(3), [[0.0, -1.5, 2.25]]),
    "places": (values.places(12), [[], [[1.5, -2.0]], [[0.0, 1.0], [-3.25, 4.5]]]),
    "rows": (values.rows(np.arange(100)), [np.array([3]), np.array([0, 1, 2, 7, 98, 99])]),
}
HOSTILE = ("", "9" * 5000, "-" + "9" * 5000, "1e999", "nan", "²", "١", "1_000", "~", "_~_", "\0")
HOSTILE += ("<img src=x onerror=alert(1)>", "1-2-3", "9-1", "0x10", "true", "None", "a" * 10**6)


@pytest.mark.parametrize("name", FORMS)
def test_a_written_value_is_read_unchanged(name: str) -> None:
    form, examples = FORMS[name]
    for value in examples:
        text = form.write(value)
        if text:
            np.testing.assert_array_equal(form.read(text), value)
        assert isinstance(form.title(value), str)


@pytest.mark.parametrize("name", FORMS)
def test_a_hostile_text_gives_an_allowed_value_or_an_error(name: str) -> None:
    form, _ = FORMS[name]
    for text in HOSTILE:
        try:
            value = form.read(text)
        except (ValueError, KeyError):
            continue
        assert len(form.write(value)) <= max(values.LONGEST, 0)


def test_numbers_outside_become_the_nearest() -> None:
    assert values.whole(1, 400).read("999") == 400
    assert values.whole(1, 400).read("-3") == 1
    assert values.real(0, 10).read("11.5") == 10
    assert values.places(2).read("1_2~3_4~5_6") == [[1, 2], [3, 4]]
    assert values.some_of(["a"]).read("a~z") == ["a"]
    assert values.rows(np.array([2, 5, 9])).read("0-5~7").tolist() == [2, 5]
