"""Carry out an order: train a run, or do a job of one of the kinds in `JOBS`.

An order is a JSON object with "kind" and "run" (the run's folder); a job's order also has "spec"
and "key".
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from vae.base.progress import Cancelled
from vae.runs import Run, identity
from vae.runs.evaluations import KIND
from vae.worker.evaluate import evaluate
from vae.worker.job import Job
from vae.worker.project import project
from vae.worker.train import note_failure, train_run

JOBS: dict[str, Callable[[Job], None]] = {"project": project, KIND: evaluate}


def work(order: dict[str, Any], requested: Callable[[], str | None]) -> None:
    """Carry out an order. `requested()` may return "pause" or "stop" to end a training run."""
    run = Run(order["run"])
    if order["kind"] == "train":
        for _ in train_run(run, requested):
            pass
        return
    job = Job(run, order["kind"], order["spec"], order["key"])
    try:
        job.note(state="running", begun=time.time(), **identity())
        JOBS[job.kind](job)
    except Cancelled:
        job.note(state="cancelled", message="Cancelled.")
    except BaseException as error:
        note_failure(run, error, job.note)
        raise
    else:
        with suppress(OSError):
            job.clear()
    finally:
        with suppress(OSError):
            job.partial.unlink(missing_ok=True)
