"""The launcher starts one run per device at a time, in order and once, also if processes die.

Most tests use a stub for the worker (`STUB`): it reads an order, sets the state `running`, and
ends when a file `done` appears in its run or at a request, so that a queue takes a second.
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
from vae.runs import Run, identity, listing, notes
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
    """Use stubs for workers, which end with the test."""
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


def final_states(server: Launcher, *runs: Run) -> list[str]:
    """Return the states once no run is changing its state."""
    server.pump()
    wait(lambda: "starting" not in states(*runs))
    return states(*runs)


def end(run: Run) -> None:
    (run.path / "done").touch()
    wait(lambda: not run.status().alive)


def test_a_queue_is_trained_in_order_one_at_a_time(server: Launcher, make: Make) -> None:
    runs = [make(name) for name in "cab"]
    waiting = ["queued"] * 3
    for n, run in enumerate(runs):
        right = ["finished"] * n + ["running"] + waiting[n + 1 :]
        assert final_states(server, *runs) == right
        assert final_states(server, *runs) == right  # asking again changes nothing
        end(run)
    assert final_states(server, *runs) == ["finished"] * 3
    assert [(run.path / "starts").read_text() for run in runs] == ["once "] * 3


def test_a_sweep_keeps_others_waiting_for_one_run_only(server: Launcher, make: Make) -> None:
    """Two sweeps and two single runs take turns in any order of arrival."""
    sweeps = {name: f"sweep:{name[0]}" for name in ("a1", "a2", "a3", "b1", "b2")}
    runs = {name: make(name) for name in ("a1", "a2", "a3", "b1", "one", "b2")}
    for name, tag in sweeps.items():
        notes.change(runs[name].path, tags=(tag,))
    started = []
    for n in range(7):
        found = final_states(server, *runs.values())
        started += [name for name, state in zip(runs, found, strict=True) if state == "running"]
        assert len(started) == n + 1
        end(runs[started[-1]])
        if n == 1:
            runs["two"] = make("two")  # comes when each sweep has had a turn
    assert started == ["a1", "b1", "one", "a2", "b2", "two", "a3"]


def test_several_runs_train_on_a_device_if_so_set(
    stubbed: None, tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(launcher.PARALLEL, "2")
    server = Launcher(tmp_path)
    runs = [make(name) for name in "abcd"]
    assert final_states(server, *runs) == ["running", "running", "queued", "queued"]
    assert final_states(server, *runs) == ["running", "running", "queued", "queued"]
    end(runs[1])
    assert final_states(server, *runs) == ["running", "finished", "running", "queued"]
    for run in (runs[0], runs[2]):
        end(run)
    assert final_states(server, *runs) == ["finished"] * 3 + ["running"]
    end(runs[3])
    server.close()


def test_a_number_of_runs_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(launcher.PARALLEL, "two")
    with pytest.raises(ValueError, match="VAE_LAB_PARALLEL_RUNS is a whole number, not 'two'"):
        Launcher("anywhere")


def test_a_worker_that_dies_does_not_block_the_queue(server: Launcher, make: Make) -> None:
    first, second = make("a"), make("b")
    assert final_states(server, first, second) == ["running", "queued"]
    os.kill(first.status().pid, signal.SIGKILL)
    wait(lambda: first.status().state == "interrupted", 5)
    assert final_states(server, first, second) == ["interrupted", "running"]
    server.resume(first)
    assert states(first, second) == ["queued", "running"]
    end(second)
    assert final_states(server, first, second) == ["running", "finished"]


def test_a_spare_that_dies_is_replaced(server: Launcher, make: Make) -> None:
    server.warm()
    assert server._spare is not None
    server._spare.kill()
    run = make("a")
    wait(lambda: final_states(server, run) == ["running"])
    assert (run.path / "starts").read_text() == "once "


def test_the_spare_is_used_and_replaced(server: Launcher, make: Make) -> None:
    server.warm()
    server.warm()
    assert server._spare is not None
    spare = server._spare.pid
    run = make("a")
    assert final_states(server, run) == ["running"]
    assert run.status().pid == spare
    wait(lambda: server._spare is not None and server._spare.pid != spare)


def test_damaged_runs_and_other_folders_do_not_block_the_queue(
    server: Launcher, make: Make, tmp_path: Path
) -> None:
    damaged, run = make("a"), make("b")
    (damaged.path / "config.json").write_text("{")
    (tmp_path / ".uploads").mkdir()
    (tmp_path / "file").touch()
    assert final_states(server, damaged, run) == ["damaged", "running"]


def test_a_queued_run_can_be_stopped_and_resumed(server: Launcher, make: Make) -> None:
    first, second = make("a"), make("b")
    final_states(server, first, second)
    second.stop()
    end(first)
    assert final_states(server, first, second) == ["finished", "stopped"]
    server.resume(second)
    assert final_states(server, second) == ["running"]
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


def test_a_run_of_the_command_line_occupies_its_device(server: Launcher, make: Make) -> None:
    theirs, ours = make("a"), make("b")
    theirs.set_status(state="starting", device="cpu", **identity())
    assert final_states(server, ours) == ["queued"]
    training = train_run(theirs)
    for event in training:
        assert isinstance(event, Tick) or theirs.status().state == "running"
        assert final_states(server, ours) == ["queued"]
    assert states(theirs) == ["finished"]
    assert final_states(server, ours) == ["running"]


def test_a_run_on_another_host_occupies_no_device_here(server: Launcher, make: Make) -> None:
    theirs, ours = make("a"), make("b")
    theirs.set_status(state="running", device="cpu", heartbeat=time.time(), host="elsewhere")
    assert final_states(server, theirs, ours) == ["running", "running"]


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
    assert final_states(after, run, waiting) == ["running", "queued"]
    end(run)
    assert final_states(after, run, waiting) == ["finished", "running"]
    after.close()


def test_a_real_worker_trains_and_pauses(make: Make, tmp_path: Path) -> None:
    """After SIGTERM the run is saved and can continue. `test_kills.py` has the other endings."""
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
    finally:
        server.close()
    assert (run.path / "log.txt").read_text() == ""
