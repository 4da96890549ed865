"""Latents in three dimensions in a real browser, 60,000 of them: hover, click, camera, sphere."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.browser.conftest import App, OpenPage, Server, Tab, trained
from tests.browser.screen import choose, perform, photograph, tiles, until
from tests.browser.test_latent import SOCKET
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections_3d import HALF
from vae.figures.palette import COLOURS
from vae.runs import Run

SPACE, PANEL, LINE = ".st-key-latent_space", ".st-key-latent_panel", ".st-key-latent_line"
MANY = 60_000
CHART = f"document.querySelector('{SPACE} .js-plotly-plot')"
COUNT = (
    f"(({CHART}?._fullData ?? []).filter((t) => t.hoverinfo === 'none')"
    ".reduce((n, t) => n + t.x.length, 0))"
)
EYE = f"Object.values({CHART}._fullLayout.scene._scene.getCamera().eye)"
NAMES = f"{CHART}._fullData.map((t) => t.name)"
PLACE = """([x, y, z]) => {  // pixels in the window at which a place in the scene is drawn
    const scene = document.querySelector('.st-key-latent_space .js-plotly-plot')
        ._fullLayout.scene._scene;
    const { model, view, projection } = scene.glplot.cameraParams;
    const on = (m, v) => [0, 1, 2, 3].map((i) => v.reduce((s, w, j) => s + m[4 * j + i] * w, 0));
    const [a, b, c] = scene.dataScale;
    const [u, v, , w] = on(projection, on(view, on(model, [a * x, b * y, c * z, 1])));
    const box = scene.glplot.canvas.getBoundingClientRect();
    return [box.x + (0.5 + 0.5 * u / w) * box.width, box.y + (0.5 - 0.5 * v / w) * box.height];
}"""
NO_WEBGL = """const before = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...how) {
  return /webgl/.test(kind) ? null : before.call(this, kind, ...how);
};"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over 60,000 pictures, no two of them the same."""
    root = tmp_path_factory.mktemp("runs")
    digits, rows = load_digits(), np.arange(MANY)
    pictures = np.rint(digits.images[rows % len(digits.images)] * 15).astype(np.uint8)
    pictures[:, 0] = rows[:, None] >> np.arange(8) & 255  # each has its number in its first line
    path = root / "many.npz"
    np.savez(path, x=pictures, labels=digits.target[rows % len(digits.images)])
    own = ["--epochs", "2", "--hidden", "32", "--batch-size", "1000", "--latent-dim", "4"]
    trained(root / "runs", "many", *own, "--data", str(path))
    return root / "runs"


@pytest.fixture(scope="module")
def server(app: App, runs: Path) -> Server:
    return app(runs)


def _show(tab: Tab, way: str) -> None:
    tab.page.wait_for_selector(".st-key-latent_map .nsewdrag")
    tab.settle()
    choose(tab.page, ".st-key-latent_projection_many", way)
    tab.settle()


def _said(tab: Tab, where: str) -> str:
    return tab.page.locator(where).inner_text()


def _bytes(tab: Tab) -> int:
    tab.settle()
    return int(tab.page.evaluate("window.received"))


def _turn(tab: Tab) -> None:
    """Drag an empty corner, and wait for the scene to have turned."""
    box = tab.page.locator(f"{SPACE} canvas").first.bounding_box()
    assert box is not None
    before, (x, y) = tab.page.evaluate(EYE), (box["x"] + 20, box["y"] + 60)

    def drag() -> None:
        tab.page.mouse.move(x, y)
        tab.page.mouse.down()
        tab.page.mouse.move(x + 150, y + 40, steps=4)
        tab.page.mouse.up()

    perform(drag, lambda: np.abs(np.subtract(tab.page.evaluate(EYE), before)).max() > 0.1, 20)


def _still(tab: Tab) -> list[float]:
    """From where the scene is seen, once it has come to rest."""
    last: list[float] = []

    def rests() -> bool:
        now = tab.page.evaluate(EYE)
        same = bool(last) and np.allclose(now, last, atol=1e-6)
        last[:] = now
        tab.page.wait_for_timeout(400)
        return same

    until(rests)
    return last


