"""Paths through latent space: laws of paths between two places, and of differences of means."""

import numpy as np
import pytest
from scipy import stats

from tests.tables import each
from vae.analysis.interpolation import (
    angle_between,
    at_quantiles,
    between,
    change,
    class_mean,
    difference,
    even,
    lerp,
    shifted,
    slerp,
    through,
    traversal,
)

RNG = np.random.default_rng(3)
T = np.linspace(0, 1, 9)
PAIRS = [RNG.standard_normal((2, size)).astype(np.float32) for size in (2, 3, 16, 128)]


def norms(z: np.ndarray) -> np.ndarray:
    return np.linalg.norm(z.astype(np.float64), axis=1)


@each("pair", PAIRS, ids=len)
@each("way", [lerp, slerp])
def test_paths_end_at_their_ends_and_are_reversible(way, pair) -> None:  # noqa: ANN001
    a, b = pair
    z = way(a, b, T)
    np.testing.assert_array_equal(z[[0, -1]], pair)
    np.testing.assert_allclose(way(b, a, T)[::-1], z, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pair", PAIRS, ids=len)
def test_an_arc_keeps_the_common_norm_and_a_constant_angle(pair: np.ndarray) -> None:
    a, b = pair / np.linalg.norm(pair, axis=1, keepdims=True) * 3
    z = slerp(a, b, T)
    np.testing.assert_allclose(norms(z), 3, rtol=1e-6)
    turned = [angle_between(a, place) for place in z]
    np.testing.assert_allclose(turned, T * angle_between(a, b), atol=1e-4)
    halfway = 3 * np.cos(angle_between(a, b) / 2)
    np.testing.assert_allclose(norms(lerp(a, b, T))[4], halfway, rtol=1e-5)


def test_an_arc_of_a_quarter_turn_has_known_places() -> None:
    a, b = np.float32([2, 0]), np.float32([0, 2])
    wanted = 2 * np.stack([np.cos(T * np.pi / 2), np.sin(T * np.pi / 2)], 1)
    np.testing.assert_allclose(slerp(a, b, T), wanted, atol=1e-6)
    # White (2016) turns the directions and weighs the places as they are: unequal norms
    np.testing.assert_allclose(slerp(a, 3 * b, T)[4], np.sqrt(0.5) * np.float32([2, 6]), rtol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-4, 1e-2])
def test_an_arc_approaches_a_line_as_the_angle_vanishes(angle: float) -> None:
    a = np.float32([1, 0, 2])
    aside = np.float32([0, 1, 0]) * np.sqrt(5)
    b = (np.cos(angle) * a + np.sin(angle) * aside).astype(np.float32)
    np.testing.assert_allclose(slerp(a, b, T), lerp(a, b, T), atol=1e-6 + angle**2)


@each("angle", [0.0, 1e-9, 3e-8, 1e-5, 0.3, 3.0, np.pi - 3e-8, np.pi])
def test_small_angles_are_accurate(angle: float) -> None:
    a, b = np.array([1.0, 0.0]), np.array([np.cos(angle), np.sin(angle)])
    assert angle_between(2 * a, 5 * b) == pytest.approx(angle, abs=1e-12)


def test_a_path_without_a_unique_arc_is_linear() -> None:
    a = np.float32([1, 2, -1])
    aside = np.nextafter(-a, np.float32([0, 0, 9]))  # so near to opposite that the plane is chance
    for b in (a, 2 * a, -a, aside, np.zeros(3, np.float32)):
        both = between(a, b, 5)
        assert not both.arc
        np.testing.assert_array_equal(both.spherical, both.linear)
        assert np.isfinite(both.linear).all()
    assert np.isnan(between(a, np.zeros(3, np.float32), 5).angle)
    assert between(a, np.float32([2, 2, 0]), 5).arc


def test_the_linear_path_passes_through_rare_norms_of_the_prior() -> None:
    """In 64 dimensions fewer than one in 10,000 draws have a smaller norm than its middle."""
    a, b = np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32)
    both = between(a, b, 9)
    assert stats.chi(64).cdf(norms(both.linear)[4]) < 1e-4
    assert 0.01 < stats.chi(64).cdf(norms(both.spherical)[4]) < 0.99


@pytest.mark.parametrize("steps", [5, 9, 21])
def test_the_middle_of_a_traversal_about_its_start_is_the_start(steps: int) -> None:
    start, unit = RNG.standard_normal((2, 6)).astype(np.float32)
    places = even(start, np.abs(unit), 3.0, steps)
    for d in range(6):
        path = traversal(start, d, places[:, d])
        assert path.start == steps // 2
        np.testing.assert_array_equal(path.z[path.start], start)
        np.testing.assert_array_equal(
            np.delete(path.z, d, 1), np.tile(np.delete(start, d), (steps, 1))
        )
        np.testing.assert_allclose(np.diff(path.places), 6 * abs(unit[d]) / (steps - 1), rtol=1e-4)


