"""The run folder: what a run was asked to do, what it did, and what it knows.

`checkpoints/<run>/` is where the sidebar, the command line, the worker and the pages meet; its
files are those in `FILES`. Writers replace files whole or append whole lines; a reader may come at
any moment. Listing runs imports no torch.
"""

import os
import platform
import re
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from vae import storage
from vae.records import (
    Change,
    Control,
    Curves,
    Examples,
    Frame,
    Report,
    Snapshot,
    Tick,
)
from vae.runs.history import curves_of
from vae.runs.status import Status, lives

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.data import Dataset
    from vae.model import VAE

FORMAT = 1
FILES = {
    "config.json": "the settings, the data's fingerprint and shape, package versions, threads",
    "metrics.jsonl": "one object a report",
    "changes.jsonl": "live changes: step, field, value, written before they take effect",
    "status.json": "state as the worker last knew it, its process, heartbeat, step, message",
    "control.json": "what is wanted: run, pause or stop, and the live knobs",
    "last.safetensors": "weights, optimizer and all else that is needed to go on",
    "best.safetensors": "weights at the best validation ELBO so far",
    "frames/": "examples.safetensors, and <step>.safetensors for each moment that is kept",
    "derived/": "results of jobs, named by what they depend on",
    "log.txt": "what the worker printed",
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PACKAGES = ("torch", "numpy", "streamlit", "plotly", "scikit-learn")


class Run:
    """One run folder. Reading never raises for a missing or half-written file."""

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

        Raises ValueError for a name that is taken or cannot be a folder's, and FileExistsError
        never: of two that take one name at once, one gets the sentence.
        """
        root = Path(root)
        root.mkdir(parents=True, exist_ok=True)
        threads = config.threads or os.cpu_count() or 1
        content = {
            "format": FORMAT,
            "config": config.model_dump(mode="json"),
            "threads": threads,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": {
                "name": data.name,
                "fingerprint": data.fingerprint,
                "event_shape": list(data.event_shape),
                "examples": len(data.x),
            },
            "packages": {p: version(p) for p in PACKAGES} | {"python": platform.python_version()},
        }
        if name is not None:
            return cls._claim(root / checked_name(name), content, status)
        stem = default_stem(data.name, config.network, config.latent_dim)
        n = 1
        while True:
            with suppress(ValueError):
                return cls._claim(root / f"{stem}-{n}", content, status)
            n += 1

    @classmethod
    def _claim(cls, path: Path, content: dict[str, Any], status: dict[str, Any]) -> "Run":
        """Build the folder under a hidden name and rename it into place."""
        taken = ValueError(
            f"The name {path.name!r} is taken: choose another, or leave it out for a free one."
        )
        if path.exists():
            raise taken
        hidden = cls(path.parent / f".new-{path.name}-{os.getpid()}-{time.monotonic_ns()}")
        hidden.path.mkdir()
        try:
            storage.write_json(hidden.path / "config.json", content)
            storage.write_json(hidden.path / "control.json", {"wanted": "run", "knobs": {}})
            hidden.set_status(**{"state": "queued"} | status)
            os.rename(hidden.path, path)
        except OSError as error:
            shutil.rmtree(hidden.path, ignore_errors=True)
            if path.exists():
                raise taken from None
            raise ValueError(f"Cannot create {path}: {error.strerror}.") from None
        return cls(path)

    @cached_property
    def header(self) -> dict[str, Any]:
        """config.json as it is; raises ValueError with a sentence if it cannot be read."""
        header = storage.read_json(self.path / "config.json")
        if not isinstance(header, dict) or not isinstance(header.get("config"), dict):
            raise ValueError(
                f"The run {self.name} is damaged: {self.path / 'config.json'} is missing or "
                "unreadable. Restore the file, or delete the folder."
            )
        if header.get("format", 0) > FORMAT:
            raise ValueError(
                f"The run {self.name} was written by a newer VAE Lab (format {header['format']}): "
                "update to open it."
            )
        return header

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
        from vae.data import load

        config = self.config
        data: Dataset = load(
            config.data,
            examples=config.examples,
            seed=config.seed,
            options=config.chosen("data"),
        )
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
        saved = storage.read_json(self.path / "status.json")
        if not isinstance(saved, dict) or "state" not in saved:
            return Status("interrupted", "Its status cannot be read; resuming mends it.")
        status = Status(**{k: v for k, v in saved.items() if k in Status._fields})
        if status.alive and not lives(status):
            return status._replace(
                state="interrupted",
                message="Its process is gone. Resume goes on from the last saved state.",
            )
        return status

    def set_status(self, **fields: Any) -> None:
        """Change some of the status and keep the rest."""
        saved = storage.read_json(self.path / "status.json") or {}
        storage.write_json(self.path / "status.json", saved | fields)

    def want(self, wanted: str | None = None, **knobs: float) -> None:
        """Ask the worker to run, pause or stop, or to move a knob."""
        with FileLock(self.path / "control.lock"):
            control = self._wishes()
            control["wanted"] = wanted or control["wanted"]
            control["knobs"] |= knobs
            storage.write_json(self.path / "control.json", control)

    def _wishes(self) -> dict[str, Any]:
        control = storage.read_json(self.path / "control.json")
        known = isinstance(control, dict) and isinstance(control.get("knobs"), dict)
        return control if known else {"wanted": "run", "knobs": {}}

    def control(self, step: int) -> Control:
        """What is wanted at this step; a knob newly moved is recorded before it takes effect."""
        wishes, changes = self._wishes(), self.changes()
        last = {change.field: change.value for change in changes}
        for field, value in wishes["knobs"].items():
            if last.get(field, self.settings.get(field)) != value:
                change = Change(step, field, value)
                storage.append_line(self.path / "changes.jsonl", change._asdict())
                changes.append(change)
        return Control(wishes.get("wanted", "run"), tuple(changes))

    def changes(self) -> list[Change]:
        """Every live change, in the order it was made."""
        return [Change(**line) for line in storage.read_lines(self.path / "changes.jsonl")]

    def lock(self) -> FileLock:
        """Held by the one process that trains this run."""
        return FileLock(self.path / "worker.lock", timeout=0)

    def record(self, event: Tick | Report | Examples | Frame | Snapshot) -> None:
        """Write what training yields."""
        if isinstance(event, Tick):
            self.set_status(heartbeat=time.time(), **event._asdict())
        elif isinstance(event, Report):
            storage.append_line(self.path / "metrics.jsonl", event._asdict(), sync=False)
        elif isinstance(event, Examples):
            self._write_examples(event)
        elif isinstance(event, Frame):
            arrays = {k: v for k, v in event._asdict().items() if isinstance(v, np.ndarray)}
            meta = {"step": event.step, "epoch": event.epoch}
            storage.write_arrays(self._frame_path(event.step), arrays, meta)
        else:
            self._write_snapshot(event)

    def _frame_path(self, step: int) -> Path:
        return self.path / "frames" / f"{step:09d}.safetensors"

    def _write_examples(self, examples: Examples) -> None:
        fields = examples._asdict()
        arrays = {k: v for k, v in fields.items() if isinstance(v, np.ndarray)}
        arrays |= {f"factor.{name}": values for name, values in examples.factors.items()}
        meta = {"classes": examples.classes, "total": examples.total}
        storage.write_arrays(self.path / "frames" / "examples.safetensors", arrays, meta)

    def _write_snapshot(self, snapshot: Snapshot) -> None:
        """`last` first: it holds the best weights too, so that both follow from one file. The
        metrics up to it are on the disk before it is."""
        storage.sync(self.path / "metrics.jsonl")
        storage.write_arrays(self.path / "last.safetensors", snapshot.arrays, snapshot.meta)
        self._write_best(snapshot)

    def _write_best(self, snapshot: Snapshot) -> None:
        best = {k: v for k, v in snapshot.arrays.items() if k.startswith("best.")}
        if not best:
            return
        step = snapshot.meta["best"]["step"]
        path = self.path / "best.safetensors"
        if self._saved_best() != step:
            weights = {k.replace("best.", "model.", 1): v for k, v in best.items()}
            storage.write_arrays(path, weights, snapshot.meta["best"])

    def _saved_best(self) -> int | None:
        """The step of the best weights on disk; None where there are none that can be read."""
        try:
            _, meta = storage.read_arrays(self.path / "best.safetensors")
        except (OSError, ValueError):
            return None
        return int(meta["step"])

    def snapshot(self) -> Snapshot | None:
        """The last saved state, or None; raises ValueError if it is damaged."""
        path = self.path / "last.safetensors"
        if not path.exists():
            return None
        arrays, meta = storage.read_arrays(path)
        return Snapshot(meta["step"], arrays, meta)

    def rewind(self) -> Snapshot | None:
        """Cut the files back to the last saved state and return it, ready to go on from there.

        Live changes stay: they are replayed at their own steps.
        """
        start = self.snapshot()
        step = start.step if start else -1
        metrics = self.path / "metrics.jsonl"
        if metrics.exists():
            lines = storage.read_lines(metrics)
            storage.write_lines(metrics, [line for line in lines if line["step"] <= step])
        for path in (self.path / "frames").glob("[0-9]*.safetensors"):
            if int(path.stem) > step:
                path.unlink()
        for path in self.path.rglob(".*.safetensors.*"):
            path.unlink(missing_ok=True)  # a temporary file of a writer that was killed
        if start:
            self._write_best(start)
        else:
            (self.path / "best.safetensors").unlink(missing_ok=True)
        return start

    def load_model(self, checkpoint: str = "best") -> "VAE":
        """The model with the weights of "best" or "last", on the CPU.

        Without validation data best is last. Raises ValueError if there are none yet.
        """
        import torch

        from vae.model import build

        model = build(self.config, tuple(self.header["data"]["event_shape"]))
        arrays, _ = storage.read_arrays(self.weights_path(checkpoint))
        weights = {k.removeprefix("model."): v for k, v in arrays.items() if k[:6] == "model."}
        model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        return model.eval().requires_grad_(False)

    def weights_path(self, checkpoint: str = "best") -> Path:
        """The file that holds a checkpoint's weights; raises ValueError if there is none yet."""
        if checkpoint not in ("best", "last"):
            raise ValueError(f"Unknown checkpoint {checkpoint!r}; one of best, last.")
        for name in ("best", "last") if checkpoint == "best" else ("last",):
            path = self.path / f"{name}.safetensors"
            if path.exists():
                return path
        raise ValueError(f"The run {self.name} has saved no weights yet: train it first.")

    def reports(self) -> list[dict[str, Any]]:
        """Every report so far."""
        return [r for r in storage.read_lines(self.path / "metrics.jsonl") if isinstance(r, dict)]

    def curves(self) -> Curves:
        """The history as curves, with the live changes and the best epoch marked."""
        return curves_of(self.reports(), self.changes(), self.status().best_epoch)

    def examples(self) -> Examples | None:
        """The fixed examples of the frames, or None if there are none."""
        try:
            arrays, meta = storage.read_arrays(self.path / "frames" / "examples.safetensors")
        except (OSError, ValueError):
            return None
        factors = {k.removeprefix("factor."): v for k, v in arrays.items() if k[:7] == "factor."}
        return Examples(
            index=arrays["index"],
            label=arrays.get("label"),
            factors=factors,
            classes=tuple(meta["classes"]),
            original_index=arrays["original_index"],
            originals=arrays["originals"],
            total=meta["total"],
        )

    def frame_steps(self) -> list[int]:
        """The steps at which frames were kept, ascending."""
        return sorted(int(p.stem) for p in (self.path / "frames").glob("[0-9]*.safetensors"))

    def frame(self, step: int | None = None) -> Frame | None:
        """The frame at a step, or the latest; None if there is none or it is damaged."""
        steps = self.frame_steps()
        if not steps:
            return None
        try:
            arrays, meta = storage.read_arrays(
                self._frame_path(steps[-1] if step is None else step)
            )
        except (OSError, ValueError):
            return None
        return Frame(meta["step"], meta["epoch"], **arrays)

    def derived(self, kind: str, key: str, suffix: str) -> Path:
        """Where the result of a job lies, named by what it depends on."""
        return self.path / "derived" / f"{kind}-{key}{suffix}"


def checked_name(name: str) -> str:
    """The name, if it can be a run's; else ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be the name of a run: use up to 64 letters, digits, dots, dashes "
            "and underscores, beginning with a letter or digit."
        )
    return name


def default_stem(data: str, network: str, latent_dim: int) -> str:
    """data-network-zN, with whatever a folder's name cannot hold replaced."""
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", data).strip("-._") or "data"
    return f"{clean[:40]}-{network}-z{latent_dim}"


def find(root: Path | str, name: str) -> Run:
    """The run of that name; raises ValueError naming those there are."""
    run = Run(Path(root) / checked_name(name))
    if not run.path.is_dir():
        names = ", ".join(r.name for r in listing(root)[:8]) or "none yet"
        raise ValueError(f"There is no run {name!r} in {root}; there are: {names}.")
    return run


def listing(root: Path | str) -> list[Run]:
    """Every run, the newest first."""
    try:
        folders = [p for p in Path(root).iterdir() if p.is_dir() and NAME.fullmatch(p.name)]
    except OSError:
        return []
    return [Run(p) for p in sorted(folders, key=_created, reverse=True)]


def _created(path: Path) -> tuple[str, str]:
    header = storage.read_json(path / "config.json")
    created = header.get("created", "") if isinstance(header, dict) else ""
    return str(created), path.name
