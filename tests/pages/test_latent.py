"""The latent page draws the library's values, for every kind of run."""

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, in_state, of_run, trained
from vae.analysis import portable
from vae.analysis.density import density, equal, projected
from vae.analysis.embeddings import BINS, dot_histogram, trustworthiness
from vae.analysis.encoding import by_kl, decode
from vae.analysis.latent_map import hover_texts, hues, rounded_range
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import PROJECTIONS, Plane, Row, pca
from vae.base import files
from vae.dashboard import plot as component
from vae.dashboard import server
from vae.dashboard.latent.request import MapContext, MapRequest, projection_job
from vae.dashboard.latent.selection import arrays, rows_named, table
from vae.dashboard.samples.manifold import ManifoldRequest, decode_manifold
from vae.data import load
from vae.figures.map_layers import rings
from vae.imaging import tiles
from vae.runs import identity
from vae.worker.job import Job


def drawn(at: AppTest, key: str = "latent_map") -> dict[str, Any]:
    """Return the message to the chart with this key."""
    sent = [json.loads(c.proto.bytes) for c in at.get("bidi_component")]
    return next(message for message in sent if message["key"] == key)


def over(at: AppTest) -> dict[str, Any]:
    """Return the overlay of the map."""
    return next(message for message in messages(at) if "decode" in message)


def messages(at: AppTest) -> list[dict[str, Any]]:
    """Return the messages of the page to its charts in the browser."""
    return [json.loads(c.proto.bytes) for c in at.get("bidi_component")]


def click(at: AppTest, x: float, y: float) -> None:
    """Click on empty space of the map."""
    sent = {"revision": drawn(at)["revision"], "trace": None, "row": None, "x": x, "y": y}
    at.session_state["latent_map"] = {"click": sent}
    at.run()
    assert not at.exception
    at.session_state["latent_map"] = {"click": None}


def pictures(at: AppTest) -> list[bytes]:
    """Return the pictures of the panel."""
    sources = re.findall(r'src="data:image/png;base64,([^"]+)"', " ".join(htmls(at)))
    return [base64.b64decode(source) for source in sources]


def content_of(address: str) -> bytes:
    """Return the content at an address."""
    return component._served.find(address.rpartition("/")[2]).data


def numbers(array: dict[str, str]) -> np.ndarray:
    """Return an array of Plotly's JSON."""
    return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])


