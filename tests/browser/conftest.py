"""Fixtures of the browser tests: the app's server, a real Chromium, and the problems of the page.

Each process of tests has one server and one Chromium. Loading a page takes two to five seconds of
the processor, so a test checks several things in one load: `Tab.go` follows a link of the
navigation, `Tab.visit` loads another address in the same window. The tests of a module share a
load with `tab`.

def test_something(app, open_page, tmp_path):
    server = app(tmp_path)
    tab = open_page(server.url, scheme="dark")
    ...
    assert not tab.problems

A traceback that a server prints fails the test during which it appears.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

from tests.browser.screen import PATIENCE, REPEATS, perform
from vae.commands import main
from vae.runs import Run

ROOT = Path(__file__).parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# WebGL in software, and the window itself drawn without it, which costs a fifth as much
DRAWING = ["--disable-gpu-compositing", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WINDOW = {"width": 1440, "height": 900}
STARTS_WITHIN = 120  # seconds
VISITED: list[str] = []  # the addresses that this process of tests has loaded
expect.set_options(timeout=PATIENCE * 1000)
# Streamlit looks for these below the address of a page first, then where they are.
USUAL = ("_stcore/health", "_stcore/host-config")
# Streamlit prints this when a window closes its connection before it is accepted.
DISCONNECTED = re.compile(
    r"^Traceback .*\n(?:[ \t].*\n)+starlette\.websockets\.WebSocketDisconnect.*$", re.MULTILINE
)


class Server(NamedTuple):
    """A running app."""

    url: str
    process: subprocess.Popen[bytes]
    log_path: Path

    def log(self) -> str:
        """The output of the server so far."""
        return self.log_path.read_text("utf-8", errors="replace")


class Tab(NamedTuple):
    """A page and its problems: console errors, exceptions, calls to outside hosts."""

    page: Page
    problems: list[str]

    def reset(self, scheme: str = "light") -> None:
        """Restore colour scheme, size and pointer, and forget the problems.

        Without animations: a window that draws one uses an eighth more of the processor.
        """
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.set_viewport_size(WINDOW)
        self.page.mouse.move(0, 0)
        self.problems.clear()

    def settle(self) -> None:
        """Wait until the script is not running."""
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")

    def address(self) -> str:
        """The present address; `page.url` is not read again while a test waits."""
        return str(self.page.evaluate("location.href"))

    def visit(self, url: str) -> None:
        """Load another address in this window: a new session of the app."""
        VISITED.append(url)
        self.page.goto(url)
        self.settle()

    def go(self, title: str) -> None:
        """Follow a link of the navigation in the same session."""
        link = self.page.get_by_role("link", name=title, exact=True).first
        perform(
            lambda: link.click(timeout=5000),
            lambda: link.get_attribute("aria-current") == "page",
            why=f"the page {title}",
        )
        self.settle()


def trained(root: Path, name: str, *settings: str) -> Run:
    """A run that the command line trains, in this process: torch is imported once for all."""
    given = ["--root", str(root), "--run", name, "--device", "cpu", *settings]
    assert main(["train", *given]) == 0
    return Run(root / name)


Launch = Callable[..., Server]
App = Callable[[Path], Server]
OpenPage = Callable[..., Tab]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder `browser`."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("browser")


@pytest.fixture(autouse=True)
def repeats(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Report each gesture without effect at the first attempt."""
    REPEATS.clear()
    yield
    for why in REPEATS:
        record_property("repeat", why)


@pytest.fixture(scope="package")
def started() -> list[Server]:
    """The servers of this process of tests."""
    return []


@pytest.fixture(autouse=True)
def no_traceback(started: list[Server]) -> Iterator[None]:
    """Fail a test during which a server prints a traceback."""
    before = {server.log_path: len(server.log()) for server in started}
    yield
    for server in started:
        printed = server.log()[before.get(server.log_path, 0) :]
        assert "Traceback" not in DISCONNECTED.sub("", printed), printed


@pytest.fixture(scope="package")
def launch(tmp_path_factory: pytest.TempPathFactory, started: list[Server]) -> Iterator[Launch]:
    """`launch(file, *arguments, env={})` starts an app on a free port.

    Without a spare worker and the imports of a warm start, which cost eight seconds.
    """

    def start(file: str | Path, *arguments: str, env: dict[str, str] | None = None) -> Server:
        log_path = tmp_path_factory.mktemp("server") / "log.txt"
        cold = {"VAE_LAB_WARM": "0", "OMP_NUM_THREADS": "1"}
        server = _start(ROOT / file, arguments, os.environ | cold | (env or {}), log_path)
        started.append(server)
        _wait_for(server)
        return server

    yield start
    for server in started:
        _end(server.process)


