"""The Reconstructions page with custom and corrupted examples."""

import base64
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, of_run, trained
from tests.pages.test_reconstructions import body, stacks
from vae.analysis.corruption import CORRUPTIONS, corrupted
from vae.analysis.custom_example import (
    picture_to_x,
    place_example,
    reconstruct,
    row_to_picture,
)
from vae.analysis.denoising import denoise
from vae.analysis.loaded_run import LoadedRun
from vae.base.numbers import fixed
from vae.base.options import options_of
from vae.base.records import UNSCALED
from vae.dashboard.reconstructions.custom import surprise_sentence
from vae.dashboard.reconstructions.drawing_pad import received
from vae.dashboard.shared import cache
from vae.imaging import tiles
from vae.runs.result_keys import run_key

SEVEN = np.zeros((1, 8, 8), np.uint8)
SEVEN[0, 1, 2:6], SEVEN[0, 2:7, 5] = 255, 255


def view(at: AppTest, name: str) -> AppTest:
    at.segmented_control(key="reconstruct_of").set_value(name).run()
    assert not at.exception, [e.value for e in at.exception]
    return at


def draw(at: AppTest, picture: np.ndarray, base: np.ndarray, key: str, start: str) -> AppTest:
    what = hashlib.sha256(base.tobytes() + start.encode()).hexdigest()[:12]
    pixels = base64.b64encode(picture.tobytes()).decode()
    at.session_state["reconstruct_pad"] = {
        "drawn": {"revision": f"{key} {what}", "pixels": pixels}
    }
    at.run()
    assert not at.exception, [e.value for e in at.exception]
    return at


