"""The work that takes long: train a run, project its latents.

A job is a JSON object with "kind" and "run" (the folder) and what else its function takes. The
result of all but training lies in the run's `derived/` folder beside a status file, under a name
made from what it depends on, so that asking twice computes once.
"""

import hashlib
import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import Timeout

from vae import storage
from vae.records import Control, Floats, Projection, Snapshot, Tick
from vae.runs import Run, Status, identity
from vae.runs.status import lives

if TYPE_CHECKING:
    from vae.training import Event

STATUS_SECONDS = 0.5  # between two writes of the status
LOCK_SECONDS = 2.0  # for a worker that has just said that it is done to let go of the run
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

    from vae.devices import resolve
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
        return f"{storage.sentence(error)} What was saved before is whole: then resume."
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "The memory is full: lower batch_size, latent_dim or the hidden layers."
    return f"{type(error).__name__}: {error}. The whole story is in the run's log.txt."


class Job(NamedTuple):
    """A piece of long work on a run, and where its result lies."""

    run: Run
    kind: str  # a row of JOBS
    spec: dict[str, Any]  # what it depends on, plain JSON

    @property
    def key(self) -> str:
        """A name made from the weights and the settings: equal work, equal name."""
        weights = self.run.weights_path(self.spec["checkpoint"]).stat()
        what = json.dumps([weights.st_mtime_ns, weights.st_size, self.spec], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()[:16]

    @property
    def result(self) -> Path:
        return self.run.derived(self.kind, self.key, ".safetensors")

    @property
    def _status(self) -> Path:
        return self.run.derived(self.kind, self.key, ".json")

    def status(self) -> dict[str, Any]:
        """state (none, starting, running, finished, cancelled, failed), progress 0…1, message."""
        if self.result.exists():
            return {"state": "finished", "progress": 1.0, "message": ""}
        none = {"state": "none", "progress": 0.0, "message": ""}
        saved = storage.read_json(self._status)
        if not isinstance(saved, dict):
            return none
        alive = saved.get("state") in ("starting", "running")
        gone = alive and not lives(Status.of(saved))
        lost = {"state": "failed", "message": "Its process is gone: ask for it again."}
        return none | saved | (lost if gone else {})

    def note(self, **fields: Any) -> None:
        """Change some of the status and keep the rest."""
        blank = {"state": "starting", "progress": 0.0, "message": "", "cancel": False}
        saved = storage.read_json(self._status)
        storage.write_json(self._status, (saved if isinstance(saved, dict) else blank) | fields)

    def cancel(self) -> None:
        """Ask it to end; it does so at its next sign of life."""
        storage.replace(self.run.derived(self.kind, self.key, ".cancel"), b"")

    @property
    def cancelled(self) -> bool:
        return self.run.derived(self.kind, self.key, ".cancel").exists()

    def clear(self) -> None:
        """Forget an earlier attempt."""
        for suffix in (".json", ".cancel", ".partial.safetensors"):
            self.run.derived(self.kind, self.key, suffix).unlink(missing_ok=True)

    @property
    def partial(self) -> Path:
        """What there is of the result while it forms."""
        return self.run.derived(self.kind, self.key, ".partial.safetensors")


def project(job: Job) -> None:
    """Project latents; spec has checkpoint, split, points, projection, options and seed."""
    from vae.opened import Opened
    from vae.projections import PROJECTIONS, Cancelled

    opened = Opened.of(job.run, job.spec["checkpoint"])
    encoding = opened.encode(opened.shown(job.spec["split"], job.spec["points"]))

    def report(share: float, points: Floats | None) -> None:
        if job.cancelled:
            raise Cancelled
        if points is not None:
            storage.write_arrays(job.partial, {"points": points, "index": encoding.index})
        job.note(state="running", progress=share)

    row = PROJECTIONS[job.spec["projection"]]
    done = row.project(encoding.mean, **job.spec["options"], seed=job.spec["seed"], report=report)
    arrays: dict[str, Any] = {"points": done.points, "index": encoding.index}
    storage.write_arrays(job.result, arrays, {"axes": done.axes, "note": done.note})


def projection_of(path: Path) -> tuple[Projection, Any]:
    """The projection in a job's result (or partial result) and the rows of the data set it shows.

    Raises OSError or ValueError if there is none.
    """
    arrays, meta = storage.read_arrays(path)
    axes, note = (meta["axes"], meta["note"]) if meta else (("", ""), "")
    return Projection(arrays["points"], tuple(axes), note), arrays["index"]


JOBS: dict[str, Callable[[Job], None]] = {"project": project}


def work(order: dict[str, Any], asked: Callable[[], str | None]) -> None:
    """Do what an order says: {"kind": "train", "run": folder} or a row of JOBS with its spec."""
    run = Run(order["run"])
    if order["kind"] == "train":
        for _ in train_run(run, asked):
            pass
        return
    from vae.projections import Cancelled

    job = Job(run, order["kind"], order["spec"])
    try:
        job.note(state="running", **identity())
        JOBS[job.kind](job)
    except Cancelled:
        job.note(state="cancelled", message="Cancelled.")
    except BaseException as error:
        _note_failure(run, error, job.note)
        raise
    finally:
        with suppress(OSError):
            job.partial.unlink(missing_ok=True)
