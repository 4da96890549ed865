"""Pixels of tiles, strips and differences, compared exactly after a round trip through PNG."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.tables import each
from vae.imaging import tiles

RANDOM = np.random.default_rng(0)


def decoded(png: bytes) -> np.ndarray:
    """Return the PNG as RGBA, (H, W, 4)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def batch(number: int, channels: int, height: int = 5, width: int = 7) -> np.ndarray:
    return RANDOM.uniform(-0.2, 1.2, (number, channels, height, width)).astype(np.float32)


def expected(image: np.ndarray, scale: int = 1) -> np.ndarray:
    """Return round(255 v) of one image (C, H, W), clipped and enlarged, as (h, w, 3)."""
    shown = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    return np.kron(
        np.broadcast_to(shown, (*shown.shape[:2], 3)), np.ones((scale, scale, 1), np.uint8)
    )


@each("channels", [1, 3])
@each(("gap", "scale"), [(0, 1), (1, 1), (2, 3)])
@each(("number", "columns"), [(1, 1), (6, 3), (7, 3), (2, 9)])
def test_every_tile_of_the_png_equals_its_image(
    channels: int, gap: int, scale: int, number: int, columns: int
) -> None:
    values = batch(number, channels)
    page = decoded(tiles.grid_png(values, columns, gap, scale))
    height, width = 5 * scale, 7 * scale
    opacity = np.zeros(page.shape[:2], np.uint8)
    for k, image in enumerate(values):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        place = np.s_[top : top + height, left : left + width]
        np.testing.assert_array_equal(page[place][..., :3], expected(image, scale))
        around = opacity[top : top + height + gap, left : left + width + gap]
        around[...] = 112  # the hairline
        opacity[place] = 255
    np.testing.assert_array_equal(page[..., 3], opacity)
    rows, across = -(-number // columns), min(number, columns)
    assert page.shape[:2] == (rows * (height + gap) - gap, across * (width + gap) - gap)


def test_values_outside_the_range_are_clipped_and_nan_is_black() -> None:
    values = np.array([[[[-3, 0, 0.5, 1, 9, np.nan]]]], np.float32)
    assert tiles.pixels(values)[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255, 0]


@pytest.mark.parametrize("shape", [(4, 2), (4, 8, 8), (4, 2, 8, 8)])
def test_arrays_that_are_no_images_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="needs images"):
        tiles.tile(np.zeros(shape, np.float32), 2)
    with pytest.raises(ValueError, match="needs images"):
        tiles.difference(np.zeros(shape, np.float32), np.zeros(shape, np.float32))


def test_no_images_give_a_clear_pixel_row() -> None:
    assert (decoded(tiles.grid_png(batch(0, 1), 4))[..., 3] == 0).all()
    assert (decoded(tiles.png(tiles.strip([batch(0, 1)], 4)))[..., 3] == 0).all()


def test_strip_puts_rows_above_each_other_and_wraps() -> None:
    above, below = batch(5, 1), batch(5, 3)
    page = decoded(tiles.png(tiles.strip([above, below], 3, gap=1, space=4)))
    block = 5 + 1 + 5 + 4
    for k in range(5):
        top, left = (k // 3) * block, (k % 3) * 8
        upper = page[top : top + 5, left : left + 7]
        lower = page[top + 6 : top + 11, left : left + 7]
        np.testing.assert_array_equal(upper[..., :3], expected(above[k]))
        np.testing.assert_array_equal(lower[..., :3], expected(below[k]))
    assert (page[11:15, :, 3] == 0).all()
    assert (page[5, :, 3] == 112).all()  # the hairline between the rows
    assert (page[15:, 15:, 3] == 0).all()  # the places that stay free
    assert page.shape[:2] == (2 * 11 + 4, 3 * 8 - 1)
    with pytest.raises(ValueError, match="the same shape"):
        tiles.strip([above, below[:3]], 3)


def test_difference_is_centred_signed_and_on_one_scale() -> None:
    before = np.full((2, 1, 1, 3), 0.5, np.float32)
    after = np.array([[[[0.5, 0.9, 0.1]]], [[[0.5, 0.7, 0.5]]]], np.float32)
    shown, limit = tiles.difference(before, after)
    assert limit == pytest.approx(0.4)
    assert shown[0, 0].tolist() == [[247, 247, 247], [103, 0, 31], [5, 48, 97]]
    assert shown[1, 0, 1].tolist() == pytest.approx([229, 130.5, 103.5], abs=1)  # the same scale
    assert tiles.difference(before, after, limit=0.2).tiles[1, 0, 1].tolist() == [103, 0, 31]
    same = tiles.difference(before, before)
    assert (same.limit, np.unique(same.tiles).tolist()) == (0.0, [247])


def test_scale_bar_runs_from_blue_to_red() -> None:
    line = decoded(tiles.scale_bar(101, 4))[0, :, :3]
    assert line[[0, 50, 100]].tolist() == [[5, 48, 97], [247, 247, 247], [103, 0, 31]]


@pytest.mark.parametrize(("width", "room", "factor"), [(28, 84, 3), (28, 83, 2), (28, 10, 1)])
def test_the_enlargement_is_a_whole_factor(width: int, room: int, factor: int) -> None:
    assert tiles.factor(width, room) == factor


def test_single_tiles_equal_their_images() -> None:
    values = batch(3, 3)
    for image, png in zip(values, tiles.tile_pngs(values, scale=2), strict=True):
        np.testing.assert_array_equal(decoded(png)[..., :3], expected(image, 2))
        head, data = tiles.data_uri(png).split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data) == png


@pytest.mark.parametrize(("channels", "mode"), [(1, "LA"), (3, "RGBA")])
def test_grey_stays_grey(channels: int, mode: str) -> None:
    assert Image.open(io.BytesIO(tiles.grid_png(batch(4, channels), 2))).mode == mode
