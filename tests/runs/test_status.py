"""The state of a run: written by its worker, derived if the worker is gone, changed by one process
at a time."""

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vae
from vae.base.records import Tick
from vae.runs import Run, Status, identity
from vae.runs.status import ACTIVE, ALIVE, EXTENDABLE, GONE_AFTER, RESUMABLE, STATES, lives

Make = Callable[..., Run]


@pytest.mark.parametrize("state", [s for s in STATES if s not in ALIVE])
def test_an_idle_state_is_returned_unchanged(make: Make, state: str) -> None:
    run = make("one")
    run.set_status(state=state, message="why")
    assert run.status()[:2] == (state, "why")
    assert not run.status().alive
    assert run.status().resumable == (state in RESUMABLE)
    assert run.status().extendable == (state in EXTENDABLE)
    assert run.status().active == (state in ACTIVE)


def test_sets_of_states_are_in_one_module() -> None:
    """Elsewhere a tuple, list or set of two states or more would be a second definition."""
    house = Path(vae.__file__).parent
    others = {p for p in house.rglob("*.py") if p != house / "runs" / "status.py"}
    for path in others:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                named = [e for e in node.elts if isinstance(e, ast.Constant) and e.value in STATES]
                assert len(named) < 2, f"{path}:{node.lineno}"


@pytest.mark.parametrize("state", ALIVE)
def test_a_run_is_interrupted_if_its_process_has_ended(make: Make, state: str) -> None:
    run = make("one")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run.set_status(state=state, step=5, **identity(process.pid))
    assert run.status().state == state
    process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while run.status().alive and time.monotonic() < deadline:
        time.sleep(0.01)  # not waited for: a zombie is dead
    assert run.status().state == "interrupted"
    assert run.status().step == 5
    assert "Resume continues" in run.status().message
    process.wait()
    assert run.status().state == "interrupted"


@pytest.mark.parametrize("change", [{"pid": 2**22 + 1}, {"process_started": 1.0}, {"pid": -1}])
def test_another_process_with_the_same_pid_is_not_the_worker(change: dict[str, Any]) -> None:
    status = Status.of({"state": "running"} | identity())
    assert lives(status)
    assert not lives(status._replace(**change))


def test_on_another_host_the_heartbeat_determines_the_state() -> None:
    there = Status("running", host=f"not-{socket.gethostname()}", pid=os.getpid())
    assert lives(there._replace(heartbeat=time.time() - GONE_AFTER / 2))
    assert not lives(there._replace(heartbeat=time.time() - GONE_AFTER * 2))


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"state": "dancing"},
        {"state": 5},
        {"state": "running", "pid": "x", "host": None},
        {"state": "running", "heartbeat": float("nan"), "epoch": None, "best": "high"},
        {"state": "starting", "pid": True, "host": socket.gethostname()},
    ],
)
def test_an_invalid_status_has_defaults(make: Make, saved: dict[str, Any]) -> None:
    status = Status.of(saved)
    assert status.state in STATES
    for value, default in zip(status[1:], Status("x")[1:], strict=True):
        assert value == default or value == socket.gethostname()
    run = make("one")
    (run.path / "status.json").write_text(json.dumps(saved))
    assert run.status().state in ("interrupted",)


def test_a_changed_field_leaves_the_others_unchanged(make: Make) -> None:
    run = make("one")
    run.set_status(state="paused", message="why", best=-3.5)
    run.record(Tick(5, 10, 0.5, 1, 100.0, 2.0, -2.5, 0.4))
    status = run.status()
    assert status.state == "paused"
    assert (status.step, status.steps, status.best, status.best_epoch) == (5, 10, -2.5, 0.4)
    assert time.time() - status.heartbeat < 60


def test_one_of_many_processes_takes_a_run(make: Make) -> None:
    run = make("one")
    got: list[int] = []

    def take(who: int) -> None:
        if Run(run.path).take(("queued",), state="starting", **identity()):
            got.append(who)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert run.status().state == "starting"


def test_take_uses_the_derived_state(make: Make) -> None:
    run = make("one")
    run.set_status(state="running", **identity() | {"process_started": 1.0})
    assert not run.take(("running",), state="queued")
    assert run.take(("interrupted",), state="queued")
    assert run.status().state == "queued"


def test_a_stopped_queued_run_leaves_the_queue(make: Make) -> None:
    run = make("one")
    run.stop()
    assert run.status().state == "stopped"
    assert run.status().resumable


def test_stopping_a_run_in_training_is_a_request(make: Make) -> None:
    run = make("one")
    run.set_status(state="running", **identity())
    run.stop()
    assert run.status().state == "running"
    assert run.control(0).wanted == "stop"
