"""Processes forked from that of a test: torch takes seconds to import, a fork milliseconds."""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import streamlit as st
from tqdm import tqdm

HANGS_AFTER = 240.0  # seconds after which a process prints where it is, and ends


class Forked(NamedTuple):
    """A running process."""

    pid: int

    def send_signal(self, number: int) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 60.0) -> int:
        """Wait for the end. Return the exit status, or minus the number of a fatal signal."""
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimeoutError(f"A process of a test was at work for {seconds:g} s.")
            time.sleep(0.01)


def forked(
    act: Callable[[], int], out: int | Path, err: int | Path, seconds: float = HANGS_AFTER
) -> Forked:
    """Run `act` in a fork and exit with its result; `out` and `err` are where it prints."""
    pid = os.fork()
    if pid:
        return Forked(pid)
    status = 1
    try:
        os.setsid()
        for target, place in ((1, out), (2, err)):
            handle = (
                os.open(place, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
                if isinstance(place, Path)
                else place
            )
            os.dup2(handle, target)
        sys.stdout, sys.stderr = (os.fdopen(k, "w", buffering=1) for k in (1, 2))
        tqdm.set_lock(threading.RLock())  # a thread of the parent may hold the one before
        faulthandler.dump_traceback_later(seconds, exit=True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = act()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def output(act: Callable[[], int], folder: Path, seconds: float = 280.0) -> str:
    """Run `act` in a fork. Return its output; an error fails the test."""
    out, err = folder / "out.txt", folder / "err.txt"
    status = forked(act, out, err, max(HANGS_AFTER, seconds - 40)).wait(seconds)
    assert status == 0, err.read_text("utf-8")[-4000:]
    return out.read_text("utf-8")


def as_new(folder: Path, *names: str) -> None:
    """Forget all modules of these packages, so that they are imported again from `folder`, and
    the caches of Streamlit."""
    st.cache_data.clear()
    st.cache_resource.clear()
    for name in [n for n in sys.modules if n.split(".")[0] in names]:
        del sys.modules[name]
    os.chdir(folder)
    sys.path.insert(0, str(folder))
