"""Colours measured, not trusted: contrast by WCAG 2.2, and the classes as the colour-blind see
them by the matrices of Machado, Oliveira & Fernandes (2009), severity 1, on linear sRGB.

A distance is Euclidean in OKLab (Ottosson 2020), times 100: about 2 can just be told apart side by
side, and black and white are 100 apart.
"""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from vae.figures.palette import CLASSES, COLOURS

ROOT = Path(__file__).parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
SIDES = ("light", "dark")
GROUNDS = ("backgroundColor", "secondaryBackgroundColor")
WORDS = [name for name in COLOURS if not name.startswith("class") and name != "background"]
SMALL_TEXT, GRAPHICS = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
TERMS = ["reconstruction", "kl", "elbo", "prior"]
WARNED = [*TERMS, "warning", "failure"]
CLASS_NAMES = [f"class{k}" for k in range(CLASSES)]
APART = {"normal": 9.0, "protanopia": 5.0, "deuteranopia": 5.0, "tritanopia": 5.0}
SIGHTS = {  # name → linear sRGB to perceived linear sRGB
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(colour: str) -> np.ndarray:
    """#rrggbb → linear sRGB, (3,)."""
    c = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """The ratio of the relative luminances, 1 to 21 (WCAG 2.2)."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = sorted(float(linear(c) @ weights) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Linear sRGB (…, 3) → OKLab × 100 (Ottosson 2020)."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    opponent = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return 100 * np.cbrt(rgb @ cones.T) @ opponent.T


def nearest(colours: list[str], sight: str) -> tuple[float, tuple[int, int]]:
    """The smallest distance of two colours to that sight, and which two."""
    perceived = np.clip(np.array([linear(c) for c in colours]) @ SIGHTS[sight].T, 0, 1)
    places = oklab(perceived)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    apart[np.diag_indices(len(colours))] = np.inf
    first, second = np.unravel_index(apart.argmin(), apart.shape)
    return float(apart.min()), (int(first), int(second))


def test_known_values() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)  # WebAIM's example
    assert oklab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=1e-3)
    red = oklab(linear("#ff0000"))
    assert red == pytest.approx([62.796, 22.486, 12.585], abs=1e-2)  # CSS Color 4
    for matrix in SIGHTS.values():
        assert matrix.sum(1) == pytest.approx([1, 1, 1], abs=1e-5)  # greys stay greys


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", WORDS)
def test_what_may_be_written_in_can_be_read(name: str, ground: str, side: str) -> None:
    """Labels stand in the colour of their line, so every meaning is a colour of words."""
    ratio = contrast(COLOURS[name][SIDES.index(side)], THEME[side][ground])
    assert ratio >= SMALL_TEXT, f"{ratio:.2f}"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", CLASS_NAMES)
def test_classes_stand_out_from_the_page(name: str, ground: str, side: str) -> None:
    ratio = contrast(COLOURS[name][SIDES.index(side)], THEME[side][ground])
    assert ratio >= GRAPHICS, f"{ratio:.2f}"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("sight", SIGHTS)
def test_classes_can_be_told_apart(sight: str, side: str) -> None:
    colours = [COLOURS[name][SIDES.index(side)] for name in CLASS_NAMES]
    apart, which = nearest(colours, sight)
    assert apart >= APART[sight], f"classes {which}: {apart:.1f}"


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("side", SIDES)
def test_terms_of_the_bound_can_be_told_apart(side: str, sight: str) -> None:
    apart, which = nearest([COLOURS[name][SIDES.index(side)] for name in TERMS], sight)
    assert apart >= 9, f"{[TERMS[k] for k in which]}: {apart:.1f}"
    apart, which = nearest([COLOURS[name][SIDES.index(side)] for name in WARNED], sight)
    assert apart >= APART["deuteranopia"], f"{[WARNED[k] for k in which]}: {apart:.1f}"


@pytest.mark.parametrize("side", SIDES)
def test_the_theme_has_the_palettes_colours(side: str) -> None:
    shown, column = THEME[side], SIDES.index(side)
    for meaning, name in (
        ("accent", "primaryColor"),
        ("background", "backgroundColor"),
        ("text", "textColor"),
    ):
        assert shown[name] == COLOURS[meaning][column]
    assert shown["chartCategoricalColors"] == [COLOURS[name][column] for name in CLASS_NAMES]
