"""The Data page on a real screen: numbers and pixels equal the data's, in light and in dark."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import App, Tab
from tests.browser.screen import choose, equals, photograph, shows, until
from vae.analysis.dataset_summary import summarise
from vae.config import RunConfig
from vae.data import Dataset, load, prepare
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
def loaded(app: App, module_tab: Tab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The Data page in the module's window."""
    module_tab.visit(f"{app(tmp_path_factory.mktemp('runs')).url}/data")


@pytest.fixture
def show(loaded: None, tab: Tab) -> Iterator[Callable[..., Tab]]:
    """Chooses this data set, or this file, in the sidebar; no picture may be resampled."""

    def show_(data: str, scheme: str = "light", path: Path | None = None) -> Tab:
        tab.page.emulate_media(color_scheme=scheme)
        field = tab.page.locator(".st-key-set_data input").first
        if field.input_value() != data:
            choose(tab.page, ".st-key-set_data", data)
        if path:
            field = tab.page.get_by_test_id("stSidebar").get_by_label("Path", exact=True)
            field.fill(str(path))
            field.press("Enter")
        tab.page.mouse.move(1430, 890)  # the help of a field lies over the pictures
        name = path.stem if path else data
        until(lambda: name in tab.page.locator(".st-key-data_facts strong").inner_text())
        tab.settle()
        return tab

    yield show_
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
    [
        ("digits", "light"),
        ("moon-phases", "dark"),
        pytest.param("digits", "dark", marks=pytest.mark.long),
        pytest.param("shapes", "light", marks=pytest.mark.long),
    ],
)
def test_pictures_and_bars_equal_the_data(
    name: str, scheme: str, show: Callable[..., Tab]
) -> None:
    tab = show(name, scheme)
    data = load(name)
    s = summarise(data, RunConfig.of())
    _first_example(tab, data)
    picture = photograph(tab.page.locator(".vae-scaled img").first)
    mean = once(picture, data.event_shape[2])[..., 0]
    np.testing.assert_allclose(mean, s.moments.mean[0] * 255, atol=0.511)
    equals(lambda: tab.page.evaluate(BARS, "data_values")[0][1], s.counts.tolist())
    parts = until(lambda: tab.page.evaluate(BARS, "data_classes"))
    np.testing.assert_array_equal(np.array([x for x, _ in parts]).T, s.class_counts)
    assert max(tab.page.evaluate(BELOW)[:3]) < 900  # seen without scrolling


def test_a_zip_of_photographs_is_shown(show: Callable[..., Tab], tmp_path: Path) -> None:
    path = photographs(tmp_path / "photos.zip")
    _first_example(show(OWN, "dark", path), load(str(path)))


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_a_table_is_shown(scheme: str, show: Callable[..., Tab], tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal([0, 5, 300], [1, 2, 40], (120, 3)).round(3)
    path = tmp_path / "table.csv"
    np.savetxt(path, x, "%.3f", ",", header="a,b,c", comments="")
    tab = show(OWN, scheme, path)
    spread = until(lambda: tab.page.evaluate(BARS, "data_spread"))
    np.testing.assert_allclose(spread[0][1], x.mean(0), rtol=1e-4)
    lines = until(lambda: tab.page.evaluate(BARS, "data_vectors"))
    drawn = np.array(lines[0][1], float).reshape(120, 4)[:, :3]
    slope = np.ptp(drawn, axis=0) / np.ptp(x, axis=0)  # each column has its own scale
    rescaled = (x - x.min(0)) * slope + drawn.min(0)
    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(rescaled, axis=0), atol=1e-5)
    np.testing.assert_allclose([drawn.mean(0), drawn.std(0)], [[0] * 3, [1] * 3], atol=0.1)


def _first_example(tab: Tab, data: Dataset) -> None:
    """Assert that the pixels of the first example on the screen equal the data's."""
    figure = tab.page.locator(".vae-cards figure").first

    def read() -> np.ndarray:
        return once(photograph(figure.locator("img")), data.event_shape[2])

    title = until(lambda: figure.get_attribute("title"))
    row = int(title.split("row ")[1].split()[0])
    shows(read, tiles.pixels(prepare(data, np.array([row])))[0])
