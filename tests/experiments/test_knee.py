"""The knee of a rate–distortion curve: exact cases, its interval, and curves without a knee."""

import math

import numpy as np
import pytest

from vae.experiments.knee import Knee, NoKnee, distances, knee
from vae.theory.linear_vae import eigenvalues, rate_distortion

THETA = np.geomspace(1e-3, 1, 61)  # of a unit variance


def curve(spectrum: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Rate and distortion of reverse water-filling, (K, 2)."""
    return np.stack(rate_distortion(spectrum, theta), axis=1)


def seeds(points: np.ndarray, noise: float, rng: np.random.Generator, n: int = 3) -> list[dict]:
    """Seeds that move all configurations together and each one alone."""
    shared = rng.standard_normal((n, 1, 2)) * noise
    alone = rng.standard_normal((n, len(points), 2)) * noise
    values = points + shared + alone
    return [{k: tuple(values[k, i]) for k in range(n)} for i in range(len(points))]


def found(points: np.ndarray) -> Knee:
    one = knee([{0: tuple(point)} for point in points])
    assert isinstance(one, Knee)
    return one


def test_the_knee_of_one_gaussian_is_the_logarithmic_mean_of_its_ends() -> None:
    """R = ½ ln(1/θ) and D = θ: the slope −2θ is that of the chord at (1 − θ₀) / ln(1/θ₀)."""
    exact = (1 - THETA[0]) / math.log(1 / THETA[0])
    nearest = THETA[np.abs(np.log(THETA / exact)).argmin()]
    assert THETA[found(curve(np.ones(1), THETA)).place] == nearest
    assert 5 < np.flatnonzero(nearest == THETA)[0] < 55


def test_at_the_knee_of_water_filling_the_slope_is_that_of_the_chord() -> None:
    """The slope of reverse water-filling is −2θ (Cover & Thomas 2006), in units of θ itself."""
    spectrum = eigenvalues()
    theta = np.geomspace(spectrum[0] / 3000, spectrum[0] / 2, 200)
    one = found(curve(spectrum, theta))
    assert 2 * theta[one.place] == pytest.approx(one.slope, rel=0.03)
    assert one.ends == (199, 0)
    assert (one.low, one.high) == (None, None)


def test_the_distance_is_scaled_to_the_ends() -> None:
    points = np.array([[0.0, 10.0], [1, 4], [2, 3], [4, 2]])
    wanted = [0, 1 - 1 / 4 - 2 / 8, 1 - 2 / 4 - 1 / 8, 0]
    np.testing.assert_allclose(distances(points, (0, 3)), wanted)
    moved = points * [3, 100] + [7, -50]
    np.testing.assert_allclose(distances(moved, (0, 3)), wanted)
    assert found(points).place == found(moved).place == 1


def test_the_interval_holds_the_knee_in_95_of_100_sweeps() -> None:
    points = curve(np.ones(1), np.geomspace(1e-2, 1, 9)) * [1, 3]
    place, rng = found(points).place, np.random.default_rng(1)
    wide = [knee(seeds(points, 0.05, rng)) for _ in range(100)]
    resolved = [one for one in wide if isinstance(one, Knee)]
    assert len(resolved) > 80
    assert np.mean([one.low <= place <= one.high for one in resolved]) >= 0.93
    narrow = [knee(seeds(points, 0.002, rng)) for _ in range(20)]
    lengths = [np.mean([one.high - one.low for one in some]) for some in (resolved, narrow)]
    assert lengths[1] < lengths[0] < 6  # of eight steps
    assert {one.seeds for one in resolved} == {3}


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([[0, 9], [1, 5], [2, 3]], "at least 4 values; there are 3"),
        ([[0, 9], [1, 8], [2, 7], [3, 6]], "straight line"),
        ([[0, 9], [1, 8.9], [2, 8], [3, 5]], "straight line"),  # above the chord
        ([[0, 5], [1, 5], [2, 5.5], [3, 6]], "does not fall"),
    ],
)
def test_a_curve_without_a_knee_has_a_reason(points: list[list[float]], reason: str) -> None:
    one = knee([{0: tuple(point)} for point in points])
    assert isinstance(one, NoKnee)
    assert reason in one.reason


def test_noise_around_a_straight_line_is_rarely_a_knee() -> None:
    line, rng = np.stack([np.linspace(0, 3, 7), np.linspace(9, 3, 7)], 1), np.random.default_rng(2)
    several = [isinstance(knee(seeds(line, 0.3, rng)), Knee) for _ in range(100)]
    assert np.mean(several) < 0.08


def test_seeds_that_differ_are_drawn_apart() -> None:
    points = curve(np.ones(1), np.geomspace(1e-2, 1, 6))
    some = seeds(points, 0.01, np.random.default_rng(3))
    some[2] = {k + 5: value for k, value in some[2].items()}
    one = knee(some)
    assert isinstance(one, Knee)
    assert one.low <= one.place <= one.high
