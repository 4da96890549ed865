"""The run folder: what a run was asked to do, what it did, and what it knows.

`checkpoints/<run>/` is where the sidebar, the command line, the worker and the pages meet; its
files are those in `FILES`. Writers replace files whole or append whole lines; a reader may come at
any moment. Listing runs imports no torch.
"""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from vae.base import files
from vae.base.records import Change, Control, Curves, Examples, Frame, Report, Snapshot, Tick
from vae.runs import artifacts
from vae.runs import control as wishes
from vae.runs.curves import curves_of
from vae.runs.manifest import domain_of, head, read_head
from vae.runs.names import NameTakenError, checked_name, default_stem
from vae.runs.status import Status, lives

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.data import Dataset
    from vae.model import VAE

FILES = {
    "config.json": "the settings, the data's fingerprint and shape, package versions, threads",
    "metrics.jsonl": "one object a report",
    "changes.jsonl": "live changes: step, field, value, written before they take effect",
    "status.json": "state as the worker last knew it, its process, heartbeat, step, message",
    "control.json": "what is wanted: run, pause or stop, and the live knobs",
    "last.safetensors": "weights, optimizer and all else that is needed to go on",
    "best.safetensors": "weights at the best validation value so far",
    "frames/": "examples.safetensors, and <step>.safetensors for each moment that is kept",
    "derived/": "results of jobs, named by what they depend on",
    "notes.json": "title, tags, notes, favourite, archived: what people say of it",
    "log.txt": "what the worker printed, and the whole story of an unforeseen error",
    "*.lock": "held while status, control or notes are changed, and while the run is trained",
}


