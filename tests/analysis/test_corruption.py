"""Corruptions: strength 0 changes nothing, a higher strength changes more, every option has its
effect."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from vae.analysis.corruption import CORRUPTIONS, corrupted
from vae.analysis.denoising import squared_error
from vae.base.options import options_of
from vae.base.records import UNSCALED, Floats

RNG = np.random.default_rng(0)
PICTURES = RNG.random((6, 1, 12, 10), np.float32)
COLOUR = RNG.random((6, 3, 9, 9), np.float32)
BINARY = (PICTURES > 0.5).astype(np.float32)
VECTORS = RNG.standard_normal((2000, 3)).astype(np.float32)
STRENGTH = {name: next(iter(options_of(row.apply))) for name, row in CORRUPTIONS.items()}
OTHERS = [
    (name, option)
    for name, row in CORRUPTIONS.items()
    for option in list(options_of(row.apply))[1:]
]


def suited(name: str) -> list[Floats]:
    kinds = [(PICTURES, True, False), (COLOUR, True, False), (BINARY, True, True)]
    kinds += [(VECTORS, False, False)]
    return [x for x, *kind in kinds if CORRUPTIONS[name].fits(*kind)]


def with_strength(x: Floats, name: str, strength: float, seed: int = 0, **more: float) -> Floats:
    return corrupted(x, {name: {STRENGTH[name]: strength, **more}}, seed, UNSCALED)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_strength_zero_changes_nothing(name: str) -> None:
    for x in suited(name):
        np.testing.assert_array_equal(with_strength(x, name, 0.0), x)
    assert len(suited(name))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_strength_changes_more(name: str) -> None:
    option = options_of(CORRUPTIONS[name].apply)[STRENGTH[name]].option
    assert option.low == 0
    for x in suited(name):
        strengths = np.linspace(0, option.high, 9)
        damage = np.stack(
            [squared_error(with_strength(x, name, s), x, UNSCALED) for s in strengths]
        )
        assert (np.diff(damage, axis=0) >= -1e-9).all()
        assert (damage[-1] > 1.5 * damage[1]).mean() > 0.9
        assert (damage[1:].mean(1) > 0).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_keeps_shape_type_and_range(name: str) -> None:
    for x in suited(name):
        before = x.copy()
        made = with_strength(x, name, 0.5)
        assert (made.shape, made.dtype) == (x.shape, np.float32)
        np.testing.assert_array_equal(x, before)
        if x.ndim == 4:
            assert 0 <= made.min() <= made.max() <= 1
    assert options_of(CORRUPTIONS[name].apply)[STRENGTH[name]].default == 0


@pytest.mark.parametrize("name", ["gaussian", "salt", "flips"])
def test_each_row_has_a_separate_seeded_generator(name: str) -> None:
    x = suited(name)[0]
    first, again, other = (with_strength(x, name, 0.3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    flips = corrupted(BINARY, {"flips": {"share": 0.3}}, 0, UNSCALED)
    both = corrupted(BINARY, {"gaussian": {"sd": 0.0}, "flips": {"share": 0.3}}, 0, UNSCALED)
    np.testing.assert_array_equal(flips, both)


def test_noise_has_its_standard_deviation() -> None:
    noise = with_strength(VECTORS, "gaussian", 0.4) - VECTORS
    assert noise.std() == pytest.approx(0.4, rel=0.03)
    assert abs(noise.mean()) < 0.02


@pytest.mark.parametrize("share", [0.1, 0.6, 1.0])
def test_salt_and_pepper_hits_its_share_of_whole_pixels(share: float) -> None:
    x = np.full((200, 3, 8, 8), 0.3, np.float32)
    made = with_strength(x, "salt", share)
    hit = made != x
    assert (hit.all(1) == hit.any(1)).all()  # a pixel with all its channels
    assert set(np.unique(made)) <= {np.float32(0), np.float32(0.3), np.float32(1)}
    assert hit.mean() == pytest.approx(share, abs=0.015)
    assert made[hit].mean() == pytest.approx(0.5, abs=0.04)


def test_flips_change_their_share_of_binary_values() -> None:
    x = (np.random.default_rng(3).random((400, 1, 8, 8)) < 0.2).astype(np.float32)
    made = with_strength(x, "flips", 0.25)
    assert set(np.unique(made)) == {0.0, 1.0}
    assert (made != x).mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(with_strength(x, "flips", 1.0), 1 - x)


def test_blur_is_the_gaussian_filter() -> None:
    x = np.random.default_rng(4).random((2, 1, 40, 40), np.float32)
    made, known = with_strength(x, "blur", 1.5), gaussian_filter(x, (0, 0, 1.5, 1.5))
    middle = (..., slice(10, -10), slice(10, -10))
    np.testing.assert_allclose(made[middle], known[middle], atol=2e-3)
    flat = np.full((1, 3, 9, 7), 0.7, np.float32)
    np.testing.assert_allclose(with_strength(flat, "blur", 2.0), flat, atol=1e-6)


@pytest.mark.parametrize(
    ("across", "down", "corner"),
    [(0, 0, (0, 0)), (1, 0, (0, 6)), (0, 1, (6, 0)), (0.5, 0.5, (3, 3))],
)
def test_a_cover_has_its_area_position_and_grey_value(
    across: float, down: float, corner: tuple[int, int]
) -> None:
    x = np.full((1, 1, 12, 12), 0.9, np.float32)
    made = with_strength(x, "occlusion", 0.25, across=across, down=down, fill=0.2)[0, 0]
    covered = np.argwhere(made == np.float32(0.2))
    assert len(covered) == 36
    assert tuple(covered.min(0)) == corner
    np.testing.assert_array_equal(covered.max(0) - covered.min(0), 5)
    assert (made == np.float32(0.2)).sum() + (made == np.float32(0.9)).sum() == 144


@pytest.mark.parametrize(("name", "option"), OTHERS)
def test_every_further_option_has_an_effect(name: str, option: str) -> None:
    x = suited(name)[0]
    low, high = (with_strength(x, name, 0.3, **{option: value}) for value in (0.0, 1.0))
    assert not np.array_equal(low, high)
