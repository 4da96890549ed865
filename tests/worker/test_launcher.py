"""Starting workers: one run a device at a time, in order, each once, whoever dies on the way.

Most tests have a stub for the worker (`STUB`): it takes an order, says `running`, and ends when a
file `done` appears in its run or when it is asked to; so that a queue is worked off in a second.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from vae.base.records import Tick
from vae.runs import Run, identity, listing
from vae.worker import Launcher, launcher
from vae.worker.train import train_run

PROJECT = Path(__file__).parents[2]
Make = Callable[..., Run]
STUB = """
import json, sys, time
line = sys.stdin.readline()
if not line.strip():
    sys.exit()
from vae.runs import Run, identity
run = Run(json.loads(line)["run"])
with (run.path / "starts").open("a") as file:
    file.write("once ")
with run.lock():
    run.set_status(state="running", heartbeat=time.time(), **identity())
    while run.control(0).wanted == "run" and not (run.path / "done").exists():
        time.sleep(0.01)
    run.set_status(state="finished" if (run.path / "done").exists() else "stopped")
"""


def stub() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STUB],
        stdin=subprocess.PIPE,
        cwd=PROJECT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Stubs for workers; all of them end with the test."""
    monkeypatch.setattr(launcher, "_start", stub)
    monkeypatch.setattr(launcher, "SETTLE_SECONDS", 0.0)
    yield
    for run in listing(tmp_path):
        (run.path / "done").touch()


@pytest.fixture
def server(stubbed: None, tmp_path: Path) -> Iterator[Launcher]:
    server = Launcher(tmp_path)
    yield server
    server.close()


def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def states(*runs: Run) -> list[str]:
    return [run.status().state for run in runs]


def settled(server: Launcher, *runs: Run) -> list[str]:
    """The states once no run is on its way to a state."""
    server.pump()
    wait(lambda: "starting" not in states(*runs))
    return states(*runs)


def end(run: Run) -> None:
    (run.path / "done").touch()
    wait(lambda: not run.status().alive)


def test_a_queue_is_worked_off_in_order_one_at_a_time(server: Launcher, make: Make) -> None:
    runs = [make(name) for name in "cab"]
    waiting = ["queued"] * 3
    for n, run in enumerate(runs):
        right = ["finished"] * n + ["running"] + waiting[n + 1 :]
        assert settled(server, *runs) == right
        assert settled(server, *runs) == right  # asking again changes nothing
        end(run)
    assert settled(server, *runs) == ["finished"] * 3
    assert [(run.path / "starts").read_text() for run in runs] == ["once "] * 3


def test_a_worker_that_dies_does_not_hold_the_queue_up(server: Launcher, make: Make) -> None:
    first, second = make("a"), make("b")
    assert settled(server, first, second) == ["running", "queued"]
    os.kill(first.status().pid, signal.SIGKILL)
    wait(lambda: first.status().state == "interrupted", 5)
    assert settled(server, first, second) == ["interrupted", "running"]
    server.resume(first)
    assert states(first, second) == ["queued", "running"]
    end(second)
    assert settled(server, first, second) == ["running", "finished"]


def test_a_spare_that_dies_is_replaced(server: Launcher, make: Make) -> None:
    server.warm()
    assert server._spare is not None
    server._spare.kill()
    run = make("a")
    wait(lambda: settled(server, run) == ["running"])
    assert (run.path / "starts").read_text() == "once "


def test_the_spare_is_used_and_replaced(server: Launcher, make: Make) -> None:
    server.warm()
    server.warm()
    assert server._spare is not None
    spare = server._spare.pid
    run = make("a")
    assert settled(server, run) == ["running"]
    assert run.status().pid == spare
    wait(lambda: server._spare is not None and server._spare.pid != spare)


def test_damaged_runs_and_strangers_do_not_hold_the_queue_up(
    server: Launcher, make: Make, tmp_path: Path
) -> None:
    damaged, run = make("a"), make("b")
    (damaged.path / "config.json").write_text("{")
    (tmp_path / ".uploads").mkdir()
    (tmp_path / "file").touch()
    assert settled(server, damaged, run) == ["damaged", "running"]


