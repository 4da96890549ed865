"""Train a run in this process: lock it, record every event, write its final state."""

import errno
import math
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from vae.base import files, memory, quotas
from vae.base.numbers import plural
from vae.base.records import Control, DivergedError, Snapshot, Tick
from vae.base.world import LostRankError
from vae.runs import Run, identity
from vae.runs.locks import GoneError
from vae.runs.manifest import domain_of

if TYPE_CHECKING:
    from vae.training.ranks import Ranks
    from vae.training.trainer import Event

STATUS_SECONDS = 0.5  # between two writes of the status
LOCK_SECONDS = 2.0  # a worker that has just finished needs this long to release the run's lock
FULL = (errno.ENOSPC, errno.EDQUOT)
ROOM_SECONDS = 5.0  # between two looks for room on a full disk
ROOM_PATIENCE = 7 * 24 * 3600.0  # seconds of waiting for room, at most
SPARE = 2**20  # bytes for status, reports and frames
EXPECTED = (ValueError, FloatingPointError, LostRankError)  # their message is a full sentence


class BusyError(ValueError):
    """Another process trains the run."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Another process is training {name}: stop it first, or wait for it.")


def train_run(
    run: Run,
    requested: Callable[[], str | None] = lambda: None,
    ranks: "Ranks | None" = None,
) -> Iterator["Event"]:
    """Train a run from its last saved state to its end; yield each event once it is recorded.

    `requested()` may return "pause" or "stop" when this process received a signal. An error is
    written to the run's status and log, and raised. Raises BusyError if another process trains
    the run. This process is rank 0 of `ranks`; the others call `follow`.
    """
    try:
        lock = run.lock().acquire(timeout=LOCK_SECONDS)
    except Timeout:
        busy = BusyError(run.name)
        if ranks:
            ranks.fail(str(busy))
        raise busy from None
    with lock:
        run.set_status(state="starting", message="", heartbeat=time.time(), **identity())
        try:
            yield from _with_room(run, requested, ranks)
        except (GeneratorExit, KeyboardInterrupt, LostRankError):
            run.set_status(process_started=0.0)  # the process lives on, its training ended
            raise
        except BaseException as error:
            if ranks:
                ranks.fail(error_sentence(error))
            note_failure(run, error, partial(run.set_status, **_progress(error)))
            raise


def follow(run: Run, ranks: "Ranks") -> None:
    """Train a run together with rank 0, which records it and decides when it ends.

    An error of this process ends the run with its sentence.
    """
    try:
        _follow(run, ranks)
    except LostRankError:
        raise
    except Exception as error:
        ranks.fail(error_sentence(error))
        if not isinstance(error, EXPECTED):
            _log(run, error)
        raise


def _follow(run: Run, ranks: "Ranks") -> None:
    from vae.training import train

    _prepare(run, ranks)
    data = run.data()
    ranks.say()  # rank 0 has cut the files back
    start, domain = run.snapshot(), domain_of(run.header)
    control = ranks.control(lambda step: Control())
    for _ in train(run.config, data, start=start, control=control, domain=domain, ranks=ranks):
        pass


def _prepare(run: Run, ranks: "Ranks | None") -> None:
    """Use the run's threads, divided among the ranks of this machine."""
    import torch

    count = ranks.place.local_size if ranks else 1
    torch.set_num_threads(max(1, run.header["threads"] // count))
    run.require_code()


def _with_room(
    run: Run, requested: Callable[[], str | None], ranks: "Ranks | None"
) -> Iterator["Event"]:
    """Train; while the disk is full, wait for room, and go on from the last saved state. Several
    processes that train together end instead."""
    while True:
        try:
            yield from _recorded(run, requested, ranks)
            return
        except OSError as error:
            waits = error.errno in FULL and not ranks
            if not waits or not _wait_for_room(run, error, requested):
                raise


def _wait_for_room(run: Run, error: OSError, requested: Callable[[], str | None]) -> bool:
    """Wait until the disk has room for two states. Return whether it has; a request to pause or
    stop ends the wait."""
    needs = SPARE + 2 * files.file_state(run.path / "last.safetensors").size
    message = f"{files.sentence(error)} Training goes on by itself when there is room."
    waited = 0.0
    while not files.has_room(run.path, needs):
        wanted = requested() or run.control(0).wanted
        if wanted != "run" or waited >= ROOM_PATIENCE:
            return False
        with suppress(OSError):
            run.set_status(message=message, heartbeat=time.time())
        time.sleep(ROOM_SECONDS)
        waited += ROOM_SECONDS
    run.set_status(message="", heartbeat=time.time())
    return True


def _recorded(
    run: Run, requested: Callable[[], str | None], ranks: "Ranks | None"
) -> Iterator["Event"]:
    from vae.base.devices import machine, resolve
    from vae.training import train

    _prepare(run, ranks)
    start, data = run.rewind(), run.data()
    if ranks:
        ranks.say()
    device = resolve(run.config.device)
    run.set_status(state="running", device=str(device), machine=machine(device))
    spent = _stopwatch(start)

    def control(step: int) -> Control:
        current = run.control(step)
        limit = "stop" if quotas.problem("seconds", spent()) else None
        return current._replace(wanted=requested() or limit or current.wanted)

    written, tick, ended = 0.0, None, "finished"
    decide, domain = ranks.control(control) if ranks else control, domain_of(run.header)
    for event in train(run.config, data, start=start, control=decide, domain=domain, ranks=ranks):
        if isinstance(event, Tick):
            tick = event
        if not isinstance(event, Tick) or time.monotonic() - written > STATUS_SECONDS:
            run.record(event)
            written = time.monotonic() if isinstance(event, Tick) else written
        if isinstance(event, Snapshot):
            ended = event.meta["ended"]
        yield event
    progress = tick._asdict() if tick else {}
    run.set_status(heartbeat=time.time(), **progress, **_final_state(run, ended, spent()))


def _stopwatch(start: Snapshot | None) -> Callable[[], int]:
    """Return a function that returns the seconds of training, earlier sessions included."""
    begun, earlier = time.monotonic(), start.meta["seconds"] if start else 0.0
    return lambda: math.ceil(earlier + time.monotonic() - begun)


def _progress(error: BaseException) -> dict[str, Any]:
    """Return the progress until a divergence, for the status; the best value may not be finite."""
    if not isinstance(error, DivergedError):
        return {}
    return {k: v for k, v in error.tick._asdict().items() if not k.startswith("best")}


def _final_state(run: Run, ended: str, spent: int) -> dict[str, Any]:
    if ended == "early":
        message = (
            f"Ended early: no better validation value for {plural(run.config.patience, 'epoch')}."
        )
        return {"state": "finished", "message": message}
    message = quotas.problem("seconds", spent) if ended == "stop" else ""
    return {"state": {"pause": "paused", "stop": "stopped"}.get(ended, ended), "message": message}


def note_failure(run: Run, error: BaseException, note: Callable[..., None]) -> None:
    """Write an error's sentence to a status with `note`, and its traceback to the run's log.

    A full disk may refuse both: the run then reads as interrupted once this process is gone.
    """
    with suppress(OSError, GoneError):
        note(state="failed", message=error_sentence(error))
    _log(run, error)


def _log(run: Run, error: BaseException) -> None:
    """Append an error's traceback to the run's log."""
    with suppress(OSError), (run.path / "log.txt").open("a") as log:
        log.write("".join(traceback.format_exception(error)))


def error_sentence(error: BaseException) -> str:
    """Return the cause of an error and its remedy, as a sentence for people."""
    if isinstance(error, EXPECTED):
        return str(error)
    if isinstance(error, OSError):
        return f"{files.sentence(error)} Everything saved before is intact. Resume afterwards."
    if memory.is_exhausted(error):
        return memory.exhausted_sentence()
    return f"{type(error).__name__}: {error}. The full traceback is in the run's log.txt."
