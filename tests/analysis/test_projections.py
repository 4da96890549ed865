"""Projections: PCA equals the singular value decomposition, t-SNE keeps clumps apart."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vae.analysis.embeddings import trustworthiness, tsne, umap
from vae.analysis.projections import (
    PROJECTIONS,
    Row,
    default_projection,
    lda,
    pca,
    plane,
    plane_of_latents,
    project,
)
from vae.base.options import options_of
from vae.base.progress import Cancelled
from vae.base.records import Floats, Projection

LABELS = np.repeat(np.arange(3), 20)
QUICK: dict[str, dict[str, Any]] = {"tsne": {"perplexity": 5, "iterations": 50}}


def projected(name: str, means: Floats, seed: int = 0) -> Projection:
    """The row `name` with quick options, of examples in three classes."""
    return project(name, means, LABELS, QUICK.get(name), seed)


def clumps(n: int = 20, z: int = 6) -> tuple[Floats, np.ndarray]:
    """Three tight clumps in Z dimensions, (3 n, Z), and the clump of each example."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(3), n)
    centres = 10 * rng.standard_normal((3, z))
    return (centres[label] + rng.standard_normal((3 * n, z))).astype(np.float32), label


@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_projection_returns_two_finite_titled_columns_repeatably(name: str) -> None:
    means, _ = clumps()
    first, second = (projected(name, means, seed=1) for _ in range(2))
    assert isinstance(first, Projection)
    assert first.points.shape == (60, 2)
    assert first.points.dtype == np.float32
    assert np.isfinite(first.points).all()
    assert all(first.axes)
    assert bool(first.note) != bool(PROJECTIONS[name].latents)
    np.testing.assert_array_equal(first.points, second.points)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_projection_keeps_clumps_apart(name: str) -> None:
    means, label = clumps()
    points = projected(name, means).points
    distance = ((points[:, None] - points) ** 2).sum(-1) + 1e9 * np.eye(60)
    assert (label[distance.argmin(1)] == label).mean() > 0.95


@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_option_has_a_help_and_a_default_in_range(name: str) -> None:
    for spec in options_of(PROJECTIONS[name].compute).values():
        assert spec.option.low <= spec.default <= spec.option.high
        assert spec.option.help.endswith(".")
    assert (PROJECTIONS[name].compute.__doc__ or "").partition("\n\n")[0].rstrip().endswith(".")


def test_pca_equals_the_singular_value_decomposition() -> None:
    means, _ = clumps()
    centred = means.astype(np.float64) - means.mean(0)
    _, scale, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:2].T
    shown = pca(means).project(means)
    signs = np.sign((shown.points * expected).sum(0))
    np.testing.assert_allclose(shown.points * signs, expected, atol=1e-3)
    share = 100 * scale**2 / (scale**2).sum()
    assert shown.axes[0] == f"PC 1 ({share[0]:.1f} % of variance)"
    assert shown.note == f"{share[:2].sum():.1f} % of the variance"


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_single_latent_lies_along_the_first_axis_of_every_projection(name: str) -> None:
    means = np.arange(5, dtype=np.float32)[:, None]
    shown = project(name, means)
    np.testing.assert_array_equal(shown.points[:, 0], means[:, 0])
    np.testing.assert_array_equal(shown.points[:, 1], 1)
    line = plane(name, means)
    assert line is not None
    np.testing.assert_array_equal(line.latents_at(np.array([[1.5, 9.0]])), [[1.5]])


def test_up_to_two_latents_are_the_axes_and_more_use_a_fitted_plane() -> None:
    assert [PROJECTIONS[default_projection(z)].latents for z in (1, 2, 3, 128)] == [2, 2, 0, 0]
    assert PROJECTIONS[default_projection(3)].linear


def test_unknown_names_and_unmet_requirements_are_refused() -> None:
    means, _ = clumps()
    with pytest.raises(ValueError, match="one of dimensions, pca"):
        project("isomap", means)
    with pytest.raises(ValueError, match="at least 3 examples"):
        project("pca", means[:2])
    for name in (n for n, row in PROJECTIONS.items() if row.labelled):
        with pytest.raises(ValueError, match="need classes"):
            project(name, means)