class Run:
    """One run folder. Reading what training left never raises for a missing or torn file."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def name(self) -> str:
        return self.path.name

    @classmethod
    def create(
        cls,
        root: Path | str,
        config: "RunConfig",
        data: "Dataset",
        name: str | None = None,
        **status: Any,
    ) -> "Run":
        """A new run folder, whole or not at all; the default name is data-network-zN-n. It waits
        in the queue unless `status` says otherwise.

        Raises ValueError for a name that is taken or cannot be a folder's (of two that take one
        name at once, one gets the sentence), and where the folder cannot be written.
        """
        content, root = head(config, data), Path(root)
        if name is not None:
            return cls._claim(root / checked_name(name), content, status)
        stem = default_stem(data.name, config.network, config.latent_dim)
        n = 1
        while True:
            with suppress(NameTakenError):
                return cls._claim(root / f"{stem}-{n}", content, status)
            n += 1

    @classmethod
    def _claim(cls, path: Path, content: dict[str, Any], status: dict[str, Any]) -> "Run":
        """Build the folder under a hidden name and rename it into place."""
        if path.exists():
            raise NameTakenError(path.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.sweep(path.parent)
            hidden = files.temporary_folder(path)
            try:
                hidden.chmod(0o755)
                files.write_json(hidden / "config.json", content)
                files.write_json(hidden / "control.json", {"wanted": "run", "knobs": {}})
                files.write_json(hidden / "status.json", {"state": "queued"} | status)
                os.rename(hidden, path)
            except OSError:
                shutil.rmtree(hidden, ignore_errors=True)
                raise
        except OSError as error:
            if path.exists():
                raise NameTakenError(path.name) from None
            raise ValueError(f"Cannot create {path}: {files.reason(error)}.") from None
        return cls(path)

    @cached_property
    def header(self) -> dict[str, Any]:
        """config.json as it is; raises ValueError with a sentence if it cannot be used."""
        return read_head(self.path)

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as plain values, without torch."""
        settings: dict[str, Any] = self.header["config"]
        return settings

    @cached_property
    def config(self) -> "RunConfig":
        """The configuration, checked; raises ValueError if it is no longer valid."""
        from vae.config import RunConfig

        return RunConfig.of(**self.settings)

    def data(self) -> "Dataset":
        """The data set, loaded; raises ValueError if it has changed since the run began."""
        config = self.config
        data = config.load_data()
        if data.fingerprint != self.header["data"]["fingerprint"]:
            raise ValueError(
                f"The data of {self.name} ({config.data}) are not those it was trained on: their "
                "fingerprint differs. Bring the old file back, or start a new run."
            )
        return data

    def status(self) -> Status:
        """The state, with `interrupted` where the process is gone and `damaged` where config.json
        cannot be read."""
        try:
            _ = self.header
        except ValueError as error:
            return Status("damaged", str(error))
        saved = self._saved_status()
        if "state" not in saved:
            return Status("interrupted", "Its status cannot be read; resuming mends it.")
        status = Status.of(saved)
        if status.alive and not lives(status):
            return status._replace(
                state="interrupted",
                message="Its process is gone. Resume goes on from the last saved state.",
            )
        return status

    def _saved_status(self) -> dict[str, Any]:
        saved = files.read_json(self.path / "status.json")
        return saved if isinstance(saved, dict) else {}

    def set_status(self, **fields: Any) -> None:
        """Change some of the status and keep the rest."""
        with FileLock(self.path / "status.lock"):
            self._write_status(fields)

    def take(self, states: Sequence[str], **fields: Any) -> bool:
        """Change the status if the state is one of these, so that of several who want to only one
        does; returns whether it did."""
        with FileLock(self.path / "status.lock"):
            if self.status().state not in states:
                return False
            self._write_status(fields)
            return True

    def _write_status(self, fields: dict[str, Any]) -> None:
        """Unflushed, because it is written twice a second: whoever loses it to a loss of power
        reads `interrupted`, and nothing else is lost."""
        status = self._saved_status() | fields
        files.write_json(self.path / "status.json", status, sync=False)

    def stop(self) -> None:
        """Ask the worker to save and end; a run that waits in the queue leaves it."""
        self.want("stop")
        self.take(("queued",), state="stopped", message="Stopped before it began.")

    def lock(self) -> FileLock:
        """Held by the one process that trains this run; raises filelock.Timeout if it is."""
        return FileLock(self.path / "worker.lock", timeout=0)

    def want(self, wanted: str | None = None, **knobs: float) -> None:
        """Ask the worker to run, pause or stop, or to move a knob (a live setting, or epochs).

        Raises ValueError for a knob that does not move in this run or a value out of its range.
        """
        checked = wishes.checked_knobs(self.settings, knobs) if knobs else {}
        wishes.wish(self.path, wanted, checked)

    def control(self, step: int) -> Control:
        """What is wanted at this step; a knob newly moved is recorded before it takes effect."""
        return wishes.control(self.path, self.settings, step)

    def changes(self) -> list[Change]:
        """Every live change, in the order it was made."""
        return wishes.changes(self.path)

    def record(self, event: Tick | Report | Examples | Frame | Snapshot) -> None:
        """Write what training yields."""
        if isinstance(event, Tick):
            self.set_status(heartbeat=time.time(), **event._asdict())
        else:
            artifacts.write(self.path, event)

    def rewind(self) -> Snapshot | None:
        """Cut the files back to the last saved state and return it, ready to go on from there.

        Live changes stay: they are replayed at their own steps. Raises ValueError, and changes
        nothing, if that state is damaged.
        """
        start = artifacts.rewind(self.path)
        wishes.mend(self.path)
        return start

    def snapshot(self) -> Snapshot | None:
        """The last saved state, or None; raises ValueError if it is damaged."""
        return artifacts.snapshot(self.path)

    def reports(self) -> list[dict[str, Any]]:
        """Every report so far."""
        return artifacts.reports(self.path)

    def curves(self) -> Curves:
        """The history as curves, with the live changes and the best epoch marked."""
        return curves_of(self.reports(), self.changes(), self.status().best_epoch)

    def examples(self) -> Examples | None:
        """The fixed examples of the frames, or None if there are none."""
        return artifacts.examples(self.path)

    def frame_steps(self) -> list[int]:
        """The steps at which frames were kept, ascending."""
        return artifacts.frame_steps(self.path)

    def frame(self, step: int | None = None) -> Frame | None:
        """The frame at a step, or the latest; None if there is none or it is damaged."""
        return artifacts.frame(self.path, step)

    def derived(self, kind: str, key: str, suffix: str) -> Path:
        """Where the result of a job lies, named by what it depends on."""
        return self.path / "derived" / f"{kind}-{key}{suffix}"

    def load_model(self, checkpoint: str = "best") -> "VAE":
        """The model with the weights of "best" or "last", on the CPU.

        Without validation data best is last. Raises ValueError if there are none yet, or if they
        are damaged.
        """
        import torch

        from vae.model import build

        path = self.weights_path(checkpoint)
        arrays, _ = files.read_arrays(path)
        weights = {k.removeprefix("model."): v for k, v in arrays.items() if k[:6] == "model."}
        model = build(self.config, domain_of(self.header))
        try:
            model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        except RuntimeError:
            raise ValueError(
                f"{path} does not fit the settings in config.json: put back the one that does, or "
                "train again."
            ) from None
        return model.eval().requires_grad_(False)

    def weights_path(self, checkpoint: str = "best") -> Path:
        """The file that holds a checkpoint's weights; raises ValueError if there is none yet."""
        if checkpoint not in ("best", "last"):
            raise ValueError(f"Unknown checkpoint {checkpoint!r}; one of best, last.")
        for name in (
            (artifacts.BEST, artifacts.LAST) if checkpoint == "best" else (artifacts.LAST,)
        ):
            path = self.path / name
            if path.exists():
                return path
        raise ValueError(f"The run {self.name} has saved no weights yet: train it first.")
