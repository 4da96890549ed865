"""Latents in three dimensions in a real browser: hover, click, camera, sphere; 60,000 of them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.browser.conftest import App, OpenPage, Tab, trained
from tests.browser.screen import choose, perform, photograph, tiles, until
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections_3d import HALF
from vae.figures.palette import COLOURS

SPACE, PANEL, LINE = ".st-key-latent_space", ".st-key-latent_panel", ".st-key-latent_line"
FEW, MANY = 6_000, 60_000
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


def _make(root: Path, count: int) -> LoadedRun:
    """Create a finished run on a number of distinct pictures."""
    digits, rows = load_digits(), np.arange(count)
    pictures = np.rint(digits.images[rows % len(digits.images)] * 15).astype(np.uint8)
    pictures[:, 0] = rows[:, None] >> np.arange(8) & 255  # each has its number in its first line
    path = root / "pictures.npz"
    np.savez(path, x=pictures, labels=digits.target[rows % len(digits.images)])
    own = ["--epochs", "2", "--hidden", "32", "--batch-size", "1000", "--latent-dim", "4"]
    return LoadedRun.of(trained(root / "runs", f"of-{count}", *own, "--data", str(path)))


def _show(tab: Tab, way: str) -> None:
    tab.page.wait_for_selector(".st-key-latent_map .nsewdrag")
    tab.settle()
    _project(tab, way)


def _project(tab: Tab, way: str) -> None:
    choose(tab.page, "[class*=st-key-latent_projection_]", way)
    tab.settle()


def _said(tab: Tab, where: str) -> str:
    return tab.page.locator(where).inner_text()


def _turn(tab: Tab) -> None:
    """Drag an empty corner, and wait until the scene has rotated."""
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
    """Return the position of the camera once it is at rest."""
    last: list[float] = []

    def rests() -> bool:
        now = tab.page.evaluate(EYE)
        same = bool(last) and np.allclose(now, last, atol=1e-6)
        last[:] = now
        tab.page.wait_for_timeout(200)
        return same

    until(rests)
    return last


class Received:
    """Bytes of the server's messages to a window, counted by the browser in base64."""

    def __init__(self, tab: Tab) -> None:
        self.bytes = 0
        self._session = tab.page.context.new_cdp_session(tab.page)
        self._session.on("Network.webSocketFrameReceived", self._count)
        self._session.send("Network.enable")

    def _count(self, event: dict[str, Any]) -> None:
        self.bytes += len(event["response"]["payloadData"])


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_points_can_be_hovered_selected_and_rotated(
    count: int, app: App, open_page: OpenPage, tmp_path: Path
) -> None:
    loaded = _make(tmp_path, count)
    server = app(tmp_path / "runs")
    tab = open_page(f"{server.url}/latent?run={loaded.run.name}")
    received = Received(tab)
    _show(tab, "dimensions, 3-D")
    _keep_the_camera(tab)
    choose(tab.page, ".st-key-latent_split", f"all ({count:,})")
    tab.settle()
    until(lambda: f"500 of {count:,} shown" in _said(tab, LINE))
    before = received.bytes
    choose(tab.page, ".st-key-latent_points", "all")
    until(lambda: tab.page.evaluate(COUNT) == count)
    tab.settle()
    assert f"all {count:,} shown" in _said(tab, LINE)
    sent = received.bytes - before
    assert sent > 16 * count  # three coordinates and a row
    assert count < MANY or sent < 2.2e6  # without texts for so many
    titles = [tab.page.evaluate(f"{CHART}._fullLayout.scene.{a}axis.title.text") for a in "xyz"]
    dimensions = [int(title.partition(" ")[0][1:]) - 1 for title in titles]
    assert all(" nats)" in title for title in titles)
    rows = loaded.rows("all")
    before = received.bytes
    _point_at(tab, loaded, loaded.encode(rows).mean[:, dimensions])
    tab.page.locator(".st-key-latent_sphere label").first.click()
    until(lambda: "prior" not in tab.page.evaluate(NAMES))
    assert received.bytes - before < min(sent / 3, 400_000)  # the points are not sent again
    tab.page.locator(".st-key-latent_sphere label").first.click()
    until(lambda: "prior" in tab.page.evaluate(NAMES))
    assert not tab.problems


def _point_at(tab: Tab, loaded: LoadedRun, means: np.ndarray) -> None:
    """Point at the outermost example, check its picture, and select it by a click."""
    far = int(np.abs(means - means.mean(0)).sum(1).argmax())
    _still(tab)
    x, y = tab.page.evaluate(PLACE, means[far].tolist())
    tip = tab.page.locator(f"{SPACE} .vae-plot-tip")

    def point_at() -> None:
        tab.page.mouse.move(x - 40, y - 40)
        tab.page.mouse.move(x, y, steps=3)

    perform(point_at, tip.is_visible, 20)
    (number,) = re.findall(r"#(\d+)", tip.inner_text())
    row = int(number)
    there = tab.page.evaluate(PLACE, means[row].tolist())
    assert np.hypot(there[0] - x, there[1] - y) < 12
    (shown,) = tiles(photograph(tip.locator("img")), 1, 1, 13)
    np.testing.assert_array_equal(shown, np.repeat(loaded.data.x[row].reshape(8, 8, 1), 3, 2))
    one = lambda: f"1 of {len(means):,} points selected" in _said(tab, PANEL)  # noqa: E731
    perform(lambda: tab.page.mouse.click(x, y), one, 30)
    assert f"#{row} " in tab.page.locator(f"{PANEL} figure").first.get_attribute("title")
    size = f"Math.max(...{CHART}._fullData.map((t) => t.marker?.size ?? 0))"
    until(lambda: tab.page.evaluate(size) == 9)


def _keep_the_camera(tab: Tab) -> None:
    """The camera survives other colours, fewer points, another theme, page and projection, until a
    reset."""
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
    tab.go("Data")
    tab.go("Latent space")
    until(lambda: tab.page.evaluate(COUNT) == 500)
    until(same)
    for way in ("PCA", "dimensions, 3-D"):
        _project(tab, way)
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
