"""Fixtures of page tests: runs in every state in a separate folder, and the app on that folder.

`open_page("pages/latent.py", root)` runs the main script and goes to that page; `states` creates
one run in each possible state.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import RerunData
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from vae.base import files
from vae.base.records import SLOWER
from vae.config import RunConfig
from vae.config.presets import Start
from vae.dashboard import server
from vae.dashboard.shared import training_time
from vae.dashboard.shared.widgets import key_of
from vae.dashboard.sidebar import sidebar
from vae.data import load
from vae.runs import Run, identity
from vae.worker.train import train_run

ROOT = Path(__file__).parents[2]
MAIN = ROOT / "vae" / "dashboard" / "main.py"
PAGES = sorted(p.name for p in (ROOT / "pages").glob("*.py"))
STATES = ("none", "queued", "starting", "running", "finished", "failed", "interrupted", "damaged")


class Idle:
    """A launcher without workers."""

    def pump(self) -> None:
        """Leave the queue unchanged."""

    def resume(self, run: Run) -> None:
        """Put a run into the queue without starting it."""
        run.set_status(state="queued")

    def submit(self, job: object) -> None:
        """Accept a job without starting it."""


def wait(runner: LocalScriptRunner, timeout: float = 60) -> None:
    """Wait for the end of a script; Streamlit's own test runner asks every millisecond."""
    thread = runner._script_thread
    assert thread is not None
    thread.join(timeout)
    if thread.is_alive():
        runner.request_stop()
        raise RuntimeError(f"the script of the page took more than {timeout:g} s")


class Entries(Mapping[str, Any]):
    """The entries of a session, read one at a time: Streamlit copies all of them for each widget
    and looks one up."""

    def __init__(self, state: SafeSessionState) -> None:
        self.state = state

    def __getitem__(self, key: str) -> Any:
        return self.state[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.state._state.filtered_state)

    def __len__(self) -> int:
        return len(self.state._state.filtered_state)


@pytest.fixture(scope="session", autouse=True)
def quick_pages() -> Iterator[None]:
    """Scan the installed packages once instead of once per session, measure three training steps
    of a new configuration, and start from the smallest data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        patch.setattr(SafeSessionState, "filtered_state", property(Entries))
        scan = cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        patch.setattr(training_time, "TRIAL_SECONDS", 0.0)
        patch.setattr(sidebar, "START", Start("2-D map", "digits"))
        yield


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of runs, shown by the dashboard."""
    monkeypatch.setattr(server, "ROOT", tmp_path)
    monkeypatch.setattr(server, "launcher", Idle())
    return tmp_path


OpenPage = Callable[..., AppTest]


@pytest.fixture
def open_page() -> OpenPage:
    """`open_page(file, run=NAME)` opens a page at an address and asserts that it has not
    raised; `box=True` opens the box of all settings too."""

    def open_(file: str, box: bool = False, **address: str) -> AppTest:
        at = AppTest.from_file(str(MAIN), default_timeout=60)
        if box:
            at.session_state["all_settings"] = True
        for name, value in address.items():
            at.query_params[name] = value
        if file != "train.py":
            at.switch_page(f"../../pages/{file}")
        at.run()
        assert not at.exception, [e.value for e in at.exception]
        return at

    return open_


def of_run(at: AppTest, name: str) -> str:
    """The key of a field that belongs to the run of the page."""
    return key_of(name, Run(server.ROOT / at.session_state["run"]))


def trained(root: Path, name: str, **settings: object) -> Run:
    """A small finished run: a copy with a different time of creation."""
    given = {"epochs": 2, "hidden": (16,), "batch_size": 128, "frames": 3} | settings
    run = Run(shutil.copytree(_trained_once(RunConfig.of(**given)), root / name))
    content = run.header | {"created": datetime.now(UTC).isoformat(timespec="microseconds")}
    files.write_json(run.path / "config.json", content)
    return Run(run.path)


LIBRARY = TemporaryDirectory()


@cache
def _trained_once(config: RunConfig) -> Path:
    """A run with this configuration, trained once for all tests of this process."""
    run = Run.create(LIBRARY.name, config, config.load_data())
    for _ in train_run(run):
        pass
    return run.path


def in_state(root: Path, state: str) -> Run | None:
    """Return a run in a state; None for "none"."""
    if state == "none":
        return None
    if state == "finished":
        return trained(root, "a-finished-run")
    run = Run.create(root, RunConfig.of(), load("digits"), f"a-{state}-run")
    living = {"heartbeat": time.time(), **identity()}
    if state in ("starting", "running"):
        run.set_status(state=state, steps=100, epochs=2, **living)
    elif state == "failed":
        run.set_status(
            state="failed", message=f"Training diverged: the KL is not finite at step 2. {SLOWER}"
        )
    elif state == "interrupted":
        run.set_status(state="running", **living | {"process_started": 1.0})
    elif state == "damaged":
        (run.path / "config.json").write_text("{")
    assert run.status().state == state
    return run


STARTED = "fragment_ids_this_run"  # in the event at the start of a script


class Clock:
    """Runs the fragments of a page as the timers of a browser would."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.timers: dict[str, float] = {}  # fragment → seconds
        self._patch = patch
        read = LocalScriptRunner.forward_msgs

        def recorded(runner: LocalScriptRunner) -> list[ForwardMsg]:
            messages = read(runner)
            started = [d[STARTED] for d in runner.event_data if STARTED in d]
            if any(not fragments for fragments in started):  # the whole page ran
                rerun = [m.auto_rerun for m in messages if m.WhichOneof("type") == "auto_rerun"]
                self.timers = {message.fragment_id: message.interval for message in rerun}
            return messages

        patch.setattr(LocalScriptRunner, "forward_msgs", recorded)

    def tick(self, at: AppTest, fragment: str) -> AppTest:
        """Run one fragment, and the whole page if the fragment asks for it."""
        due = partial(RerunData, fragment_id=fragment, is_auto_rerun=True)
        with self._patch.context() as patch:
            patch.setattr(local_script_runner, "RerunData", due)
            at.run()
        assert not at.exception, [e.value for e in at.exception]
        return at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The timers of the fragments of a page; request it before the page opens."""
    return Clock(monkeypatch)
