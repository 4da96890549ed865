"""What a run is doing, and whether the process behind it still lives."""

import math
import socket
import time
from typing import Any, NamedTuple, Self, get_args, get_type_hints

import psutil

ALIVE = ("starting", "running")
RESUMABLE = ("paused", "stopped", "failed", "interrupted")
STATES = ("queued", *ALIVE, "finished", *RESUMABLE, "damaged")
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
    best: float | None = None  # highest validation score so far, nats per example
    best_epoch: float | None = None
    best_by: str = ""  # name of that score: ELBO, K-sample bound, −reconstruction

    @classmethod
    def of(cls, saved: dict[str, Any]) -> Self:
        """The status in a JSON object; what is missing or of the wrong type has its default."""
        hints = get_type_hints(cls)
        fields = {k: v for k, v in saved.items() if k in hints and _fits(v, hints[k])}
        known = fields.get("state") in STATES
        return cls(**(fields if known else fields | {"state": "interrupted"}))

    @property
    def alive(self) -> bool:
        return self.state in ALIVE

    @property
    def resumable(self) -> bool:
        return self.state in RESUMABLE


def _fits(value: Any, hint: Any) -> bool:
    types = get_args(hint) or (hint,)
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if isinstance(value, int) and not isinstance(value, bool) and float in types:
        return True
    return isinstance(value, types) and not isinstance(value, bool)


def lives(status: Status) -> bool:
    """Whether the process behind a status is there: by pid and start time on this host, by
    heartbeat on another."""
    if status.host != socket.gethostname():
        return time.time() - status.heartbeat < GONE_AFTER
    try:
        process = psutil.Process(status.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        started = process.create_time()
    except (psutil.Error, ValueError, OverflowError):
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
