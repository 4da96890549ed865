"""The Samples page: its pictures are the decoder's outputs at its z."""

import base64
import io
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, of_run, trained
from tests.tables import each
from vae.analysis.encoding import decode, prior_sample, quantiles
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.nearest import nearest
from vae.analysis.sampling import ALL, SOURCES, Draw, Latents
from vae.dashboard.samples.manifold import ManifoldRequest, decode_manifold
from vae.dashboard.samples.samples import (
    COMPONENTS,
    SamplesRequest,
    describe_source,
    draw_samples,
)
from vae.dashboard.shared import html_grid, widgets
from vae.data import load, prepare
from vae.imaging import tiles
from vae.runs import Run

KINDS = {
    "two latents": {},
    "one latent": {"latent_dim": 1},
    "many latents": {"latent_dim": 12},
    "vectors": {"data": "mixture", "likelihood": "gaussian-learned"},
    "plain": {"posterior": "point", "objective": "reconstruction"},
    "colourless moons": {"data": "moon-phases", "examples": 300, "size": 9},
}
CODED = {"posterior": "quantised", "objective": "reconstruction", "codes": 16}


def pictures_on(at: AppTest) -> list[np.ndarray]:
    """Return the pictures on the page, (H, W, 4)."""
    html = " ".join(e.proto.body for e in at.get("html"))
    found = re.findall(r"data:image/png;base64,([^\"]+)", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(p))).convert("RGBA")) for p in found]


def lines_above(at: AppTest) -> str:
    """Return the lines above the samples."""
    html = " ".join(e.proto.body for e in at.get("html"))
    return unescape(" ".join(re.findall(r'class="vae-said">([^<]*)<', html)))


