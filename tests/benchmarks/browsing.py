"""The app's server, a Chromium, and the waiting times of a page, for the benchmarks in a browser.

"Settled" is the last change of the document after an action: elements, texts, attributes, loaded
pictures. It is reached when the script rests and nothing has changed for `REST` ms; the rest is
not part of the time.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))
WINDOW = {"width": 1440, "height": 900}
REST, LATE = 500, 60_000  # ms without a change, and ms after which a page counts as stuck
STARTS_WITHIN = 60.0  # seconds
# Processor seconds a second of the server and its spare worker, which has ended its imports
WARM = 0.1
SETTLE = """
window.rests = () => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState
    === 'notRunning' && !document.querySelector('[data-stale=true]');
window.settled = (act, done, rest, late) => new Promise((answer) => {
    let last = performance.now();
    const start = last, note = () => { last = performance.now(); };
    const seen = new MutationObserver(note);
    seen.observe(document, { subtree: true, childList: true, characterData: true,
                             attributes: true });
    document.addEventListener('load', note, true);
    act();
    const look = () => {
        const now = performance.now();
        const isOver = rests() && done() && now - last > rest;
        if (!isOver && now - start < late) { setTimeout(look, 20); return; }
        seen.disconnect();
        document.removeEventListener('load', note, true);
        answer(isOver ? last - start : late);
    };
    setTimeout(look, 20);
});
window.link = (title) => [...document.querySelectorAll('.st-key-navigation a')].find(
    (a) => a.textContent.trim() === title);
window.follow = (title, rest, late) => settled(
    () => link(title).click(), () => link(title)?.ariaCurrent === 'page', rest, late);
"""


class Server(NamedTuple):
    """A running app."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def server(root: Path | str, warm: float | None = WARM, **environment: str) -> Iterator[Server]:
    """Start the app over a folder of runs, and end it.

    Wait for its first answer, and for the end of its imports: until it uses less than `warm`
    processor seconds a second. Without `warm` it is fresh, as for a visitor who starts it.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT / "app.py")]
    command += ["--server.port", str(port), "--server.headless", "true"]
    process = subprocess.Popen(
        command,
        env=os.environ | {"VAE_LAB_ROOT": str(root)} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=PROJECT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for_answer(url)
        while warm is not None and used(process.pid, 1.0) > warm:
            pass
        yield Server(url, process)
    finally:
        process.terminate()
        process.wait()


def used(pid: int, seconds: float) -> float:
    """Return the processor seconds a second that a process and its children use meanwhile."""
    before, start = spent(pid), time.perf_counter()
    time.sleep(seconds)
    return (spent(pid) - before) / (time.perf_counter() - start)


def spent(pid: int) -> float:
    """Return the processor seconds of a process and its children so far."""
    first = psutil.Process(pid)
    total = 0.0
    for process in (first, *first.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total


def _wait_for_answer(url: str) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        with suppress(OSError):
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
            return
        time.sleep(0.02)
    raise TimeoutError(f"The app has not started within {STARTS_WITHIN:.0f} s.")


def browser() -> dict[str, Any]:
    """Return the options with which Playwright starts the Chromium of the browser tests."""
    from tests.browser.conftest import ARGUMENTS, DRAWING

    path = os.environ.get("VAE_LAB_CHROMIUM") or shutil.which("chromium")
    return {"executable_path": path, "args": [*ARGUMENTS, *DRAWING]}


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, playwright.chromium.launch(**browser()) as started:
        yield started


@contextmanager
def dashboard(root: Path | str, path: str = "/", script: str = "") -> Iterator[Any]:
    """Yield a tab of the warm app, which runs the script before those of the app."""
    with server(root) as started, chromium() as window:
        page = tab(window, script)
        page.goto(f"{started.url}{path}")
        yield page


def tab(browser: Any, script: str = "") -> Any:
    """Return a tab of a new profile, which has loaded nothing; it runs the script first."""
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(LATE)
    page.add_init_script(SETTLE + script)
    return page


def follow(page: Any, title: str) -> float:
    """Follow the link to a page; return the seconds until it has settled."""
    spent = page.evaluate(
        "([title, rest, late]) => follow(title, rest, late)", [title, REST, LATE]
    )
    return float(spent) / 1000


def rest(page: Any) -> None:
    """Wait until the page has settled."""
    page.wait_for_function("window.rests && rests()")
    page.evaluate("([rest, late]) => settled(() => {}, () => true, rest, late)", [2 * REST, LATE])


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    if len(values) < 2:
        return (values[0], values[0])
    return statistics.median(values), statistics.quantiles(values, n=20, method="inclusive")[-1]


def row(name: str, values: Sequence[float], limit: str, unit: str = "s") -> str:
    """Return a line of the table: median, 95th percentile, tries, limit."""
    middle, slow = spread(values)
    return (
        f"{name:<44} {middle:8.3f} {slow:8.3f} {unit:<3} {len(values):>3} tries   limit {limit}"
        f"   load {os.getloadavg()[0]:.1f}"
    )
