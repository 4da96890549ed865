"""Starting workers: one warm spare, one training run a device, and a queue, which is the folders in
state `queued`.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vae.runs import Run, identity, listing
from vae.worker.jobs import Job

# Two threads that spin at barriers fall to a fifth of their speed beside a busy third one
SETTLE_SECONDS = 3.0  # before the next spare is made, so as not to slow the start of a worker
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


class Launcher:
    """What a server holds to start work; the run folders are the truth, it only has handles."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._spare: subprocess.Popen[str] | None = None
        self._lock = threading.RLock()
        self._children: list[subprocess.Popen[str]] = []

    def warm(self) -> None:
        """Have one process ready that has imported all that is slow."""
        with self._lock:
            if self._spare is None or self._spare.poll() is not None:
                self._spare = _start()

    def close(self) -> None:
        """Let the spare go; workers go on."""
        with self._lock:
            if self._spare is not None and self._spare.stdin is not None:
                self._spare.stdin.close()
                self._spare = None

    def pump(self) -> None:
        """Start queued runs whose device is free, the oldest first."""
        self._reap()
        queued = [r for r in reversed(listing(self.root)) if r.status().state == "queued"]
        if not queued:
            return
        try:
            with FileLock(self.root / ".queue.lock", timeout=0):
                for run in queued:
                    self._start_if_free(run)
        except Timeout:
            return  # another server works the queue off at this moment

    def resume(self, run: Run) -> None:
        """Queue a run again; it goes on from its last saved state."""
        run.want("run")
        run.set_status(state="queued", message="")
        self.pump()

    def submit(self, job: Job) -> None:
        """Start a job unless its result is there or it is at work."""
        with self._lock:
            if job.status()["state"] in ("finished", "starting", "running"):
                return
            job.clear()
            self.warm()
            job.note(state="starting", **self._who())
            self._send({"kind": job.kind, "run": str(job.run.path), "spec": job.spec})

    def _start_if_free(self, run: Run) -> None:
        device = _device(run)
        busy = {s.device for s in (r.status() for r in listing(self.root)) if s.alive}
        if run.status().state != "queued" or device in busy:
            return
        with self._lock:
            self.warm()
            # In the worker's name before it hears of it: from then on only it writes the status
            run.set_status(state="starting", device=device, heartbeat=time.time(), **self._who())
            self._send({"kind": "train", "run": str(run.path)})

    def _who(self) -> dict[str, Any]:
        """How the spare is told from all other processes."""
        assert self._spare is not None
        return identity(self._spare.pid)

    def _send(self, order: dict[str, Any]) -> None:
        worker, self._spare = self._spare, None
        assert worker is not None
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(order) + "\n")
        worker.stdin.close()
        self._children.append(worker)
        later = threading.Timer(SETTLE_SECONDS, self.warm)
        later.daemon = True
        later.start()

    def _reap(self) -> None:
        self._children = [child for child in self._children if child.poll() is None]


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vae.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        env=os.environ | ENVIRONMENT,
        text=True,
        start_new_session=True,  # it outlives the server and its terminal
    )


def _device(run: Run) -> str:
    """The device that a run will take; what it asks for where that is not to be had."""
    from vae.devices import resolve

    try:
        return str(resolve(run.settings["device"]))
    except ValueError:
        return str(run.settings["device"])
