"""The run folder, `checkpoints/<run>/`: settings, progress and results of one run.

The sidebar, the command line, the worker and the pages exchange data only through its files,
`artifacts.FILES`. Writers replace whole files or append whole lines, so that reading is safe at
any moment. Listing runs does not import torch.
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

from vae.base import files, visitors
from vae.base.records import Change, Control, Curves, Examples, Frame, Report, Snapshot, Tick
from vae.runs import artifacts, control, glance, locks, recorded
from vae.runs.curves import curves_of
from vae.runs.manifest import domain_of, head, network_file_of, read_head
from vae.runs.names import NameTakenError, check_room, checked_name, default_stem
from vae.runs.status import Status, after, lives
from vae.runs.status import saved as saved_fields

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.data import Dataset
    from vae.model import VAE

_MISFIT = "does not fit the settings in config.json: restore the matching file, or train again."


class Run:
    """One run folder. Reading results of training never raises for a missing or torn file."""

    def __init__(self, path: Path | str) -> None:
        self.path = path if isinstance(path, Path) else Path(path)  # slow for thousands

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
        """Create a run folder atomically; the default name is data-network-zN-n. The run is queued
        unless `status` says otherwise.

        Raises ValueError for a name that is taken or not valid, and if the folder cannot be
        written. Of two processes that claim one name at once, one raises.
        """
        content, root = head(config, data), Path(root)
        if name is not None:
            return cls.claim(root / checked_name(name), content, status)
        stem = default_stem(data.name, config.network, config.latent_dim)
        n = 1
        while True:
            with suppress(NameTakenError):
                return cls.claim(root / f"{stem}-{n}", content, status)
            n += 1

    @classmethod
    def claim(cls, path: Path, content: dict[str, Any], status: dict[str, Any]) -> "Run":
        """Create a run folder with this content of config.json and this status: build it under a
        hidden name and rename it into place. Raises ValueError as `create` does."""
        if path.exists():
            raise NameTakenError(path.name)
        check_room(path.parent)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.sweep(path.parent)
            hidden = files.temporary_folder(path)
            try:
                hidden.chmod(0o755)
                files.write_json(hidden / "config.json", content)
                if file := network_file_of(content):
                    files.replace(hidden / artifacts.NETWORK, file.text.encode())
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
        """Content of config.json; raises ValueError if it cannot be used."""
        locks.check_there(self.path)
        return read_head(self.path)

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as plain values, without importing torch."""
        settings: dict[str, Any] = self.header["config"]
        return settings

    @cached_property
    def config(self) -> "RunConfig":
        """The validated configuration; of a recorded run the nearest one. Raises ValueError."""
        from vae.config import RunConfig

        return (recorded.nearest if self.is_recorded else RunConfig.of)(**self.settings)

    @property
    def is_recorded(self) -> bool:
        """Whether a training loop elsewhere has recorded the run, which has no network here."""
        return recorded.is_recorded(self.settings)

    def require_network(self) -> None:
        """Raise ValueError, with the way out, for a run that was recorded without its network."""
        if self.is_recorded:
            raise ValueError(recorded.no_network(self.name))

    def require_code(self, to_run: bool = True) -> None:
        """Raise ValueError if the network is a file that is missing in this folder or changed, or
        if code is to run and may not."""
        from vae.components.network_code import check_place, check_run

        check = check_run if to_run else check_place
        check(self.path / artifacts.NETWORK, self.config.network)

    def data(self) -> "Dataset":
        """Load the data set, without a download; ValueError if it is missing or has changed."""
        self.require_network()
        config = self.config
        try:
            data = config.load_data()
        except visitors.RefusedError as error:
            raise visitors.RefusedError(f"The data of {self.name} are closed. {error}") from None
        if data.fingerprint != self.header["data"]["fingerprint"]:
            raise ValueError(
                f"The data of {self.name} ({config.data}) differ from those it was trained on: "
                "they have another fingerprint. Restore the old file, or start a new run."
            )
        return data

    def status(self) -> Status:
        """Return the status: `interrupted` if the process is gone, `damaged` if config.json cannot
        be read."""
        head, saved = glance.head_of(self.path), glance.saved_status(self.path)
        if head.problem:
            return Status("damaged", head.problem)
        if saved is None:
            found = after(self.reports(), self.settings.get("epochs"))
            return found._replace(recorded=head.is_recorded)
        status = saved._replace(recorded=head.is_recorded)
        if status.alive and not lives(status):
            way_out = "" if status.recorded else " Resume continues from the last saved state."
            message = f"Its process has ended.{way_out}"
            status = status._replace(state="interrupted", message=message)
        return status

    def set_status(self, **fields: Any) -> None:
        """Change the given fields of the status."""
        visitors.check_change()
        with locks.held(self.path, locks.STATUS):
            self._write_status(fields)

    def take(self, states: Sequence[str], **fields: Any) -> bool:
        """Change the status if the state is one of `states`; return whether it changed. Of several
        processes that try, one succeeds."""
        visitors.check_change()
        with locks.held(self.path, locks.STATUS):
            if self.status().state not in states:
                return False
            self._write_status(fields)
            return True

    def _write_status(self, fields: dict[str, Any]) -> None:
        """Write without flushing to disk, twice a second. After a power cut the status may be lost
        and reads `interrupted`; nothing else is lost."""
        before = saved_fields(self.path)
        files.write_json(self.path / "status.json", before | fields, sync=False)
        if fields.get("state", before.get("state")) != before.get("state"):
            glance.mark(self.path)

    def stop(self) -> None:
        """Ask the worker to save and end; a queued run leaves the queue."""
        self.want("stop")
        self.take(("queued",), state="stopped", message="Stopped before it began.")

    def lock(self) -> FileLock:
        """The lock of the process that trains this run; acquiring a held lock raises Timeout.

        Raises GoneError if the run was deleted or renamed.
        """
        return locks.lock(self.path, locks.WORKER, timeout=0)

    def want(self, wanted: str | None = None, **knobs: float) -> None:
        """Request run, pause or stop, or a new value of a live setting or of epochs.

        Raises ValueError for a recorded run, a setting that is not live and a value out of range.
        """
        if self.is_recorded:
            raise ValueError(recorded.no_control(self.name))
        checked = control.checked_knobs(self.settings, knobs) if knobs else {}
        control.request(self.path, wanted, checked)

    def control(self, step: int) -> Control:
        """Return the requests at this step; record a new live value before it takes effect."""
        return control.control(self.path, self.settings, step)

    def changes(self) -> list[Change]:
        """Return every live change in order of time."""
        return control.changes(self.path)

    def record(self, event: Tick | Report | Examples | Frame | Snapshot) -> None:
        """Write an event of training."""
        if isinstance(event, Tick):
            self.set_status(heartbeat=time.time(), **event._asdict())
        else:
            manifest = self.header if isinstance(event, Snapshot) else None
            artifacts.write(self.path, event, manifest)

    def rewind(self) -> Snapshot | None:
        """Cut the files back to the last saved state and return it for resuming.

        Live changes stay, because training replays them at their steps. Raises ValueError, and
        changes nothing, if that state is damaged.
        """
        start = artifacts.rewind(self.path)
        control.mend(self.path)
        return start

    def snapshot(self) -> Snapshot | None:
        """Return the last saved state, or None; raises ValueError if it is damaged."""
        return artifacts.snapshot(self.path)

    def reports(self) -> list[dict[str, Any]]:
        """Return every report so far."""
        return artifacts.reports(self.path)

    def curves(self) -> Curves:
        """Return the reports as curves, with the live changes and the best epoch."""
        return curves_of(self.reports(), self.changes(), self.status().best_epoch)

    def examples(self) -> Examples | None:
        """Return the fixed examples of the frames, or None if there are none."""
        return artifacts.examples(self.path)

    def frame_steps(self) -> list[int]:
        """Return the steps of the saved frames, ascending."""
        return artifacts.frame_steps(self.path)

    def frame(self, step: int | None = None) -> Frame | None:
        """Return the frame of a step, or the latest; None if missing or damaged."""
        return artifacts.frame(self.path, step)

    def derived(self, kind: str, key: str, suffix: str) -> Path:
        """Return the path of a job's result; `key` is a hash of weights and settings."""
        return self.path / "derived" / f"{kind}-{key}{suffix}"

    def load_model(self, checkpoint: str = "best") -> "VAE":
        """Load the model with the weights of "best" or "last", on the CPU.

        Without validation data best is last. Raises ValueError if weights are missing or damaged.
        """
        import torch

        from vae.footprint import check_loading
        from vae.model import build

        self.require_network()
        path, domain = self.weights_path(checkpoint), domain_of(self.header)
        self.require_code()
        check_loading(self.config, domain, path.stat().st_size)
        weights = artifacts.weights(path)
        model = build(self.config, domain)
        try:
            model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        except RuntimeError:
            raise ValueError(f"{path} {_MISFIT}") from None
        return model.eval().requires_grad_(False)

    def weights_path(self, checkpoint: str = "best") -> Path:
        """Return the file of a checkpoint's weights; raises ValueError if there is none yet."""
        if checkpoint not in ("best", "last"):
            raise ValueError(f"Unknown checkpoint {checkpoint!r}; one of best, last.")
        names = (artifacts.BEST, artifacts.LAST)[checkpoint == "last" :]
        paths = (self.path / name for name in names)
        if found := next((path for path in paths if path.exists()), None):
            return found
        if self.status().recorded:
            raise ValueError(recorded.no_network(self.name))
        raise ValueError(f"The run {self.name} has saved no weights yet: train it first.")
