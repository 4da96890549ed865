"""Results of training in the run folder: write, read, and cut back to the last saved state.

The worker writes reports as lines of `metrics.jsonl`, each frame to one file, and snapshots to
`last.safetensors` ("model.*", "optimizer.*", "sums.*", "best.*"). The best weights are copied to
`best.safetensors` ("model.*"). `last` is written first and holds everything, so that `rewind` can
restore the other files from it after a crash.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vae.base import files
from vae.base.json_text import is_count, is_number, parse
from vae.base.records import Examples, Frame, Report, Snapshot

METRICS, LAST, BEST, FRAMES = "metrics.jsonl", "last.safetensors", "best.safetensors", "frames"
NETWORK = "network.py"
FILES = {
    "config.json": "the settings, the data's fingerprint and shape, package versions, threads",
    "network.py": "the file of a network of the user, word for word; never in an archive",
    "metrics.jsonl": "one JSON object per report",
    "changes.jsonl": "live changes: step, field, value, written before they take effect",
    "status.json": "last state, process, heartbeat, step and message of the worker",
    "control.json": "requested state (run, pause, stop) and live settings",
    "last.safetensors": "weights, optimizer and everything else that resuming needs",
    "best.safetensors": "weights with the best validation value so far",
    "frames/": "examples.safetensors, and <step>.safetensors for each frame",
    "derived/": "results of jobs, named by a hash of weights and settings",
    "notes.json": "title, tags, notes, favourite, archived",
    "log.txt": "output of the worker, with the traceback of an unexpected error",
    "*.lock": "locks for changing status, control and notes, and for training",
}
SPLITS = ("train", "val")
# Of a report; each may be None
NUMBERS = ("reconstruction", "kl", "elbo", "loss", "beta", "lr", "images_per_second", "seconds")


def write(
    path: Path, event: Report | Examples | Frame | Snapshot, manifest: dict[str, Any] | None = None
) -> None:
    """Record one event of training in the run folder `path`; a snapshot has a copy of the
    manifest."""
    if isinstance(event, Report):
        files.append_line(path / METRICS, event._asdict(), sync=False)
    elif isinstance(event, Examples):
        _write_examples(path, event)
    elif isinstance(event, Frame):
        files.make_folder(path / FRAMES)
        meta = {"step": event.step, "epoch": event.epoch}
        files.write_arrays(_frame_path(path, event.step), _arrays(event), meta)
    else:
        files.sync(path / METRICS)  # reports reach the disk before the snapshot does
        files.write_arrays(path / LAST, event.arrays, event.meta, manifest)
        _write_best(path, event)


def _arrays(record: Examples | Frame) -> dict[str, Any]:
    return {k: v for k, v in record._asdict().items() if isinstance(v, np.ndarray)}


def _write_examples(path: Path, examples: Examples) -> None:
    factors = {f"factor.{name}": values for name, values in examples.factors.items()}
    meta = {"classes": examples.classes, "total": examples.total}
    files.make_folder(path / FRAMES)
    files.write_arrays(_examples_path(path), _arrays(examples) | factors, meta)


def _write_best(path: Path, snapshot: Snapshot) -> None:
    """Make best.safetensors agree with the snapshot."""
    best = {k: v for k, v in snapshot.arrays.items() if k.startswith("best.")}
    if not best:
        (path / BEST).unlink(missing_ok=True)
    elif files.read_meta(path / BEST) != snapshot.meta["best"]:
        weights = {k.replace("best.", "model.", 1): v for k, v in best.items()}
        files.write_arrays(path / BEST, weights, snapshot.meta["best"])


def snapshot(path: Path) -> Snapshot | None:
    """Return the last saved state, or None; raises ValueError if it is damaged."""
    last = path / LAST
    if not last.exists():
        return None
    try:
        arrays, meta = files.read_arrays(last)
        if not isinstance(meta, dict) or not is_count(meta.get("step")):
            raise ValueError(f"{last} is damaged (it names no step).")
    except ValueError as error:
        raise ValueError(
            f"{error} Restore a copy of it, or delete it to start the run again from its first "
            "step."
        ) from None
    return Snapshot(meta["step"], arrays, meta)


def weights(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of the model in a file of weights; raises ValueError if it is damaged."""
    try:
        arrays, _ = files.read_arrays(path)
    except ValueError as error:
        is_other = path.name != LAST and (path.parent / LAST).exists()
        way_out = "open the checkpoint last" if is_other else "train again"
        raise ValueError(f"{error} Restore a copy of it, or {way_out}.") from None
    return {k.removeprefix("model."): v for k, v in arrays.items() if k[:6] == "model."}


