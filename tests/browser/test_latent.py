"""The latent page in a real browser: lasso, hover, pins, a live run, t-SNE in the background, no
WebGL, and sixty thousand points."""

import base64
import io
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import App, OpenPage, Server, Tab, trained
from tests.browser.screen import choose, perform, until
from vae.analysis.encoding import decode
from vae.analysis.loaded_run import LoadedRun
from vae.base import files
from vae.base.records import Snapshot
from vae.dashboard.latent.request import MapRequest, projection_job
from vae.imaging import tiles
from vae.runs import Run, identity

MAP, LINE, PANEL = ".st-key-latent_map", ".st-key-latent_line", ".st-key-latent_panel"
SPACE = ".st-key-latent_space"
TRAIN = ("--data", "digits", "--hidden", "32")
PLACE = """row => {  // pixels in the window at which a row of the data set is drawn
    const chart = document.querySelector('.st-key-latent_map .js-plotly-plot');
    const { xaxis, yaxis } = chart._fullLayout;
    const box = chart.getBoundingClientRect();
    for (const trace of chart._fullData) {
        const i = [...trace.customdata].indexOf(row);
        if (i < 0) continue;
        return [box.x + xaxis._offset + xaxis.l2p(trace.x[i]),
                box.y + yaxis._offset + yaxis.l2p(trace.y[i])];
    }
}"""
SOCKET = """window.received = 0;
window.WebSocket = class extends WebSocket {
  constructor(...how) {
    super(...how);
    this.addEventListener('message', ({ data }) => {
      window.received += data.byteLength ?? data.size ?? data.length;
    });
  }
};"""
NO_WEBGL = """() => {
    const before = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...how) {
        return /webgl/.test(kind) ? null : before.call(this, kind, ...how);
    };
}"""
RANGE = f"() => document.querySelector('{MAP} .js-plotly-plot')._fullLayout.xaxis.range"
POINTS = f"() => [...document.querySelector('{MAP} .js-plotly-plot')._fullData[0].x]"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs."""
    root = tmp_path_factory.mktemp("runs")
    trained(root, "space", *TRAIN, "--latent-dim", "3", "--epochs", "3")
    trained(root, "flat", *TRAIN, "--latent-dim", "2", "--epochs", "8")
    return root


@pytest.fixture(scope="module")
def server(app: App, runs: Path) -> Server:
    return app(runs)


def _train(run: Run, step: int) -> None:
    """Save other weights, as a worker does while it trains."""
    saved = run.snapshot()
    assert saved is not None
    rng = np.random.default_rng(step)
    arrays = {
        name: value * rng.uniform(0.8, 1.2, value.shape).astype(value.dtype)
        if name.startswith("model.") and value.dtype.kind == "f"
        else value
        for name, value in saved.arrays.items()
    }
    run.record(Snapshot(step, arrays, saved.meta | {"step": step}))


def _show(tab: Tab) -> None:
    tab.page.wait_for_selector(f"{MAP} .nsewdrag")
    tab.settle()


def _choose(tab: Tab, key: str, option: str) -> None:
    choose(tab.page, f".st-key-latent_{key}", option)
    tab.settle()


def _project(tab: Tab, projection: str) -> None:
    choose(
        tab.page, "[class*=st-key-latent_projection_]", projection
    )  # the key ends with a digest
    tab.settle()


def _drag(tab: Tab, corners: list[tuple[float, float]]) -> None:
    """Draw through places in the map, given as shares of its width and height."""
    box = tab.page.locator(f"{MAP} .nsewdrag").first.bounding_box()
    assert box is not None
    mouse = tab.page.mouse
    for k, (x, y) in enumerate(corners):
        mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        if k == 0:
            mouse.down()
    mouse.up()


def _said(tab: Tab, where: str) -> str:
    return tab.page.locator(where).inner_text()


def _pixels(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


POINT = """([u, v]) => {  // where a share of the map's width and height is, in pixels and in units
    const chart = document.querySelector('.st-key-latent_map .js-plotly-plot');
    const { xaxis, yaxis } = chart._fullLayout;
    const box = chart.getBoundingClientRect();
    const [px, py] = [Math.round(box.x + xaxis._offset + u * xaxis._length),
                      Math.round(box.y + yaxis._offset + v * yaxis._length)];
    return [px, py, xaxis.p2l(px - box.x - xaxis._offset), yaxis.p2l(py - box.y - yaxis._offset)];
}"""
PINNED = """() => {  // the latest mark of a place that is pinned
    const chart = document.querySelector('.st-key-latent_map .js-plotly-plot');
    const pin = ({ text, name }) => !name && /^[0-9]+$/.test(text);
    const marks = chart.layout.annotations.filter(pin);
    return marks.map(({ text, x, y }) => [text, x, y]).at(-1);
}"""
CARD = """() => {
    const canvas = document.querySelector('.vae-plot-place canvas');
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    return [width, height, [...data], document.querySelector('.vae-plot-place').innerText];
}"""


def _card(tab: Tab) -> tuple[np.ndarray, str]:
    """Return the picture decoded under the pointer, (h, w, 4), and the text below it."""
    width, height, data, words = tab.page.evaluate(CARD)
    return np.array(data).reshape(height, width, 4), words


def _exact(loaded: LoadedRun, x: float, y: float) -> np.ndarray:
    """Return the decoder's picture of a place in the plane of the two latents, (h, w)."""
    means = loaded.encode(loaded.rows("test")).mean
    assert means.shape[1] == 2
    return tiles.pixels(decode(loaded.model, np.array([[x, y]], np.float32)))[0, ..., 0]