def points(message: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the data set, ascending, and their places."""
    rows = np.concatenate([np.frombuffer(base64.b64decode(i), "<u4") for i in message["index"]])
    traces = examples(message)
    place = np.column_stack([np.concatenate([numbers(t[a]) for t in traces]) for a in "xy"])
    order = np.argsort(rows)
    return rows[order], place[order]


def examples(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the traces of examples, without the layers behind them."""
    return [t for t in message["figure"]["data"] if t["type"] != "contour"]


def select(at: AppTest, rows: np.ndarray) -> None:
    """Select these rows with a lasso."""
    bits = np.zeros(int(rows.max()) + 1, np.uint8)
    bits[rows] = 1
    packed = base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()
    at.session_state["latent_map"] = {
        "selected": {"revision": drawn(at)["revision"], "bits": packed}
    }
    at.run()
    assert not at.exception


def text(at: AppTest) -> str:
    return " ".join(e.value for e in [*at.markdown, *at.caption]) + " ".join(htmls(at))


def htmls(at: AppTest) -> list[str]:
    return [e.proto.body for e in at.get("html")]


def set_choice(at: AppTest, key: str, value: Any) -> None:
    whole = f"latent_{key}"
    is_of_run = key.startswith(("projection", "pair"))
    at.selectbox(key=of_run(at, whole) if is_of_run else whole).set_value(value).run()
    assert not at.exception


def test_two_latents_are_drawn_at_their_values(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    message = drawn(open_page("latent.py"))
    loaded = LoadedRun.of(run)
    rows, place = points(message)
    np.testing.assert_array_equal(rows, loaded.rows("test"))
    np.testing.assert_array_equal(place, loaded.encode(rows.astype(np.int64)).mean)
    rings = [s for s in message["figure"]["layout"]["shapes"] if s["type"] == "circle"]
    assert [r["x1"] for r in rings] == [1, 2]


def test_a_subset_is_counted_and_deterministic(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    set_choice(at, "points", 500)
    assert "of 180 shown" not in text(at)
    assert "all 180 shown" in text(at)
    set_choice(at, "split", "train")
    assert "500 of 1,437 shown" in text(at)
    rows, _ = points(drawn(at))
    np.testing.assert_array_equal(rows, LoadedRun.of(run).subset("train", 500))


def test_pairs_of_latents_are_ordered_by_kl(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    assert drawn(at)["figure"]["layout"]["xaxis"]["title"]["text"].startswith("PC 1 (")
    set_choice(at, "projection", "dimensions")
    loaded = LoadedRun.of(run)
    encoding = loaded.encode(loaded.rows("test"))
    order = by_kl(encoding)
    kl = encoding.kl_per_dimension.mean(0)
    labels = [f"z{d + 1} · {kl[d]:.2f}" for d in order]
    assert at.selectbox(key=of_run(at, "latent_pair_x")).options == labels
    np.testing.assert_array_equal(points(drawn(at))[1], encoding.mean[:, order[:2]])
    set_choice(at, "pair_x", order[1])
    assert at.selectbox(key=of_run(at, "latent_pair_y")).value == order[0]


@pytest.mark.parametrize("hue", ["phase", "orientation", "KL", "reconstruction"])
def test_colours_equal_the_librarys_values(hue: str, root: Path, open_page: OpenPage) -> None:
    run = trained(root, "moon", data="moon-phases", examples=300, latent_dim=3, epochs=1)
    at = open_page("latent.py")
    before = drawn(at)["revision"]
    set_choice(at, "hue", hue)
    message = drawn(at)
    loaded = LoadedRun.of(run)
    encoding = loaded.encode(loaded.rows("test"))
    expected = {
        **{name: values[encoding.index] for name, values in loaded.data.factors.items()},
        "KL": encoding.kl,
        "reconstruction": encoding.reconstruction,
    }[hue]
    (trace,) = examples(message)
    np.testing.assert_allclose(numbers(trace["marker"]["color"]), expected, rtol=1e-6)
    assert message["revision"] == before  # zoom and selection survive


def test_a_selection_shows_its_examples_and_their_reconstructions(
    root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")[[3, 40, 99]]
    select(at, rows)
    assert "3 of 180 points selected" in text(at)
    of_class = loaded.data.labels[loaded.rows("test")]
    for label in loaded.data.labels[rows]:
        count = (loaded.data.labels[rows] == label).sum()
        assert f"</span>{label} {count} / {(of_class == label).sum()}</span>" in "".join(htmls(at))
    encoding = loaded.encode(rows)
    sources = re.findall(r'src="data:image/png;base64,([^"]+)"', " ".join(htmls(at)))
    pairs = zip(loaded.inputs(rows), decode(loaded.model, encoding.mean), strict=True)
    expected = [tiles.tile_pngs(np.stack(pair)) for pair in pairs]
    assert [base64.b64decode(s) for s in sources] == [png for pair in expected for png in pair]
    for row, error, kl in zip(rows, encoding.reconstruction, encoding.kl, strict=True):
        said = rf"#{row} · class \d · reconstruction {error:.2f} nats · KL {kl:.2f} nats"
        assert re.search(said, text(at))


def test_rows_ticked_in_the_table_of_a_selection_are_ringed(
    root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")[[3, 40, 99]]
    means = loaded.encode(rows).mean
    select(at, rows)
    table = at.dataframe[0].value
    assert table["row"].tolist() == rows.tolist()
    np.testing.assert_allclose(table[["z1", "z2"]], means, rtol=1e-5)
    assert over(at)["traces"] == []
    at.session_state["latent_ticked"] = (drawn(at)["revision"], rows[1:])
    at.run()
    (ring,) = over(at)["traces"]
    np.testing.assert_allclose(np.stack([ring["x"], ring["y"]], 1), means[1:])
    select(at, rows[:2])  # the third one is neither selected nor ringed
    (ring,) = over(at)["traces"]
    np.testing.assert_allclose(ring["x"], means[1:2, 0])
    assert rings(np.zeros((2, 3), np.float32))["type"] == "scatter3d"


def test_a_large_selection_is_shown_in_part(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    select(at, LoadedRun.of(run).rows("test"))
    assert "32 of 180 shown" in text(at)
    assert " ".join(htmls(at)).count("<figure") == 32


def test_vectors_can_be_selected(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "mix", data="mixture", examples=300, likelihood="gaussian-learned")
    at = open_page("latent.py")
    rows = LoadedRun.of(run).rows("test")[:2]
    select(at, rows)
    names = [t.get("name") for t in drawn(at, "latent_pairs")["figure"]["data"]]
    assert {"original", "reconstruction"} <= set(names)


def test_a_point_posterior_has_neither_kl_nor_rings(root: Path, open_page: OpenPage) -> None:
    trained(root, "point", posterior="point", objective="reconstruction", latent_dim=2)
    at = open_page("latent.py")
    assert "KL" not in at.selectbox(key="latent_hue").options
    assert not drawn(at)["figure"]["layout"].get("shapes")
    assert "mean KL" not in text(at)


@pytest.mark.parametrize("latents", [1, 128])
def test_runs_with_few_and_many_latents_are_drawn(
    latents: int, root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "run", latent_dim=latents, epochs=1)
    at = open_page("latent.py")
    rows, place = points(drawn(at))
    assert len(rows) == 180
    if latents == 1:
        loaded = LoadedRun.of(run)
        np.testing.assert_array_equal(place[:, 0], loaded.encode(loaded.rows("test")).mean[:, 0])
        assert at.selectbox(key=of_run(at, "latent_projection")).disabled
    select(at, rows.astype(np.int64))


def _request(**more: Any) -> MapRequest:
    given = {"checkpoint": "best", "split": "test", "points": 2_000, "projection": "tsne"}
    own = {"options": {"perplexity": 30.0, "iterations": 250}, "hue": "class", "seed": 0}
    return MapRequest(**given | own | {"following": False} | more)


def _orders(at: AppTest, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Return the orders to the launcher after a press on the button."""
    orders: list[Job] = []
    monkeypatch.setattr(server.launcher, "submit", orders.append, raising=False)
    set_choice(at, "projection", "tsne")
    at.button(key="latent_compute").click().run()
    assert not at.exception
    return orders


def test_tsne_runs_in_the_background_and_is_stored(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    (job,) = _orders(at, monkeypatch)
    assert job.result == projection_job(run, _request()).result
    assert "not computed yet" in json.dumps(drawn(at))
    job.note(state="running", progress=0.4, **identity())
    at.run()
    assert at.get("progress")[0].proto.value == 40
    at.button(key="latent_cancel").click().run()
    assert job.cancelled
    job.clear()
    rows = LoadedRun.of(run).rows("test")
    made = np.random.default_rng(0).standard_normal((len(rows), 2)).astype(np.float32)
    arrays = {"points": made, "index": rows}
    files.write_arrays(job.result, arrays, {"axes": ["1", "2"], "note": "750 iterations"})
    at.run()
    assert not at.exception
    np.testing.assert_array_equal(points(drawn(at))[1], made)
    assert "750 iterations" in text(at)
    assert not [b for b in at.button if b.key == "latent_compute"]


def test_a_failed_job_has_a_reason_and_can_be_repeated(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    projection_job(run, _request()).note(state="failed", message="The device is out of memory.")
    at = open_page("latent.py")
    set_choice(at, "projection", "tsne")
    assert "The device is out of memory." in json.dumps(drawn(at))
    assert at.button(key="latent_compute").label == "Compute t-SNE"


def test_following_a_run_draws_its_last_weights(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    assert "latent_follow" not in [toggle.key for toggle in at.toggle]
    run.set_status(state="running", **identity())
    at.run()
    assert "t-SNE" not in at.selectbox(key=of_run(at, "latent_projection")).options
    assert at.selectbox(key="latent_checkpoint").options == ["best", "last"]
    at.toggle(key="latent_follow").set_value(True).run()
    assert not at.exception
    assert at.selectbox(key="latent_checkpoint").value == "last"
    assert "(last)" in text(at)
    run.set_status(state="finished")
    at.run()
    assert "latent_follow" not in [toggle.key for toggle in at.toggle]


def test_damaged_weights_have_a_sentence(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    for name in ("best", "last"):
        (run.path / f"{name}.safetensors").write_bytes(b"no weights")
    at = open_page("latent.py")
    assert at.subheader[-1].value == "This run cannot be opened."
    assert "damaged" in text(at)


def test_a_failed_run_without_weights_has_a_reason(root: Path, open_page: OpenPage) -> None:
    in_state(root, "failed")
    assert "Lower the learning rate" in text(open_page("latent.py"))


def test_a_single_latent_is_stacked_without_jitter() -> None:
    latent = np.random.default_rng(0).standard_normal(400).astype(np.float32)
    labels = np.arange(400) % 3
    placed = dot_histogram(latent, labels)
    np.testing.assert_array_equal(placed.points[:, 0], latent)
    edges = np.linspace(latent.min(), latent.max(), BINS + 1)
    counts, _ = np.histogram(latent, edges)
    for k, count in enumerate(counts):
        last = k == BINS - 1
        here = (latent >= edges[k]) & ((latent <= edges[k + 1]) if last else latent < edges[k + 1])
        heights = placed.points[here, 1]
        np.testing.assert_array_equal(np.sort(heights), np.arange(1, count + 1))
        assert (np.diff(labels[here][np.argsort(heights)]) >= 0).all()


def test_text_and_colours_agree(root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "two", latent_dim=2))
    encoding = loaded.encode(loaded.rows("test"))
    colours = hues(loaded.data, encoding)
    assert list(colours) == ["class", "KL", "reconstruction"]
    lines = hover_texts(encoding, colours)
    assert len(lines) == len(encoding.index)
    label = loaded.data.labels[encoding.index[5]]
    kl, error = encoding.kl[5], encoding.reconstruction[5]
    assert lines[5] == (
        f"{label} · #{encoding.index[5]}\nreconstruction {error:.1f} nats\nKL {kl:.1f} nats"
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-3.17, 3.24, (-3.5, 3.5)), (-3.3, 3.24, (-3.5, 3.5)), (-62, 58, (-100, 100))],
)
def test_a_rounded_range_contains_the_range(
    low: float, high: float, expected: tuple[float, float]
) -> None:
    assert rounded_range(low, high) == pytest.approx(expected)


def test_the_tiles_under_the_pointer_equal_the_decoders(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portable, "MOST_WEIGHTS", 0)  # too large for the browser
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    told, figure = over(at)["decode"], drawn(at)["figure"]
    assert "exact" not in told
    assert told["x"] == pytest.approx(figure["layout"]["xaxis"]["range"])
    assert told["axes"] == ["PC 1", "PC 2"]
    sheet = np.asarray(Image.open(io.BytesIO(content_of(told["tiles"]))))
    loaded = LoadedRun.of(run)
    encoding = loaded.encode(loaded.rows("test"))
    plane = pca(encoding.mean, seed=0)
    for i, j in ((0, 0), (31, 3), (12, 30)):
        place = [np.linspace(*told[axis], 32)[k] for axis, k in (("x", j), ("y", i))]
        z = plane.latents_at(np.array([place], np.float32))
        exact = tiles.pixels(decode(loaded.model, z))[0, ..., 0]
        top = (31 - i) * 8
        tile = sheet[top : top + 8, j * 8 : j * 8 + 8]
        assert np.abs(tile.astype(int) - exact).max() <= 1  # the same plane, fitted again
    ranks = np.frombuffer(content_of(told["ranks"]), "<f4").reshape(64, 64)
    rng, whose = np.random.default_rng(0), np.arange(20_000) % len(encoding.index)
    drawn_z = rng.normal(encoding.mean[whose], encoding.std[whose]).astype(np.float32)
    blobs = equal(*projected(encoding.mean, encoding.std**2, plane.origin, plane.forward))
    heights = density(blobs, plane.places(drawn_z))
    for i, j in ((0, 0), (32, 32), (50, 10)):
        place = [np.linspace(*told[axis], 64)[k] for axis, k in (("x", j), ("y", i))]
        here = density(blobs, np.array([place]))[0]
        assert ranks[i, j] == pytest.approx((heights < here).mean(), abs=0.02)


def test_a_click_on_empty_space_pins_the_exact_decode(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    figure = at.get("bidi_component")[0].proto.bytes
    click(at, 0.75, -1.5)
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")
    means = loaded.encode(rows).mean
    z = np.array([[0.75, -1.5]], np.float32)
    near = rows[np.linalg.norm(means - z, axis=1).argmin()]
    (exact,) = tiles.tile_pngs(decode(loaded.model, z))
    assert pictures(at) == [exact, *tiles.tile_pngs(loaded.inputs(np.array([near])))]
    assert "z = (0.75, −1.50)" in text(at)
    assert f"nearest #{near}" in text(at)
    assert at.get("bidi_component")[0].proto.bytes == figure  # a pin sends no figure
    assert [a["text"] for a in over(at)["annotations"]] == ["1"]
    click(at, -3.0, 2.0)
    assert [(a["x"], a["y"]) for a in over(at)["annotations"]] == [(0.75, -1.5), (-3, 2)]
    (line,) = [shape for shape in over(at)["shapes"] if shape["path"].startswith("M0.75,-1.5L")]
    assert line["path"].endswith("L-3,2")
    film = next(m for m in messages(at) if "places" in m)
    assert film["places"][0] == [0.75, -1.5]
    found, way = loaded.encode(rows), np.array(film["places"])[:, None]
    assert found.std is not None
    scaled = (way - found.mean) / found.std  # (T, N, 2)
    each = np.exp(-(scaled**2).sum(2) / 2) / (2 * np.pi * found.std.prod(1))
    np.testing.assert_allclose(film["height"], each.mean(1), rtol=1e-3, atol=1e-9)
    at.button(key="latent_unpin_0").click().run()
    assert [(a["x"], a["y"]) for a in over(at)["annotations"]] == [(-3, 2)]
    set_choice(at, "checkpoint", "last")
    assert not over(at)["annotations"]


def test_a_new_projection_appears_everywhere(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new row has its option, help, map and decoded grid, also on the Samples page."""

    def mirrored(means: np.ndarray, *, seed: int = 0) -> Plane:
        """The first two latents with opposite sign."""
        axes = -np.eye(means.shape[1], dtype=np.float32)[:2]
        return Plane(means.mean(0), axes, axes, ("m1", "m2"), ("mirrored 1", "mirrored 2"))

    monkeypatch.setitem(PROJECTIONS, "mirrored", Row("mirrored", mirrored, linear=True))
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    choice = at.selectbox(key=of_run(at, "latent_projection"))
    assert "**mirrored**: The first two latents with opposite sign." in choice.help
    set_choice(at, "projection", "mirrored")
    loaded = LoadedRun.of(run)
    means = loaded.encode(loaded.rows("test")).mean
    _, place = points(drawn(at))
    np.testing.assert_allclose(place, (means.mean(0) - means)[:, :2], atol=1e-5)
    assert over(at)["decode"]["axes"] == ["m1", "m2"]
    grid = decode_manifold(loaded, ManifoldRequest("mirrored", (0, 1), 3))
    assert grid.names == ("m1", "m2")


def test_tsne_has_a_note_about_its_missing_inverse(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    rows = LoadedRun.of(run).rows("test")
    arrays = {"points": np.zeros((len(rows), 2), np.float32), "index": rows}
    job = projection_job(run, _request())
    job.note(state="done")
    files.write_arrays(job.result, arrays, {"axes": ["1", "2"], "note": ""})
    at = open_page("latent.py")
    set_choice(at, "projection", "tsne")
    assert over(at)["decode"].keys() == {"words"}
    assert "t-SNE has no inverse" in over(at)["decode"]["words"]
    assert at.toggle(key="latent_decode").disabled
    assert "t-SNE has no inverse" in at.toggle(key="latent_decode").help


@pytest.mark.parametrize(
    "settings",
    [
        {"posterior": "full", "prior": "vamp"},
        {"prior": "mixture"},
        {"prior": "flow", "posterior": "flow", "examples": 300},
        {"posterior": "point", "objective": "reconstruction"},
        {"condition": "labels"},
        {"latent_dim": 1},
        {"data": "mixture", "examples": 300, "likelihood": "gaussian-learned"},
    ],
    ids=str,
)
def test_every_kind_of_run_has_its_map_layers(
    settings: dict[str, Any], root: Path, open_page: OpenPage
) -> None:
    trained(root, "run", **{"latent_dim": 2, "epochs": 1} | settings)
    at = open_page("latent.py")
    for ground, kind in (("density", "contour"), ("decoded", "heatmap"), ("none", None)):
        at.get("segmented_control")[0].set_value(ground).run()
        assert not at.exception
        kinds = {t["type"] for t in drawn(at)["figure"]["data"]} - {"scattergl"}
        flat = settings.get("latent_dim") != 1
        if kind == "heatmap" and settings.get("data") == "mixture":
            kind = "contour"
        assert (kind in kinds) == (flat and kind is not None)
    lines = [t for t in drawn(at)["figure"]["data"] if t.get("name") == "prior"]
    assert bool(lines) == ("prior" in settings)
    click(at, 0.5, 0.5)
    assert "Pinned places" in text(at)


def test_selected_posteriors_have_their_outlines(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")[[3, 40]]
    select(at, rows)
    encoding = loaded.encode(rows)
    for sigma, shape in enumerate(over(at)["shapes"], 1):
        closed = [part for part in shape["path"].split("Z") if part]
        outline = np.array([re.findall(r"-?[\d.]+(?:e-?\d+)?", p) for p in closed], float)
        half = np.ptp(outline.reshape(2, -1, 2), axis=1) / 2
        np.testing.assert_allclose(half, sigma * encoding.std, rtol=0.01)


def test_a_mixture_is_fitted_after_a_press(root: Path, open_page: OpenPage) -> None:
    trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    at.button(key="latent_fit").click().run()
    assert not at.exception
    curve = numbers(drawn(at, "latent_bic")["figure"]["data"][0]["y"])
    assert len(curve) == 10
    assert f"Lowest BIC: {curve.argmin() + 1} of 10 components" in text(at)
    assert "accent" in [t.get("name") for t in drawn(at)["figure"]["data"]]
    assert at.query_params["mixture"] in ("on", ["on"])
    at.toggle(key="latent_mixture").set_value(False).run()
    assert "accent" not in [t.get("name") for t in drawn(at)["figure"]["data"]]
    assert "mixture" not in at.query_params
    linked = open_page("latent.py", mixture="on")
    assert "accent" in [t.get("name") for t in drawn(linked)["figure"]["data"]]


def test_rows_and_classes_can_be_selected_by_name(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")
    at.multiselect(key="latent_of").set_value([3])
    at.text_input(key="latent_rows").set_value(f"{rows[0]}, {rows[1]}-{rows[1]}")
    at.button[[b.label for b in at.button].index("Select")].click().run()
    assert not at.exception
    number, packed = over(at)["select"]
    chosen = np.frombuffer(base64.b64decode(packed), "<u4")
    expected = np.union1d(rows[:2], rows[loaded.data.labels[rows] == 3])
    np.testing.assert_array_equal(chosen, expected)
    assert number == 1
    away = loaded.rows("train")[0]
    at.text_input(key="latent_rows").set_value(f"{rows[0]}, {away}")
    at.button[[b.label for b in at.button].index("Select")].click().run()
    for _ in range(2):  # also after what is selected has come back
        assert "1 of these rows is not among the points" in text(at)
        at.run()
    at.text_input(key="latent_rows").set_value(str(rows[0]))
    at.button[[b.label for b in at.button].index("Select")].click().run()
    assert "not among the points" not in text(at)


def test_a_condition_selects_points(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")
    at.text_input(key="latent_rows").set_value(f"class = '3' AND row > {rows[9]} AND KL > 0")
    at.button[[b.label for b in at.button].index("Select")].click().run()
    assert not at.exception
    chosen = np.frombuffer(base64.b64decode(over(at)["select"][1]), "<u4")
    expected = rows[(loaded.data.labels[rows] == 3) & (rows > rows[9])]
    np.testing.assert_array_equal(chosen, expected)
    at.text_input(key="latent_rows").set_value("klass = '3'")
    at.button[[b.label for b in at.button].index("Select")].click().run()
    assert "did you mean class?" in at.error[0].value


@pytest.mark.parametrize(
    ("said", "rows"),
    [("", []), ("12", [12]), ("3-5, 1", [1, 3, 4, 5]), (" 7 - 7 ,7", [7]), ("#4, #6", [4, 6])],
)
def test_rows_are_read_from_text(said: str, rows: list[int]) -> None:
    assert rows_named(said).tolist() == rows


@pytest.mark.parametrize("said", ["a", "5-3", "1.5", "-4", "1-99999999999"])
def test_invalid_rows_are_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"row|long"):
        rows_named(said)


def test_a_selection_can_be_exported(root: Path) -> None:
    run = trained(root, "two", latent_dim=2)
    options = {"projection": "dimensions", "options": {"latents": (0, 1)}}
    context = MapContext.of(run, _request(**options))
    loaded, encoding = context.loaded, context.encoding
    positions = np.array([2, 50, 90])
    rows = encoding.index[positions]
    lines = list(csv.DictReader(table(context, positions).decode().splitlines()))
    assert [int(line["row"]) for line in lines] == rows.tolist()
    assert [line["class"] for line in lines] == [str(k) for k in loaded.data.labels[rows]]
    for name, values in (("KL", encoding.kl), ("z2_sd", encoding.std[:, 1])):
        assert [float(line[name]) for line in lines] == pytest.approx(values[positions].tolist())
    held = np.load(io.BytesIO(arrays(context, positions)))
    np.testing.assert_array_equal(held["x"], loaded.data.x[rows])
    np.testing.assert_array_equal(held["mean"], encoding.mean[positions])


def test_a_selection_becomes_a_data_set(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")[:60]
    select(at, rows)
    at.button(key="latent_keep").click().run()
    assert not at.exception
    data = load(at.code[0].value)
    np.testing.assert_array_equal(data.x / data.scale, loaded.data.x[rows] / loaded.data.scale)
    names = [data.classes[k] for k in data.labels]
    assert names == [loaded.data.classes[k] for k in loaded.data.labels[rows]]


def test_the_neighbours_of_one_point_are_shown(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")
    select(at, rows[[9]])
    means, seen = loaded.encode(rows).mean, loaded.inputs(rows).reshape(len(rows), -1)
    shown = re.findall(r'<figure title="#(\d+), ([\d.]+) away"', " ".join(htmls(at)))
    for k, values in enumerate((means, seen)):
        apart = np.linalg.norm(values - values[9], axis=1)
        order = np.argsort(apart)[1:9]
        assert [int(row) for row, _ in shown[8 * k : 8 * k + 8]] == rows[order].tolist()
        far = [float(far) for _, far in shown[8 * k : 8 * k + 8]]
        assert far == pytest.approx(apart[order].tolist(), rel=0.01)


def test_the_caption_has_the_trustworthiness(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    loaded = LoadedRun.of(run)
    means = loaded.encode(loaded.rows("test")).mean
    value = trustworthiness(means, pca(means).places(means))
    assert f"trustworthiness {value:.3f}" in text(at)
    set_choice(at, "projection", "lda")
    assert "between classes" in text(at)
    assert drawn(at)["figure"]["layout"]["xaxis"]["title"]["text"].startswith("LD 1")


def test_a_step_of_an_option_stays_within_its_range() -> None:
    """Options of rows whose library is missing are included."""

    def options() -> None:
        import streamlit as st

        from vae.analysis.embeddings import tsne, umap
        from vae.base.options import options_of
        from vae.dashboard.latent.controls import _number

        for project in (tsne, umap):
            for name, spec in options_of(project).items():
                _number(st.container(), spec, name)

    at = AppTest.from_function(options).run()
    assert not at.exception
    assert len(at.number_input) == 4
    for field in at.number_input:
        assert field.min <= field.value - field.step < field.value + field.step <= field.max
