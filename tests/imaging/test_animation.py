"""Animations: Pillow reads back the same frames, in order and with their durations."""

import io

import numpy as np
import pytest
from PIL import Image

from vae.imaging.animation import FORMATS, animation, order

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 14, 21, 1), np.uint8)
FEW = RNG.integers(0, 256, (250, 3), np.uint8)[RNG.integers(0, 250, (5, 16, 9))]
MANY = RNG.integers(0, 256, (5, 32, 40, 3), np.uint8)


def played(content: bytes) -> tuple[np.ndarray, list[int]]:
    """Return frames (T, h, w, 3) as a browser shows them, and their milliseconds."""
    picture = Image.open(io.BytesIO(content))
    frames, times = [], []
    for k in range(getattr(picture, "n_frames", 1)):
        picture.seek(k)
        frames.append(np.asarray(picture.convert("RGB")))
        times.append(int(picture.info.get("duration", 0)))
    return np.stack(frames), times


def exact(frames: np.ndarray, format: str, back: bool, ms: int = 60) -> None:
    shown, times = played(animation(frames, format, ms, back))
    wanted = np.broadcast_to(frames, (*frames.shape[:3], 3))[order(len(frames), back)]
    np.testing.assert_array_equal(shown, wanted)
    assert times == [ms] * len(wanted)


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("format", FORMATS)
def test_grey_and_few_colours_are_exact(format: str, back: bool) -> None:
    exact(GREY, format, back)
    exact(FEW, format, back)


def test_webp_keeps_every_colour() -> None:
    exact(MANY, "webp", False, 35)
    exact(MANY, "webp", True, 1000)


def test_a_gif_of_many_colours_is_close_and_static_areas_do_not_flicker() -> None:
    smooth = np.linspace(0, 255, 40)[:, None] + np.zeros(40)
    still = np.stack([smooth, smooth.T, (smooth + smooth.T) / 2], 2)
    frames = np.stack([still] * 4).astype(np.uint8)
    frames[np.arange(4), np.arange(4)] = 255  # one row moves
    shown, _ = played(animation(frames, "gif", 40))
    assert np.abs(shown.astype(float) - frames).mean() < 8
    np.testing.assert_array_equal(shown[1:, 6:], shown[:-1, 6:])


def test_repeated_frames_are_shown_longer() -> None:
    for format in FORMATS:
        shown, times = played(animation(GREY[[0, 1, 1, 1, 2]], format, 50))
        assert sum(times) == 250
        np.testing.assert_array_equal(
            np.repeat(shown, np.array(times) // 50, 0)[..., :1], GREY[[0, 1, 1, 1, 2]]
        )


def test_an_animation_repeats_for_ever_in_units_of_the_format() -> None:
    for format in FORMATS:
        assert Image.open(io.BytesIO(animation(GREY, format, 44))).info["loop"] == 0
    assert played(animation(GREY, "gif", 44))[1] == [40] * 6
    assert played(animation(GREY, "gif", 46))[1] == [50] * 6


def test_forwards_and_back_shows_each_end_once() -> None:
    assert order(4, True) == [0, 1, 2, 3, 2, 1]
    assert order(2, True) == [0, 1]
    assert order(1, True) == [0]
    assert order(3, False) == [0, 1, 2]


@pytest.mark.parametrize("format", FORMATS)
def test_one_frame_becomes_a_picture(format: str) -> None:
    np.testing.assert_array_equal(played(animation(GREY[:1], format, 50))[0][..., :1], GREY[:1])


@pytest.mark.parametrize(
    ("frames", "format", "ms", "said"),
    [
        (GREY, "png", 50, "one of gif, webp"),
        (GREY.astype(np.float32), "gif", 50, "of bytes"),
        (GREY[..., 0], "gif", 50, "shape"),
        (np.zeros((2, 3, 3, 4), np.uint8), "webp", 50, "shape"),
        (GREY[:0], "gif", 50, "at least one frame"),
        (GREY, "gif", 10, "at least 20 ms"),
    ],
)
def test_invalid_animations_raise_a_sentence(
    frames: np.ndarray,
    format: str,
    ms: int,
    said: str,
) -> None:
    with pytest.raises(ValueError, match=said):
        animation(frames, format, ms)
