"""The drawn shapes agree with their factors."""

import numpy as np
import pytest
from scipy import ndimage

from vae.data import load
from vae.data.sprites import RADIUS, draw_shapes

AREAS = (2.0, np.pi / 2, None)  # in squared units of the circle around it


def drawn(shape: int, scale: float = 1, turn: float = 0, x: float = 0.5, y: float = 0.5,
          size: int = 64) -> np.ndarray:  # fmt: skip
    """Return one picture as the covered share of each pixel, (size, size)."""
    factors = [np.array([v], np.float32) for v in (shape, scale, turn, x, y)]
    return draw_shapes(*factors, size=size)[0, 0] / 255


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_shapes_have_their_areas(shape: int) -> None:
    """A square of diagonal 2, an ellipse of half-axes 1 and 1/2; a heart of 3.66 / 1.25²."""
    unit = (RADIUS * 64) ** 2
    expected = (2.0, np.pi / 2, 3.6619 / 1.25**2)[shape]
    for scale in (0.5, 0.8, 1.0):
        for turn in (0, 30, 99):
            area = drawn(shape, scale, turn).sum() / unit
            assert area == pytest.approx(expected * scale**2, rel=0.01)


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_shapes_have_their_positions(shape: int) -> None:
    """The centres are evenly spaced from left to right and from bottom to top."""
    here = np.array(ndimage.center_of_mass(drawn(shape)))
    for x, y in ((0, 0), (1, 0), (0.25, 1)):
        moved = np.array(ndimage.center_of_mass(drawn(shape, x=x, y=y))) - here
        expected = np.array([0.5 - y, x - 0.5]) * (1 - 2 * RADIUS) * 64
        np.testing.assert_allclose(moved, expected, atol=0.13)


def test_shapes_rotate_within_their_circle() -> None:
    row, col = np.mgrid[:64, :64] - 31.5
    far = np.hypot(row, col)
    for shape in (0, 1, 2):
        reach = far[drawn(shape) > 0].max()
        assert RADIUS * 64 - 1 < reach < RADIUS * 64 + 1


def test_shapes_lie_inside_the_picture() -> None:
    for shape in (0, 1, 2):
        for turn in range(0, 360, 9):
            middle = drawn(shape, turn=turn).sum()
            for x, y in ((0, 0), (0, 1), (1, 0), (1, 1)):
                assert drawn(shape, turn=turn, x=x, y=y).sum() == pytest.approx(middle, rel=0.01)


def axis(picture: np.ndarray) -> float:
    """Return the direction of the longest extent in degrees from the right, anticlockwise, in [0,
    180)."""
    rows, cols = np.nonzero(picture > 0.5)
    v, u = -(rows - rows.mean()), cols - cols.mean()
    return float(np.degrees(0.5 * np.arctan2(2 * (u * v).mean(), (u * u - v * v).mean())) % 180)


def test_the_orientation_is_anticlockwise() -> None:
    for turn in (0, 30, 60, 120, 150):
        found = axis(drawn(1, turn=turn))
        assert min(abs(found - turn), 180 - abs(found - turn)) < 1.5
    upright, turned = drawn(2), drawn(2, turn=90)
    np.testing.assert_allclose(np.rot90(upright), turned, atol=0.3)
    assert np.abs(np.rot90(upright) - turned).mean() < 0.002
    assert upright[:32].sum() > upright[32:].sum()  # a heart's lobes are above its tip


def test_shapes_have_their_symmetries() -> None:
    for shape, symmetry in ((0, 90), (1, 180)):
        difference = np.abs(drawn(shape, turn=27) - drawn(shape, turn=27 + symmetry))
        assert difference.mean() < 0.002
        assert np.abs(drawn(shape, turn=27) - drawn(shape, turn=27 + symmetry / 2)).mean() > 0.01
    assert np.array_equal(drawn(2), drawn(2)[:, ::-1])
    assert np.abs(drawn(2) - drawn(2)[::-1]).mean() > 0.01


def test_factors_are_independent_and_even() -> None:
    data = load("shapes", seed=4)
    assert data.x.shape == (5000, 1, 32, 32)
    assert list(data.factors) == ["shape", "scale", "orientation", "x", "y"]
    for name, count in (("shape", 3), ("scale", 6), ("orientation", 40), ("x", 32), ("y", 32)):
        values, counts = np.unique(data.factors[name], return_counts=True)
        assert len(values) == count
        assert np.ptp(np.diff(values)) < 1e-4
        even = 5000 / count
        assert ((counts - even) ** 2 / even).sum() < count + 5 * np.sqrt(2 * count)  # χ²
    assert np.abs(np.corrcoef(list(data.factors.values())) - np.eye(5)).max() < 0.06
    assert np.array_equal(data.labels, data.factors["shape"])
    ends = {name: (values.min(), values.max()) for name, values in data.factors.items()}
    assert ends["scale"] == (0.5, 1)
    assert ends["orientation"] == (0, 351)
    assert ends["x"] == ends["y"] == (0, 1)


def test_pictures_follow_from_their_factors() -> None:
    data = load("shapes", examples=40, seed=1, options={"size": 20})
    for row in range(40):
        factors = [values[row] for values in data.factors.values()]
        assert np.array_equal(drawn(*factors, size=20) * 255, data.x[row, 0])  # type: ignore[arg-type]
