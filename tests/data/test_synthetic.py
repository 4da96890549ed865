"""The drawn data agree with their factors and options."""

import numpy as np
import pytest

from vae.data import DataError, load
from vae.data.synthetic import PHASES, centres, draw_moons, mixture, moon_phases

DARK = 30  # grey values above it are sunlit; the unlit face stays below even at its brightest


def moons(phase: list[float], orientation: float = 0.0, size: int = 64) -> np.ndarray:
    """Return pictures as floats, (N, size, size)."""
    angles = np.full(len(phase), orientation, np.float32)
    return draw_moons(np.array(phase, np.float32), angles, size)[:, 0].astype(np.float64)


def test_the_lit_share_follows_from_the_phase() -> None:
    phase = np.linspace(0, 1, 41)
    pictures = moons(phase.tolist())
    disc = (moons([0.5])[0] > 0).sum()
    lit = (pictures > DARK).sum((1, 2)) / disc
    expected = (1 - np.cos(2 * np.pi * phase)) / 2
    assert np.abs(lit - expected).max() < 0.02
    assert (np.diff(pictures.sum((1, 2))[:21]) > 0).all()  # ever brighter from new to full
    assert (np.diff(pictures.sum((1, 2))[20:]) < 0).all()  # and darker back to new


def test_waxing_is_lit_on_the_right_and_the_new_moon_glows() -> None:
    for phase, right in ((0.1, True), (0.25, True), (0.75, False), (0.9, False)):
        picture = moons([phase])[0]
        halves = picture[:, 32:].sum() - picture[:, :32].sum()
        assert (halves > 0) == right
    new = moons([0.0])[0]
    assert 5 < new[32, 32] < DARK
    assert new[0, 0] == 0


@pytest.mark.parametrize("phase", [0.0, 0.1, 0.25, 0.4, 0.5, 0.8])
def test_the_orientation_rotates_the_whole_picture(phase: float) -> None:
    upright = moons([phase])[0]
    for quarter in range(4):
        turned = moons([phase], 90.0 * quarter)[0]
        assert np.abs(turned - np.rot90(upright, quarter)).max() <= 1  # anticlockwise
    slightly = np.abs(moons([phase], 10.0)[0] - upright)
    assert slightly.max() > (2 if phase == 0 else 20)


def test_the_angle_of_the_half_moon_is_the_orientation() -> None:
    """At first quarter the centre of light lies across the terminator."""
    for orientation in (-80, -30, 15, 60):
        picture = np.where(moons([0.25], orientation)[0] > DARK, 1.0, 0.0)
        rows, columns = np.indices(picture.shape) - 31.5
        angle = np.degrees(np.arctan2(-(picture * rows).sum(), (picture * columns).sum()))
        assert angle == pytest.approx(orientation, abs=2)


def test_moon_phases_agree_with_their_factors() -> None:
    data = moon_phases(300, 4, size=16, tilt=50.0)
    assert data.x.shape == (300, 1, 16, 16)
    assert data.x.dtype == np.uint8
    phase, orientation = data.factors["phase"], data.factors["orientation"]
    assert np.array_equal(data.x, draw_moons(phase, orientation, 16))
    assert np.abs(orientation).max() <= 50
    assert np.abs(orientation).max() > 45
    assert data.labels is not None
    assert data.classes == PHASES
    away = np.abs(phase - data.labels / 8)
    assert np.minimum(away, 1 - away).max() <= 1 / 16 + 1e-6


def test_the_phase_is_uniform() -> None:
    phase = np.sort(moon_phases(2000, 0, size=8).factors["phase"])
    assert np.abs(phase - (np.arange(2000) + 0.5) / 2000).max() < 0.036  # Kolmogorov, p = 0.01


def test_no_tilt_leaves_one_factor() -> None:
    assert (moon_phases(20, 0, tilt=0.0).factors["orientation"] == 0).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_mixture_has_the_stated_moments(seed: int) -> None:
    n, sd, radius = 100_000, 0.3, 2.0
    data = mixture(n, seed, components=4, radius=radius, sd=sd)
    assert data.labels is not None
    expected = centres(4, radius)
    for component in range(4):
        points = data.x[data.labels == component].astype(np.float64)
        error = 5 / np.sqrt(len(points))  # five standard errors
        assert len(points) == pytest.approx(n / 4, abs=5 * np.sqrt(n * 3 / 16))
        assert np.abs(points.mean(0) - expected[component]).max() < sd * error
        covariance = np.cov(points.T)
        assert np.abs(covariance - sd**2 * np.eye(2)).max() < np.sqrt(2) * sd**2 * error
    # The whole: mean 0, and variance sd² + radius² / 2 in each direction.
    assert data.x.mean(0) == pytest.approx([0, 0], abs=0.03)
    assert data.x.var(0) == pytest.approx(sd**2 + radius**2 / 2, rel=0.03)


def test_the_centres_are_evenly_spaced_on_the_circle() -> None:
    for components in (2, 5, 12):
        points = centres(components, 3.0)
        assert np.allclose(np.hypot(*points.T), 3)
        gaps = np.hypot(*(points - np.roll(points, 1, axis=0)).T)
        assert np.allclose(gaps, 6 * np.sin(np.pi / components))
        assert np.allclose(points[0], [0, 3])


@pytest.mark.parametrize("name", ["moon-phases", "mixture"])
def test_equal_seeds_draw_equal_data(name: str) -> None:
    first, again, other = (load(name, examples=50, seed=seed) for seed in (3, 3, 4))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len(load(name).x) == 2000


@pytest.mark.parametrize("examples", [-1, 10**12])
def test_too_many_examples_are_refused(examples: int) -> None:
    with pytest.raises(DataError, match="cannot be drawn: choose a number from 1 to"):
        moon_phases(examples, 0)