@pytest.mark.parametrize("value", [-9.0, -2.9, -0.3, 0.0, 1.2, 7.0])
def test_every_start_lies_on_its_path(value: float) -> None:
    start = np.float32([0.5, value])
    places = even(np.zeros(2), np.ones(2), 3.0, 7)
    path = traversal(start, 1, places[:, 1])
    np.testing.assert_array_equal(path.z[path.start], start)
    others = np.delete(path.places, path.start)
    np.testing.assert_array_equal(others, np.delete(places[:, 1], path.start))
    assert (np.diff(path.places) > 0).all()
    assert (
        abs(path.places[path.start] - places[path.start, 1]) <= np.abs(value - places[:, 1]).min()
    )


def test_places_at_quantiles_equal_numpys() -> None:
    z = RNG.standard_normal((5000, 3)).astype(np.float32) * [1, 2, 0]
    places = at_quantiles(z, 5)
    wanted = np.percentile(z, [1, 25.5, 50, 74.5, 99], axis=0)
    np.testing.assert_allclose(places, wanted, rtol=1e-5, atol=1e-6)


def test_the_change_of_a_linear_decoder_is_its_weight() -> None:
    weights = np.float32([[0.5, -0.25, 0.0], [1.0, 1.0, 1.0]])  # z (2,) → x (3,)
    z = traversal(np.zeros(2, np.float32), 0, np.float32([-3, -1, 0, 0.5, 4])).z
    assert change(z @ weights, z) == pytest.approx(0.25)
    assert change((z @ weights).reshape(5, 1, 3, 1), 2 * z) == pytest.approx(0.125)
    assert change(np.ones((4, 3)), np.zeros((4, 2))) == 0.0


LABELS = RNG.integers(0, 4, 600)
MEANS = (RNG.standard_normal((600, 5)) * [1, 2, 0.1, 3, 1] + LABELS[:, None]).astype(np.float32)


def test_class_means_and_their_difference() -> None:
    for label in range(4):
        mean, number = class_mean(MEANS, LABELS, label)
        np.testing.assert_allclose(mean, MEANS[label == LABELS].mean(0), rtol=1e-5, atol=1e-6)
        assert number == (label == LABELS).sum()
    found = difference(MEANS, LABELS, 3, 1)
    a, b = (MEANS[k == LABELS].mean(0) for k in (3, 1))
    np.testing.assert_allclose(found.step, a - b, rtol=1e-4, atol=1e-5)
    assert found.length == pytest.approx(np.sqrt((((a - b) / MEANS.std(0)) ** 2).sum()), rel=1e-4)
    assert found.examples == ((LABELS == 3).sum(), (LABELS == 1).sum())
    again = difference(MEANS, LABELS, 1, 3)
    np.testing.assert_array_equal(again.step, -found.step)
    # a latent's unit does not matter to the length
    scaled = difference(MEANS * np.float32([1, 5, 7, 0.1, 2]), LABELS, 3, 1)
    assert scaled.length == pytest.approx(found.length, rel=1e-4)


def test_the_difference_of_a_class_with_itself_is_zero() -> None:
    none = difference(MEANS, LABELS, 2, 2)
    assert none.length == 0
    z = shifted(MEANS[7], none.step, np.linspace(-2, 2, 9))
    np.testing.assert_array_equal(z, np.tile(MEANS[7], (9, 1)))


def test_a_strength_of_one_leads_from_one_mean_to_the_other() -> None:
    found = difference(MEANS, LABELS, 3, 1)
    z = shifted(class_mean(MEANS, LABELS, 1)[0], found.step, np.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(z[2], class_mean(MEANS, LABELS, 3)[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(z[1], class_mean(MEANS, LABELS, 1)[0])
    np.testing.assert_allclose(z[0] + z[2], 2 * z[1], rtol=1e-4, atol=1e-5)


def test_constant_latents_and_empty_classes_are_handled() -> None:
    still = MEANS * np.float32([1, 1, 0, 1, 1])
    assert np.isfinite(difference(still, LABELS, 0, 1).length)
    with pytest.raises(ValueError, match="choose another class"):
        difference(MEANS, LABELS, 0, 9)


def test_a_curve_goes_through_its_places_at_equal_distances() -> None:
    places = np.float32([[0, 0], [1, 0.2], [1, 0.2], [2, 2], [-1, 3]])
    way = through(places, 400)
    np.testing.assert_array_equal(way[[0, -1]], places[[0, -1]])
    apart = np.linalg.norm(way[:, None] - places[None], axis=2).min(0)
    assert apart.max() < 0.01
    steps = norms(np.diff(way, axis=0))
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.02)


def test_a_curve_through_places_on_a_line_is_that_line() -> None:
    a, b = np.float32([-1, 2]), np.float32([3, -2])
    places = lerp(a, b, np.array([0, 0.1, 0.5, 1]))
    np.testing.assert_allclose(through(places, 9), lerp(a, b, np.linspace(0, 1, 9)), atol=1e-3)
    np.testing.assert_array_equal(through(np.stack([a, a]), 3), np.stack([a, a, a]))
