"""Small pictures of examples for other viewers: curves of series, pictures as they are."""

import io

import numpy as np
import pytest
from PIL import Image

from vae.commands import thumbnails
from vae.data import Dataset
from vae.imaging.curves import HEIGHT, WIDTH, curve_tile

RNG = np.random.default_rng(0)


def series(count: int, channels: int = 2) -> Dataset:
    x = RNG.standard_normal((count, channels, 30)).cumsum(2).astype(np.float32)
    x[0, :, 20:] = np.nan
    return Dataset("walks", x, 1.0)


def test_a_rising_series_is_a_rising_curve() -> None:
    rising = np.linspace(0, 1, 40, dtype=np.float32)[None]
    tile = curve_tile(rising, ["#000000"], (WIDTH, HEIGHT))
    assert tile.shape == (HEIGHT, WIDTH, 3)
    dark = (255 - tile[..., 0].astype(float)).T  # of each column
    columns = np.flatnonzero(dark.sum(1))
    height = (dark[columns] * np.arange(HEIGHT)).sum(1) / dark[columns].sum(1)
    assert (np.diff(height) < 0.1).all()
    assert height[0] > HEIGHT - 8
    assert height[-1] < 8


def test_a_gap_is_not_drawn() -> None:
    flat = np.full((1, 40), 0.5, np.float32)
    flat[:, 20:] = np.nan
    tile = curve_tile(flat, ["#000000"], (WIDTH, HEIGHT))
    assert (tile[:, WIDTH // 2 + 2 :] == 255).all()
    assert (tile[:, : WIDTH // 2 - 4] < 255).any()


@pytest.mark.parametrize("channels", [1, 2])
def test_series_have_a_curve_each(channels: int) -> None:
    data = series(5, channels)
    found = list(thumbnails.pngs(data, np.array([3, 0, 3])))
    assert found[0] == found[2] != found[1]
    with Image.open(io.BytesIO(found[0])) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > channels


@pytest.mark.parametrize(("count", "width"), [(5, WIDTH), (6_500, 101)])
def test_a_sheet_holds_all_series(count: int, width: int) -> None:
    data = series(4)
    sheet = thumbnails.sheet_of(data, np.arange(count) % 4)
    assert sheet is not None
    assert sheet.size[0] == width
    side = int(np.ceil(count**0.5))
    with Image.open(io.BytesIO(sheet.content)) as image:
        assert image.size == (side * sheet.size[0], side * sheet.size[1])
        assert max(image.size) <= thumbnails.SHEET


def test_vectors_have_no_sheet() -> None:
    data = Dataset("t", np.zeros((5, 3), np.float32), 1.0)
    assert thumbnails.sheet_of(data, np.arange(5)) is None
