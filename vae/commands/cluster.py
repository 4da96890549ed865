"""sweep --on ray: train the runs of a sweep on a cluster and print a line at the end of each."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vae.base.foreign import printed
from vae.commands.arguments import counted
from vae.commands.train import ENDINGS, received_signals
from vae.runs import Run, notes
from vae.runs.status import BROKEN

if TYPE_CHECKING:
    from vae.worker.cluster import Cluster


def train_on(cluster: "Cluster", runs: Sequence[Run]) -> int:
    """Train the queued runs on a cluster; return the exit status. A signal saves the running ones
    and leaves the others in the queue."""
    waiting = [run for run in runs if run.status().active]
    words = zip(cluster.size(), ("machine", "core", "GPU"), strict=True)
    about = ", ".join(counted(*pair) for pair in words)
    print(f"{len(waiting)} of {len(runs)} runs wait for a Ray cluster: {about}.", file=sys.stderr)
    with received_signals() as received:

        def wanted() -> str | None:
            return ENDINGS[received[0]] if received else None

        for run, problem in cluster.train(waiting, wanted):
            print(f"{runs.index(run) + 1} of {len(runs)}: {_line(run, problem)}", file=sys.stderr)
    if received:
        return 128 + received[0]
    return int(any(run.status().state in (*BROKEN, "interrupted") for run in runs))


def _line(run: Run, problem: str) -> str:
    status = run.status()
    title = notes.read(run.path).title or run.name
    return printed(
        f"{title}: {status.state} on {status.host}. {problem or status.message}".strip()
    )