def test_sixty_thousand_points_can_be_asked_chosen_and_turned(
    server: Server, open_page: OpenPage, runs: Path
) -> None:
    loaded = LoadedRun.of(Run(runs / "many"))
    tab = open_page(f"{server.url}/latent?run=many", before=SOCKET)
    _show(tab, "dimensions, 3-D")
    choose(tab.page, ".st-key-latent_split", f"all ({MANY:,})")
    tab.settle()
    until(lambda: f"2,000 of {MANY:,} shown" in _said(tab, LINE))
    before = _bytes(tab)
    choose(tab.page, ".st-key-latent_points", "all")
    until(lambda: tab.page.evaluate(COUNT) == MANY)
    assert f"all {MANY:,} shown" in _said(tab, LINE)
    sent = _bytes(tab)
    assert MANY * 16 < sent - before < 1.6e6  # three coordinates and a row, in base64
    titles = [tab.page.evaluate(f"{CHART}._fullLayout.scene.{a}axis.title.text") for a in "xyz"]
    dimensions = [int(title.partition(" ")[0][1:]) - 1 for title in titles]
    assert all(" nats)" in title for title in titles)

    rows = loaded.rows("all")
    means = loaded.encode(rows).mean[:, dimensions]
    far = int(np.abs(means - means.mean(0)).sum(1).argmax())
    _still(tab)
    x, y = tab.page.evaluate(PLACE, means[far].tolist())
    tip = tab.page.locator(f"{SPACE} .vae-plot-tip")

    def point_at() -> None:
        tab.page.mouse.move(x - 40, y - 40)
        tab.page.mouse.move(x, y, steps=3)

    perform(point_at, tip.is_visible, 20)
    row = int(tip.inner_text().lstrip("#"))
    there = tab.page.evaluate(PLACE, means[row].tolist())
    assert np.hypot(there[0] - x, there[1] - y) < 12
    (shown,) = tiles(photograph(tip.locator("img")), 1, 1, 13)
    np.testing.assert_array_equal(shown, np.repeat(loaded.data.x[row].reshape(8, 8, 1), 3, 2))

    one = lambda: f"1 of {MANY:,} points selected" in _said(tab, PANEL)  # noqa: E731
    perform(lambda: (point_at(), tab.page.mouse.click(x, y)), one, 30)
    assert f"#{row} " in tab.page.locator(f"{PANEL} figure").first.get_attribute("title")
    size = f"Math.max(...{CHART}._fullData.map((t) => t.marker?.size ?? 0))"
    until(lambda: tab.page.evaluate(size) == 9)
    tab.page.locator(".st-key-latent_sphere label").first.click()
    until(lambda: "prior" not in tab.page.evaluate(NAMES))
    assert _bytes(tab) - sent < 300_000  # neither sends the points again
    tab.page.locator(".st-key-latent_sphere label").first.click()
    until(lambda: "prior" in tab.page.evaluate(NAMES))
    assert not tab.problems


def test_the_camera_stays(server: Server, open_page: OpenPage) -> None:
    """Over other colours, fewer points, another theme and another page; until a reset."""
    tab = open_page(f"{server.url}/latent?run=many")
    _show(tab, "PCA, 3-D")
    until(lambda: tab.page.evaluate(COUNT) == 2_000)
    home = _still(tab)
    _turn(tab)
    eye = _still(tab)
    same = lambda: np.allclose(tab.page.evaluate(EYE), eye, atol=1e-6)  # noqa: E731

    choose(tab.page, ".st-key-latent_hue", "KL")
    until(lambda: tab.page.evaluate(NAMES)[1:] == ["prior"])
    until(same)
    choose(tab.page, ".st-key-latent_points", "500")
    until(lambda: tab.page.evaluate(COUNT) == 500)
    until(same)
    tab.page.emulate_media(color_scheme="dark")
    until(
        lambda: tab.page.evaluate(f"{CHART}._fullLayout.paper_bgcolor") == COLOURS["background"][1]
    )
    until(lambda: tab.page.evaluate(f"{CHART}._fullLayout.scene.xaxis.title.font.color"))
    until(same)
    tab.page.get_by_role("link", name="Data", exact=True).click()
    until(lambda: not tab.page.locator(SPACE).count())
    tab.page.get_by_role("link", name="Latent space", exact=True).click()
    until(lambda: tab.page.evaluate(COUNT) == 500)
    until(same)
    for way in ("PCA", "dimensions, 3-D", "PCA", "PCA, 3-D"):
        choose(tab.page, ".st-key-latent_projection_many", way)
        tab.settle()
    until(lambda: tab.page.evaluate(COUNT) == 500)
    until(same)
    chart = tab.page.locator(f"{SPACE} .vae-plot")
    perform(
        lambda: chart.press("ArrowLeft"),
        lambda: np.abs(np.subtract(tab.page.evaluate(EYE), eye)).max() > 0.05,
    )
    assert np.linalg.norm(_still(tab)) == pytest.approx(np.linalg.norm(eye), rel=1e-3)
    perform(lambda: chart.press("0"), lambda: np.allclose(tab.page.evaluate(EYE), home, atol=1e-6))
    x = tab.page.evaluate(f"[...{CHART}._fullData.at(-1).x].filter(Number.isFinite)")
    assert np.ptp(x) == pytest.approx(2 * HALF, rel=1e-3)
    assert not tab.problems


def test_without_webgl_a_sentence_says_so(server: Server, open_page: OpenPage) -> None:
    tab = open_page(f"{server.url}/latent?run=many", before=NO_WEBGL)
    _show(tab, "PCA, 3-D")
    until(lambda: "needs WebGL, which this browser does not offer" in _said(tab, SPACE))
    choose(tab.page, ".st-key-latent_projection_many", "PCA")
    until(lambda: tab.page.locator(".st-key-latent_map .nsewdrag").count())
    assert not tab.problems
