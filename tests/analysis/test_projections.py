"""Projections: PCA against the singular value decomposition, t-SNE by what it promises."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vae.analysis.projections import (
    PROJECTIONS,
    Cancelled,
    lda,
    pca,
    plane_of_pair,
    trustworthiness,
    tsne,
    umap,
)
from vae.base.options import options_of
from vae.base.records import Floats, Projection

LABELS = np.repeat(np.arange(3), 20)
QUICK: dict[str, dict[str, Any]] = {
    "pca": {},
    "lda": {"labels": LABELS},
    "tsne": {"perplexity": 5, "iterations": 50},
}
if "umap" in PROJECTIONS:
    QUICK["umap"] = {}
LINEAR = [name for name, row in PROJECTIONS.items() if row.plane]


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


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_projection_has_a_way_back(name: str) -> None:
    means, labels = clumps()
    row = PROJECTIONS[name]
    plane = row.plane(means, labels, 0)
    placed = row.project(means, **QUICK[name], seed=0).points
    np.testing.assert_allclose(plane.places(means), placed, atol=1e-3)
    places = np.random.default_rng(0).uniform(-3, 3, (10, 2)).astype(np.float32)
    np.testing.assert_allclose(plane.places(plane.latents(places)), places, atol=1e-3)
    centre = plane.latents(plane.places(means).mean(0, keepdims=True))
    np.testing.assert_allclose(centre[0], means.mean(0), atol=1e-2)


@pytest.mark.parametrize("name", [n for n in PROJECTIONS if n not in LINEAR])
def test_what_bends_space_claims_no_way_back(name: str) -> None:
    assert name in ("tsne", "umap")


def test_the_plane_of_a_pair_holds_the_others_at_their_mean() -> None:
    means, _ = clumps()
    plane = plane_of_pair(means, (4, 1))
    z = plane.latents(np.array([[7.0, -2.0]], np.float32))[0]
    expected = means.mean(0)
    expected[[4, 1]] = 7, -2
    np.testing.assert_allclose(z, expected, rtol=1e-6)
    np.testing.assert_allclose(plane.places(means), means[:, [4, 1]], rtol=1e-6)
    line = plane_of_pair(means[:, :1], (0, 0))
    np.testing.assert_array_equal(line.latents(np.array([[1.5, 9.0]])), [[1.5]])


def test_discriminants_are_fishers() -> None:
    """The first maximises the variance between classes over that within them (Fisher 1936)."""
    means, labels = clumps()
    within = sum(np.cov(means[labels == k].T, bias=True) for k in range(3)) / 3
    between = np.cov(np.stack([means[labels == k].mean(0) for k in range(3)]).T, bias=True)
    best = np.linalg.eigvals(np.linalg.solve(within, between)).real.max()
    first = lda(means, labels).points[:, 0]
    inside = np.mean([first[labels == k].var() for k in range(3)])
    outside = np.var([first[labels == k].mean() for k in range(3)])
    assert outside / inside == pytest.approx(best, rel=1e-3)


def test_examples_without_a_class_are_placed_but_do_not_count() -> None:
    means, labels = clumps()
    some = labels.copy()
    some[:5] = -1
    shown = lda(means, some).points
    fitted = LinearDiscriminantAnalysis().fit(means[5:], labels[5:])
    np.testing.assert_allclose(shown, fitted.transform(means), atol=1e-3)
    with pytest.raises(ValueError, match="three classes and two latents"):
        lda(means, np.minimum(labels, 1))
    with pytest.raises(ValueError, match="three classes and two latents"):
        lda(means[:, :1], labels)


def test_trust_is_whole_in_the_space_itself_and_half_by_chance() -> None:
    rng = np.random.default_rng(0)
    means = rng.standard_normal((3000, 2)).astype(np.float32)
    assert trustworthiness(means, means) == pytest.approx(1)
    assert trustworthiness(means, means[::-1]) == pytest.approx(0.5, abs=0.03)
    many = rng.standard_normal((400, 6)).astype(np.float32)
    assert 0.6 < trustworthiness(many, many[:, :2]) < 0.95
    assert trustworthiness(means[:20], means[:20]) is None


def test_umap_is_told_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}

    class Stub:
        def __init__(self, **settings: Any) -> None:
            told.update(settings)

        def fit_transform(self, means: Floats) -> Floats:
            return means[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Stub))
    means, _ = clumps()
    shown = umap(means, neighbours=7, distance=0.5, seed=3)
    np.testing.assert_array_equal(shown.points, means[:, :2])
    assert told == {"n_neighbors": 7, "min_dist": 0.5, "random_state": 3, "n_jobs": 1}
    with pytest.raises(ValueError, match="more than 60 points"):
        umap(means, neighbours=60)
