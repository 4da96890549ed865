"""Three dimensions of latent space: coordinates, the prior's sphere, and the figure."""

import numpy as np
import pytest
from scipy.stats import chi
from sklearn.decomposition import PCA

from vae.analysis.projections_3d import HALF, SPACES, Space, components, dimensions, space
from vae.base.records import Encoding, Hue
from vae.data.dataset import stratified
from vae.figures.latent_map_3d import (
    CORNERS,
    LatentMap3D,
    latent_scatter_3d,
    prior_sphere,
    trace_rows_3d,
)

RNG = np.random.default_rng(5)
MIXING = RNG.normal(size=(6, 6)) * [3, 2, 1, 0.5, 0.3, 0.1]


def encoding(number: int = 400, latents: int = 6, kl: bool = True) -> Encoding:
    mean = (RNG.normal(size=(number, latents)) @ MIXING[:latents, :latents] + 0.7).astype("f4")
    per_dimension = RNG.gamma(1.0, size=(number, latents)).astype("f4") if kl else None
    return Encoding(np.arange(10, 10 + number), mean, mean * 0 + 1, None, per_dimension, None)


def record(number: int = 400, classes: int = 3, **more: object) -> LatentMap3D:
    points = RNG.normal(size=(number, 3)).astype("f4")
    labels = RNG.integers(-1 if classes else 0, max(classes, 1), number)
    hue = Hue("class", labels, tuple("abcdefghijkl"[:classes]))
    index = np.sort(RNG.choice(10 * number, number, replace=False))
    own = {"hue": hue, "total": number, "centre": np.array([0.2, 0.0, -0.4])} | more
    return LatentMap3D(points, ("x", "y", "z"), index, **own)


def test_half_of_a_normal_in_three_dimensions_lies_within_the_radius() -> None:
    assert pytest.approx(chi.median(3), rel=1e-12) == HALF
    within = np.linalg.norm(RNG.standard_normal((200_000, 3)), axis=1) < HALF
    assert within.mean() == pytest.approx(0.5, abs=0.005)


def test_coordinates_of_three_latents_are_their_means() -> None:
    found = encoding()
    made = dimensions(found, latents=(4, 0, 2))
    np.testing.assert_array_equal(made.places(found.mean), found.mean[:, [4, 0, 2]])
    np.testing.assert_array_equal(made.centre, 0)
    kl = found.kl_per_dimension.mean(0)
    assert made.titles == tuple(f"z{d + 1} (KL {kl[d]:.2f} nats)" for d in (4, 0, 2))
    plain = dimensions(encoding(kl=False)._replace(mean=found.mean), latents=(4, 0, 2))
    assert plain.titles[0] == f"z5 (variance {found.mean[:, 4].var():.2g})"


def test_components_equal_scikit_learns() -> None:
    found = encoding()
    made = components(found)
    fitted = PCA(3).fit(found.mean.astype(float))
    expected = fitted.transform(found.mean.astype(float))
    signs = np.sign((made.places(found.mean) * expected).sum(0))
    np.testing.assert_allclose(made.places(found.mean), expected * signs, atol=2e-4)
    shares = 100 * fitted.explained_variance_ratio_
    assert made.titles == tuple(
        f"PC {k + 1} ({s:.1f} % of variance)" for k, s in enumerate(shares)
    )
    assert made.note == f"{shares.sum():.1f} % of the variance"