def manifest_of(path: Path) -> dict[str, Any]:
    """Return the manifest in the last saved state; empty if there is none."""
    return files.read_meta(path / LAST, "manifest")


def rewind(path: Path) -> Snapshot | None:
    """Cut the files back to the last saved state and return it for resuming.

    After a crash half-way it can run again. Raises ValueError, and changes nothing, if the state
    is damaged.
    """
    start = snapshot(path)
    step = start.step if start else -1
    files.keep_lines(path / METRICS, (line for line in reports(path) if line["step"] <= step))
    for frame in frame_steps(path):
        if frame > step:
            _frame_path(path, frame).unlink()
    for folder in (path, path / FRAMES, path / "derived"):
        files.sweep(folder)
    _write_best(path, start or Snapshot(step, {}, {}))
    return start


def reports(path: Path) -> list[dict[str, Any]]:
    """Return every report so far; other lines are skipped."""
    return _reports(files.read_lines(path / METRICS))


def reports_of(path: Path, split: str) -> list[dict[str, Any]]:
    """Return the reports of one split without parsing other lines, for listing many runs."""
    try:
        lines = (path / METRICS).read_bytes().split(b"\n")
    except OSError:
        return []
    found = []
    for text in lines:
        if f'"{split}"'.encode() in text:
            with suppress(ValueError):
                found.append(parse(text))
    return [line for line in _reports(found) if line["split"] == split]


def _reports(lines: list[Any]) -> list[dict[str, Any]]:
    """Return the lines that are reports, all with the number of latents of the first one."""
    found = [line for line in lines if isinstance(line, dict) and _is_report(line)]
    lengths = (len(line["kl_per_dimension"]) for line in found if line.get("kl_per_dimension"))
    latents = next(lengths, 0)
    return [line for line in found if len(line.get("kl_per_dimension") or ()) in (0, latents)]


def _is_report(line: dict[str, Any]) -> bool:
    """Whether a line has the types of a report; a number may be missing or None."""
    terms, parts = line.get("terms"), line.get("kl_per_dimension")
    terms, parts = {} if terms is None else terms, [] if parts is None else parts
    return (
        is_count(line.get("step"))
        and is_number(line.get("epoch"))
        and line.get("split") in SPLITS
        and isinstance(terms, dict)
        and isinstance(parts, list)
        and all(is_number(value) for value in parts)
        and all(_may_be_number(value) for value in terms.values())
        and all(_may_be_number(line.get(name)) for name in NUMBERS)
    )


def _may_be_number(value: Any) -> bool:
    return value is None or is_number(value)


def examples(path: Path) -> Examples | None:
    """Return the fixed examples of the frames, or None if they cannot be read."""
    try:
        arrays, meta = files.read_arrays(_examples_path(path))
        return Examples(
            index=arrays["index"],
            label=arrays.get("label"),
            factors={
                k.removeprefix("factor."): v for k, v in arrays.items() if k[:7] == "factor."
            },
            classes=tuple(meta["classes"]),
            original_index=arrays["original_index"],
            originals=arrays["originals"],
            total=meta["total"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def frame_steps(path: Path) -> list[int]:
    """Return the steps of the saved frames, ascending."""
    names = (p.stem for p in (path / FRAMES).glob("[0-9]*.safetensors"))
    return sorted(int(name) for name in names if name.isdecimal())


def frame(path: Path, step: int | None = None) -> Frame | None:
    """Return the frame of a step, or the latest; None if missing or damaged."""
    if step is None:
        steps = frame_steps(path)
        if not steps:
            return None
        step = steps[-1]
    try:
        arrays, meta = files.read_arrays(_frame_path(path, step))
        return Frame(meta["step"], meta["epoch"], **arrays)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _frame_path(path: Path, step: int) -> Path:
    return path / FRAMES / f"{step:09d}.safetensors"


def _examples_path(path: Path) -> Path:
    return path / FRAMES / "examples.safetensors"
