"""The job "evaluate": load the weights of a run, compute the evaluation, save it with the run."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from vae.base import files
from vae.base.records import Evaluation
from vae.runs import Run
from vae.runs.evaluations import EvaluationRequest, Weights, save
from vae.runs.result_keys import digest
from vae.worker.job import Job

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun

TELL_SECONDS = 0.2  # between two notes of how far it is
TRIES = 20  # to load weights that training does not replace at that moment


def evaluate(job: Job) -> None:
    """Judge a run and keep the result; raises Cancelled when it is, ValueError if the spec cannot
    be met or the weights are not finite."""
    request = EvaluationRequest(**job.spec)
    told = -math.inf

    def progress(share: float) -> None:
        nonlocal told
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            job.report(share)

    loaded, weights = load_run(job.run, request.checkpoint)
    save(job.run, request, weights, judged(loaded, request, progress))


def load_run(run: Run, checkpoint: str) -> tuple["LoadedRun", Weights]:
    """A run opened, and which weights it was opened with.

    Raises ValueError if its weights or data are not there, or are replaced all the time.
    """
    from vae.analysis.loaded_run import LoadedRun

    for _ in range(TRIES):
        path = run.weights_path(checkpoint)
        before, step = digest(path), files.read_meta(path).get("step")
        loaded = LoadedRun.of(run, checkpoint)
        if digest(run.weights_path(checkpoint)) == before:
            return loaded, Weights(before, step)
    raise ValueError(f"The {checkpoint} weights of {run.name} change too fast: pause it first.")


def judged(
    loaded: "LoadedRun", request: EvaluationRequest, progress: Callable[[float], None]
) -> Evaluation:
    """The evaluation, deterministic; raises ValueError if its values are not finite."""
    record = loaded.evaluate(
        request.split, request.elbo_samples, request.samples, request.full, progress
    )
    if not math.isfinite(record.reconstruction + (record.kl or 0.0) + (record.nll or 0.0)):
        raise ValueError(
            f"The {request.checkpoint} weights of {record.run} give values that are not finite: "
            "it diverged. Try the best checkpoint, or train with a lower learning rate."
        )
    return record