@pytest.mark.parametrize("name", SPACES)
def test_units_are_those_of_latent_space_and_the_centre_is_its_origin(name: str) -> None:
    found = encoding()
    options = {"latents": (5, 1, 3)} if SPACES[name].latents else {}
    made = space(name, found, options, seed=0)
    np.testing.assert_allclose(made.axes @ made.axes.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(made.places(np.zeros((1, 6), "f4"))[0], made.centre, atol=1e-5)
    draws = made.places(RNG.standard_normal((100_000, 6)).astype("f4"))
    inside = np.linalg.norm(draws - made.centre, axis=1) < HALF
    assert inside.mean() == pytest.approx(0.5, abs=0.007)


@pytest.mark.parametrize("latents", [(0, 1), (0, 1, 1), (0, 1, 6), (0, 1, 2, 3)])
def test_three_different_latents_are_required(latents: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="three different latents"):
        dimensions(encoding(), latents=latents)


def test_too_few_latents_or_examples_are_refused() -> None:
    for few in (encoding(latents=2), encoding(number=2)):
        with pytest.raises(ValueError, match="need 3 latents and 3 examples"):
            components(few)
    with pytest.raises(ValueError, match="one of dimensions-3d, pca-3d"):
        space("tsne-3d", encoding(), {}, 0)


@pytest.mark.parametrize("classes", [0, 3, 12])
@pytest.mark.parametrize("number", [400, 6_000])
def test_every_point_is_drawn_once_at_its_place(classes: int, number: int) -> None:
    given = record(number, classes)
    figure, index = latent_scatter_3d(given), trace_rows_3d(given)
    assert {trace.type for trace in figure.data} == {"scatter3d"}
    rows = np.concatenate(index)
    drawn = np.concatenate([np.stack([t.x, t.y, t.z], 1) for t in figure.data])
    order = np.argsort(rows)
    np.testing.assert_array_equal(rows[order], given.index)
    np.testing.assert_array_equal(drawn[order], given.points)
    for k, (trace, own) in enumerate(zip(figure.data, index, strict=True)):
        labels = given.hue.values[np.searchsorted(given.index, own)]
        if classes and k < classes:
            assert set(labels) == {k}
            name, _, count = trace.name.partition(" <")
            assert name == given.hue.classes[k]
            assert f">{len(own):,}<" in count
        assert trace.customdata is None  # rows travel once
        assert trace.hoverinfo == "none"
    assert bool(figure.layout.showlegend) == bool(classes)
    titles = [figure.layout.scene[f"{a}axis"].title.text for a in "xyz"]
    assert titles == list(given.axes)


@pytest.mark.parametrize("centre", [None, np.array([0.2, 0.0, -0.4]), np.array([9.0, 0, 0])])
def test_the_box_contains_points_and_sphere_with_equal_scales(centre: np.ndarray | None) -> None:
    given = record(centre=centre)
    scene = latent_scatter_3d(given).layout.scene
    ranges = np.array([scene[f"{a}axis"].range for a in "xyz"])
    shown = [given.points]
    if centre is not None:
        shown += [centre[None] - HALF, centre[None] + HALF]
    every = np.concatenate(shown)
    assert (ranges[:, 0] < every.min(0)).all()
    assert (ranges[:, 1] > every.max(0)).all()
    sides = np.array([scene.aspectratio[a] for a in "xyz"])
    assert np.linalg.norm(sides) == pytest.approx(np.sqrt(3))
    units = sides / np.ptp(ranges, axis=1)
    np.testing.assert_allclose(units, units[0], rtol=1e-6)


def test_a_flat_cloud_without_prior_fills_its_box() -> None:
    given = record(centre=None)
    thin = given._replace(points=given.points * np.array([1, 1, 0.01], "f4"))
    assert set(latent_scatter_3d(thin).layout.scene.aspectratio.to_plotly_json().values()) == {1}


def test_the_sphere_lies_at_its_radius_about_its_centre() -> None:
    centre = np.array([0.5, -1.0, 2.0])
    trace = prior_sphere(centre)
    places = np.stack([trace["x"], trace["y"], trace["z"]], 1)
    gaps = np.isnan(places).any(1)
    assert gaps.sum() == 3
    far = np.linalg.norm(places[~gaps] - centre, axis=1)
    np.testing.assert_allclose(far, HALF, rtol=1e-5)
    rings = places[: 3 * (CORNERS + 2)].reshape(3, CORNERS + 2, 3)[:, :-1] - centre
    for ring in rings:  # each lies in a plane of its own
        assert (np.abs(ring).max(0) < 1e-5).sum() == 1
    assert len({int(np.abs(ring).max(0).argmin()) for ring in rings}) == 3
    assert trace["text"][-1] == "half of the prior"


def test_an_empty_record_gives_an_empty_figure() -> None:
    none = record()._replace(points=np.empty((0, 3), "f4"), index=np.empty(0, np.int64))
    assert "No points" in latent_scatter_3d(none).layout.annotations[0].text


def test_fewer_points_keep_the_shares_of_the_classes() -> None:
    labels = RNG.choice(4, 60_000, p=[0.5, 0.3, 0.19, 0.01])
    rows = stratified(labels, 60_000, 2_000, 0)
    assert len(np.unique(rows)) == 2_000
    shares = np.bincount(labels[rows], minlength=4) - np.bincount(labels, minlength=4) / 30
    assert np.abs(shares).max() <= 1


def test_a_space_subtracts_its_origin() -> None:
    made = Space(np.ones(4, "f4"), np.eye(4, dtype="f4")[:3], ("a", "b", "c"), "")
    np.testing.assert_array_equal(made.places(np.zeros((2, 4), "f4")), -np.ones((2, 3)))