@pytest.mark.parametrize("linear", [True, False])
def test_a_new_row_is_projected_by_its_own_attributes(
    linear: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row may be slow, labelled and linear in any combination."""
    received: dict[str, Any] = {}

    def flat(means: Floats, **known: Any) -> Any:
        received.update(known)
        found = plane_of_latents(means.mean(0), (1, 0))
        return found if linear else found.project(means)

    row = Row("flat", flat, linear=linear, slow=True, labelled=True)
    monkeypatch.setitem(PROJECTIONS, "flat", row)
    means, _ = clumps()
    shown = project("flat", means, LABELS, {"width": 2}, 7)
    np.testing.assert_array_equal(shown.points, means[:, [1, 0]])
    assert received.pop("report")(0.5, None) is None
    np.testing.assert_array_equal(received.pop("labels"), LABELS)
    assert received == {"width": 2, "seed": 7}
    assert (plane("flat", means, LABELS) is not None) == linear


def test_tsne_refuses_too_few_points_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="more than 90 points, and there are 60: lower the perp"):
        tsne(clumps()[0], perplexity=30)


def test_tsne_reports_its_progress_and_its_points() -> None:
    shares: list[float] = []
    every: list[Floats] = []

    def report(share: float, points: Floats | None) -> None:
        assert points is not None  # there is something to see at once: two principal components
        shares.append(share)
        every.append(points)

    means = clumps()[0]
    tsne(means, perplexity=5, iterations=50, report=report)
    components = pca(means).project(means).points
    assert abs(np.corrcoef(every[0][:, 0], components[:, 0])[0, 1]) > 0.999
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] < 1
    assert len(shares) > 5
    assert {points.shape for points in every} == {(60, 2)}


def test_tsne_can_be_cancelled() -> None:
    asked = []

    def report(share: float, points: Floats | None) -> None:
        asked.append(share)
        if len(asked) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        tsne(clumps()[0], perplexity=5, iterations=5000, report=report)
    assert len(asked) == 3


def test_tsne_uses_iterations_and_seed() -> None:
    means, _ = clumps()
    short = tsne(means, perplexity=5, iterations=50)
    assert "after 300 iterations" in short.note
    assert not np.array_equal(short.points, tsne(means, perplexity=15, iterations=50).points)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_linear_projection_has_an_inverse(name: str) -> None:
    means, labels = clumps()
    found = plane(name, means, labels)
    assert (found is not None) == PROJECTIONS[name].linear
    if found is None:
        return
    np.testing.assert_allclose(found.places(means), projected(name, means).points, atol=1e-3)
    assert all(found.names)
    places = np.random.default_rng(0).uniform(-3, 3, (10, 2)).astype(np.float32)
    np.testing.assert_allclose(found.places(found.latents_at(places)), places, atol=1e-3)
    centre = found.latents_at(found.places(means).mean(0, keepdims=True))
    np.testing.assert_allclose(centre[0], means.mean(0), atol=1e-2)


def test_the_plane_of_two_latents_holds_the_others_at_their_mean() -> None:
    means, _ = clumps()
    found = plane("dimensions", means, options={"latents": (4, 1)})
    assert found is not None
    assert (found.names, found.latents) == (("z5", "z2"), (4, 1))
    z = found.latents_at(np.array([[7.0, -2.0]], np.float32))[0]
    expected = means.mean(0)
    expected[[4, 1]] = 7, -2
    np.testing.assert_allclose(z, expected, rtol=1e-6)
    np.testing.assert_array_equal(found.places(means), means[:, [4, 1]])
    assert found.titles == ("z5 (posterior mean)", "z2 (posterior mean)")


def test_linear_discriminants_are_fishers() -> None:
    """The first maximises the variance between classes over that within them (Fisher 1936)."""
    means, labels = clumps()
    within = sum(np.cov(means[labels == k].T, bias=True) for k in range(3)) / 3
    between = np.cov(np.stack([means[labels == k].mean(0) for k in range(3)]).T, bias=True)
    best = np.linalg.eigvals(np.linalg.solve(within, between)).real.max()
    first = lda(means, labels=labels).places(means)[:, 0]
    inside = np.mean([first[labels == k].var() for k in range(3)])
    outside = np.var([first[labels == k].mean() for k in range(3)])
    assert outside / inside == pytest.approx(best, rel=1e-3)


def test_examples_without_a_class_do_not_affect_the_discriminants() -> None:
    means, labels = clumps()
    some = labels.copy()
    some[:5] = -1
    shown = lda(means, labels=some).places(means)
    fitted = LinearDiscriminantAnalysis().fit(means[5:], labels[5:])
    np.testing.assert_allclose(shown, fitted.transform(means), atol=1e-3)
    with pytest.raises(ValueError, match="three classes and two latents"):
        lda(means, labels=np.minimum(labels, 1))
    with pytest.raises(ValueError, match="three classes and two latents"):
        lda(means[:, :1], labels=labels)


def test_trustworthiness_is_one_for_the_latents_and_half_at_random() -> None:
    rng = np.random.default_rng(0)
    means = rng.standard_normal((3000, 2)).astype(np.float32)
    assert trustworthiness(means, means) == pytest.approx(1)
    assert trustworthiness(means, means[::-1]) == pytest.approx(0.5, abs=0.03)
    many = rng.standard_normal((400, 6)).astype(np.float32)
    assert 0.6 < trustworthiness(many, many[:, :2]) < 0.95
    assert trustworthiness(means[:20], means[:20]) is None


def test_umap_receives_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
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
