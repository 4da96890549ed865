"""The job "evaluate": load the weights of a run, compute the evaluation, save it with the run."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from vae.base import files
from vae.base.finite import first_non_finite
from vae.base.records import Evaluation
from vae.runs import Run
from vae.runs.evaluations import EvaluationRequest, Weights, save
from vae.runs.result_keys import digest
from vae.worker.job import Job

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun

PROGRESS_SECONDS = 0.2  # between two notes of the progress
TRIES = 20  # attempts to load weights while training replaces them


def evaluate(job: Job) -> None:
    """Evaluate a run and save the result.

    Raises Cancelled if the job is cancelled, ValueError if the request does not fit the run or the
    result is not finite.
    """
    request = EvaluationRequest(**job.spec)
    noted = -math.inf

    def progress(share: float) -> None:
        nonlocal noted
        if time.monotonic() - noted > PROGRESS_SECONDS:
            noted = time.monotonic()
            job.report(share)

    loaded, weights = load_run(job.run, request.checkpoint)
    save(job.run, request, weights, evaluation_of(loaded, request, progress))


def load_run(run: Run, checkpoint: str) -> tuple["LoadedRun", Weights]:
    """Return a loaded run and which weights were loaded.

    Raises ValueError if weights or data are missing, or if training keeps replacing the weights.
    """
    from vae.analysis.loaded_run import LoadedRun

    for _ in range(TRIES):
        path = run.weights_path(checkpoint)
        before, step = digest(path), files.read_meta(path).get("step")
        loaded = LoadedRun.of(run, checkpoint)
        if digest(run.weights_path(checkpoint)) == before:
            return loaded, Weights(before, step)
    raise ValueError(f"The {checkpoint} weights of {run.name} change too fast: pause it first.")


def evaluation_of(
    loaded: "LoadedRun", request: EvaluationRequest, progress: Callable[[float], None]
) -> Evaluation:
    """Return the evaluation, which is deterministic. Raises ValueError naming a number that is not
    finite."""
    record = loaded.evaluate(
        request.split, request.elbo_samples, request.samples, request.full, progress
    )
    if name := first_non_finite(record):
        raise ValueError(
            f"The {request.checkpoint} weights of {record.run} diverged: the evaluation's {name} "
            "is not finite. Try the best checkpoint, or train again: with data_scale standardise "
            "if values of x are large, else with a lower learning rate."
        )
    return record
