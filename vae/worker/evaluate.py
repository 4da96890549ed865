"""The job "evaluate", and the evaluations that are kept with a run, whoever made them.

A result is one JSON file in the run's `derived/`: the `evaluation`, the settings that it was
`wanted` with, when it was `made` (ISO 8601, UTC), and the `weights` that were judged: the SHA-256
of their file and their step. Its name is made from weights and settings, so that the page's job
and the command keep equal work in one place. A run may be training meanwhile: what is named is
what was loaded, not what lies there afterwards.
"""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vae.base import files
from vae.base.records import Evaluation
from vae.runs import Run
from vae.runs.result_keys import digest, key

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun
    from vae.worker.run import Job

KIND, SUFFIX = "evaluate", ".json"
TELL_SECONDS = 0.2  # between two notes of how far it is
TRIES = 20  # to load weights that training does not replace at that moment


class Wanted(NamedTuple):
    """The settings of an evaluation."""

    checkpoint: str  # "best" or "last"
    split: str
    elbo_samples: int = 10  # L, of q(z|x) for the reconstruction
    samples: int = 100  # K, importance samples for -ln p(x); 0 leaves it out
    full: bool = True  # also mutual information, probes and all else that takes longer


class Weights(NamedTuple):
    """Which weights were judged."""

    sha256: str
    step: int | None  # of the optimiser, None where the file does not tell


class Kept(NamedTuple):
    """An evaluation that is kept with a run."""

    path: Path
    wanted: Wanted
    weights: Weights
    made: datetime
    record: Evaluation
    whole: bool  # no: an earlier version of the yardstick made it, and what it lacks is None


def evaluate(job: "Job") -> None:
    """Judge a run and keep the result; raises Cancelled when it is, ValueError if the spec cannot
    be met or the weights are not finite."""
    wanted = Wanted(**job.spec)
    told = -math.inf

    def progress(share: float) -> None:
        nonlocal told
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            job.report(share)

    loaded, weights = load_run(job.run, wanted.checkpoint)
    keep(job.run, wanted, weights, judged(loaded, wanted, progress))


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


def judged(loaded: "LoadedRun", wanted: Wanted, progress: Callable[[float], None]) -> Evaluation:
    """The evaluation, deterministic; raises ValueError if its values are not finite."""
    record = loaded.evaluate(
        wanted.split, wanted.elbo_samples, wanted.samples, wanted.full, progress
    )
    if not math.isfinite(record.reconstruction + (record.kl or 0.0) + (record.nll or 0.0)):
        raise ValueError(
            f"The {wanted.checkpoint} weights of {record.run} give values that are not finite: it "
            "diverged. Try the best checkpoint, or train with a lower learning rate."
        )
    return record


def keep(run: Run, wanted: Wanted, weights: Weights, record: Evaluation) -> None:
    """Write the result, whole; raises OSError if that cannot be done."""
    name = key(weights.sha256, wanted._asdict())
    content = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "wanted": wanted._asdict(),
        "weights": weights._asdict(),
        "evaluation": record._asdict(),
    }
    files.write_json(run.derived(KIND, name, SUFFIX), content)


def kept(run: Run) -> list[Kept]:
    """The evaluations that are kept with a run, the newest first; files that are none of ours are
    passed over."""
    paths = (run.path / "derived").glob(f"{KIND}-*{SUFFIX}")
    found = filter(None, map(_read, paths))
    return sorted(found, key=lambda k: (k.made, k.path.name), reverse=True)


def _read(path: Path) -> Kept | None:
    try:
        saved = files.read_json(path)
        return Kept(
            path,
            Wanted(**saved["wanted"]),
            Weights(**saved["weights"]),
            datetime.fromisoformat(saved["made"]),
            _record(saved["evaluation"]),
            saved["evaluation"].keys() >= set(Evaluation._fields),
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _record(saved: dict[str, Any]) -> Evaluation:
    """The record in a JSON object; what an earlier version has not said is None."""
    values: dict[str, Any] = {name: saved.get(name) for name in Evaluation._fields}
    values["reconstruction"] = float(values["reconstruction"])
    values["notes"] = dict(values["notes"] or {})
    for name in ("kl_per_dimension", "kl_per_dimension_se", "active_units_interval"):
        values[name] = None if values[name] is None else tuple(values[name])
    return Evaluation(**values)
