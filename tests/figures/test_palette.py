"""Colours: contrast by WCAG 2.2, and the distances of the class colours under colour blindness by
the matrices of Machado, Oliveira & Fernandes (2009), severity 1, on linear sRGB.

A distance is CIEDE2000 (Sharma, Wu & Dalal 2005): 1 is about the smallest visible difference, and
black and white have 100.
"""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.tables import each
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
APART = {"normal": 22.0, "protanopia": 15.0, "deuteranopia": 15.0, "tritanopia": 15.0}
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


def lab(rgb: np.ndarray) -> np.ndarray:
    """Linear sRGB (…, 3) → CIELAB under D65."""
    xyz = (
        rgb
        @ np.array(
            [
                [0.4124564, 0.3575761, 0.1804375],
                [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041],
            ]
        ).T
    )
    ratio = xyz / np.array([0.95047, 1.0, 1.08883])
    x, y, z = np.moveaxis(np.where(ratio > 216 / 24389, np.cbrt(ratio), _toe(ratio)), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _toe(ratio: np.ndarray) -> np.ndarray:
    return (24389 / 27 * ratio + 16) / 116


def ciede2000(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The difference of two CIELAB colours (…, 3) (Sharma, Wu & Dalal 2005, equations 2 to 22)."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    grey = 1.5 - 0.5 * np.sqrt(_seventh((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))
    c1, c2 = np.hypot(grey * a1, b1), np.hypot(grey * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, grey * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + 180) % 360 - 180)
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    mean_l, mean_c, mean_h = (l1 + l2) / 2, (c1 + c2) / 2, (h1 + turn / 2) % 360
    mean_h = np.where(c1 * c2 == 0, h1 + h2, mean_h)
    tau = 1 + sum(
        weight * np.cos(np.radians(k * mean_h + shift))
        for weight, k, shift in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.2, 4, -63))
    )
    scale_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    chroma, hue = (c2 - c1) / (1 + 0.045 * mean_c), hue / (1 + 0.015 * mean_c * tau)
    angle = np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2)))
    rotation = -2 * np.sqrt(_seventh(mean_c)) * np.sin(angle)
    parts = ((l2 - l1) / scale_l) ** 2 + chroma**2 + hue**2 + rotation * chroma * hue
    return np.sqrt(parts)


def _seventh(chroma: np.ndarray) -> np.ndarray:
    return chroma**7 / (chroma**7 + 25.0**7)


def nearest(colours: list[str], sight: str) -> tuple[float, tuple[int, int]]:
    """Return the smallest distance of two colours under a kind of vision, and the two colours."""
    perceived = np.clip(np.array([linear(c) for c in colours]) @ SIGHTS[sight].T, 0, 1)
    places = lab(perceived)
    apart = ciede2000(places[:, None], places[None])
    apart[np.diag_indices(len(colours))] = np.inf
    first, second = np.unravel_index(apart.argmin(), apart.shape)
    return float(apart.min()), (int(first), int(second))


def test_known_colours_have_known_values() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)  # WebAIM's example
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=2e-2)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=2e-2)
    for matrix in SIGHTS.values():
        assert matrix.sum(1) == pytest.approx([1, 1, 1], abs=1e-5)  # greys stay greys


PAIRS = [  # Sharma, Wu & Dalal (2005), table 1: two CIELAB colours and their difference
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, 3.1571, -77.2803), (50.0, 0.0, -82.7485), 2.8615),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, -1.0, 2.0), (50.0, 0.0, 0.0), 2.3669),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0011), 7.2195),
    ((50.0, -0.0010, 2.4900), (50.0, 0.0009, -2.4900), 4.8045),
    ((50.0, -0.0010, 2.4900), (50.0, 0.0011, -2.4900), 4.7461),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
    ((50.0, 2.5, 0.0), (56.0, -27.0, -3.0), 31.9030),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((61.2901, 3.7196, -5.3901), (61.4292, 2.2480, -4.9620), 1.8731),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


def test_the_difference_equals_ciede2000() -> None:
    one, other, difference = (np.array(column) for column in zip(*PAIRS, strict=True))
    assert ciede2000(one, other) == pytest.approx(difference, abs=1e-4)


@each("side", SIDES)
@each("ground", GROUNDS)
@each("name", WORDS)
def test_colours_of_text_have_enough_contrast(name: str, ground: str, side: str) -> None:
    """Labels have the colour of their line, so every colour of the palette is a colour of text."""
    ratio = contrast(COLOURS[name][SIDES.index(side)], THEME[side][ground])
    assert ratio >= SMALL_TEXT, f"{ratio:.2f}"


@each("side", SIDES)
@each("ground", GROUNDS)
@each("name", CLASS_NAMES)
def test_classes_have_enough_contrast_with_the_page(name: str, ground: str, side: str) -> None:
    ratio = contrast(COLOURS[name][SIDES.index(side)], THEME[side][ground])
    assert ratio >= GRAPHICS, f"{ratio:.2f}"


@each("side", SIDES)
@each("sight", SIGHTS)
def test_class_colours_are_distinguishable(sight: str, side: str) -> None:
    colours = [COLOURS[name][SIDES.index(side)] for name in CLASS_NAMES]
    apart, which = nearest(colours, sight)
    assert apart >= APART[sight], f"classes {which}: {apart:.1f}"


@each("sight", SIGHTS)
@each("side", SIDES)
def test_terms_of_the_bound_are_distinguishable(side: str, sight: str) -> None:
    apart, which = nearest([COLOURS[name][SIDES.index(side)] for name in TERMS], sight)
    assert apart >= 16, f"{[TERMS[k] for k in which]}: {apart:.1f}"
    apart, which = nearest([COLOURS[name][SIDES.index(side)] for name in WARNED], sight)
    assert apart >= 7, f"{[WARNED[k] for k in which]}: {apart:.1f}"


@pytest.mark.parametrize("side", SIDES)
def test_the_theme_has_the_colours_of_the_palette(side: str) -> None:
    shown, column = THEME[side], SIDES.index(side)
    for meaning, name in (
        ("accent", "primaryColor"),
        ("background", "backgroundColor"),
        ("text", "textColor"),
    ):
        assert shown[name] == COLOURS[meaning][column]
    assert shown["chartCategoricalColors"] == [COLOURS[name][column] for name in CLASS_NAMES]
