"""The Traversals page: every picture is the decoder's output at the z of its file."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, of_run, trained
from vae.analysis.encoding import decode
from vae.analysis.interpolation import change, class_mean, slerp
from vae.analysis.loaded_run import LoadedRun
from vae.dashboard.shared.latent_scale import latent_scale, reference_latents
from vae.dashboard.traversals import interpolation as two
from vae.dashboard.traversals import single_latent as rows
from vae.dashboard.traversals.arithmetic import REACH
from vae.dashboard.traversals.common import latent_order, log_prior
from vae.imaging import tiles
from vae.imaging.animation import order

VIEWS = ("One latent at a time", "Interpolation", "Arithmetic")
KINDS: dict[str, dict[str, object]] = {
    "two latents": {},
    "one latent": {"latent_dim": 1},
    "many latents": {"latent_dim": 40},
    "plane": {"data": "mixture", "likelihood": "gaussian-learned"},
    "vectors": {"data": "four features", "likelihood": "gaussian-learned"},
    "plain": {"posterior": "point", "objective": "reconstruction", "latent_dim": 3},
    "conditional": {"condition": "labels"},
    "full posterior": {"posterior": "full", "latent_dim": 3},
    "mixture prior": {"prior": "mixture"},
    "vamp prior": {"prior": "vamp"},
    "flow prior": {"prior": "flow"},
    "no classes": {"data": "moon-phases", "examples": 300, "size": 9},
}


def view(at: AppTest, name: str) -> AppTest:
    at.segmented_control(key="traverse_view").set_value(name).run()
    assert not at.exception, [e.value for e in at.exception]
    return at


def html(at: AppTest) -> str:
    return " ".join(e.proto.body for e in at.get("html"))


def words(at: AppTest) -> str:
    return " ".join(e.value for e in [*at.markdown, *at.subheader])


def strips(at: AppTest) -> list[np.ndarray]:
    """Return the strips on the page, (h, w, 3) each."""
    found = re.findall(r'class="strip".*?data:image/png;base64,([^"]+)', html(at), re.DOTALL)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(p))).convert("RGB")) for p in found]


def tiled(strip: np.ndarray, steps: int, side: int = 8) -> np.ndarray:
    """Return the tiles of a strip, each pixel once, (S, side, side, 3)."""
    scale = ((strip.shape[1] + 1) // steps - 1) // side
    assert strip.shape[:2] == (scale * side, steps * (scale * side + 1) - 1)
    return np.stack(
        [
            strip[::scale, k * (scale * side + 1) : (k + 1) * (scale * side + 1) - 1 : scale]
            for k in range(steps)
        ]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_opens_for_every_kind_of_run(
    kind: str, root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    settings = dict(KINDS[kind])
    if kind == "vectors":
        settings["data"] = str(tmp_path / "four.npz")
        x = np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32)
        np.savez(settings["data"], x=x)
    run = trained(root, "a-run", **settings)
    at = open_page("traversals.py")
    loaded = LoadedRun.of(run)
    labelled = loaded.data.labels is not None
    pictures = loaded.data.is_image
    assert ("1 latent" if kind == "one latent" else "latents") in words(at)
    assert len(strips(at)) == len(marks(at)) * pictures
    for start in ("mean", "origin"):
        at.selectbox(key="traverse_start").set_value(start).run()
    for span in ("start", "quantiles"):
        at.selectbox(key="traverse_range").set_value(span).run()
        assert not at.exception
    view(at, "Interpolation")
    assert len(strips(at)) == 2 * pictures
    offered = at.selectbox(key="traverse_measure").options
    assert offered == (["‖z‖", "−ln p(z)"] if loaded.model.has_kl else ["‖z‖"])
    if loaded.model.has_kl:
        at.selectbox(key="traverse_measure").select("−ln p(z)").run()
        assert not at.exception
    view(at, "Arithmetic")
    assert ("This data set has no two classes" in words(at)) == (not labelled)
    assert len(strips(at)) == labelled * pictures


def marks(at: AppTest) -> list[int]:
    return [int(left) for left in re.findall(r'<b style="left:(\d+)px', html(at))]


def test_rows_equal_the_decoders_in_order_of_kl(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run", latent_dim=6, epochs=20, hidden=(32,))
    at = open_page("traversals.py")
    loaded = LoadedRun.of(run)
    encoding = loaded.encode(loaded.splits.train)
    assert encoding.kl_per_dimension is not None
    kl = encoding.kl_per_dimension.mean(0)
    by_kl = np.argsort(-kl)
    assert kl.min() > 0.01  # none is folded
    found = re.findall(r"<b>z(\d+)</b><span[^>]*>(\d+\.\d\d) nats<", html(at))
    np.testing.assert_array_equal([int(n) - 1 for n, _ in found], by_kl)
    np.testing.assert_allclose([float(v) for _, v in found], kl[by_kl], atol=0.0051)
    test = loaded.encode(loaded.splits.test).mean
    row = int(np.abs(test[:, by_kl[0]]).argmax())  # far from the middle of its row
    at.number_input(key=of_run(at, "traverse_start_row")).set_value(
        int(loaded.splits.test[row])
    ).run()
    start = test[row]
    assert abs(start[by_kl[0]]) > 0.75
    pictures, after = strips(at), re.findall(r'class="after">([\d.]+)<', html(at))
    own = tiles.pixels(decode(loaded.model, start[None]))[0]
    for d, strip, moved, left in zip(by_kl, pictures, after, marks(at), strict=True):
        z = np.tile(start, (9, 1))
        z[:, d] = np.linspace(-3, 3, 9)
        near = int(np.abs(z[:, d] - start[d]).argmin())
        z[near] = start
        x = decode(loaded.model, z)
        shown = tiled(strip, 9).astype(int)
        assert np.abs(shown - tiles.pixels(x)).max() <= 1  # batches of another size
        assert np.abs(shown[near] - own.astype(int)).max() <= 1
        assert left == near * (strip.shape[1] + 1) // 9
        assert float(moved) == pytest.approx(change(x, z), abs=6e-4)


def test_the_page_shows_the_arrays_of_the_files(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run", latent_dim=5)
    loaded = LoadedRun.of(run)
    request = rows.TraversalRequest("example", 5, "prior", 3, 9, 0)
    paths = rows.traversals(loaded, request, latent_order(loaded).order)
    z = np.concatenate([path.z for path in paths])
    at = open_page("traversals.py")
    at.number_input(key=of_run(at, "traverse_start_row")).set_value(5).run()
    if [t for t in at.toggle if t.key == of_run(at, "traverse_all")]:
        at.toggle(key=of_run(at, "traverse_all")).set_value(True).run()
    shown = np.concatenate([tiled(strip, 9) for strip in strips(at)])
    np.testing.assert_array_equal(shown, tiles.pixels(decode(loaded.model, z)))
    view(at, "Interpolation")
    ends = (at.number_input(key=of_run(at, f"traverse_{k}_row")).value for k in "ab")
    wanted = two.InterpolationRequest(*ends, 9, 0)
    ways = two.paths_between(loaded, wanted, 9)
    made = decode(loaded.model, np.concatenate([ways.linear, ways.spherical]))
    shown = np.concatenate([tiled(strip, 9) for strip in strips(at)])
    np.testing.assert_array_equal(shown, tiles.pixels(made))
    t = np.linspace(0, 1, 9)
    a, b = (loaded.encode(np.array([row])).mean[0] for row in wanted[:2])
    np.testing.assert_array_equal(ways.spherical, slerp(a, b, t))
    playing = re.findall(r"data:image/webp;base64,([^\"]+)", html(at))[0]
    moving = Image.open(io.BytesIO(base64.b64decode(playing)))
    z = slerp(a, b, np.linspace(0, 1, two.FRAMES))
    frames = tiles.pixels(decode(loaded.model, z))[..., :1]
    scale, shown = moving.size[0] // 8, []
    for k in range(moving.n_frames):
        moving.seek(k)
        frame = np.asarray(moving.convert("RGB"))[::scale, ::scale, :1]
        shown += [frame] * round(int(moving.info["duration"]) / 60)  # equal ones are one, longer
    np.testing.assert_array_equal(shown, frames[order(two.FRAMES, back=True)])


def test_examples_can_be_changed_swapped_and_chosen_by_class(
    root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "a-run")
    loaded = LoadedRun.of(run)
    test, labels = loaded.splits.test, loaded.data.labels
    assert labels is not None
    at = open_page("traversals.py")
    row = at.number_input(key=of_run(at, "traverse_start_row"))
    assert row.value == test[0]
    before = strips(at)[0]
    at.button(key=of_run(at, "traverse_start_next")).click().run()
    assert at.number_input(key=of_run(at, "traverse_start_row")).value == np.sort(test)[1]
    assert (strips(at)[0] != before).any()
    at.selectbox(key=of_run(at, "traverse_start_class")).select("7").run()
    found = set()
    for _ in range(6):
        at.button(key=of_run(at, "traverse_start_random")).click().run()
        found.add(at.number_input(key=of_run(at, "traverse_start_row")).value)
    assert len(found) > 1
    assert {loaded.data.classes[labels[k]] for k in found} == {"7"}
    assert found <= set(test.tolist())
    view(at, "Interpolation")
    first = [at.number_input(key=of_run(at, f"traverse_{k}_row")).value for k in "ab"]
    assert labels[first[0]] != labels[first[1]]
    linear = tiled(strips(at)[0], 9)
    at.button(key="traverse_swap").click().run()
    assert [at.number_input(key=of_run(at, f"traverse_{k}_row")).value for k in "ab"] == first[
        ::-1
    ]
    apart = tiled(strips(at)[0], 9)[::-1].astype(int) - linear
    assert np.abs(apart).max() <= 1


def test_arithmetic_adds_the_difference_of_class_means(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run", epochs=8)
    loaded = LoadedRun.of(run)
    at = view(open_page("traversals.py"), "Arithmetic")
    at.selectbox(key=of_run(at, "traverse_plus")).select("3").run()
    at.selectbox(key=of_run(at, "traverse_minus")).select("8").run()
    mean, train = loaded.encode(loaded.splits.train).mean, loaded.splits.train
    assert loaded.data.labels is not None
    labels = loaded.data.labels[train]
    (three, many), (eight, others) = (class_mean(mean, labels, k) for k in (3, 8))
    length = np.linalg.norm((three - eight) / mean.std(0))
    said = words(at)
    assert f"**Mean of 3** ({many:,} examples) and **mean of 8** ({others:,}): " in said
    apart = re.findall(r"distance \*\*([\d.]+)\*\* standard deviations of z", said)
    assert float(apart[0]) == pytest.approx(length, abs=0.01)
    start = loaded.encode(loaded.splits.test[:1]).mean[0]
    strengths = np.linspace(-REACH, REACH, 9)[:, None]
    wanted = tiles.pixels(decode(loaded.model, (start + strengths * (three - eight)).astype("f4")))
    assert np.abs(tiled(strips(at)[0], 9).astype(int) - wanted).max() <= 1
    at.selectbox(key=of_run(at, "traverse_from")).select("mean of 8").run()
    strip = tiled(strips(at)[0], 9)
    assert (
        np.abs(strip[4].astype(int) - tiles.pixels(decode(loaded.model, eight[None]))).max() <= 1
    )
    assert (
        np.abs(strip[6].astype(int) - tiles.pixels(decode(loaded.model, three[None]))).max() <= 1
    )
    at.selectbox(key=of_run(at, "traverse_plus")).select("8").run()
    strip = tiled(strips(at)[0], 9)
    np.testing.assert_array_equal(strip, np.repeat(strip[:1], 9, 0))
    assert "distance **0.00** standard deviations of z" in words(at)


def test_a_conditional_model_decodes_as_the_chosen_class(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run", condition="labels", epochs=6)
    loaded = LoadedRun.of(run)
    labels = loaded.data.labels
    assert labels is not None
    row = int(loaded.splits.test[0])
    at = open_page("traversals.py")
    request = rows.TraversalRequest("example", row, "prior", 3, 9, int(labels[row]))
    for label in (int(labels[row]), 3):
        z = rows.traversals(loaded, request, latent_order(loaded).order[:1])[0].z
        wanted = tiles.pixels(decode(loaded.model, z, labels=np.full(9, label)))
        assert np.abs(tiled(strips(at)[0], 9).astype(int) - wanted).max() <= 1
        at.selectbox(key=of_run(at, "traverse_held")).select("3").run()
    at.selectbox(key=of_run(at, "traverse_held")).select("own class").run()
    view(at, "Arithmetic")
    at.selectbox(key=of_run(at, "traverse_from")).select("mean of 7").run()
    z = class_mean(loaded.encode(loaded.splits.train).mean, labels[loaded.splits.train], 7)[0]
    wanted = tiles.pixels(decode(loaded.model, z[None], labels=np.array([7])))
    assert np.abs(tiled(strips(at)[0], 9)[4].astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("prior", ["standard", "mixture", "flow"])
def test_range_and_reference_band_belong_to_the_prior(prior: str, root: Path) -> None:
    """The interval of 95 % of a prior, and its unit, against its draws and density."""
    loaded = LoadedRun.of(trained(root, "a-run", prior=prior, latent_dim=3))
    span, z = latent_scale(loaded), reference_latents(loaded)
    np.testing.assert_allclose(z.mean(0), span.centre, atol=0.1)
    np.testing.assert_allclose(z.std(0), span.unit, rtol=0.06)
    minus = two.measure(loaded, z, "prior")
    np.testing.assert_allclose(minus, -log_prior(loaded, z))
    if prior == "standard":
        exact = 0.5 * (z**2).sum(1) + 1.5 * np.log(2 * np.pi)
        np.testing.assert_allclose(minus, exact, rtol=1e-4)
        norms = np.quantile(two.measure(loaded, z, "norm"), [0.025, 0.975])
        np.testing.assert_allclose(norms, [0.464, 3.058], atol=0.09)  # χ with 3 degrees of freedom


def test_inactive_latents_are_hidden_at_first(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run", latent_dim=20, epochs=4, beta=1.5)
    at = open_page("traversals.py")
    _, value, idle = latent_order(LoadedRun.of(run))
    assert idle == set(np.flatnonzero(value < 0.01).tolist())
    assert len(idle) > 4
    assert ((value > 0.01) & (value < 0.1)).any()
    assert len(strips(at)) == max(1, min(16, 20 - len(idle)))
    assert "inactive left out" in words(at)
    at.toggle(key=of_run(at, "traverse_all")).set_value(True).run()
    assert len(strips(at)) == 20
    assert "inactive left out" not in words(at)
