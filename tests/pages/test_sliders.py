"""The sliders of the Latent space page: the messages to the browser, and its reports."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, trained
from tests.pages.test_latent import click, content_of, drawn, over, set_choice, text
from tests.pages.test_traversals import strips, tiled
from vae.analysis import portable
from vae.analysis.encoding import by_kl, decode
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import plane
from vae.dashboard.latent.sliders import FEW, FOLLOWING, ON_SERVER
from vae.dashboard.traversals.single_latent import CHOSEN
from vae.imaging import tiles
from vae.runs import Run, identity

KEY = "latent_map_sliders"
NONE = "Nearest example: #"


def sent(at: AppTest) -> dict[str, Any]:
    """Return the message to the sliders."""
    messages = [json.loads(c.proto.bytes) for c in at.get("bidi_component")]
    return next(message for message in messages if "latents" in message)


def report(at: AppTest, z: list[float], turn: int = 1) -> None:
    """As if a person had moved the sliders."""
    place = {"revision": drawn(at)["revision"], "turn": turn, "z": z}
    at.session_state[KEY] = {"z": place}
    at.run()
    assert not at.exception


def means(run: Run) -> np.ndarray:
    loaded = LoadedRun.of(run)
    return loaded.encode(loaded.rows("test")).mean


def nearest(run: Run, z: list[float]) -> str:
    """The beginning of the sentence about the nearest example."""
    rows = LoadedRun.of(run).rows("test")
    near = np.linalg.norm(means(run) - np.float32(z), axis=1).argmin()
    return f"Nearest example: #{rows[near]} "


@pytest.mark.parametrize(
    "settings",
    [
        {"posterior": "full", "prior": "vamp"},
        {"prior": "flow", "posterior": "flow", "examples": 300},
        {"posterior": "point", "objective": "reconstruction"},
        {"condition": "labels", "latent_dim": 20},
        {"latent_dim": 1},
        {"data": "mixture", "examples": 300, "likelihood": "gaussian-learned"},
    ],
    ids=str,
)
def test_every_kind_of_run_has_its_sliders(
    settings: dict[str, Any], root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "run", **{"latent_dim": 2, "epochs": 1} | settings)
    at = open_page("latent.py")
    message, z = sent(at), means(run)
    latents = message["latents"]
    assert sorted(slider["latent"] for slider in latents) == list(range(z.shape[1]))
    for slider in latents:  # the examples and the prior are within reach
        column = z[:, slider["latent"]]
        assert slider["low"] <= column.min() <= column.max() <= slider["high"]
        if run.config.prior == "standard" and run.config.posterior != "point":
            assert slider["low"] <= -3 < 3 <= slider["high"]
    if z.shape[1] > 2:
        loaded = LoadedRun.of(run)
        order = by_kl(loaded.encode(loaded.rows("test")))
        assert [slider["latent"] for slider in latents] == order
    assert message["few"] == FEW
    exact = message["exact"]
    weights = np.frombuffer(content_of(exact["weights"]), "<f4")
    np.testing.assert_array_equal(weights, portable.portable(LoadedRun.of(run).model).weights)
    assert exact["recipe"]["latents"] == z.shape[1]
    assert over(at)["decode"]["exact"] == exact  # the pointer uses the same decoder
    assert "tiles" not in over(at)["decode"]
    assert ON_SERVER not in text(at)
    assert nearest(run, message["start"]) in text(at)


def test_a_class_is_decoded_as_chosen(root: Path, open_page: OpenPage) -> None:
    trained(root, "run", condition="labels", epochs=1)
    at = open_page("latent.py")
    at.selectbox(key="latent_label").set_value(4).run()
    assert sent(at)["exact"]["label"] == over(at)["decode"]["exact"]["label"] == 4


def test_a_click_moves_the_sliders_and_a_report_is_stored(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    figure = at.get("bidi_component")[0].proto.bytes
    assert sent(at)["set"] is None
    click(at, 0.5, -1.0)
    first, z = sent(at)["set"]
    flat = plane("pca", means(run))
    np.testing.assert_allclose(z, flat.latents_at(np.array([[0.5, -1.0]], np.float32))[0], 1e-4)
    told = sent(at)["plane"]
    place = (np.array(z) - told["origin"]) @ np.array(told["forward"]).T
    np.testing.assert_allclose(place, [0.5, -1.0], atol=1e-4)
    report(at, [1.0, 0.0, 0.5, 0.0, -2.0])
    assert nearest(run, [1.0, 0.0, 0.5, 0.0, -2.0]) in text(at)
    assert sent(at)["set"][0] == first  # the sliders stay where they are
    row = int(LoadedRun.of(run).rows("test")[17])
    pressed = {"revision": drawn(at)["revision"], "trace": 0, "row": row, "x": 0.0, "y": 0.0}
    at.session_state["latent_map"] = {"click": pressed}
    at.run()
    second, z = sent(at)["set"]
    assert second > first
    np.testing.assert_array_equal(np.float32(z), means(run)[17])
    assert f"{NONE}{row} " in text(at)  # later than the report, which is still in the state
    assert at.get("bidi_component")[0].proto.bytes == figure


def test_the_address_holds_the_place_of_the_sliders(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py", latents="0.5_-1_0_0_2.25")
    assert sent(at)["set"][1] == [0.5, -1.0, 0.0, 0.0, 2.25]
    assert nearest(run, [0.5, -1, 0, 0, 2.25]) in text(at)
    assert "0.5_-1_0_0_2.25" in at.query_params["latents"]
    report(at, [1.0, 0.0, 0.5, 0.0, -2.0])
    assert "1_0_0.5_0_-2" in at.query_params["latents"]
    report(at, [0.0] * 5, turn=2)
    assert "latents" not in at.query_params  # the start
    for wrong in ("1_2", "a_b_c_d_e"):
        at = open_page("latent.py", latents=wrong)
        assert f"The link asked for latents `{wrong}`" in at.toast[0].value
        assert nearest(run, [0.0] * 5) in text(at)


def test_traversals_start_from_the_place_of_the_sliders(root: Path, open_page: OpenPage) -> None:
    loaded = LoadedRun.of(trained(root, "five", latent_dim=5))
    at = open_page("latent.py")
    at.switch_page("../../pages/traversals.py").run()
    title = CHOSEN["sliders"]
    assert title not in at.selectbox(key="traverse_start").options
    at.switch_page("../../pages/latent.py").run()
    z = [1.0, 0.0, 0.5, 0.0, -2.0]
    report(at, z)
    at.switch_page("../../pages/traversals.py").run()
    at.selectbox(key="traverse_start").set_value("sliders").run()
    assert not at.exception
    assert f"starting from {title}" in text(at)
    start = tiles.pixels(decode(loaded.model, np.float32([z])))[0].astype(int)
    apart = [np.abs(tiled(strip, 9) - start).max(axis=(1, 2, 3)).min() for strip in strips(at)]
    assert max(apart) <= 1  # each row contains the start


def test_a_report_of_another_map_is_ignored(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    at.session_state[KEY] = {"z": {"revision": "another", "turn": 9, "z": [3.0] * 5}}
    at.run()
    assert nearest(run, [0.0] * 5) in text(at)


def test_a_large_decoder_is_computed_on_the_server(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portable, "MOST_WEIGHTS", 100)
    run = trained(root, "run", latent_dim=2)
    at = open_page("latent.py")
    assert ON_SERVER in text(at)
    assert "million weights" in text(at)
    assert sent(at)["exact"] is None
    for turn, z in enumerate(([0.0, 0.0], [1.5, -0.5]), start=1):
        report(at, z, turn)
        values = np.frombuffer(content_of(sent(at)["decoded"]), "<f4")
        expected = decode(LoadedRun.of(run).model, np.float32([z]))
        np.testing.assert_array_equal(values, expected.ravel())


def test_a_map_without_a_place_for_z_has_a_note(root: Path, open_page: OpenPage) -> None:
    trained(root, "five", latent_dim=5)
    at = open_page("latent.py")
    assert "no ring" not in text(at)
    set_choice(at, "projection", "tsne")
    assert "no ring" in text(at)
    assert sent(at)["plane"] is None
    assert sent(at)["exact"]
    set_choice(at, "projection", "pca-3d")
    assert "3-D view has no ring" in text(at)


def test_the_sliders_wait_while_the_map_follows_a_run(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    at = open_page("latent.py")
    run.set_status(state="running", **identity())
    at.run()
    at.toggle(key="latent_follow").set_value(True).run()
    assert not at.exception
    assert FOLLOWING in text(at)