def test_places_are_decoded_and_pinned_and_points_selected(
    server: Server, open_page: OpenPage, runs: Path
) -> None:
    loaded = LoadedRun.of(Run(runs / "flat"))
    tab = open_page(f"{server.url}/latent?run=flat")
    _show(tab)
    _decode(tab, loaded)
    _slide(tab, loaded)
    _pin_by_key(tab)
    _pin(tab, loaded)
    _layers(tab, int(loaded.rows("test")[5]))
    tab.page.emulate_media(color_scheme="dark")
    _lasso(tab, loaded)
    _hover_and_click(tab, int(loaded.rows("test")[7]))
    _path(tab)
    assert not tab.problems


def _lasso(tab: Tab, loaded: LoadedRun) -> None:
    """A lasso shows its examples, each with the decoder's output; another colour keeps it."""
    lasso = [(0.05, 0.05), (0.6, 0.05), (0.6, 0.6), (0.05, 0.6), (0.05, 0.05)]
    many = lambda: re.search(r"\b\d\d+ of 180 points selected", _said(tab, PANEL))  # noqa: E731
    perform(lambda: _drag(tab, lasso), many)
    tab.settle()
    titles = tab.page.eval_on_selector_all(f"{PANEL} figure", "all => all.map(f => f.title)")
    rows = np.array([int(title.split(" ")[0][1:]) for title in titles])
    sources = tab.page.eval_on_selector_all(f"{PANEL} img", "all => all.map(i => i.src)")
    encoding = loaded.encode(rows)
    shown = np.stack([_pixels(source) for source in sources])[..., None]
    expected = np.stack([loaded.inputs(rows), decode(loaded.model, encoding.mean)], 1)
    expected = tiles.pixels(expected.reshape(-1, 1, 8, 8))
    np.testing.assert_array_equal(np.broadcast_to(shown, expected.shape), expected)
    title = f"reconstruction {encoding.reconstruction[0]:.2f} nats"
    assert title in titles[0]
    _choose(tab, "hue", "KL")
    assert "points selected" in _said(tab, PANEL)


def _hover_and_click(tab: Tab, row: int) -> None:
    x, y = tab.page.evaluate(PLACE, row)
    tip = tab.page.locator(f"{MAP} .vae-plot-tip")

    def point_at() -> None:
        tab.page.mouse.move(x - 2, y, steps=3)
        tab.page.mouse.move(x, y, steps=3)

    perform(point_at, tip.is_visible)
    assert f"#{row}" in tip.inner_text()
    width = f"document.querySelector('{MAP} .vae-plot-tip img').naturalWidth"
    until(lambda: tab.page.evaluate(width) == 8)
    one = lambda: re.search(r"\b1 of 180 points selected", _said(tab, PANEL))  # noqa: E731
    perform(lambda: tab.page.mouse.click(x, y), one)
    first = tab.page.locator(f"{PANEL} figure").first
    until(lambda: f"#{row} " in str(first.get_attribute("title")), why=f"the example in row {row}")


def _boxes(tab: Tab) -> list[dict[str, float] | None]:
    """Return where the map and its controls stand."""
    places = (f"{MAP} .nsewdrag", ".st-key-latent_hue", ".vae-sliders")
    return [tab.page.locator(place).first.bounding_box() for place in places]


