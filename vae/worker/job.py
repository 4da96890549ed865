"""A job: slow work on a run, its result file, its status and its cancellation.

The result lies in the run's `derived/` folder, under a name computed from the weights and the
settings, so that equal work is done once. A status file beside it holds the progress, or the
reason why there is no result.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from vae.base import files
from vae.base.json_text import is_number
from vae.base.progress import Cancelled
from vae.runs import Run, Status, locks, result_keys
from vae.runs.evaluations import KIND, SUFFIX, EvaluationRequest
from vae.runs.status import ALIVE, JOB_STATES, lives

SUFFIXES = {"project": ".safetensors", KIND: SUFFIX}  # kind of job → suffix of its result file
STATUS, CANCEL = ".status.json", ".cancel"  # suffixes of a job's other files


class Job(NamedTuple):
    """Slow work on one run."""

    run: Run
    kind: str  # a key of SUFFIXES
    spec: dict[str, Any]  # the settings of the work, plain JSON
    key: str  # a name computed from weights and spec: equal work has an equal key

    @classmethod
    def of(cls, run: Run, kind: str, spec: dict[str, Any]) -> "Job":
        """Return the job on the run's current weights.

        Raises ValueError if the run has no weights yet, OSError if they cannot be read.
        """
        weights = result_keys.digest(run.weights_path(spec["checkpoint"]))
        return cls(run, kind, spec, result_keys.key(weights, spec))

    @property
    def order(self) -> dict[str, Any]:
        """The order that a worker process reads, plain JSON."""
        return self._asdict() | {"run": str(self.run.path.resolve())}

    @property
    def result(self) -> Path:
        return self._beside(SUFFIXES[self.kind])

    @property
    def partial(self) -> Path:
        """The file with the unfinished result."""
        return self._beside(f".partial{SUFFIXES[self.kind]}")

    def _beside(self, suffix: str) -> Path:
        return self.run.derived(self.kind, self.key, suffix)

    def status(self) -> dict[str, Any]:
        """Return state (none, starting, running, finished, cancelled or failed), progress from 0
        to 1, message, and `begun`, the time when the work began in seconds since 1970."""
        if self.result.exists():
            return {"state": "finished", "progress": 1.0, "message": ""}
        none = {"state": "none", "progress": 0.0, "message": ""}
        saved = _valid(files.read_json(self._beside(STATUS)))
        gone = saved.get("state") in ALIVE and not lives(Status.of(saved))
        lost = {"state": "failed", "message": "The process of this job is gone: start it again."}
        return none | saved | (lost if gone else {})

    def note(self, **fields: Any) -> None:
        """Change these fields of the status."""
        blank = {"state": "starting", "progress": 0.0, "message": "", "spec": self.spec}
        self._make_folder()
        saved = files.read_json(self._beside(STATUS))
        whole = (saved if isinstance(saved, dict) else blank) | fields
        files.write_json(self._beside(STATUS), whole)

    def _make_folder(self) -> None:
        """Raises GoneError if the run was deleted or renamed."""
        locks.check_there(self.run.path)
        files.make_folder(self._beside("").parent)

    def report(self, share: float) -> None:
        """Record the progress, from 0 to 1, if the disk has room. Raises Cancelled if the job was
        cancelled."""
        if self.cancelled:
            raise Cancelled
        with suppress(OSError):
            self.note(state="running", progress=share)

    def cancel(self) -> None:
        """Request cancellation; the job ends when it next reports its progress."""
        self._make_folder()
        files.replace(self._beside(CANCEL), b"")

    @property
    def cancelled(self) -> bool:
        return self._beside(CANCEL).exists()

    def clear(self) -> None:
        """Delete status, cancellation and partial result."""
        for path in (self._beside(STATUS), self._beside(CANCEL), self.partial):
            path.unlink(missing_ok=True)


def _valid(saved: Any) -> dict[str, Any]:
    """Return the fields of a status that have the type of their kind; empty for no object."""
    fields = saved if isinstance(saved, dict) else {}
    fits = {name: is_number(fields.get(name)) for name in ("progress", "begun")}
    fits |= {"message": isinstance(fields.get("message"), str)}
    fits |= {"state": fields.get("state") in JOB_STATES}
    return {name: value for name, value in fields.items() if fits.get(name, True)}


def _is_spec(kind: str, saved: Any) -> bool:
    """Whether a value is the settings of a job of this kind."""
    if not isinstance(saved, dict) or kind != KIND:
        return isinstance(saved, dict)
    try:
        EvaluationRequest.of(saved)
    except TypeError:
        return False
    return True


def attempts(run: Run, kind: str) -> list[Job]:
    """Return the jobs of one kind that were started on a run and have no result, the latest first:
    running, failed and cancelled ones, for any weights of the run."""
    found = []
    for path in (run.path / "derived").glob(f"{kind}-*{STATUS}"):
        saved = files.read_json(path)
        if isinstance(saved, dict) and _is_spec(kind, saved.get("spec")):
            key = path.name.removeprefix(f"{kind}-").removesuffix(STATUS)
            with suppress(OSError):  # the file has just been deleted
                found.append((path.stat().st_mtime_ns, Job(run, kind, saved["spec"], key)))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [job for _, job in found if not job.result.exists()]
