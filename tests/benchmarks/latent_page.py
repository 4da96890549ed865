"""Seconds until the latent page draws its map, and until the pointer shows a picture, in a
browser.

    python -m tests.benchmarks.latent_page RUNS NAME [--all]

RUNS is a folder of runs and NAME a finished run in it with 60,000 examples. "Opened" is a click on
the page's name in the menu, from another page: the first time on a fresh server, and then again.
"From the address" is a fresh browser with an empty cache, which loads Streamlit itself as well.
Bytes are those of the web socket, so that repeated messages are visible.
"""

import argparse
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.benchmarks import browsing

MAP = ".st-key-latent_map"
DRAWN = f"{MAP} .js-plotly-plot .nsewdrag"
MOVES = 200
POINTER = """moves => {  // milliseconds from the pointer to the picture, handler included
    const pad = document.querySelector('.st-key-latent_map .nsewdrag');
    const box = pad.getBoundingClientRect();
    const times = [];
    for (let k = 0; k < moves; k++) {
        const [u, v] = [0.1 + 0.8 * ((k * 0.618) % 1), 0.1 + 0.8 * ((k * 0.755) % 1)];
        const at = { clientX: box.x + u * box.width, clientY: box.y + v * box.height };
        const start = performance.now();
        pad.dispatchEvent(new PointerEvent('pointermove', { ...at, bubbles: true }));
        times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b);
}"""


class Traffic:
    """The messages that a page receives."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        self.addresses: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._frame))
        page.on("request", lambda sent: self.addresses.append(sent.url))

    def _frame(self, content: bytes | str) -> None:
        self.bytes += len(content)


def visit(browser: Browser, url: str) -> tuple[Page, Traffic, float]:
    """Open the page in a fresh tab; seconds until the map is drawn."""
    page = browser.new_context(viewport=browsing.WINDOW).new_page()
    traffic, start = Traffic(page), time.perf_counter()
    page.goto(url)
    page.wait_for_selector(DRAWN, timeout=120_000)
    return page, traffic, time.perf_counter() - start


def loaded(page: Page, times: int) -> None:
    """Print the seconds that opening the page from another one takes, several times."""
    for number in range(times):
        page.wait_for_timeout(3000)
        start = time.perf_counter()
        page.get_by_role("link", name="Latent space", exact=True).click()
        page.wait_for_selector(DRAWN, timeout=120_000)
        name = "again" if number else "the first time"
        print(f"opened {name}: drawn after {time.perf_counter() - start:.2f} s")
        page.wait_for_timeout(2000)
        page.get_by_role("link", name="Train", exact=True).click()


def measure(browser: Browser, url: str, run: str, every: bool) -> None:
    """Print all measurements."""
    page = browser.new_context(viewport=browsing.WINDOW).new_page()
    page.goto(f"{url}/?run={run}")
    page.get_by_role("link", name="Latent space", exact=True).wait_for(timeout=120_000)
    loaded(page, 4)
    page.context.close()
    for _ in range(2):
        page, traffic, seconds = visit(browser, f"{url}/latent?run={run}")
        print(f"from the address: drawn after {seconds:.2f} s, {traffic.bytes / 1e6:.2f} MB")
        page.wait_for_function("document.querySelector('.vae-plot-place canvas')?.width > 8")
        page.wait_for_timeout(1500)
        times = page.evaluate(POINTER, MOVES)
        print(f"  pointer to picture: median {times[MOVES // 2]:.2f} ms, most {times[-1]:.2f} ms")
        twice = {
            a for a in traffic.addresses if "/vae/served/" in a and traffic.addresses.count(a) > 1
        }
        print(f"  asked for twice: {sorted(twice) or 'nothing'}")
    if every:
        before, start = traffic.bytes, time.perf_counter()
        page.click(".st-key-latent_points .react-aria-ComboBox button")
        page.get_by_role("option", name="all", exact=True).click()
        page.get_by_text("all ", exact=False).first.wait_for()
        page.wait_for_function(
            f"[...document.querySelectorAll('{MAP} .js-plotly-plot')].some("
            "p => p._fullData.reduce((n, t) => n + (t.customdata?.length ?? 0), 0) > 2000)",
            timeout=120_000,
        )
        spent = time.perf_counter() - start
        print(
            f"all points: drawn after {spent:.2f} s, {(traffic.bytes - before) / 1e6:.2f} MB more"
        )
        before = traffic.bytes
        box = page.locator(f"{MAP} .nsewdrag").first.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 5, box["y"] + 5)
        page.get_by_text("Pinned places").wait_for(timeout=60_000)
        print(f"a pin: {(traffic.bytes - before) / 1e6:.3f} MB more")


def main() -> None:
    """Start a server and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("runs", type=Path)
    parser.add_argument("name")
    parser.add_argument("--all", action="store_true", help="then show all points of the split")
    asked = parser.parse_args()
    with browsing.server(asked.runs.resolve()) as app, browsing.chromium() as browser:
        measure(browser, app.url, asked.name, asked.all)


if __name__ == "__main__":
    main()
