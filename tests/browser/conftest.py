"""What browser tests stand on: the app's server as a process, a real Chromium, and its complaints.

def test_something(app, open_page, tmp_path):
    server = app(tmp_path)
    tab = open_page(server.url, scheme="dark")
    ...
    assert not tab.problems
    assert "Traceback" not in server.log()
"""

import os
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

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.screen import PATIENCE
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
SOFTWARE = ["--disable-gpu"]  # everything drawn without WebGL, with a third less work
WEBGL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
STARTS_WITHIN = 120  # seconds
expect.set_options(timeout=PATIENCE * 1000)
# Streamlit looks for these below the address of a page first, then where they are.
USUAL = ("_stcore/health", "_stcore/host-config")


class Server(NamedTuple):
    """A running app."""

    url: str
    process: subprocess.Popen[bytes]
    log_path: Path

    def log(self) -> str:
        """What the server has printed so far."""
        return self.log_path.read_text("utf-8", errors="replace")


class Tab(NamedTuple):
    """A page and what it complained of: console errors, exceptions, calls to outside hosts."""

    page: Page
    problems: list[str]

    def settle(self) -> None:
        """Wait until the script is not running."""
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def trained(root: Path, name: str, *settings: str) -> Run:
    """A run that the command line trains, in this process: torch is imported once for all."""
    given = ["--root", str(root), "--run", name, "--device", "cpu", *settings]
    assert main(["train", *given]) == 0
    return Run(root / name)


Launch = Callable[..., Server]
App = Callable[[Path], Server]
OpenPage = Callable[..., Tab]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this folder drives a browser. A busy machine may let a click fall between
    two redraws, as it may for a person, who then clicks again: so a test may begin anew; what is
    broken is broken three times."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("browser")
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """`launch(file, *arguments, env={})` starts an app on a free port; it ends with the module."""
    started: list[Server] = []

    def start(file: str | Path, *arguments: str, env: dict[str, str] | None = None) -> Server:
        log_path = tmp_path_factory.mktemp("server") / "log.txt"
        server = _start(ROOT / file, arguments, {**os.environ, **(env or {})}, log_path)
        started.append(server)
        _wait_for(server)
        return server

    yield start
    for server in started:
        _end(server.process)


@pytest.fixture(scope="session")
def _one_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """An app whose root is a link, and that link."""
    folder = tmp_path_factory.mktemp("app")
    env = {**os.environ, "VAE_LAB_ROOT": str(folder / "runs")}
    server = _start(ROOT / "app.py", (), env, folder / "log.txt")
    _wait_for(server)
    yield server, folder / "runs"
    _end(server.process)


@pytest.fixture(scope="module")
def app(_one_app: tuple[Server, Path]) -> App:
    """`app(root)` shows the runs in this folder, in one server for all modules that only look.

    Who lets the app train or start a job takes a server of its own (`launch`): the worker goes on
    in its folder when the module has ended.
    """
    server, link = _one_app

    def show(root: Path) -> Server:
        fresh = link.with_name("next")
        fresh.symlink_to(root, target_is_directory=True)
        fresh.replace(link)
        return server

    return show


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
    """End the server and what it started in its own process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A headless Chromium, with WebGL for a module that is marked `webgl`; where there is none the
    test is skipped, in continuous integration it fails."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("VAE_LAB_CHROMIUM") or next(
        filter(None, map(shutil.which, names)), None
    )
    if found is None:
        reason = "No Chromium: install it, or name its program in VAE_LAB_CHROMIUM"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        how = WEBGL if request.node.get_closest_marker("webgl") else SOFTWARE
        browser = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, *how])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """`open_page(url, scheme="light", before="")` opens a window, 1440 by 900 pixels.

    `before` is JavaScript that runs before the page's own.
    """
    contexts = []

    def open_(url: str, scheme: str = "light", before: str = "") -> Tab:
        context = chromium.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(before)
        tab = Tab(context.new_page(), [])
        _listen(tab)
        tab.page.goto(url)
        tab.settle()
        return tab

    yield open_
    for context in contexts:
        context.close()


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
