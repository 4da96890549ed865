"""`python -m vae.worker`: a process that is ready, waits for one order, carries it out and ends.

Ready means that what is slow to import is imported; the order is one line of JSON on standard
input, and an empty one, or the end of the server that holds the other end, means that nobody needs
this process any more.
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from vae.worker.run import work

SLOW = (
    "torch",
    "torch._dynamo",
    "sklearn.datasets",
    "vae.training.trainer",
    "vae.analysis.encoding",
    "vae.data",
)


def main() -> int:
    """Warm up, wait, work; the exit status is 1 if the work failed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is meant for the server
    for name in SLOW:
        importlib.import_module(name)
    line = sys.stdin.readline()
    if not line.strip():
        return 0
    signalled: list[str] = []
    signal.signal(signal.SIGTERM, lambda *_: signalled.append("pause"))
    order = json.loads(line)
    _log_to(Path(order["run"]) / "log.txt")
    return _carry_out(order, signalled)


def _carry_out(order: dict[str, Any], signalled: list[str]) -> int:
    try:
        work(order, lambda: signalled[-1] if signalled else None)
    except Exception as error:  # the status tells it, the log has the whole story
        print(error, file=sys.stderr)
        return 1
    return 0


def _log_to(path: Path) -> None:
    """Send what is printed, by us and by libraries, to the end of a file."""
    with path.open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


if __name__ == "__main__":
    sys.exit(main())
