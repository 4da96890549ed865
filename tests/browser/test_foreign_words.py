"""Words from files and addresses reach nothing: a listener waits for a picture or a link that a
page, a chart, the card of a point, the report or a download would load or lead to.

    python -m pytest -m long -n0 tests/browser/test_foreign_words.py
"""

import csv
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import App, OpenPage, Tab
from tests.browser.screen import until
from tests.pages import test_foreign_words as foreign
from vae.commands import main
from vae.report import report
from vae.runs import Run

pytestmark = pytest.mark.timeout(1800)

PAGES = [*foreign.OF_RUNS[1:], "", "data", "compare", "sweep"]
ODD = """(host) => [...document.querySelectorAll('*')].filter((node) =>
  [...node.attributes].some(({ name, value }) => ['src', 'href', 'xlink:href', 'srcset', 'data',
    'action', 'poster'].includes(name) && value.includes(host)))
  .map((node) => node.outerHTML.slice(0, 300))"""
MARKED = "() => document.body.textContent.match(/.{0,20}Qx-Zq.{0,20}/)?.[0] ?? ''"
OWNED = "() => String(window.owned ?? '')"
CHARTS = "() => [...document.querySelectorAll('.vae-plot-chart, canvas')].map((chart) => {"
CHARTS += " const box = chart.getBoundingClientRect();"
CHARTS += " return [box.x, box.y, box.width, box.height]; })"


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[str, list[str]]]:
    """The address of a server that nothing may ask, and the requests that it got."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *given: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}", heard
    server.shutdown()


@pytest.fixture(scope="module")
def word(listener: tuple[str, list[str]]) -> str:
    """A text that calls the listener wherever it is taken for Markdown or HTML."""
    host = listener[0]
    tags = f"<img src=http://{host}/img onerror=owned=1><a href='http://{host}/a'>"
    return f"=var(--q)Qx<b>-Zq</b>![p](http://{host}/p){tags}[l](http://{host}/l)"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, word: str) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign, "WORD", word)
        yield foreign.make_all(tmp_path_factory.mktemp("foreign"))


def walk(tab: Tab) -> None:
    """Move the pointer over every chart, so that cards and labels of points appear."""
    for left, top, width, height in tab.page.evaluate(CHARTS)[:6]:
        for k in range(1, 8):
            tab.page.mouse.move(
                left + width * k / 8, top + height * (0.3 + 0.4 * (k % 2)), steps=3
            )
            tab.page.wait_for_timeout(60)


def check(tab: Tab, host: str) -> None:
    assert not tab.page.evaluate(ODD, host)
    assert not tab.page.evaluate(MARKED)
    assert not tab.page.evaluate(OWNED)
    assert not tab.problems


@pytest.mark.long
@pytest.mark.parametrize("name", foreign.RUNS)
def test_pages_and_cards_reach_nothing(
    name: str, runs: Path, app: App, open_page: OpenPage, listener: tuple[str, list[str]]
) -> None:
    host, heard = listener
    server, tab = app(runs), None
    for page in PAGES:
        address = f"{server.url}/{page}?run={name}&runs={name}"
        tab = tab or open_page(address)
        tab.visit(address)
        tab.page.wait_for_timeout(1500)
        walk(tab)
        check(tab, host)
    assert not heard


@pytest.mark.long
def test_addresses_reach_nothing(
    runs: Path, app: App, open_page: OpenPage, word: str, listener: tuple[str, list[str]]
) -> None:
    host, heard = listener
    server, tab = app(runs), None
    names = ("run", "runs", "data", "view", "sweep", "result", "curves", "projection", "rows")
    for page in PAGES:
        wrong = "&".join(f"{name}={quote(word)}" for name in names)
        tab = tab or open_page(server.url)
        tab.visit(f"{server.url}/{page}?{wrong}")
        tab.page.wait_for_timeout(800)
        check(tab, host)
    assert not heard


@pytest.mark.long
def test_the_report_reaches_nothing(
    runs: Path, chromium: Browser, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    host, heard = listener
    file = tmp_path / "report.html"
    file.write_text(report([Run(runs / name) for name in foreign.RUNS]))
    page = chromium.new_page()
    tab = Tab(page, [])
    page.goto(file.as_uri())
    page.locator("body[data-drawn]").wait_for()
    for chart in page.locator(".js-plotly-plot").all():
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box is not None
        for k in range(1, 8):
            page.mouse.move(box["x"] + box["width"] * k / 8, box["y"] + box["height"] / 2, steps=3)
    check(tab, host)
    page.close()
    assert not heard


@pytest.mark.long
def test_tables_are_downloaded_without_formulas(
    runs: Path, app: App, open_page: OpenPage, word: str
) -> None:
    """The toolbar of a table writes the cells as they are shown."""
    tab = open_page(f"{app(runs).url}/compare", before="delete window.showSaveFilePicker")
    table = tab.page.get_by_test_id("stDataFrame").first
    table.hover()
    with tab.page.expect_download() as waiting:
        until(lambda: tab.page.get_by_role("button", name="Download as CSV").first.is_visible())
        tab.page.get_by_role("button", name="Download as CSV").first.click()
    cells = list(csv.reader(io.StringIO(Path(waiting.value.path()).read_text("utf-8"))))
    assert len(cells) > len(foreign.RUNS)
    assert not [cell for row in cells for cell in row if cell[:1] in ("=", "@", "+", "\t")]


@pytest.mark.long
def test_terminals_and_files_have_no_escape_codes_and_no_formulas(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["runs"], ["runs", "--json"], ["evaluate", "table", "--samples", "0"]):
        assert main([*command, "--root", str(runs)]) == 0
    out = tmp_path / "latent.csv"
    assert main(["encode", "pictures", "--out", str(out), "--root", str(runs)]) == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    cells = [cell for row in csv.reader(out.open(newline="")) for cell in row]
    assert any("Qx<b>" in cell for cell in cells)
    assert not [cell for cell in cells if cell[:1] in ("=", "@", "+")]
