"""What training leaves in the run folder, and how it is read back and cut back.

The worker writes: reports as lines of `metrics.jsonl`, frames one file each, and snapshots, whose
state is `last.safetensors` ("model.*", "optimizer.*", "sums.*", "best.*") and whose best weights
are copied to `best.safetensors` ("model.*"). `last` is written first and holds all: whatever a
killed worker left, `rewind` restores the other files from it.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vae.base import files
from vae.base.records import Examples, Frame, Report, Snapshot

METRICS, LAST, BEST, FRAMES = "metrics.jsonl", "last.safetensors", "best.safetensors", "frames"


def write(path: Path, event: Report | Examples | Frame | Snapshot) -> None:
    """Record one event of training in the run folder `path`."""
    if isinstance(event, Report):
        files.append_line(path / METRICS, event._asdict(), sync=False)
    elif isinstance(event, Examples):
        _write_examples(path, event)
    elif isinstance(event, Frame):
        meta = {"step": event.step, "epoch": event.epoch}
        files.write_arrays(_frame_path(path, event.step), _arrays(event), meta)
    else:
        files.sync(path / METRICS)  # the reports up to a snapshot are on the disk before it is
        files.write_arrays(path / LAST, event.arrays, event.meta)
        _write_best(path, event)


def _arrays(record: Examples | Frame) -> dict[str, Any]:
    return {k: v for k, v in record._asdict().items() if isinstance(v, np.ndarray)}


def _write_examples(path: Path, examples: Examples) -> None:
    factors = {f"factor.{name}": values for name, values in examples.factors.items()}
    meta = {"classes": examples.classes, "total": examples.total}
    files.write_arrays(_examples_path(path), _arrays(examples) | factors, meta)


def _write_best(path: Path, snapshot: Snapshot) -> None:
    """Bring best.safetensors to what the snapshot knows."""
    best = {k: v for k, v in snapshot.arrays.items() if k.startswith("best.")}
    if not best:
        (path / BEST).unlink(missing_ok=True)
    elif files.read_meta(path / BEST) != snapshot.meta["best"]:
        weights = {k.replace("best.", "model.", 1): v for k, v in best.items()}
        files.write_arrays(path / BEST, weights, snapshot.meta["best"])


def snapshot(path: Path) -> Snapshot | None:
    """The last saved state, or None; raises ValueError with the way out if it is damaged."""
    last = path / LAST
    if not last.exists():
        return None
    try:
        arrays, meta = files.read_arrays(last)
        if not isinstance(meta, dict) or not isinstance(meta.get("step"), int):
            raise ValueError(f"{last} is damaged (it names no step).")
    except ValueError as error:
        raise ValueError(
            f"{error} Put a copy of it back; or delete it, and the run begins again from its "
            "first step."
        ) from None
    return Snapshot(meta["step"], arrays, meta)


def rewind(path: Path) -> Snapshot | None:
    """Cut the files back to the last saved state and return it, ready to go on from there.

    Killed half-way, it can be done again. Raises ValueError, and changes nothing, if that state
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
    """Every report so far; a line that is none is passed over."""
    return [line for line in files.read_lines(path / METRICS) if _is_report(line)]


def reports_of(path: Path, split: str) -> list[dict[str, Any]]:
    """The reports of one split, for those who list many runs: lines of others are not parsed."""
    try:
        lines = (path / METRICS).read_bytes().split(b"\n")
    except OSError:
        return []
    found = []
    for text in lines:
        if f'"{split}"'.encode() in text:
            with suppress(ValueError, RecursionError):
                found.append(json.loads(text))
    own = (line for line in found if isinstance(line, dict) and _is_report(line))
    return [line for line in own if line["split"] == split]


def _is_report(line: dict[str, Any]) -> bool:
    step, epoch, split = (line.get(key) for key in ("step", "epoch", "split"))
    return isinstance(step, int) and isinstance(epoch, int | float) and isinstance(split, str)


def examples(path: Path) -> Examples | None:
    """The fixed examples of the frames, or None if there are none that can be read."""
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
    """The steps at which frames were kept, ascending."""
    names = (p.stem for p in (path / FRAMES).glob("[0-9]*.safetensors"))
    return sorted(int(name) for name in names if name.isdecimal())


def frame(path: Path, step: int | None = None) -> Frame | None:
    """The frame at a step, or the latest; None if there is none or it is damaged."""
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