def says(at: AppTest, loaded: LoadedRun, picture: np.ndarray) -> None:
    """Assert that the page shows the model's numbers and pictures for this picture."""
    found = reconstruct(loaded, picture_to_x(picture, loaded))
    assert f"{fixed(found.reconstruction)} nats" in body(at)
    assert found.kl is not None
    assert f"{fixed(found.kl)} nats" in body(at)
    stack = stacks(at)[0]
    difference = tiles.difference(found.x, found.values).tiles
    expected = tiles.strip([found.x, found.values, difference], 1, scale=112 // 8)
    np.testing.assert_array_equal(stack, expected[..., :3])
    encoding = loaded.encode(loaded.splits.test)
    assert encoding.kl is not None
    share = found.percentile(encoding.reconstruction + encoding.kl)
    words = " ".join(m.value for m in at.markdown)
    assert surprise_sentence(share, "180 test examples") in words


def test_a_drawing_is_reconstructed_by_the_model(root: Path, open_page: OpenPage) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    at = view(open_page("reconstructions.py"), "Custom example")
    says(at, loaded, np.zeros((1, 8, 8), np.uint8))
    draw(at, SEVEN, np.zeros((1, 8, 8), np.uint8), run_key(loaded.run), "blank")
    says(at, loaded, SEVEN)
    z = reconstruct(loaded, picture_to_x(SEVEN, loaded)).encoding.mean[0]
    captions = " ".join(c.value for c in at.caption)
    assert f"z = ({', '.join(fixed(v) for v in z)})" in captions
    train = loaded.encode(loaded.splits.train)
    order = np.argsort(((train.mean - z) ** 2).sum(1))[:6]
    rows = [int(row) for row in re.findall(r"row (\d+), distance [\d.]+", body(at))]
    np.testing.assert_array_equal(rows, train.index[order])


def test_an_example_of_the_data_can_be_changed(root: Path, open_page: OpenPage) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    at = view(open_page("reconstructions.py"), "Custom example")
    at.selectbox(key="reconstruct_start").select("example").run()
    at.number_input(key=of_run(at, "reconstruct_example_test")).set_value(5).run()
    base = row_to_picture(loaded, int(loaded.splits.test[4]))
    says(at, loaded, base)
    draw(at, SEVEN, base, run_key(loaded.run), "example")
    says(at, loaded, SEVEN)
    at.number_input(key=of_run(at, "reconstruct_example_test")).set_value(6).run()
    says(
        at, loaded, row_to_picture(loaded, int(loaded.splits.test[5]))
    )  # what was drawn on 5 is left


def test_a_file_can_be_read_inverted_or_refused(root: Path, open_page: OpenPage) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    at = view(open_page("reconstructions.py"), "Custom example")
    at.selectbox(key="reconstruct_start").select("file").run()
    assert "Drop a picture here" in " ".join(c.value for c in at.caption)
    buffer = io.BytesIO()
    Image.fromarray(255 - SEVEN[0]).save(buffer, "PNG")
    upload = at.file_uploader(key="reconstruct_file")
    upload.set_value(("seven.png", buffer.getvalue(), "image/png")).run()
    says(at, loaded, 255 - SEVEN)
    at.toggle(key="reconstruct_invert").set_value(True).run()
    says(at, loaded, SEVEN)
    bad = ("bad.png", b"no picture", "image/png")
    at.file_uploader(key="reconstruct_file").set_value(bad).run()
    assert not at.exception
    assert "bad.png is damaged, or not a picture" in at.error[0].value


def test_the_values_of_a_vector_are_typed(root: Path, open_page: OpenPage) -> None:
    loaded = LoadedRun.of(trained(root, "a-run", data="mixture", likelihood="gaussian-learned"))
    at = view(open_page("reconstructions.py"), "Custom example")
    at.number_input(key=of_run(at, "reconstruct_value_0")).set_value(2.5).run()
    at.number_input(key=of_run(at, "reconstruct_value_1")).set_value(-1.0).run()
    assert not at.exception
    found = reconstruct(loaded, np.array([[2.5, -1.0]], np.float32))
    assert f"{fixed(found.bound)} nats" in body(at)


@pytest.mark.parametrize(
    "settings", [{"posterior": "point", "objective": "reconstruction"}, {"condition": "labels"}]
)
def test_every_kind_of_model_reconstructs_custom_examples(
    settings: dict[str, str], root: Path, open_page: OpenPage
) -> None:
    trained(root, "a-run", **settings)
    at = view(open_page("reconstructions.py"), "Custom example")
    assert ("sum, z at the mean of q" in body(at)) == ("condition" in settings)
    if "condition" in settings:
        before = body(at)
        at.selectbox(key=of_run(at, "reconstruct_class_label")).select(7).run()
        assert body(at) != before
    assert stacks(view(at, "Corruption"))


def test_a_percentile_becomes_a_sentence() -> None:
    assert "**97.2 % of the 180 test examples**" in surprise_sentence(0.9722, "180 test examples")
    assert "**all 180 test examples**" in surprise_sentence(1.0, "180 test examples")
    assert "No more surprising than the least surprising" in surprise_sentence(
        0.0, "180 test examples"
    )


def test_a_drawing_on_another_picture_is_dropped() -> None:
    sent = {"revision": "a", "pixels": base64.b64encode(SEVEN.tobytes()).decode()}
    blank = np.zeros_like(SEVEN)
    np.testing.assert_array_equal(received(sent, blank, "a"), SEVEN)
    np.testing.assert_array_equal(received(sent, blank, "b"), blank)
    np.testing.assert_array_equal(received(None, blank, "a"), blank)
    larger = np.zeros((3, 8, 8), np.uint8)
    np.testing.assert_array_equal(received(sent, larger, "a"), larger)


KNOBS = [(n, o) for n, row in CORRUPTIONS.items() for o in options_of(row.apply)]


@pytest.fixture
def corruption_page(root: Path, open_page: OpenPage) -> AppTest:
    trained(root, "a-run", binarize="threshold")
    at = view(open_page("reconstructions.py"), "Corruption")
    at.slider(key="reconstruct_gaussian_sd").set_value(0.0).run()
    return at


def test_the_cards_show_the_denoised_examples(corruption_page: AppTest, root: Path) -> None:
    from vae.runs import Run

    at, loaded = corruption_page, LoadedRun.of(Run(root / "a-run"))
    at.slider(key="reconstruct_flips_share").set_value(0.1).run()
    at.slider(key="reconstruct_occlusion_share").set_value(0.25).run()
    rows = [int(row) for row in re.findall(r'title="\d · row (\d+)', body(at))]
    x = loaded.inputs(np.array(rows))
    cover = {"share": 0.25, "across": 0.5, "down": 0.5, "fill": 0.5}
    broken = corrupted(x, {"flips": {"share": 0.1}, "occlusion": cover}, 0, UNSCALED)
    made = denoise(loaded, x, broken, np.array(rows))
    layers = [x, broken, made.values, tiles.difference(x, made.values, 1.0).tiles]
    shown_ = stacks(at)
    assert len(shown_) == 8
    scale = shown_[0].shape[1] // 8
    for k, stack in enumerate(shown_):
        expected = tiles.strip([layer[k : k + 1] for layer in layers], 1, scale=scale)
        np.testing.assert_array_equal(stack, expected[..., :3])
    words = " ".join(m.value for m in at.markdown)
    assert (
        f"**{made.damage.mean():.4f}** corrupted, **{made.squared.mean():.4f}** restored" in words
    )
    assert f"reconstruction **{made.reconstruction.mean():.2f}** nats" in words


@pytest.mark.parametrize(("name", "option"), KNOBS)
def test_every_slider_changes_the_pictures(
    name: str, option: str, corruption_page: AppTest
) -> None:
    at = corruption_page
    first = next(iter(options_of(CORRUPTIONS[name].apply)))
    if option != first:
        assert at.slider(key=f"reconstruct_{name}_{option}").disabled
        at.slider(key=f"reconstruct_{name}_{first}").set_value(0.3).run()
    before = stacks(at)
    at.slider(key=f"reconstruct_{name}_{option}").set_value(0.9).run()
    same = [np.array_equal(a, b) for a, b in zip(before, stacks(at), strict=True)]
    assert not all(same)


def pad(at: AppTest) -> dict[str, Any]:
    """The message to the drawing pad."""
    (found,) = [c.proto.json for c in at.get("bidi_component") if '"pixels"' in c.proto.json]
    return json.loads(found)


@pytest.mark.parametrize(
    ("settings", "is_live"),
    [
        ({}, True),
        ({"latent_dim": 5, "posterior": "full"}, True),
        ({"condition": "labels"}, False),
        ({"binarize": "threshold"}, False),
    ],
    ids=str,
)
def test_the_browser_follows_a_drawing_where_it_can(
    settings: dict[str, Any], is_live: bool, root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "a-run", **settings)
    at = view(open_page("reconstructions.py"), "Custom example")
    live = pad(at)["live"]
    assert (live is not None) == is_live
    if not is_live:
        return
    z = LoadedRun.of(run).encode(LoadedRun.of(run).splits.train[:5]).mean
    forward = np.array(live["plane"]["forward"])
    place = (z - live["plane"]["origin"]) @ forward.T
    means = cache.training_encoding(cache.load_run(run)).mean
    expected = place_example(means, z[0]).custom
    np.testing.assert_allclose(place[0], expected, atol=1e-4)
    assert live["levels"] == 17


def test_the_unit_stands_beside_numbers_of_standardised_columns(
    root: Path, open_page: OpenPage
) -> None:
    """Nats in units of x on Train and Compare, changes in each column's scale on Traversals."""
    run = trained(root, "a-run", data="mixture", likelihood="gaussian-learned")
    trained(root, "b-run", data="digits")
    for name in ("a-run", "b-run"):
        at = open_page("train.py", run=name)
        notes = [c.proto.bytes for c in at.get("bidi_component")]
        assert any(b"nats per example" in note for note in notes)
        assert any(b"in units of x" in note for note in notes) == (name == "a-run")
    titles = [m.value for m in open_page("train.py", run=run.name).markdown]
    assert any("Samples" in title and "pointer: units of x" in title for title in titles)
    paths = [c.proto.bytes for c in open_page("traversals.py", run=run.name).get("bidi_component")]
    assert any(b"scale per unit of z" in path for path in paths)
    at = open_page("compare.py", view="Rate–distortion")
    assert any("in the units of x" in c.value for c in at.caption)
