"""Projections: PCA against the singular value decomposition, t-SNE by what it promises."""

import numpy as np
import pytest

from vae.options import options_of
from vae.projections import PROJECTIONS, Cancelled, pca, tsne
from vae.records import Floats, Projection

QUICK: dict[str, dict[str, float]] = {"pca": {}, "tsne": {"perplexity": 5, "iterations": 50}}


def clumps(n: int = 20, z: int = 6) -> tuple[Floats, np.ndarray]:
    """Three tight clumps in Z dimensions, (3 n, Z), and which one each is in."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(3), n)
    centres = 10 * rng.standard_normal((3, z))
    return (centres[label] + rng.standard_normal((3 * n, z))).astype(np.float32), label


def test_every_projection_has_a_quick_case() -> None:
    assert set(QUICK) == set(PROJECTIONS)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_projection_is_two_finite_columns_with_titles_and_repeats(name: str) -> None:
    means, _ = clumps()
    first, second = (PROJECTIONS[name].project(means, seed=1, **QUICK[name]) for _ in range(2))
    assert isinstance(first, Projection)
    assert first.points.shape == (60, 2)
    assert first.points.dtype == np.float32
    assert np.isfinite(first.points).all()
    assert all(first.axes)
    assert first.note
    np.testing.assert_array_equal(first.points, second.points)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_projection_keeps_clumps_apart(name: str) -> None:
    means, label = clumps()
    points = PROJECTIONS[name].project(means, **QUICK[name]).points
    distance = ((points[:, None] - points) ** 2).sum(-1) + 1e9 * np.eye(60)
    assert (label[distance.argmin(1)] == label).mean() > 0.95


@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_option_is_in_range_and_explains_itself(name: str) -> None:
    for spec in options_of(PROJECTIONS[name].project).values():
        assert spec.option.low <= spec.default <= spec.option.high
        assert spec.option.help.endswith(".")


def test_pca_is_the_singular_value_decomposition() -> None:
    means, _ = clumps()
    centred = means.astype(np.float64) - means.mean(0)
    _, scale, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:2].T
    shown = pca(means)
    signs = np.sign((shown.points * expected).sum(0))
    np.testing.assert_allclose(shown.points * signs, expected, atol=1e-3)
    share = 100 * scale**2 / (scale**2).sum()
    assert shown.axes[0] == f"PC 1 ({share[0]:.1f} % of variance)"
    assert shown.note == f"{share[:2].sum():.1f} % of the variance"


def test_one_latent_dimension_is_drawn_as_it_is() -> None:
    means = np.arange(5, dtype=np.float32)[:, None]
    shown = pca(means)
    np.testing.assert_array_equal(shown.points[:, 0], means[:, 0])
    assert not shown.points[:, 1].any()


def test_tsne_refuses_too_few_points_with_the_way_out() -> None:
    with pytest.raises(ValueError, match="more than 90 points, and there are 60: lower the perp"):
        tsne(clumps()[0], perplexity=30)


def test_tsne_tells_how_far_it_is_and_shows_what_it_has() -> None:
    shares: list[float] = []
    shapes: list[tuple[int, ...]] = []

    def report(share: float, points: Floats | None) -> None:
        shares.append(share)
        if points is not None:
            shapes.append(points.shape)

    tsne(clumps()[0], perplexity=5, iterations=50, report=report)
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] < 1
    assert len(shares) > 5
    assert set(shapes) == {(60, 2)}


def test_tsne_can_be_cancelled() -> None:
    asked = []

    def report(share: float, points: Floats | None) -> None:
        asked.append(share)
        if len(asked) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        tsne(clumps()[0], perplexity=5, iterations=5000, report=report)
    assert len(asked) == 3


def test_more_iterations_and_the_seed_are_taken() -> None:
    means, _ = clumps()
    short = tsne(means, perplexity=5, iterations=50)
    assert "after 300 iterations" in short.note
    assert not np.array_equal(short.points, tsne(means, perplexity=15, iterations=50).points)