def _decode(tab: Tab, loaded: LoadedRun) -> None:
    """The pointer shows the decoder's picture of the place below it, and moves nothing."""
    frames: list[int] = []
    tab.page.mouse.move(0, 0)
    before = _boxes(tab)
    for share in ((0.31, 0.42), (0.55, 0.61), (0.7, 0.25)):
        px, py, x, y = tab.page.evaluate(POINT, share)

        def point_at(px: int = px, py: int = py) -> None:
            tab.page.mouse.move(px - 3, py)
            tab.page.mouse.move(px, py)

        told = f"{y:.2f}".replace("-", "−")
        perform(point_at, lambda told=told: told in _card(tab)[1] and _card(tab)[0].any())
        picture, words = _card(tab)
        assert any(word in words for word in ("covered", "edge", "hole"))
        assert np.abs(picture[..., 0] - _exact(loaded, x, y).astype(int)).max() <= 1
        assert (picture[..., :3] == picture[..., :1]).all()
        frames.append(int(picture[..., 0].sum()))
    assert len(set(frames)) == 3
    assert before[0] is not None
    assert before[0]["y"] < 720 / 2
    assert _boxes(tab) == before
    tab.page.mouse.move(0, 0)
    tab.page.wait_for_timeout(300)
    assert _boxes(tab) == before


SLIDERS = """() => {  // values of the sliders, picture, and the ring in units of the axes
    const root = document.querySelector('.vae-sliders'), canvas = root.querySelector('canvas');
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    const map = document.querySelector('.st-key-latent_map');
    const ring = map.querySelector('.vae-plot-ring').style;
    const { xaxis, yaxis } = map.querySelector('.js-plotly-plot')._fullLayout;
    const [px, py] = ring.transform.match(/-?[0-9.]+/g).map(Number);
    const place = [xaxis.p2l(px - xaxis._offset), yaxis.p2l(py - yaxis._offset)];
    const z = [...root.querySelectorAll('input')].map((input) => input.valueAsNumber);
    return [z, [...data].filter((_, i) => i % 4 === 0), place, ring.display];
}"""


AT_ONCE = """() => {  // is the picture drawn as the event ends, and how many nodes changed
    const root = document.querySelector('.vae-sliders'), canvas = root.querySelector('canvas');
    const input = root.querySelector('input');
    const watch = new MutationObserver(() => {});
    const before = canvas.toDataURL();
    watch.observe(document.body, { childList: true, subtree: true });
    input.value = input.valueAsNumber + (input.max - input.min) / 4;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    return [canvas.toDataURL() !== before, watch.takeRecords().length];
}"""


def _slide(tab: Tab, loaded: LoadedRun) -> None:
    """A key on a slider moves the picture and the ring; z arrives at the server when it rests.

    The picture is drawn within the slider's event, so in the same frame, and no node of the page
    is replaced, after which the browser would match every `:has()` rule again.
    """
    assert tab.page.evaluate(AT_ONCE) == [True, 0]
    inputs = tab.page.locator(".vae-sliders input")
    for latent, key in ((0, "ArrowRight"), (1, "PageDown")):
        before = tab.page.evaluate(SLIDERS)[0][latent]
        inputs.nth(latent).press(key)
        until(lambda latent=latent, before=before: tab.page.evaluate(SLIDERS)[0][latent] != before)
    z = tab.page.evaluate(SLIDERS)[0]
    _is_at(tab, loaded, z)
    means = loaded.encode(loaded.rows("test")).mean
    near = loaded.rows("test")[np.linalg.norm(means - np.float32(z), axis=1).argmin()]
    until(lambda: f"Nearest example: #{near} " in _said(tab, PANEL))
    assert inputs.nth(1).evaluate("input => input === document.activeElement")


def _is_at(tab: Tab, loaded: LoadedRun, z: list[float]) -> None:
    """The sliders' picture and the ring on the map are those of z."""

    def stands() -> bool:
        _, picture, place, display = tab.page.evaluate(SLIDERS)
        exact = _exact(loaded, *z).astype(int).ravel()
        near = np.allclose(place, z, atol=0.02) and display == "block"
        return bool(near and np.abs(exact - picture).max() <= 1)

    until(stands, seconds=10, why=f"sliders at {z}")


