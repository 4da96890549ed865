"""The folder of a run while a training loop writes it: creation, facts, sign of life, end."""

import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from vae.base import files
from vae.base.records import Tick
from vae.runs import Run, identity
from vae.runs.names import NameTakenError

STATUS_SECONDS = 0.5  # between two writes of the progress
HEARTBEAT_SECONDS = 15.0  # a quarter of the time after which another host gives a run up
CLOSED = "Record inside the block: with Recorder(…) as r: …, or between r.start() and r.finish()."


class Folder:
    """The folder of one run; its content of config.json changes with the first arrays."""

    def __init__(self, path: Path, head: dict[str, Any]) -> None:
        self.path, self.head = path, head
        self._run: Run | None = None
        self._lock: FileLock | None = None
        self._written = 0.0
        self._ended = threading.Event()

    @property
    def run(self) -> Run:
        """The run; raises ValueError before the start and after the end."""
        if self._run is None or self._ended.is_set():
            raise ValueError(CLOSED)
        return self._run

    def start(self) -> None:
        """Create the folder. Raises ValueError if the name is taken or nothing can be written."""
        status = {"state": "running", "heartbeat": time.time(), **identity()}
        try:
            run = Run.claim(self.path, self.head, status)
        except NameTakenError:
            raise ValueError(
                f"There is a run {self.path.name!r} in {self.path.parent}: choose another name, "
                "or delete that run on the Compare page."
            ) from None
        self._lock = run.lock()
        self._lock.acquire()
        self._run = run
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()

    def describe(self, latents: int = 0, **data: Any) -> None:
        """Write the number of latents and facts about the data into config.json, if new."""
        head = self.head | {"data": self.head["data"] | data}
        if latents:
            head["config"] = head["config"] | {"latent_dim": latents}
        if head != self.head:
            files.write_json(self.run.path / "config.json", head)
            self.head = head

    def note(self, tick: Tick) -> None:
        """Write the progress to the status, at most twice a second."""
        if time.monotonic() - self._written > STATUS_SECONDS:
            self._written = time.monotonic()
            self.run.record(tick)

    def finish(self, tick: Tick, error: BaseException | None) -> None:
        """End the run: finished, stopped by Ctrl-C, or failed with an error."""
        if self._run is None or self._lock is None or self._ended.is_set():
            return
        with suppress(OSError):  # a full disk: the run then reads as interrupted
            self._run.record(tick)
            self._run.set_status(**_end(error))
        if error is not None:
            with suppress(OSError):
                log = "".join(traceback.format_exception(error))
                files.replace(self._run.path / "log.txt", log.encode())
        self._ended.set()
        self._lock.release()

    def _beat(self) -> None:
        """Write a sign of life while the loop computes, for readers on another host."""
        while not self._ended.wait(HEARTBEAT_SECONDS):
            with suppress(OSError, ValueError):
                self.run.set_status(heartbeat=time.time())


def _end(error: BaseException | None) -> dict[str, Any]:
    """Return state and message of a run that ends; a warning stays the message of a finished
    one."""
    if error is None:
        return {"state": "finished"}
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return {"state": "stopped", "message": "Its training loop was stopped."}
    is_sentence = isinstance(error, ValueError | FloatingPointError) and str(error)
    message = str(error) if is_sentence else f"{type(error).__name__}: {error}"
    return {"state": "failed", "message": message}
