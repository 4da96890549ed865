"""Numbers as text: significant digits, decimal places, and the true minus sign."""

import re
from pathlib import Path

import pytest

from tests.tables import each
from vae.base.numbers import (
    compact,
    counted,
    evenly,
    event_size,
    extent,
    fixed,
    number,
    percent,
    plain,
    typed,
    whole,
)


def test_positions_of_a_path_have_the_fewest_exact_decimals() -> None:
    assert evenly([k / 8 for k in range(4)]) == ["0.000", "0.125", "0.250", "0.375"]
    assert evenly([-3, -1.5, 0, 1.5, 3]) == ["−3.0", "−1.5", "0.0", "1.5", "3.0"]
    assert evenly([-2, 0, 2]) == ["−2", "0", "2"]
    assert evenly([0, 1 / 3, 1]) == ["0.00", "0.33", "1.00"]


def test_the_extent_of_a_picture_is_width_times_height() -> None:
    assert (extent((3, 48, 50)), extent((1, 8, 8)), extent((2,))) == ("50×48", "8×8", "2")
    assert event_size((3, 48, 50)) == "50×48 pixels, 3 channels"
    assert event_size((1, 28, 28)) == "28×28 pixels"
    assert event_size((2,)) == "2 values"


@each(
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
def test_a_number_has_four_significant_digits(value: float, text: str) -> None:
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
def test_fixed_numbers_have_the_given_decimal_places(value: float, places: int, text: str) -> None:
    assert fixed(value, places) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (255, "255"), (-0.5, "−0.5"), (3.14159, "3.142"), (-1e6, "−1e+06")],
)
def test_compact_numbers_have_no_zeros_at_the_end(value: float, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.4, "−0.4"), (0.00012345, "0.000123"), (12.345, "12.3"), (-12345.6, "−12,346")],
)
def test_plain_numbers_have_no_power_of_ten(value: float, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5"), (-1.0, "-1"), (1e-5, "1e-05"), (123456.0, "123456")]
)
def test_typed_numbers_can_be_read_back(value: float, text: str) -> None:
    assert typed(value) == text
    assert float(text) == value


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0123, "1.2 %"), (0.256, "26 %"), (-0.05, "−5 %"), (2.5, "250 %")],
)
def test_percent_has_two_significant_digits(share: float, text: str) -> None:
    assert percent(share) == text


def test_percent_can_have_decimal_places() -> None:
    assert [percent(0.12345, places) for places in (0, 1)] == ["12 %", "12.3 %"]


ROOT = Path(__file__).parents[2]
FORMAT = re.compile(r"(?<![%{])\{[^{}]*:[-<>^+#, \d]*(?:\.(?:\d+|\{\w+\})[fgeE%]|g)\}")
ELSEWHERE = {  # files with other formats of numbers, and the reason
    "vae/base/devices.py": "sizes of memory",
    "vae/data/table.py": "sizes of files",
    "vae/data/formats.py": "sizes of files",
    "vae/commands/archive.py": "sizes of files",
    "vae/commands/documents.py": "sizes of files",
    "vae/dashboard/compare/archive.py": "sizes of files",
    "vae/dashboard/replay/export.py": "sizes of files",
    "vae/dashboard/sidebar/download.py": "sizes of files",
    "vae/dashboard/shared/training_time.py": "durations",
    "vae/dashboard/compare/actions.py": "durations",
    "vae/dashboard/train/controls.py": "speed of training",
    "vae/commands/progress_bar.py": "progress and speed of training",
    "vae/dashboard/shared/html_grid.py": "lengths in CSS",
    "vae/dashboard/traversals/html_strips.py": "lengths in CSS",
    "vae/figures/base.py": "colours in CSS",
    "vae/figures/palette.py": "colours in CSS",
    "vae/figures/map_layers.py": "paths in SVG",
    "vae/figures/replay_frame.py": "ASCII text of an animation",
    "vae/figures/replay_grid.py": "ASCII text of an animation",
    "vae/script/docstring.py": "Python source",
    "vae/script/templates.py": "Python source",
}


def test_numbers_for_people_are_formatted_in_one_place() -> None:
    """Plotly formats the numbers of a hover template; other exceptions have a reason above."""
    files = {str(path.relative_to(ROOT)): path for path in ROOT.glob("vae/**/*.py")}
    found = {name for name, path in files.items() if FORMAT.search(path.read_text("utf-8"))}
    assert found == ELSEWHERE.keys() | {"vae/base/numbers.py"}


@pytest.mark.parametrize("text", ["{x:g}", "{x:.3g}", "{x:,.2f}", "{x:<8.1f}", "{x:.{n}f}"])
def test_a_format_of_a_number_is_found(text: str) -> None:
    assert FORMAT.search(text)


@pytest.mark.parametrize("text", ["%{x:.1f}", "%{{y:.2f}}", "{n:,}", "{name:<20}", "{x:.4~r}"])
def test_a_format_of_plotly_or_a_whole_number_is_not_found(text: str) -> None:
    assert not FORMAT.search(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1 latent"), (12, "12 latents"), (1200, "1,200 latents"), (2.5, "2.500 latents")],
)
def test_things_are_counted_as_whole_numbers(value: float, text: str) -> None:
    assert counted(value, "latent") == text
    assert whole(value) == text.split()[0]
