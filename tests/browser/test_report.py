"""A report in a real browser without a network: everything is drawn, in light, in dark and on
paper, with the numbers of the run, and no text of a person is executed."""

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.screen import equals, photograph, until
from tests.pages.conftest import trained
from vae.analysis.encoding import decode, prior_sample
from vae.analysis.loaded_run import LoadedRun
from vae.base.numbers import number
from vae.imaging.tiles import tile
from vae.report import report
from vae.runs import Run, notes

SHIPPED = Path(__file__).parents[2] / "checkpoints" / "digits-first-look"
EVIL = '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'
DRAWN = "document.body.dataset.drawn"  # the colour scheme of the charts
SIZE: ViewportSize = {"width": 1440, "height": 900}
SIZES = """() => charts.map((_, k) => {
  const svg = document.querySelector(`#chart${k} .main-svg`).getBoundingClientRect();
  const place = document.getElementById(`chart${k}`).getBoundingClientRect();
  return [svg.width, place.width, svg.height];
})"""


Opened = tuple[Page, list[str], str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """An evaluated run of pictures, a run with hostile text, and a run of points."""
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(SHIPPED, root / "shipped")
    evil = trained(root, "evil", examples=300, frames=0, latent_dim=4)
    notes.change(evil.path, title=EVIL, notes=f"</script>{EVIL}", tags=(EVIL[:39],))
    trained(root, "points", data="mixture", likelihood="gaussian-learned", frames=0)
    return [Run(root / name) for name in ("shipped", "evil", "points")]


@pytest.fixture(scope="module")
def opened(runs: list[Run], chromium: Browser) -> Iterator[Opened]:
    """The report, opened in the dark theme without network, with its problems, its requests and
    its address."""
    file = runs[0].path.parent / "report.html"
    file.write_text(report(runs))
    context = chromium.new_context(viewport=SIZE, color_scheme="dark", offline=True)
    page, told = context.new_page(), list[str]()
    page.on("pageerror", lambda error: told.append(f"exception: {error}"))
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: told.append(request.url[:200]))
    page.goto(file.as_uri())
    page.locator("body[data-drawn=dark]").wait_for()
    yield page, told, file.as_uri()
    context.close()


def fits(page: Page) -> bool:
    """Whether every chart is as wide as its place, and the page no wider than the window."""
    sizes = page.evaluate(SIZES)
    wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return bool(wide and all(abs(w - room) < 2 and h > 100 for w, room, h in sizes))


def drawn(page: Page, chart: int) -> list[Any]:
    """Return the numbers drawn in a chart, a list of y for each trace."""
    script = f"document.getElementById('chart{chart}')._fullData.map(t => Array.from(t.y))"
    return list(page.evaluate(script))


def test_a_report_opens_without_a_network(runs: list[Run], opened: Opened) -> None:
    page, told, address = opened
    assert told == [address]
    assert page.title() == "3 runs"
    assert page.locator(f"h2:text-is({EVIL!r})").count() or EVIL in page.inner_text("main")
    until(lambda: fits(page))
    assert page.locator("h2").all_inner_texts()[:3] == ["Runs", "Data", "Settings"]
    assert page.locator("svg.main-svg .scatterlayer .trace").count() > 12

    shipped = runs[0]
    held = [r for r in shipped.reports() if r["split"] == "val"]
    row = page.locator("table.runs tbody tr").first.inner_text().split("\t")
    assert row[4] == number(max(r["elbo"] for r in held))
    elbo = np.array([r["elbo"] for r in held])
    assert any(len(y) == len(elbo) and np.allclose(y, elbo) for y in drawn(page, 0))

    loaded = LoadedRun.of(shipped)
    picture = page.locator("img").nth(1)
    samples = decode(loaded.model, prior_sample(loaded.model, 32, 0))
    wanted = tile(samples, 8, scale=6)[..., :3]
    content = base64.b64decode((picture.get_attribute("src") or "").partition(",")[2])
    shown = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert shown.shape == wanted.shape
    assert picture.evaluate("i => [i.clientHeight, i.clientWidth]") == list(wanted.shape[:2])
    lines = (wanted == 128).all(-1)  # hairlines let the page shine through
    np.testing.assert_array_equal(shown[~lines], wanted[~lines])


def test_a_report_prints_in_light_and_follows_the_scheme(opened: Opened) -> None:
    page, told, _ = opened
    page.emulate_media(color_scheme="dark")
    equals(lambda: page.evaluate(DRAWN), "dark")
    assert photograph(page.locator("body"))[2, 2].max() < 60
    ink = "getComputedStyle(document.querySelector('#chart0 .xtick text')).fill"
    dark = page.evaluate(ink)
    seen = "window.seen = []; addEventListener('beforeprint', () => seen.push("
    page.evaluate(
        seen + "document.body.dataset.drawn, document.querySelector('#chart0 svg')"
        ".getBoundingClientRect().width))"
    )
    assert len(page.pdf()) > 50_000
    until(lambda: page.evaluate("seen.length"))
    assert page.evaluate("seen") == ["light", 680]
    until(lambda: page.evaluate(DRAWN) == "dark" and fits(page))
    page.emulate_media(color_scheme="light")
    equals(lambda: page.evaluate(DRAWN), "light")
    assert page.evaluate(ink) != dark
    page.set_viewport_size({"width": 420, "height": 800})
    until(lambda: fits(page))
    assert len(told) == 1
