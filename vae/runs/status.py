"""The state of a run, and whether the process behind it still exists.

Each set of states below has one meaning and stands here only; every other module reads it here.
"""

import os
import socket
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self, get_args, get_type_hints

import psutil

from vae.base import files
from vae.base.json_text import is_number
from vae.base.records import DIVERGED

ALIVE = ("starting", "running")  # a process works on it; also the states of a job
ACTIVE = ("queued", *ALIVE)  # trains now, or as soon as its device is free
SAVED = ("finished", "paused", "stopped", "failed")  # ended by its own process
ENDED = ("finished", "stopped", "failed")  # no run to go on with by itself
RESUMABLE = ("paused", "stopped", "failed", "interrupted")
EXTENDABLE = ("finished", "paused", "stopped", "interrupted")  # more epochs can follow
WAITING = ("queued", "interrupted")  # trains when a machine takes it
BROKEN = ("failed", "damaged")  # `message` says why
MOVING = (*ACTIVE, "interrupted", "damaged")  # its files may change without a mark
STATES = (*ACTIVE, "finished", *RESUMABLE, "damaged")
JOB_STATES = (*ALIVE, "finished", "failed", "cancelled")  # of a job with a status
SAME_START = 0.1  # seconds between two readings of the start of one process, at most
UNREADABLE = "Its status cannot be read. Resume writes a new one."
START_TICKS = 19  # position in /proc/PID/stat, counted from the state
GONE_AFTER = 60.0  # seconds without a heartbeat after which a run on another host counts as dead


class Status(NamedTuple):
    """The state of a run and its progress. `state` is one of STATES: interrupted means that the
    process is gone, damaged that config.json cannot be read."""

    state: str
    message: str = ""  # for people: why it failed or stopped
    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    epochs: int = 0
    images_per_second: float = 0.0
    seconds: float = 0.0  # spent training
    device: str = ""
    machine: str = ""  # name of the processor or the accelerator
    host: str = ""
    pid: int = 0
    process_started: float = 0.0
    heartbeat: float = 0.0  # seconds since 1970
    best: float | None = None  # highest validation score so far, nats per example
    best_epoch: float | None = None
    best_by: str = ""  # name of that score: ELBO, K-sample bound, −reconstruction
    recorded: bool = False  # by a loop elsewhere, which nothing here can start or stop

    @classmethod
    def of(cls, saved: dict[str, Any]) -> Self:
        """Return the status in a JSON object; missing or mistyped fields have their defaults."""
        types = _types()
        fields = {k: v for k, v in saved.items() if k in types and _fits(v, types[k])}
        known = fields.get("state") in STATES
        return cls(**(fields if known else fields | {"state": "interrupted"}))

    @property
    def alive(self) -> bool:
        return self.state in ALIVE

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def diverged(self) -> bool:
        """Whether training failed at a number that is not finite. Resume would repeat it."""
        return self.state == "failed" and self.message.startswith(DIVERGED)

    @property
    def extendable(self) -> bool:
        return self.state in EXTENDABLE and not self.recorded

    @property
    def resumable(self) -> bool:
        return self.state in RESUMABLE and not self.recorded


@cache
def _types() -> dict[str, tuple[type, ...]]:
    """Return the types of the fields, which take longer to evaluate than all else of a status."""
    return {name: get_args(hint) or (hint,) for name, hint in get_type_hints(Status).items()}


def saved(path: Path) -> dict[str, Any]:
    """Return the JSON in status.json of a run folder, unchecked; empty if it is no object."""
    found = files.read_json(path / "status.json")
    return found if isinstance(found, dict) else {}


def after(reports: list[dict[str, Any]], epochs: Any) -> Status:
    """Return the status of a run whose own cannot be read: interrupted after its last report."""
    last = reports[-1] if reports else {}
    place = {name: last.get(name) for name in ("step", "epoch", "seconds")}
    return Status.of({**place, "epochs": epochs, "message": UNREADABLE})


def _fits(value: Any, types: tuple[type, ...]) -> bool:
    if isinstance(value, int | float) and not is_number(value):
        return False
    return isinstance(value, types) or (isinstance(value, int) and float in types)


def lives(status: Status) -> bool:
    """Whether the process behind a status exists: by pid and start time on this host, by heartbeat
    on another. A heartbeat from the future is no sign of life."""
    if status.host != socket.gethostname():
        return abs(time.time() - status.heartbeat) < GONE_AFTER
    try:
        process = psutil.Process(status.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        started = _started(process)
    except (psutil.Error, ValueError, OverflowError):
        return False
    return abs(started - status.process_started) < SAME_START


def _started(process: psutil.Process) -> float:
    """Return the start of a process in seconds since the boot, as the kernel counts them; the time
    of day jumps when the clock is set. Elsewhere than on Linux it is in seconds since 1970."""
    try:
        content = Path(f"/proc/{process.pid}/stat").read_text()
    except OSError:
        return float(process.create_time())
    ticks = content.rpartition(")")[2].split()[START_TICKS]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def identity(pid: int | None = None) -> dict[str, Any]:
    """Return the identity of a process (this one by default): host, pid and start time."""
    process = psutil.Process(pid)
    return {
        "host": socket.gethostname(),
        "pid": process.pid,
        "process_started": _started(process),
    }
