"""Runs on a Ray cluster: each is trained once, and goes on where its machine is lost.

The test on a real cluster needs Ray: `pip install ray`, then
`python -m pytest -m long tests/worker/test_cluster.py`.
"""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.worker.driver import everything
from vae.commands.cluster import train_on
from vae.runs import Run, listing
from vae.worker import cluster
from vae.worker.cluster import Cluster, train_folder
from vae.worker.train import train_run

Make = Callable[..., Run]
LOST = {"state": "running", "pid": 0, "process_started": 0.0, "host": "elsewhere"}


# ── a task


def test_a_task_trains_a_queued_run_and_leaves_others(make: Make) -> None:
    run, stopped = make("one"), make("two")
    stopped.set_status(state="stopped")
    assert train_folder(str(run.path), False) == "finished"
    weights = (run.path / "last.safetensors").read_bytes()
    assert train_folder(str(run.path), False) == "finished"
    assert (run.path / "last.safetensors").read_bytes() == weights
    assert train_folder(str(stopped.path), False) == "stopped"
    assert not stopped.reports()


def test_a_task_goes_on_with_a_run_whose_machine_is_lost(make: Make) -> None:
    """It waits until the heartbeat is old, or another machine has finished the run."""
    whole, cut = make("whole"), make("cut")
    train_folder(str(whole.path), False)
    for n, _ in enumerate(train_run(cut)):
        if n > 3:
            break
    cut.set_status(**LOST, heartbeat=time.time() - 59.0)
    assert cut.status().alive
    assert train_folder(str(cut.path), False) == "finished"
    assert cut.status().pid == os.getpid()
    assert everything(cut) == everything(whole)


