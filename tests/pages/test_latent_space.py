"""The latent page in three dimensions: the message to the browser, and the options."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, of_run, trained
from tests.pages.test_latent import drawn, numbers, over, set_choice, text
from vae.analysis.encoding import by_kl
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections_3d import HALF, SPACES, components
from vae.dashboard.latent.panel import HINT_3D
from vae.runs import Run

KEY = "latent_space"


def placed(message: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the data set, ascending, and their places, (N, 3)."""
    rows = np.concatenate([np.frombuffer(base64.b64decode(i), "<u4") for i in message["index"]])
    traces = message["figure"]["data"]
    place = np.column_stack([np.concatenate([numbers(t[a]) for t in traces]) for a in "xyz"])
    order = np.argsort(rows)
    return rows[order], place[order]


def sphere(at: AppTest) -> list[dict[str, Any]]:
    return over(at)["traces"]


def select(at: AppTest, rows: np.ndarray) -> None:
    """Select these points by clicks."""
    bits = np.zeros(int(rows.max()) + 1, np.uint8)
    bits[rows] = 1
    packed = base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()
    sent = {"revision": drawn(at, KEY)["revision"], "bits": packed}
    at.session_state[KEY] = {"selected": sent}
    at.run()
    assert not at.exception


def in_space(root: Path, open_page: OpenPage, name: str, **settings: Any) -> tuple[Run, AppTest]:
    run = trained(root, "five", **{"latent_dim": 5} | settings)
    at = open_page("latent.py")
    set_choice(at, "projection", name)
    return run, at


def test_three_latents_are_drawn_at_their_values(root: Path, open_page: OpenPage) -> None:
    run, at = in_space(root, open_page, "dimensions-3d")
    loaded = LoadedRun.of(run)
    encoding = loaded.encode(loaded.rows("test"))
    order = by_kl(encoding)
    rows, place = placed(drawn(at, KEY))
    np.testing.assert_array_equal(rows, encoding.index)
    np.testing.assert_array_equal(place, encoding.mean[:, order[:3]])
    before = drawn(at, KEY)["revision"]
    set_choice(at, "pair_3d_y", order[4])
    message = drawn(at, KEY)
    assert message["revision"] != before
    chosen = [order[0], order[4], order[2]]  # the third is still free
    np.testing.assert_array_equal(placed(message)[1], encoding.mean[:, chosen])
    kl = encoding.kl_per_dimension.mean(0)
    titles = [message["figure"]["layout"]["scene"][f"{a}axis"]["title"]["text"] for a in "xyz"]
    assert titles == [f"z{d + 1} (KL {kl[d]:.2f} nats)" for d in chosen]
    offered = at.selectbox(key=of_run(at, "latent_pair_3d_z")).options
    assert not any(option.startswith(f"z{order[0] + 1} ") for option in offered)
    assert "all 180 shown" in text(at)


def test_components_have_the_share_of_variance_of_each(root: Path, open_page: OpenPage) -> None:
    run, at = in_space(root, open_page, "pca-3d")
    loaded = LoadedRun.of(run)
    encoding = loaded.encode(loaded.rows("test"))
    made = components(encoding)
    rows, place = placed(drawn(at, KEY))
    np.testing.assert_array_equal(place, made.places(encoding.mean))
    assert made.note in text(at)
    (prior,) = sphere(at)
    far = np.array([prior[a] for a in "xyz"], float).T - made.centre
    np.testing.assert_allclose(np.linalg.norm(far[~np.isnan(far[:, 0])], axis=1), HALF, rtol=1e-4)
    select(at, rows[[7]].astype(np.int64))
    assert "1 of 180 points selected" in text(at)
    assert "Nearest in latent space" in text(at)


def test_the_sphere_is_switched_without_sending_points(root: Path, open_page: OpenPage) -> None:
    _, at = in_space(root, open_page, "dimensions-3d")
    sent = [c.proto.bytes for c in at.get("bidi_component")]
    assert HINT_3D in text(at)
    assert f"radius {HALF:.2f}" in at.toggle(key="latent_sphere").help
    at.toggle(key="latent_sphere").set_value(False).run()
    assert not sphere(at)
    again = [c.proto.bytes for c in at.get("bidi_component")]
    assert len([a for a, b in zip(sent, again, strict=True) if a != b]) == 1
    assert drawn(at, KEY)["revision"]


def test_a_subset_is_counted(root: Path, open_page: OpenPage) -> None:
    run, at = in_space(root, open_page, "pca-3d")
    before = drawn(at, KEY)["revision"]
    set_choice(at, "points", 500)
    set_choice(at, "split", "train")
    assert "500 of 1,437 shown" in text(at)
    message = drawn(at, KEY)
    np.testing.assert_array_equal(placed(message)[0], LoadedRun.of(run).subset("train", 500))
    set_choice(at, "hue", "KL")
    coloured = drawn(at, KEY)
    assert coloured["revision"] == message["revision"] != before  # the camera stays
    (trace,) = coloured["figure"]["data"]
    rows = np.frombuffer(base64.b64decode(coloured["index"][0]), "<u4")
    loaded = LoadedRun.of(run)
    np.testing.assert_allclose(
        numbers(trace["marker"]["color"]), loaded.encode(rows.astype(np.int64)).kl, rtol=1e-4
    )


@pytest.mark.parametrize(("latents", "offered"), [(1, 0), (2, 0), (3, 2)])
def test_three_dimensions_need_three_latents(
    latents: int, offered: int, root: Path, open_page: OpenPage
) -> None:
    trained(root, "run", latent_dim=latents, epochs=1)
    at = open_page("latent.py")
    choice = at.selectbox(key=of_run(at, "latent_projection"))
    titles = [row.title for row in SPACES.values()]
    assert len([title for title in choice.options if title in titles]) == offered
    assert "three latents or more" in choice.help


@pytest.mark.parametrize(
    "settings",
    [
        {"prior": "mixture"},
        {"posterior": "point", "objective": "reconstruction"},
        {"data": "mixture", "examples": 300, "likelihood": "gaussian-learned"},
        {"condition": "labels"},
        {"latent_dim": 3},
    ],
    ids=str,
)
def test_every_kind_of_run_has_a_view_in_3d(
    settings: dict[str, Any], root: Path, open_page: OpenPage
) -> None:
    _, at = in_space(root, open_page, "dimensions-3d", epochs=1, **settings)
    known = "prior" not in settings and settings.get("posterior") != "point"
    assert len(sphere(at)) == known
    assert at.toggle(key="latent_sphere").disabled != known
    rows, place = placed(drawn(at, KEY))
    assert np.isfinite(place).all()
    select(at, rows[[0, 3]].astype(np.int64))
    assert "points selected" in text(at)
    title = drawn(at, KEY)["figure"]["layout"]["scene"]["xaxis"]["title"]["text"]
    assert ("nats" if known else "variance") in title  # no dimension has a KL of its own
    set_choice(at, "projection", "pca")
    assert drawn(at)["revision"]


def test_a_class_can_be_selected_in_3d(root: Path, open_page: OpenPage) -> None:
    run, at = in_space(root, open_page, "pca-3d")
    at.multiselect(key="latent_of").set_value([3])
    at.button[[b.label for b in at.button].index("Select")].click().run()
    assert not at.exception
    _, packed = over(at)["select"]
    loaded = LoadedRun.of(run)
    rows = loaded.rows("test")
    chosen = np.frombuffer(base64.b64decode(packed), "<u4")
    np.testing.assert_array_equal(chosen, rows[loaded.data.labels[rows] == 3])