def words(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_opens_for_every_kind_of_run(kind: str, root: Path, open_page: OpenPage) -> None:
    trained(root, "a-run", **KINDS[kind])
    at = open_page("samples.py")
    assert "Decoded manifold" in words(at)
    pictures = len(pictures_on(at)) or len(at.get("bidi_component"))
    assert pictures == (1 + 15 if kind == "one latent" else 2)
    assert ("Decoded noise" in words(at)) == (kind == "plain")


def test_the_pixels_equal_the_decoders(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run", latent_dim=2)
    model = run.load_model()
    at = open_page("samples.py")
    at.number_input(key="generate_number").set_value(9).run()
    at.number_input(key="generate_seed").set_value(5).run()
    at.number_input(key=of_run(at, "generate_side")).set_value(4).run()
    grid, frame = pictures_on(at)
    x = decode(model, prior_sample(model, 9, 5))
    scale = (grid.shape[0] + 1) // 3 // 8
    np.testing.assert_array_equal(grid, tiles.tile(x, 3, scale=scale))
    places = quantiles(4)
    z = np.array([[a, b] for b in places[::-1] for a in places], np.float32)
    expected = tiles.tile(decode(model, z), 4, scale=(frame.shape[0] + 1) // 4 // 8)
    np.testing.assert_array_equal(frame, expected)


@pytest.mark.parametrize(
    ("widget", "value"),
    [
        ("generate_number", 20),
        ("generate_seed", 3),
        ("generate_temperature", 0.3),
        ("generate_side", 7),
    ],
)
def test_every_setting_changes_the_pictures(
    widget: str, value: float, root: Path, open_page: OpenPage
) -> None:
    trained(root, "a-run")
    at = open_page("samples.py")
    before = pictures_on(at)
    key = of_run(at, widget) if widget == "generate_side" else widget
    at.number_input(key=key).set_value(value).run()
    after = pictures_on(at)
    same = [a.shape == b.shape and (a == b).all() for a, b in zip(before, after, strict=True)]
    assert same == ([True, False] if widget == "generate_side" else [False, True])


def test_a_temperature_of_0_decodes_the_mean_of_the_prior(root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    drawn = draw_samples(loaded, SamplesRequest(3, 0, 0.0, "mean", ALL))
    assert not drawn.z.any()
    assert (drawn.x == drawn.x[0]).all()


def test_a_draw_has_the_noise_of_the_likelihood(root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    drawn = draw_samples(loaded, SamplesRequest(4, 0, 1.0, "draw", ALL))
    assert set(np.unique(drawn.x)) == {0.0, 1.0}  # Bernoulli


@pytest.mark.parametrize("pair", [(0, 1), (3, 1)])
def test_the_axes_show_the_latents(pair: tuple[int, int], root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run", latent_dim=4))
    grid = decode_manifold(loaded, ManifoldRequest("dimensions", pair, 5))
    across, up = grid.axes
    assert grid.names == (f"z{pair[0] + 1}", f"z{pair[1] + 1}")
    np.testing.assert_allclose(across, quantiles(5))
    np.testing.assert_allclose(up, quantiles(5)[::-1])
    others = [d for d in range(4) if d not in pair]
    assert not grid.z[:, others].any()


def test_the_pca_plane_goes_through_the_latents(root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run", latent_dim=4))
    grid = decode_manifold(loaded, ManifoldRequest("pca", (0, 1), 5))
    means = loaded.encode(loaded.subset("train", 2000)).mean
    np.testing.assert_allclose(grid.z[12], means.mean(0), atol=1e-5)  # the middle
    step = grid.z[13] - grid.z[12]
    along = (means - means.mean(0)) @ (step / np.linalg.norm(step))
    assert along.std() == pytest.approx(np.linalg.norm(step) / quantiles(5)[3], rel=1e-2)


def test_damaged_weights_have_a_sentence(root: Path, open_page: OpenPage) -> None:
    run: Run = trained(root, "a-run")
    run.weights_path("best").write_bytes(b"not weights")
    at = open_page("samples.py")
    assert "cannot be opened" in " ".join(s.value for s in at.subheader)


def test_the_most_informative_pair_comes_first(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run", latent_dim=4, epochs=15, hidden=(32,))
    at = open_page("samples.py")
    loaded = LoadedRun.of(run)
    kl = loaded.encode(loaded.splits.train).kl_per_dimension
    assert kl is not None
    order = np.argsort(-kl.mean(0))
    across, up = (at.selectbox(key=of_run(at, f"generate_{n}")).value for n in ("across", "up"))
    assert [across, up] == list(order[:2])


def test_noise_of_a_plain_autoencoder_is_fitted_to_its_latents(root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run", **KINDS["plain"], latent_dim=3, epochs=5))
    means = loaded.encode(loaded.subset("train", 2000)).mean
    z = draw_samples(loaded, SamplesRequest(400, 0, 1.0, "mean", ALL)).z
    spread = means.std(0)
    np.testing.assert_allclose(z.mean(0), means.mean(0), atol=4 * spread.max() / 20)
    np.testing.assert_allclose(np.cov(z.T), np.cov(means.T), atol=0.3 * spread.max() ** 2)
    grid = decode_manifold(loaded, ManifoldRequest("dimensions", (2, 0), 5))
    np.testing.assert_allclose(grid.z[12], means.mean(0), rtol=1e-4, atol=1e-5)
    step = grid.z[13] - grid.z[12]
    np.testing.assert_allclose(step, [0, 0, spread[2] * quantiles(5)[3]], rtol=1e-3, atol=1e-5)


def test_a_downloaded_file_is_a_data_set(root: Path, tmp_path: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    drawn = draw_samples(loaded, SamplesRequest(20, 0, 1.0, "mean", ALL))
    path = tmp_path / "samples.npz"
    path.write_bytes(widgets.npz(drawn.x, drawn.z))
    with np.load(path) as kept:
        assert set(kept.files) == {"x", "z"}
        np.testing.assert_array_equal(kept["z"], drawn.z)
    np.testing.assert_allclose(prepare(load(str(path))), drawn.x, atol=0.5 / 255)


@each("count", [1, 7, 64, 100, 400])
@each("shape", [(1, 8, 8), (3, 17, 23), (1, 28, 28), (1, 64, 64)])
def test_sheets_are_enlarged_by_whole_factors(shape: tuple[int, int, int], count: int) -> None:
    room = (512, 600)
    across, scale = html_grid.arranged(shape, count, room)
    down = -(-count // across)
    height, width = tiles.tile(np.zeros((count, *shape), np.float32), across, scale=scale).shape[
        :2
    ]
    assert width <= room[0]
    assert height <= room[1] or scale == 1
    assert (across - 1) * down < count  # no column is empty
    for other in range(1, count + 1):  # and no other way shows the pictures larger
        assert html_grid.tile_scale(shape, other, -(-count // other), room) <= scale


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (1, 32, 32)])
def test_the_first_manifold_fills_its_room(shape: tuple[int, int, int]) -> None:
    side = html_grid.best_side(shape, (452, 560))
    scale = html_grid.tile_scale(shape, side, side, (452, 560))
    assert side % 2 == 1
    assert 0.88 * 452 <= side * (shape[1] * scale + 1) - 1 <= 452


@each("count", range(2, 41))
@each("pitch", [9, 24, 33, 60])
def test_axis_labels_are_readable_and_evenly_spaced(count: int, pitch: float) -> None:
    at = html_grid.labelled(count, pitch)
    assert at
    steps = np.diff(at)
    assert len(set(steps)) <= 1
    assert (steps * pitch >= html_grid.LABEL).all()
    assert abs(at[0] - (count - 1 - at[-1])) <= 1  # as far from one end as from the other


def known(loaded: LoadedRun) -> Latents:
    rows, labels = loaded.splits.train, loaded.data.labels
    assert labels is not None
    batches, mean = loaded.batches(rows), loaded.encode(rows).mean
    return Latents(loaded.model, batches, mean, loaded.seed, labels[rows], loaded.data.classes)


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_is_decoded_pixel_for_pixel(
    name: str, root: Path, open_page: OpenPage
) -> None:
    loaded = LoadedRun.of(trained(root, "a-run", **(CODED if name == "fitted-codes" else {})))
    at = open_page("samples.py")
    at.number_input(key="generate_number").set_value(9).run()
    if name != "fitted-codes":  # the first one that a model with a codebook offers
        at.selectbox(key=of_run(at, "generate_source")).select(name).run()
    assert not at.exception
    start = 1 if name == "class" else 0
    asked = Draw(9, 0, 1.0, start)
    z = SOURCES[name].draw(known(loaded), asked)
    grid = pictures_on(at)[0]
    scale = (grid.shape[0] + 1) // 3 // 8
    expected = tiles.tile(decode(loaded.model, z), 3, scale=scale).astype(int)
    assert np.abs(grid - expected).max() <= 1  # a fit may differ in its last digit
    assert describe_source(SOURCES[name]) in lines_above(at)
    if name != "class":
        return
    at.selectbox(key=of_run(at, "generate_sample_class")).select(4).run()
    z = SOURCES[name].draw(known(loaded), asked._replace(label=4))
    expected = tiles.tile(decode(loaded.model, z), 3, scale=scale).astype(int)
    assert np.abs(pictures_on(at)[0] - expected).max() <= 1


def test_the_mixture_has_the_chosen_number_of_components(root: Path, open_page: OpenPage) -> None:
    trained(root, "a-run", epochs=5)
    at = open_page("samples.py")
    at.selectbox(key=of_run(at, "generate_source")).select("mixture").run()
    seen = []
    for components in COMPONENTS:
        at.selectbox(key="generate_components_mixture").select(components).run()
        assert not components or f"({components} component" in lines_above(at)
        seen.append(pictures_on(at)[0].tobytes())
    assert len(set(seen[1:])) == len(seen) - 1  # each its own
    assert seen[0] in seen[1:]  # and BIC takes one of them


def test_each_sample_has_its_nearest_training_example_below(
    root: Path, open_page: OpenPage
) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    at = open_page("samples.py")
    at.number_input(key="generate_number").set_value(6).run()
    at.toggle(key="generate_nearest").set_value(True).run()
    assert not at.exception
    html = " ".join(e.proto.body for e in at.get("html"))
    rows = [int(row) for row in re.findall(r"row (\d+) of digits, ", html)]
    x = draw_samples(loaded, SamplesRequest(6, 0, 1.0, "mean", ALL)).x
    train = prepare(loaded.data, loaded.splits.train)
    apart = np.sqrt(((x[:, None] - train) ** 2).sum((2, 3, 4)))  # (6, N)
    np.testing.assert_array_equal(rows, loaded.splits.train[apart.argmin(1)])
    pairs = [picture[..., :3] for picture in pictures_on(at)[:12]]  # the browser enlarges them
    np.testing.assert_array_equal(pairs[::2], tiles.pixels(x))
    np.testing.assert_array_equal(pairs[1::2], tiles.pixels(prepare(loaded.data, np.array(rows))))
    held = nearest(prepare(loaded.data, loaded.splits.test), train).distance
    best = apart.min(1)
    told = words(at)
    for value in (np.median(best), best.min(), np.median(held)):
        assert f"**{value:.2f}**" in told


def test_a_second_run_decodes_the_same_z(root: Path, open_page: OpenPage) -> None:
    first = trained(root, "a-run")
    other = trained(root, "other", seed=1)
    trained(root, "wider", latent_dim=3)
    trained(root, "points", data="mixture", likelihood="gaussian-learned")
    at = open_page("samples.py", run="a-run")
    at.number_input(key="generate_number").set_value(9).run()
    at.segmented_control(key="generate_beside").set_value("Another run").run()
    assert not at.exception
    assert at.selectbox(key=of_run(at, "generate_other")).options == ["other"]
    z = prior_sample(first.load_model(), 9, 0)
    for picture, run in zip(pictures_on(at), (first, other), strict=True):
        scale = (picture.shape[0] + 1) // 3 // 8
        expected = tiles.tile(decode(run.load_model(), z), 3, scale=scale)
        np.testing.assert_array_equal(picture, expected)
    at = open_page("samples.py", run="wider")
    at.segmented_control(key="generate_beside").set_value("Another run").run()
    assert "No other run has 3 latents" in at.info[0].value


def test_a_plane_of_three_rows_is_refused_in_a_sentence(
    root: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    np.save(tmp_path / "few.npy", np.eye(3, 4))
    few = {"data": str(tmp_path / "few.npy"), "batch_size": 1, "latent_dim": 3}
    run = trained(root, "a-run", likelihood="gaussian-learned", **few)
    at = open_page("samples.py")
    at.selectbox(key="generate_plane").select("pca").run()
    assert run.config.get("data_layout") == "vectors"
    assert not at.exception
    assert any("at least 3 examples" in info.value for info in at.info)