def test_a_task_waits_for_the_lock_of_a_lost_machine(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, states = make("one"), []
    lock = run.lock()
    lock.acquire()

    def sleep(seconds: float) -> None:
        states.append(run.status().state)
        lock.release()

    monkeypatch.setattr("vae.worker.train.LOCK_SECONDS", 0.0)
    monkeypatch.setattr(cluster, "time", SimpleNamespace(sleep=sleep, time=time.time))
    assert train_folder(str(run.path), False) == "finished"
    assert states == ["interrupted"]


def test_a_task_of_a_run_that_fails_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make("one")
    monkeypatch.setattr(Run, "data", lambda self: 1 / 0)
    assert train_folder(str(run.path), False) == "failed"


# ── the cluster, without Ray


class FakeRay:
    """The functions of Ray that are used, with tasks in threads; `nodes` are resources."""

    exceptions = SimpleNamespace(RayError=RuntimeError)

    def __init__(self, *nodes: dict[str, float]) -> None:
        self.resources, self.options_of, self.cancelled = nodes, [], []
        self.free = threading.Semaphore(1)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": one} for one in self.resources]

    def remote(self, function: Callable[..., Any]) -> Any:
        def options(**given: Any) -> Any:
            self.options_of.append(given)
            return SimpleNamespace(remote=lambda *values: self.start(function, values))

        return SimpleNamespace(options=options)

    def start(self, function: Callable[..., Any], values: Any) -> threading.Thread:
        def work() -> None:
            with self.free:
                if thread not in self.cancelled:
                    function(*values)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def wait(self, tasks: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        tasks[0].join(timeout)
        return [t for t in tasks if not t.is_alive()][:1], []

    def get(self, task: Any) -> None:
        task.join()

    def cancel(self, task: Any) -> None:
        self.cancelled.append(task)


def connected(ray: FakeRay) -> Cluster:
    found = Cluster.__new__(Cluster)
    found.ray = ray
    return found


def test_every_run_is_trained_with_its_threads(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make(name) for name in "abc"]
    ray = FakeRay({"CPU": 1.0}, {"CPU": 4.0})
    assert train_on(connected(ray), runs) == 0
    assert {run.status().state for run in runs} == {"finished"}
    assert [(o["num_cpus"], o["num_gpus"]) for o in ray.options_of] == [(1, 0)] * 3
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == "3 of 3 runs wait for a Ray cluster: 2 machines, 5 cores, 0 GPUs."
    assert len(printed) == 4
    assert all("finished on" in line for line in printed[1:])


def test_a_run_gets_a_gpu_where_there_is_one(make: Make) -> None:
    runs = [make("a", device="cpu"), make("b", device="auto"), make("c", threads=64)]
    ray = FakeRay({"CPU": 8.0, "GPU": 2.0})
    train_on(connected(ray), runs)
    assert [(o["num_cpus"], o["num_gpus"]) for o in ray.options_of] == [(1, 0), (1, 1), (8, 0)]


def test_a_signal_saves_running_runs_and_leaves_the_others_queued(make: Make) -> None:
    runs = [make(name, epochs=100_000) for name in "ab"]

    def wanted() -> str | None:
        return "stop" if runs[0].status().state == "running" else None

    assert list(connected(FakeRay({"CPU": 1.0})).train(runs, wanted)) == []
    assert [run.status().state for run in runs] == ["stopped", "queued"]
    assert runs[0].snapshot() is not None


def test_without_ray_the_sentence_names_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="Training on Ray needs Ray: pip install ray"):
        Cluster()


# ── a real cluster


def ray_start(*given: str) -> int:
    """Start a machine of a cluster; return the process of its raylet."""
    before = raylets()
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus", "1", *given]
    environment = os.environ | {"RAY_worker_niceness": "0"}  # by default 15
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = raylets() - before
    return found


def raylets() -> set[int]:
    return {p.pid for p in psutil.process_iter(["name"]) if p.info["name"] == "raylet"}


def kill(raylet: int) -> None:
    """Lose a machine: its raylet and every process that it has started."""
    process = psutil.Process(raylet)
    for one in [process, *process.children(recursive=True)]:
        one.kill()


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Two machines of a cluster on this one, the head first."""
    home = str(Path(pytest.importorskip("ray").__file__).parent)
    address = "127.0.0.1:8661"
    before = {p.pid for p in psutil.process_iter()}
    head = ray_start("--head", "--port", "8661", "--include-dashboard", "false")
    found = [head, ray_start("--address", address)]
    monkeypatch.setenv("RAY_ADDRESS", address)
    yield found
    for process in psutil.process_iter(["cmdline"]):
        if process.pid not in before and home in " ".join(process.info["cmdline"] or []):
            process.kill()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_runs_of_a_lost_machine_go_on_elsewhere(
    machines: list[int], tmp_path: Path, make: Make
) -> None:
    """Two machines of one core train four runs; the second is lost with its run."""
    root = tmp_path / "runs"
    settings = ["--data", "mixture", "--likelihood", "gaussian", "--examples", "2000"]
    settings += ["--epochs", "150", "--hidden", "8", "--threads", "1", "--device", "cpu"]
    command = [sys.executable, "-m", "vae", "sweep", "--root", str(root), "--on", "ray"]
    command += [*settings, "--over", "beta=1,2", "--seeds", "2", "--name", "mine"]
    sweep = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lost = None
    while lost is None:
        assert sweep.poll() is None, sweep.communicate()
        time.sleep(0.05)
        for run in listing(root) if root.exists() else []:
            status = run.status()
            trains = status.state == "running" and status.step > 300 and run.snapshot()
            if trains and psutil.Process(status.pid).ppid() == machines[1]:
                lost, saved = run, status
    kill(machines[1])
    out, err = sweep.communicate()
    assert sweep.returncode == 0, err
    runs = listing(root)
    assert [run.status().state for run in runs] == ["finished"] * 4
    assert lost.status().pid != saved.pid
    whole = make("whole", **{k: v for k, v in lost.settings.items() if v is not None})
    for _ in train_run(whole):
        pass
    assert everything(whole) == everything(lost)
    assert out.count("2 seeds") == 2
