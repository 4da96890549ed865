"""`python -m vae.worker`: import the slow modules, wait for one order, carry it out and end.

The order is one line of JSON on standard input. An empty line, or the end of the server at the
other end of the pipe, ends the process without work. `--allow-code` is the server's permission to
run the code of network files.
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from vae.base import permission
from vae.base.deferred import defer_compiler
from vae.worker.run import work

SLOW = (
    "torch",
    "sympy",  # torch counts shapes with it
    "vae.training.trainer",
    "vae.analysis.encoding",
    "vae.data",
)


def main() -> int:
    """Import, wait for an order, carry it out. Return the exit status: 1 if the work failed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is meant for the server
    if permission.FLAG in sys.argv[1:]:
        permission.allow()
    defer_compiler()
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
    except Exception as error:  # the status has the sentence, the log the traceback
        print(error, file=sys.stderr)
        return 1
    return 0


def _log_to(path: Path) -> None:
    """Append standard output and error of this process to a file."""
    with path.open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


if __name__ == "__main__":
    sys.exit(main())
