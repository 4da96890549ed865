"""The work that takes long: train a run, or do a job on it, a row of `JOBS`.

An order is a JSON object with "kind" and "run" (the folder), and for a job its spec and key. The
result of a job lies in the run's `derived/` folder, under a name made from what it depends on, so
that asking twice computes once; a status file beside it tells how far it is, or why there is none.
"""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import Timeout

from vae.analysis.projections import Cancelled
from vae.base import files
from vae.base.records import Control, Snapshot, Tick
from vae.runs import Run, Status, evaluations, identity, result_keys
from vae.runs.status import lives
from vae.worker import evaluate
from vae.worker.project import project

if TYPE_CHECKING:
    from vae.training.trainer import Event

STATUS_SECONDS = 0.5  # between two writes of the status
LOCK_SECONDS = 2.0  # for a worker that has just said that it is done to let go of the run
AT_WORK = ("starting", "running")
STATUS, CANCEL = ".status.json", ".cancel"  # how the names of a job's own files end
EXPECTED = (ValueError, FloatingPointError)  # they say in a sentence what is wrong


class BusyError(ValueError):
    """Another process trains the run."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Another process is training {name} already: stop it first, or let it be."
        )


def train_run(run: Run, asked: Callable[[], str | None] = lambda: None) -> Iterator["Event"]:
    """Train a run from its last saved state to its end, recording all that happens; yields each
    event once it is recorded.

    `asked()` may say "pause" or "stop" on behalf of this process (a signal). What goes wrong is
    written to the run's status and its log, and raised. Raises BusyError if another process trains
    the run.
    """
    try:
        lock = run.lock().acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise BusyError(run.name) from None
    with lock:
        run.set_status(state="starting", message="", heartbeat=time.time(), **identity())
        try:
            yield from _recorded(run, asked)
        except (GeneratorExit, KeyboardInterrupt):
            run.set_status(process_started=0.0)  # the process lives, the work ended
            raise
        except BaseException as error:
            _note_failure(run, error, run.set_status)
            raise


def _recorded(run: Run, asked: Callable[[], str | None]) -> Iterator["Event"]:
    import torch

    from vae.base.devices import resolve
    from vae.training import train

    torch.set_num_threads(run.header["threads"])
    start, data = run.rewind(), run.data()
    run.set_status(state="running", device=str(resolve(run.config.device)))

    def control(step: int) -> Control:
        wishes = run.control(step)
        return wishes._replace(wanted=asked() or wishes.wanted)

    written, tick, ended = 0.0, None, "finished"
    for event in train(run.config, data, start=start, control=control):
        if isinstance(event, Tick):
            tick = event
        if not isinstance(event, Tick) or time.monotonic() - written > STATUS_SECONDS:
            run.record(event)
            written = time.monotonic() if isinstance(event, Tick) else written
        if isinstance(event, Snapshot):
            ended = event.meta["ended"]
        yield event
    progress = tick._asdict() if tick else {}
    run.set_status(heartbeat=time.time(), **progress, **_final_state(run, ended))


def _final_state(run: Run, ended: str) -> dict[str, Any]:
    if ended == "early":
        message = f"Ended early: no better validation value for {run.config.patience} epochs."
        return {"state": "finished", "message": message}
    return {"state": {"pause": "paused", "stop": "stopped"}.get(ended, ended), "message": ""}


def _note_failure(run: Run, error: BaseException, note: Callable[..., None]) -> None:
    """Tell it in a status, and the whole story in the log. On a full disk neither may be possible:
    then what was done reads as interrupted once this process is gone."""
    with suppress(OSError):
        note(state="failed", message=told(error))
    with suppress(OSError), (run.path / "log.txt").open("a") as log:
        log.write("".join(traceback.format_exception(error)))


def told(error: BaseException) -> str:
    """What went wrong, for people: our own sentences as they are, the rest with its kind."""
    if isinstance(error, EXPECTED):
        return str(error)
    if isinstance(error, OSError):
        return f"{files.sentence(error)} What was saved before is whole: then resume."
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "The memory is full: lower batch_size, latent_dim or the hidden layers."
    return f"{type(error).__name__}: {error}. The whole story is in the run's log.txt."


class Job(NamedTuple):
    """A piece of long work on a run, and where its result lies."""

    run: Run
    kind: str  # a row of JOBS
    spec: dict[str, Any]  # what it depends on beside the weights, plain JSON
    key: str  # a name made from the weights and the spec: equal work, equal name

    @classmethod
    def of(cls, run: Run, kind: str, spec: dict[str, Any]) -> "Job":
        """The job on a run's weights as they are now.

        Raises ValueError if there are none yet, OSError if they cannot be read.
        """
        weights = result_keys.digest(run.weights_path(spec["checkpoint"]))
        return cls(run, kind, spec, result_keys.key(weights, spec))

    @property
    def order(self) -> dict[str, Any]:
        """What a worker has to be told, plain JSON."""
        return self._asdict() | {"run": str(self.run.path.resolve())}

    @property
    def result(self) -> Path:
        return self._beside(JOBS[self.kind].suffix)

    @property
    def partial(self) -> Path:
        """What there is of the result while it forms."""
        return self._beside(f".partial{JOBS[self.kind].suffix}")

    def _beside(self, suffix: str) -> Path:
        return self.run.derived(self.kind, self.key, suffix)

    def status(self) -> dict[str, Any]:
        """state (none, starting, running, finished, cancelled, failed), progress 0…1, message, and
        `begun`, when its work did, in seconds since 1970."""
        if self.result.exists():
            return {"state": "finished", "progress": 1.0, "message": ""}
        none = {"state": "none", "progress": 0.0, "message": ""}
        saved = files.read_json(self._beside(STATUS))
        if not isinstance(saved, dict):
            return none
        alive = saved.get("state") in AT_WORK
        gone = alive and not lives(Status.of(saved))
        lost = {"state": "failed", "message": "Its process is gone: ask for it again."}
        return none | saved | (lost if gone else {})

    def note(self, **fields: Any) -> None:
        """Change some of the status and keep the rest."""
        blank = {"state": "starting", "progress": 0.0, "message": "", "spec": self.spec}
        saved = files.read_json(self._beside(STATUS))
        whole = (saved if isinstance(saved, dict) else blank) | fields
        files.write_json(self._beside(STATUS), whole)

    def report(self, share: float) -> None:
        """Say how far it is, 0…1; raises Cancelled if nobody wants it any more."""
        if self.cancelled:
            raise Cancelled
        self.note(state="running", progress=share)

    def cancel(self) -> None:
        """Ask it to end; it does so at its next sign of life."""
        files.replace(self._beside(CANCEL), b"")

    @property
    def cancelled(self) -> bool:
        return self._beside(CANCEL).exists()

    def clear(self) -> None:
        """Forget an attempt."""
        for path in (self._beside(STATUS), self._beside(CANCEL), self.partial):
            path.unlink(missing_ok=True)


class Kind(NamedTuple):
    """What does a kind of job, and how the name of its result ends."""

    work: Callable[[Job], None]
    suffix: str


JOBS: dict[str, Kind] = {
    "project": Kind(project, ".safetensors"),
    evaluations.KIND: Kind(evaluate.evaluate, evaluations.SUFFIX),
}


def attempts(run: Run, kind: str) -> list[Job]:
    """The jobs of a kind that have been begun on a run and left no result, the latest first:
    those at work, and those that failed or were cancelled; whichever weights they were for."""
    found = []
    for path in (run.path / "derived").glob(f"{kind}-*{STATUS}"):
        saved = files.read_json(path)
        if isinstance(saved, dict) and isinstance(saved.get("spec"), dict):
            key = path.name.removeprefix(f"{kind}-").removesuffix(STATUS)
            with suppress(OSError):  # it has just been cleared
                found.append((path.stat().st_mtime_ns, Job(run, kind, saved["spec"], key)))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [job for _, job in found if not job.result.exists()]


def work(order: dict[str, Any], asked: Callable[[], str | None]) -> None:
    """Do what an order says: {"kind": "train", "run": folder}, or a job's order."""
    run = Run(order["run"])
    if order["kind"] == "train":
        for _ in train_run(run, asked):
            pass
        return
    job = Job(run, order["kind"], order["spec"], order["key"])
    try:
        job.note(state="running", begun=time.time(), **identity())
        JOBS[job.kind].work(job)
    except Cancelled:
        job.note(state="cancelled", message="Cancelled.")
    except BaseException as error:
        _note_failure(run, error, job.note)
        raise
    else:
        with suppress(OSError):
            job.clear()
    finally:
        with suppress(OSError):
            job.partial.unlink(missing_ok=True)
