"""The Data page on a real screen: numbers and pixels are the data's, in light and in dark."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import App, OpenPage, Server, Tab
from tests.browser.screen import choose, photograph, shows, until
from vae.analysis.dataset_summary import summarise
from vae.base.numbers import number
from vae.config import RunConfig
from vae.data import load, prepare
from vae.evaluation.baseline import baseline
from vae.imaging import tiles

SIZES = """() => [...document.querySelectorAll('[data-testid=stMain] img')].map(
    (i) => [i.naturalWidth, i.clientWidth, i.naturalHeight, i.clientHeight])"""
OWN = "a file of your own"
BELOW = """() => [...document.querySelectorAll('.st-key-data_facts, .vae-scaled, .vae-cards')]
    .slice(0, 4).map((e) => e.getBoundingClientRect().bottom)"""
BARS = """key => {
    const chart = document.querySelector(`.st-key-${key} .js-plotly-plot`);
    return (chart?._fullData || []).map((t) => [Array.from(t.x), Array.from(t.y)]);
}"""


@pytest.fixture(scope="module")
def server(app: App, tmp_path_factory: pytest.TempPathFactory) -> Server:
    return app(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def visit(server: Server, open_page: OpenPage) -> Callable[..., Tab]:
    """The Data page with this data set, or this file, chosen in the sidebar."""

    def visit_(data: str, scheme: str = "light", path: Path | None = None) -> Tab:
        tab = open_page(f"{server.url}/data", scheme=scheme)
        until(lambda: tab.page.locator(".st-key-data_facts").is_visible())
        name = path.stem if path else data
        if data != "digits":
            choose(tab.page, ".st-key-set_data", data)
        if path:
            field = tab.page.get_by_test_id("stSidebar").get_by_label("Path", exact=True)
            until(lambda: field.is_visible())
            field.fill(str(path))
            field.press("Enter")
        until(lambda: name in tab.page.locator(".st-key-data_facts strong").inner_text())
        tab.settle()
        return tab

    return visit_


def metric(tab: Tab, label: str) -> str:
    card = tab.page.get_by_test_id("stMetric").filter(has_text=label).first
    return card.get_by_test_id("stMetricValue").inner_text()


def clean(tab: Tab, server: Server) -> None:
    assert not tab.problems
    sizes = np.array(tab.page.evaluate(SIZES)).reshape(-1, 4)
    np.testing.assert_array_equal(sizes[:, ::2], sizes[:, 1::2])


def once(photo: np.ndarray, width: int) -> np.ndarray:
    """Each pixel of an enlarged picture once; all the screen's pixels of one must be the same. A
    picture that begins between two pixels of the screen is photographed with a line too many."""
    scale = photo.shape[1] // width
    height = len(photo) // scale
    for top in range(len(photo) - height * scale + 1):
        for left in range(photo.shape[1] - width * scale + 1):
            part = photo[top : top + height * scale, left : left + width * scale]
            squares = part.reshape(height, scale, width, scale, 3)
            if (squares == squares[:, :1, :, :1]).all():
                return squares[:, 0, :, 0]
    raise ValueError("The picture is resampled")


def example(tab: Tab, width: int) -> tuple[int, Callable[[], np.ndarray]]:
    """The row of the first example, and its pixels on the screen, each once."""
    figure = tab.page.locator(".vae-cards figure").first
    title = until(lambda: figure.get_attribute("title"))
    picture = figure.locator("img")

    def read() -> np.ndarray:
        return once(photograph(picture), width)

    return int(title.split("row ")[1].split()[0]), read


def photographs(path: Path, count: int = 60) -> Path:
    """Coloured pictures of three sizes, in folders by class."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(count):
            size = ((24, 32, 3), (24, 32, 3), (50, 40, 3))[i % 3]
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(buffer, "PNG")
            archive.writestr(f"{('cats', 'dogs')[i % 2]}/{i}.png", buffer.getvalue())
    return path


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("digits", "light"), ("digits", "dark"), ("moon-phases", "dark"), ("shapes", "light")],
)
def test_pictures_and_numbers(
    name: str, scheme: str, server: Server, visit: Callable[..., Tab]
) -> None:
    tab = visit(name, scheme)
    data = load(name)
    s = summarise(data, RunConfig.of())
    assert metric(tab, "Examples") == f"{s.examples:,}"
    assert metric(tab, "Mean x") == number(s.mean)
    assert metric(tab, "Zeros") == f"{100 * s.zeros:.1f} %"
    row, read = example(tab, data.event_shape[2])
    shows(read, tiles.pixels(prepare(data, np.array([row])))[0])
    picture = photograph(tab.page.locator(".vae-scaled img").first)
    mean = once(picture, data.event_shape[2])[..., 0]
    np.testing.assert_allclose(mean, s.moments.mean[0] * 255, atol=0.511)
    bars = until(lambda: tab.page.evaluate(BARS, "data_values"))
    np.testing.assert_array_equal(bars[0][1], s.counts)
    parts = until(lambda: tab.page.evaluate(BARS, "data_classes"))
    np.testing.assert_array_equal(np.array([x for x, _ in parts]).T, s.class_counts)
    assert max(tab.page.evaluate(BELOW)[:3]) < 900  # seen without scrolling
    clean(tab, server)