@pytest.fixture(scope="package")
def _one_app(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, Path]:
    """An app whose root is a link, and that link."""
    link = tmp_path_factory.mktemp("app") / "runs"
    link.symlink_to(tmp_path_factory.mktemp("empty"), target_is_directory=True)
    return launch("app.py", env={"VAE_LAB_ROOT": str(link)}), link


@pytest.fixture(scope="module")
def app(_one_app: tuple[Server, Path]) -> Iterator[App]:
    """`app(root)` shows the runs in this folder; its workers end with the module."""
    server, link = _one_app

    def show(root: Path) -> Server:
        fresh = link.with_name("next")
        fresh.symlink_to(root, target_is_directory=True)
        fresh.replace(link)
        return server

    yield show
    for worker in psutil.Process(server.process.pid).children(recursive=True):
        worker.kill()


def _start(file: Path, arguments: tuple[str, ...], env: dict[str, str], log_path: Path) -> Server:
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(file), "--server.headless", "true"]
    command += ["--server.port", str(port), *arguments]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
        )
    return Server(f"http://127.0.0.1:{port}", process, log_path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: Server) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and server.process.poll() is None:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"The server did not come up; it printed:\n{server.log()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and the processes in its process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A headless Chromium. Without one the test is skipped; in continuous integration it fails."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("VAE_LAB_CHROMIUM") or next(
        filter(None, map(shutil.which, names)), None
    )
    if found is None:
        reason = "No Chromium: install it, or name its program in VAE_LAB_CHROMIUM"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, *DRAWING])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def windows(chromium: Browser) -> Iterator[list[Tab]]:
    """The free windows of this process of tests. In a used window a page loads in half the
    time."""
    opened: list[Tab] = []
    yield opened
    for tab in opened:
        tab.page.context.close()


@pytest.fixture
def open_page(chromium: Browser, windows: list[Tab]) -> Iterator[OpenPage]:
    """`open_page(url, scheme="light", before="")` loads a page in a window of 1440 by 900 pixels.

    `before` is JavaScript that runs before the page's own, in this test only.
    """
    used: list[Tab] = []
    scripts: list[CDPSession] = []

    def open_(url: str, scheme: str = "light", before: str = "") -> Tab:
        tab = windows.pop() if windows else _window(chromium)
        used.append(tab)
        tab.reset(scheme)
        if before:
            scripts.append(tab.page.context.new_cdp_session(tab.page))
            scripts[-1].send("Page.enable")
            scripts[-1].send("Page.addScriptToEvaluateOnNewDocument", {"source": before})
        tab.visit(url)
        return tab

    yield open_
    for session in scripts:
        session.detach()  # its script goes with it
    for tab in used:
        _empty(tab)
    windows += used


@pytest.fixture(scope="module")
def module_tab(chromium: Browser, windows: list[Tab]) -> Iterator[Tab]:
    """A window for all tests of a module; the module's own fixture loads a page in it."""
    tab = windows.pop() if windows else _window(chromium)
    tab.reset()
    yield tab
    _empty(tab)
    windows.append(tab)


@pytest.fixture
def tab(module_tab: Tab) -> Iterator[Tab]:
    """The module's window, reset for this test, which fails if the page complains."""
    module_tab.reset()
    yield module_tab
    assert not module_tab.problems


def _empty(tab: Tab) -> None:
    """Clear the storage of the page, and leave it."""
    if tab.page.url.startswith("http"):
        tab.page.evaluate("localStorage.clear()")
        tab.page.goto("about:blank")  # a page that is left writes its settings
        tab.page.context.clear_cookies()


def _window(chromium: Browser) -> Tab:
    context = chromium.new_context(viewport=WINDOW, accept_downloads=True)
    context.set_default_timeout(PATIENCE * 1000)
    tab = Tab(context.new_page(), [])
    _listen(tab)
    return tab


def _listen(tab: Tab) -> None:
    page, problems = tab
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))

    def console(message) -> None:  # noqa: ANN001 (Playwright's own type)
        usual = any(part in message.location.get("url", "") for part in USUAL)
        if message.type == "error" and not usual:
            problems.append(f"console: {message.text} {message.location.get('url', '')}")

    def request(sent) -> None:  # noqa: ANN001
        inside = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
        if not sent.url.startswith(inside):
            problems.append(f"outside call: {sent.url}")

    page.on("console", console)
    page.on("request", request)
