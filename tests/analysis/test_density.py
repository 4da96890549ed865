"""Densities in the plane against scipy, closed forms and random draws."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from vae.analysis.density import (
    Blobs,
    density,
    ellipses,
    equal,
    field,
    kernels,
    projected,
    steps,
)
from vae.figures.map_layers import BANDS, decoded_background, density_mask

WIDE = ((-6.0, 6.0), (-6.0, 6.0))


def mixture(n: int = 7, seed: int = 0) -> Blobs:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n, 2, 2)) * 0.5 + 0.5 * np.eye(2)
    weight = rng.dirichlet(np.ones(n))
    return Blobs(rng.standard_normal((n, 2)), root @ root.swapaxes(1, 2), weight)


def normal(scale: float = 1.0) -> Blobs:
    return equal(np.zeros((1, 2)), scale**2 * np.eye(2)[None])


def test_a_density_equals_scipys() -> None:
    blobs, places = mixture(), np.random.default_rng(1).uniform(-3, 3, (50, 2))
    parts = zip(*blobs, strict=True)
    expected = sum(w * multivariate_normal(m, c).pdf(places) for m, c, w in parts)
    np.testing.assert_allclose(density(blobs, places), expected, rtol=2e-5, atol=1e-9)


def test_many_places_have_the_densities_of_few() -> None:
    blobs, places = mixture(3000), np.random.default_rng(1).uniform(-3, 3, (1500, 2))
    some = density(blobs, places[700:720])
    np.testing.assert_allclose(density(blobs, places)[700:720], some, rtol=1e-6)


@pytest.mark.parametrize("full", [False, True])
def test_a_projected_mixture_is_the_marginal_of_its_draws(full: bool) -> None:
    rng = np.random.default_rng(0)
    mean, origin = rng.standard_normal(4), rng.standard_normal(4)
    root = np.tril(rng.standard_normal((4, 4)))
    covariance = root @ root.T if full else np.diag(root.diagonal() ** 2)
    forward = rng.standard_normal((2, 4))
    own = covariance if full else covariance.diagonal()
    placed, spread = projected(mean[None], own[None], origin, forward)
    draws = (rng.multivariate_normal(mean, covariance, 200_000) - origin) @ forward.T
    np.testing.assert_allclose(placed[0], draws.mean(0), atol=0.05)
    np.testing.assert_allclose(spread[0], np.cov(draws.T), rtol=0.03, atol=0.1)


@pytest.mark.parametrize("radius", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_the_rank_in_a_normal_distribution_has_a_closed_form(radius: float) -> None:
    found = field(normal(), *WIDE, lines=160)
    blur = 1 + (8 / 159 / 2) ** 2  # what is counted is blurred by half a step
    value = density(normal(), np.array([[0.0, radius]]))[0]
    expected = np.exp(-(radius**2) / 2 / blur)
    assert found.rank(value) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("share", [0.3935, 0.8647, 0.99])
def test_a_level_encloses_its_share_beyond_the_edge_of_the_map(share: float) -> None:
    found = field(normal(), (-0.5, 0.5), (-0.5, 0.5), lines=160)
    expected = (1 - share) / (2 * np.pi)
    assert found.level(share) == pytest.approx(expected, rel=0.05)


def test_rank_and_level_are_inverse() -> None:
    found = field(mixture(), *WIDE)
    for share in (0.1, 0.5, 0.95):
        assert found.rank(found.level(share)) == pytest.approx(1 - share, abs=1e-6)


def test_rows_of_a_field_rise_along_y() -> None:
    found = field(equal(np.array([[1.0, 2.0]]), 0.1 * np.eye(2)[None]), (-3, 3), (-3, 3))
    row, column = np.unravel_index(found.value.argmax(), found.value.shape)
    assert found.y[row] == pytest.approx(2, abs=0.06)
    assert found.x[column] == pytest.approx(1, abs=0.06)


def test_steps_are_whole_numbers_on_the_contours_of_the_shares() -> None:
    found, shares = field(normal(), *WIDE, lines=121), (0.8647, 0.3935)
    made = steps(found, shares)
    middle = made[60]
    for k, sigma in ((1, 2.0), (2, 1.0)):
        crossing = np.interp(k, middle[60:][::-1], found.x[60:][::-1])
        assert crossing == pytest.approx(sigma, abs=0.05)
    assert made.min() >= 0
    assert made.max() <= 3
    assert np.isfinite(steps(field(normal(1e-3), *WIDE), shares)).all()


def test_narrow_posteriors_are_not_lost_between_grid_lines() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (2000, 2))
    found = field(equal(points, np.broadcast_to(1e-8 * np.eye(2), (2000, 2, 2))), (-1, 1), (-1, 1))
    inner = found.value[16:48, 16:48]
    assert inner.min() > 0.05
    assert inner.mean() == pytest.approx(0.25, rel=0.1)


def test_ellipses_lie_at_sigma_standard_deviations() -> None:
    blobs = mixture()
    for sigma in (1, 2):
        outline = ellipses(blobs.mean, blobs.covariance, sigma)
        for mean, covariance, line in zip(blobs.mean, blobs.covariance, outline, strict=True):
            apart = line - mean
            form = np.einsum("ci,ij,cj->c", apart, np.linalg.inv(covariance), apart)
            np.testing.assert_allclose(form, sigma**2, rtol=1e-3)


def test_kernels_keep_mean_and_spread() -> None:
    points = np.random.default_rng(0).standard_normal((1000, 2)) @ np.array([[2, 0], [1, 0.5]])
    blobs = kernels(points)
    np.testing.assert_allclose(blobs.covariance[0], np.cov(points.T) / 10, rtol=1e-3)
    assert np.isfinite(kernels(np.zeros((5, 2))).covariance).all()


def test_a_mask_covers_the_pictures_to_their_edge() -> None:
    found, cell = field(normal(), (-3.0, 3.0), (-2.0, 2.0)), np.array([0.4, 0.2])
    picture = decoded_background("", (-3.0, 3.0), (-2.0, 2.0), cell)
    cover = density_mask(found, cell)
    right, bottom = picture["x"] + picture["sizex"], picture["y"] - picture["sizey"]
    assert cover["x"][[0, -1]] == pytest.approx([picture["x"], right])
    assert cover["y"][[0, -1]] == pytest.approx([bottom, picture["y"]])
    np.testing.assert_array_equal(cover["z"][1:-1, 1:-1], steps(found, BANDS))
    np.testing.assert_array_equal(cover["z"][[0, -1]], cover["z"][[1, -2]])