def test_likelihoods_of_digits(server: Server, visit: Callable[..., Tab]) -> None:
    tab = visit("digits")
    cells = tab.page.locator(".st-key-data_page tr", has_text="categorical").locator("td")
    until(lambda: cells.count() == 4)
    found = baseline(load("digits"), RunConfig.of(), "categorical")
    assert found.nats is not None
    assert found.bits_per_dimension is not None
    assert cells.nth(1).inner_text().startswith(f"{found.nats:.1f} ± ")
    assert cells.nth(2).inner_text() == number(found.bits_per_dimension)
    clean(tab, server)


def test_a_zip_of_photographs(server: Server, visit: Callable[..., Tab], tmp_path: Path) -> None:
    path = photographs(tmp_path / "photos.zip")
    tab = visit(OWN, "dark", path)
    data = load(str(path))
    assert metric(tab, "Shape") == "3×24×32"
    assert metric(tab, "Classes") == "2"
    row, read = example(tab, 32)
    shows(read, tiles.pixels(prepare(data, np.array([row])))[0])
    tab.page.locator(".st-key-data_fit button").click()
    cells = tab.page.locator(".st-key-data_page tr", has_text="gaussian-learned").locator("td")
    until(lambda: cells.count() == 4)
    found = baseline(data, RunConfig.of(), "gaussian-learned")
    assert found.nats is not None
    assert cells.nth(1).inner_text().startswith(number(found.nats))
    clean(tab, server)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table(scheme: str, server: Server, visit: Callable[..., Tab], tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal([0, 5, 300], [1, 2, 40], (120, 3)).round(3)
    path = tmp_path / "table.csv"
    np.savetxt(path, x, "%.3f", ",", header="a,b,c", comments="")
    tab = visit(OWN, scheme, path)
    assert metric(tab, "Examples") == "120"
    assert metric(tab, "Mean x") == number(x.mean())
    assert metric(tab, "Classes") == "none"
    spread = until(lambda: tab.page.evaluate(BARS, "data_spread"))
    np.testing.assert_allclose(spread[0][1], x.mean(0), rtol=1e-4)
    lines = until(lambda: tab.page.evaluate(BARS, "data_vectors"))
    drawn = np.array(lines[0][1], float).reshape(120, 4)[:, :3]
    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(x, axis=0), rtol=1e-5)
    warning = tab.page.get_by_test_id("stMain").get_by_test_id("stAlert")
    assert "needs values in [0, 1]" in warning.inner_text()
    clean(tab, server)