def test_a_queued_run_can_be_stopped_and_resumed(server: Launcher, make: Make) -> None:
    first, second = make("a"), make("b")
    settled(server, first, second)
    second.stop()
    end(first)
    assert settled(server, first, second) == ["finished", "stopped"]
    server.resume(second)
    assert settled(server, second) == ["running"]
    server.resume(second)
    assert states(second) == ["running"]
    second.stop()
    wait(lambda: states(second) == ["stopped"])


def test_two_servers_start_every_run_once_and_one_at_a_time(
    server: Launcher, make: Make, tmp_path: Path
) -> None:
    runs = [make(name) for name in "abcd"]
    other = Launcher(tmp_path)
    over = threading.Event()

    def pump(of: Launcher) -> None:
        while not over.is_set():
            of.pump()

    threads = [threading.Thread(target=pump, args=(of,)) for of in (server, other, server)]
    for thread in threads:
        thread.start()
    try:
        for _ in runs:
            wait(lambda: "running" in states(*runs))
            for _ in range(5):
                assert sum(run.status().alive for run in runs) <= 1
            end(next(run for run in runs if run.status().alive))
    finally:
        over.set()
        for thread in threads:
            thread.join()
        other.close()
    assert states(*runs) == ["finished"] * 4
    assert [(run.path / "starts").read_text() for run in runs] == ["once "] * 4


def test_a_run_of_the_command_line_is_left_alone_and_holds_its_device(
    server: Launcher, make: Make
) -> None:
    theirs, ours = make("a"), make("b")
    theirs.set_status(state="starting", device="cpu", **identity())
    assert settled(server, ours) == ["queued"]
    training = train_run(theirs)
    for event in training:
        assert isinstance(event, Tick) or theirs.status().state == "running"
        assert settled(server, ours) == ["queued"]
    assert states(theirs) == ["finished"]
    assert settled(server, ours) == ["running"]


def test_a_run_elsewhere_holds_no_device_here(server: Launcher, make: Make) -> None:
    theirs, ours = make("a"), make("b")
    theirs.set_status(state="running", device="cpu", heartbeat=time.time(), host="elsewhere")
    assert settled(server, theirs, ours) == ["running", "running"]


def test_a_closed_launcher_starts_nothing(stubbed: None, make: Make, tmp_path: Path) -> None:
    server, run = Launcher(tmp_path), make("a")
    server.warm()
    assert server._spare is not None
    spare = server._spare
    server.close()
    assert spare.wait(30) == 0
    server.warm()
    server.pump()
    assert server._spare is None
    assert states(run) == ["queued"]


SERVER = """
import sys, time
from tests.worker.test_launcher import stub
from vae.worker import Launcher, launcher
launcher._start = stub
launcher.SETTLE_SECONDS = 0.0
server = Launcher(sys.argv[1])
server.warm()
server.pump()
while server._spare is None:
    time.sleep(0.01)
print(server._spare.pid, flush=True)
time.sleep(600)
"""


def test_the_death_of_the_server_ends_its_spare_and_nothing_else(
    stubbed: None, make: Make, tmp_path: Path
) -> None:
    run, waiting = make("a"), make("b")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    spare = int(server.stdout.readline())
    wait(lambda: states(run) == ["running"])
    assert psutil.pid_exists(spare)
    server.kill()
    server.wait()
    wait(lambda: not psutil.pid_exists(spare) or psutil.Process(spare).status() == "zombie")
    assert states(run, waiting) == ["running", "queued"]
    after = Launcher(tmp_path)
    assert settled(after, run, waiting) == ["running", "queued"]
    end(run)
    assert settled(after, run, waiting) == ["finished", "running"]
    after.close()


def test_a_real_worker_trains_pauses_goes_on_and_dies(make: Make, tmp_path: Path) -> None:
    """SIGTERM saves and the run goes on; SIGKILL saves nothing and leaves it interrupted."""
    run = make("one", epochs=100_000, examples=200)
    server = Launcher(tmp_path, spare=False)
    try:
        server.pump()
        wait(lambda: run.status().step > 0)
        os.kill(run.status().pid, signal.SIGTERM)
        wait(lambda: not run.status().alive)
        assert run.status().state == "paused"
        paused = run.snapshot()
        assert paused is not None
        assert paused.step == run.status().step > 0
        server.resume(run)
        wait(lambda: run.status().step > paused.step)
        os.kill(run.status().pid, signal.SIGKILL)
        wait(lambda: run.status().state == "interrupted", 5)
    finally:
        server.close()
    assert (run.path / "log.txt").read_text() == ""
