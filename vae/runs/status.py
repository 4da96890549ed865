"""What a run is doing, and whether the process behind it still lives."""

import socket
import time
from typing import Any, NamedTuple

import psutil

ALIVE = ("starting", "running")
GONE_AFTER = 60.0  # seconds without a heartbeat before a run on another host is taken for dead


class Status(NamedTuple):
    """What a run is doing. `state` is one of queued, starting, running, paused, finished, stopped,
    failed, interrupted (its process is gone) and damaged (its folder cannot be read)."""

    state: str
    message: str = ""  # for people: why it failed or stopped
    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    epochs: int = 0
    images_per_second: float = 0.0
    seconds: float = 0.0  # spent training
    device: str = ""
    host: str = ""
    pid: int = 0
    process_started: float = 0.0
    heartbeat: float = 0.0  # seconds since 1970
    best: float | None = None  # validation ELBO (reconstruction, negated, for a point posterior)
    best_epoch: float | None = None

    @property
    def alive(self) -> bool:
        return self.state in ALIVE

    @property
    def resumable(self) -> bool:
        return self.state in ("paused", "stopped", "failed", "interrupted")


def lives(status: Status) -> bool:
    """Whether the process behind a status is there: by pid and start time on this host, by
    heartbeat on another."""
    if status.host != socket.gethostname():
        return time.time() - status.heartbeat < GONE_AFTER
    try:
        started = psutil.Process(status.pid).create_time()
    except psutil.Error:
        return False
    return bool(abs(started - status.process_started) < 1)


def identity(pid: int | None = None) -> dict[str, Any]:
    """How a process (this one by default) is told from all others: host, pid and start time."""
    process = psutil.Process(pid)
    return {
        "host": socket.gethostname(),
        "pid": process.pid,
        "process_started": process.create_time(),
    }
