"""Numbers as text: significant digits, decimal places, and the true minus sign."""

import pytest

from vae.base.numbers import fixed, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (-9e-8, "0.000"),
        (-0.001234, "−0.001234"),
        (0.0001234, "0.000123"),
        (-26.0312, "−26.03"),
        (9999.4, "9999"),
        (12345.6, "1.23e+04"),
        (2e-6, "2e−06"),
    ],
)
def test_four_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (-26.036, 2, "−26.04"),
        (-0.001, 2, "0.00"),
        (1234.5, 1, "1,234.5"),
        (-1e6, 0, "−1,000,000"),
        (3.0, 3, "3.000"),
    ],
)
def test_fixed_decimal_places(value: float, places: int, text: str) -> None:
    assert fixed(value, places) == text