def _pin_by_key(tab: Tab) -> None:
    """Enter on the map pins the place of the sliders."""
    z = tab.page.evaluate(SLIDERS)[0]
    tab.page.locator(f"{MAP} [role=figure], {MAP}[role=figure]").first.press("Enter")
    name, u, v = until(lambda: tab.page.evaluate(PINNED))
    assert (name, u, v) == ("1", pytest.approx(z[0], abs=0.02), pytest.approx(z[1], abs=0.02))
    remove = tab.page.get_by_role("button", name="Remove")
    perform(lambda: remove.first.click(timeout=5000), lambda: not remove.count())


def _pin(tab: Tab, loaded: LoadedRun) -> None:
    """A click on empty space pins the exact picture of that place, and moves the sliders there."""
    clicked: list[float] = []

    def click() -> None:
        px, py, *clicked[:] = tab.page.evaluate(POINT, (0.03, 0.04))
        tab.page.mouse.click(px, py)

    pinned = lambda: tab.page.locator(f"{PANEL} .vae-gallery img").count() == 2  # noqa: E731
    perform(click, pinned)
    name, u, v = until(lambda: tab.page.evaluate(PINNED))
    assert name == "1"
    assert [u, v] == pytest.approx(clicked, abs=0.02)
    source = tab.page.locator(f"{PANEL} .vae-gallery img").first.get_attribute("src")
    np.testing.assert_array_equal(_pixels(source), _exact(loaded, u, v))
    _is_at(tab, loaded, [u, v])


def _layers(tab: Tab, row: int) -> None:
    """The plane is decoded, a row is chosen by its number, and a pin is removed."""
    tab.page.locator(".st-key-latent_ground").get_by_text("decoded", exact=True).click()
    until(lambda: tab.page.locator(f"{MAP} .imagelayer image, {MAP} .layer-below image").count())
    select = tab.page.get_by_role("button", name="Select", exact=True)
    perform(
        lambda: select.first.click(timeout=5000),
        lambda: tab.page.get_by_label("Rows, or a condition", exact=True).is_visible(),
    )
    tab.page.get_by_label("Rows, or a condition", exact=True).fill(str(row))
    tab.page.get_by_label("Rows, or a condition", exact=True).press("Enter")
    until(lambda: "1 of 180 points selected" in _said(tab, PANEL))
    until(
        lambda: tab.page.locator(f"{MAP} .shapelayer path").count() >= 4
    )  # two rings, two sigmas
    remove = tab.page.get_by_role("button", name="Remove")
    tab.page.keyboard.press("Escape")  # the popover lies over the pins
    perform(lambda: remove.first.click(timeout=5000), lambda: not remove.count())


def _path(tab: Tab) -> None:
    """A line drawn with the pen becomes twelve places, and a film plays along it."""
    pen = tab.page.locator(f"{MAP} .modebar-btn[data-title='Draw open freeform']")
    film = tab.page.locator(".vae-film")
    box = tab.page.locator(f"{MAP} .nsewdrag").first.bounding_box()
    assert box is not None

    def draw() -> None:
        pen.click(timeout=5000)
        places = [(box["x"] + box["width"] * k / 9, box["y"] + 30 + 9 * k * k) for k in (3, 4, 5)]
        tab.page.mouse.move(*places[0])
        tab.page.mouse.down()
        for place in places[1:]:
            tab.page.mouse.move(*place, steps=4)
        tab.page.mouse.up()

    perform(draw, lambda: "Film through 12 places" in _said(tab, PANEL))
    pins = "new URL(location).searchParams.get('pins')?.split('~').length"
    until(lambda: tab.page.evaluate(pins) == 12, why="the places in the address")
    film.get_by_role("button", name="Play").click()
    slider = film.get_by_role("slider")
    until(lambda: float(slider.input_value()) > 1, why="a film that plays")
    assert tab.page.locator(f"{MAP} .vae-plot-ring").is_visible()
    film.get_by_role("button", name="Pause").click()


