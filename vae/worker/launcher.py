"""Start worker processes: one training run per device, or PARALLEL, and a queue of the others.

The queue is the run folders in state `queued`, in the order of `turns`. Several servers can share
one root: the lock `.queue.lock` lets one of them at a time look for free devices, and a run's
state changes under the lock of its status, so that each run starts once. A spare worker waits with
the slow modules imported.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from vae.base import permission, quotas, visitors
from vae.runs import Run, active, identity
from vae.runs.status import ALIVE, RESUMABLE
from vae.worker.job import Job
from vae.worker.turns import Turns

SETTLE_SECONDS = 3.0  # delay of the next spare, whose start would slow the worker's start
QUEUE_SECONDS = 1.0  # to wait for another server to release the queue
# Two threads that spin at barriers run at a fifth of their speed beside a busy third one
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
PARALLEL = "VAE_LAB_PARALLEL_RUNS"  # environment variable: runs that train at a time on a device
PROJECT = Path(__file__).parents[2]


class Launcher:
    """Starts workers for one root; all state is in the run folders, here are only processes."""

    def __init__(self, root: Path | str, spare: bool = True) -> None:
        """Without `spare`, a worker starts only when there is work, and imports torch then."""
        self.root = Path(root)
        self._replaces_spare = spare
        self._spare: subprocess.Popen[str] | None = None
        self._lock = threading.RLock()
        self._children: list[subprocess.Popen[str]] = []
        self._closed = False
        self._turns = Turns()
        self._parallel = quotas.whole_number(PARALLEL) or 1

    def warm(self) -> None:
        """Start a spare worker unless one is waiting."""
        with self._lock:
            if not self._closed and (self._spare is None or self._spare.poll() is not None):
                self._spare = _start()

    def close(self) -> None:
        """End the spare; workers continue."""
        with self._lock:
            self._closed = True
            if self._spare is not None and self._spare.stdin is not None:
                self._spare.stdin.close()
                self._children.append(self._spare)
                self._spare = None

    def pump(self) -> None:
        """Start queued runs whose device is free."""
        with self._lock:
            self._children = [child for child in self._children if child.poll() is None]
            if self._closed or visitors.is_read_only():
                return
            if not self._queued():
                return
            try:
                with FileLock(self.root / ".queue.lock", timeout=QUEUE_SECONDS):
                    busy = self._busy_devices()
                    for run in self._turns.order(self._queued()):
                        device = _device(run)
                        if busy[device] < self._parallel and self._start(run, device):
                            self._turns.take(run)
                            busy[device] += 1
            except Timeout:
                return  # another server is starting queued runs

    def resume(self, run: Run) -> None:
        """Queue a run again, to continue from its last saved state; a queued or running one stays
        as it is."""
        run.want("run")
        run.take(("finished", *RESUMABLE), state="queued", message="")
        self.pump()

    def submit(self, job: Job) -> None:
        """Start a job unless it is running or has a result."""
        visitors.check_change()
        with self._lock:
            if job.status()["state"] in ("finished", *ALIVE):
                return
            job.clear()
            self.warm()
            job.note(state="starting", **self._who())
            self._send(job.order)

    def _queued(self) -> list[Run]:
        return [run for run in active(self.root) if run.status().state == "queued"]

    def _busy_devices(self) -> Counter[str]:
        """Return the number of runs that each device of this machine trains."""
        states = [run.status() for run in active(self.root)]
        return Counter(s.device for s in states if s.alive and s.host == socket.gethostname())

    def _start(self, run: Run, device: str) -> bool:
        """Give a queued run to the spare. Return whether the run has started."""
        self.warm()
        try:
            claim = {"device": device, "heartbeat": time.time(), **self._who()}
            # Written before the worker has the order: from then on only the worker writes it
            if not run.take(("queued",), state="starting", message="", **claim):
                return False
            self._send({"kind": "train", "run": str(run.path.resolve())})
        except (psutil.Error, BrokenPipeError):  # the spare has just died: queue the run again
            run.take((*ALIVE, "interrupted"), state="queued")
            self._spare = None
            return False
        return True

    def _who(self) -> dict[str, Any]:
        """Return host, pid and start time of the spare."""
        assert self._spare is not None
        return identity(self._spare.pid)

    def _send(self, order: dict[str, Any]) -> None:
        worker = self._spare
        assert worker is not None
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(order) + "\n")
        worker.stdin.close()
        self._spare = None
        self._children.append(worker)
        if not self._replaces_spare:
            return
        later = threading.Timer(SETTLE_SECONDS, self.warm)
        later.daemon = True
        later.start()


def _start() -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "vae.worker",
            *([permission.FLAG] if permission.is_allowed() else []),
        ],  # -P: not the vae of the server's folder
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": path},
        text=True,
        start_new_session=True,  # the worker outlives the server and its terminal
    )


def _device(run: Run) -> str:
    """Return the device of a run: the resolved one, or the configured one if it is missing."""
    from vae.base.devices import resolve

    try:
        return str(resolve(run.settings["device"]))
    except ValueError:
        return str(run.settings["device"])