@pytest.mark.long
def test_sixty_thousand_points_can_be_selected_and_pinned(
    server: Server, open_page: OpenPage, runs: Path
) -> None:
    """A lasso and a pin at 60,000 points; neither sends the points again."""
    many = ("--data", "mixture", "--examples", "60000", "--likelihood", "gaussian")
    small = ("--hidden", "32", "--latent-dim", "2", "--batch-size", "5000", "--epochs", "1")
    trained(runs, "many", *many, *small)
    count = (
        "document.querySelector('.st-key-latent_map .js-plotly-plot')._fullData"
        ".reduce((n, t) => n + (t.customdata?.length ?? 0), 0)"
    )
    tab = open_page(f"{server.url}/latent?run=many", before=SOCKET)
    _show(tab)
    _choose(tab, "split", "all (60,000)")
    _choose(tab, "points", "all")
    until(lambda: tab.page.evaluate(count) == 60_000)
    tab.settle()
    sent = tab.page.evaluate("window.received")
    assert sent > 1_000_000
    lasso = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]
    perform(
        lambda: _drag(tab, lasso), lambda: "of 60,000 points selected" in _said(tab, PANEL), 20
    )
    px, py, _, _ = tab.page.evaluate(POINT, (0.01, 0.01))
    pins = lambda: "Pinned places" in _said(tab, PANEL)  # noqa: E731
    perform(lambda: tab.page.mouse.click(px, py), pins, 20)
    tab.settle()
    assert tab.page.evaluate("window.received") - sent < 500_000
    assert not tab.problems


def test_a_run_in_training_is_followed_then_projected(
    server: Server, open_page: OpenPage, runs: Path
) -> None:
    run = Run(Path(shutil.copytree(runs / "space", runs / "live")))
    run.set_status(state="running", **identity())
    tab = open_page(f"{server.url}/latent?run=live")
    _show(tab)
    _follow(tab, run)
    _tsne(tab, run)
    tab.page.evaluate(NO_WEBGL)
    _project(tab, "PCA, 3-D")
    until(lambda: "needs WebGL, which this browser does not offer" in _said(tab, SPACE))
    _project(tab, "PCA")
    _show(tab)
    assert not tab.problems


def _follow(tab: Tab, run: Run) -> None:
    """The map moves with the weights while its zoom stays, until the run ends."""
    follow = tab.page.locator(".st-key-latent_follow label").first
    perform(lambda: follow.click(timeout=5000), lambda: "(last)" in _said(tab, LINE), 20)
    tab.settle()
    tab.page.locator(MAP).hover()
    tab.page.click(f'{MAP} .modebar-btn[data-attr="dragmode"][data-val="zoom"]')
    before = tab.page.evaluate(RANGE)
    _drag(tab, [(0.3, 0.3), (0.7, 0.7)])
    until(lambda: tab.page.evaluate(RANGE) != before)
    zoomed, points = tab.page.evaluate(RANGE), tab.page.evaluate(POINTS)
    _train(run, 10_000)
    until(lambda: "step 10,000 (last)" in _said(tab, LINE))
    until(lambda: tab.page.evaluate(POINTS) != points)
    assert tab.page.evaluate(RANGE) == zoomed
    run.set_status(state="finished")
    until(lambda: not tab.page.locator(".st-key-latent_follow input").count())


def _tsne(tab: Tab, run: Run) -> None:
    """The progress of a job and its result appear without a click."""
    request = MapRequest(
        projection="tsne",
        options={"perplexity": 30.0, "iterations": 250},
        checkpoint="last",
        split="test",
        points=2_000,
        hue="class",
        seed=0,
        following=False,
    )
    job = projection_job(run, request)
    job.note(state="running", progress=0.4, begun=time.time(), **identity())
    _project(tab, "t-SNE")
    until(lambda: "40 %" in tab.page.inner_text("[data-testid=stMain]"))
    rows = LoadedRun.of(run).rows("test")
    made = np.random.default_rng(0).standard_normal((len(rows), 2)).astype(np.float32)
    arrays = {"points": made, "index": rows}
    files.write_arrays(job.result, arrays, {"axes": ["1", "2"], "note": "750 iterations"})
    until(lambda: "750 iterations" in _said(tab, LINE))


@pytest.mark.long
def test_tsne_runs_in_the_background_and_is_stored(server: Server, open_page: OpenPage) -> None:
    tab = open_page(f"{server.url}/latent?run=space")
    _show(tab)
    _project(tab, "t-SNE")
    button = tab.page.get_by_role
    press = lambda name: button("button", name=name).click(timeout=5000)  # noqa: E731
    iterations = tab.page.get_by_label("Iterations", exact=True)
    iterations.fill("50")
    iterations.press("Enter")
    tab.settle()
    press("Compute t-SNE")
    until(lambda: "after 300 iterations" in _said(tab, LINE))
    _project(tab, "PCA")
    until(lambda: "of the variance" in _said(tab, LINE))
    _project(tab, "t-SNE")
    until(lambda: "after 300 iterations" in _said(tab, LINE))
    assert not tab.problems
