"""Damaged files of a run folder: their faults, and their repair.

Readers pass over values that cannot be right. Here each such file is named with the reading that
took its place, and is written anew from that reading; the damaged file stays beside it under the
name NAME.damaged-N. The settings come from another file of the run (`recovery`).
"""

import shutil
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from filelock import Timeout

from vae.base import files, visitors
from vae.base.json_text import is_number
from vae.runs import artifacts, control, glance, locks, notes, recovery
from vae.runs.result_keys import run_key
from vae.runs.run import Run
from vae.runs.status import Status

Reading = Any  # a JSON value, or a list of lines


class Fault(NamedTuple):
    """A damaged file: its name, the reason, and the reading in its place."""

    file: str
    problem: str
    reading: str
    is_mendable: bool = True


class Row(NamedTuple):
    """A file that can be mended: its fault, the valid reading, and the function that writes it."""

    fault: Callable[[Path], Fault | None]
    valid: Callable[[Run], Reading]
    write: Callable[[Path, Reading], None]


def _lines(name: str, valid: Callable[[Path], list[Any]]) -> Callable[[Path], Fault | None]:
    """Return the check of a file of lines. An incomplete last line belongs to a writer at work."""

    def fault(folder: Path) -> Fault | None:
        try:
            lines = (folder / name).read_bytes().split(b"\n")[:-1]
        except OSError:
            return None
        wrong = sum(map(bool, lines)) - len(valid(folder))
        if wrong <= 0:
            return None
        return Fault(name, f"{wrong:,} of {len(lines):,} lines are damaged", "they are left out")

    return fault


def _value(
    name: str, is_valid: Callable[[dict[str, Any]], bool], reading: str
) -> Callable[[Path], Fault | None]:
    """Return the check of a file with one JSON object."""

    def fault(folder: Path) -> Fault | None:
        if not (folder / name).exists():
            return None
        found = files.read_json(folder / name)
        if not isinstance(found, dict):
            return Fault(name, "it is not readable", reading)
        if not is_valid(found):
            return Fault(name, "it has values of a wrong type", reading)
        return None

    return fault


def _is_status(found: dict[str, Any]) -> bool:
    known = Status.of(found)._asdict()
    return all(found[k] == known[k] for k in known.keys() & found.keys())


def _is_control(found: dict[str, Any]) -> bool:
    knobs = found.get("knobs", {})
    is_sound = found.get("wanted", "run") in control.WANTED and isinstance(knobs, dict)
    return is_sound and all(is_number(value) for value in knobs.values())


def _is_notes(found: dict[str, Any]) -> bool:
    usual = notes.Notes()._asdict() | {"tags": []}
    return all(isinstance(found[k], type(usual[k])) for k in usual.keys() & found.keys())


def _state(run: Run) -> dict[str, Any]:
    """Return the status; a damaged config.json is no state of training."""
    status = run.status()
    status = Status("interrupted") if status.state == "damaged" else status
    return {k: v for k, v in status._asdict().items() if v is not None}


def _settings(folder: Path) -> Fault | None:
    """Return the fault of config.json."""
    if not (problem := recovery.problem(folder)):
        return None
    head, source = recovery.recovered(folder)
    return Fault("config.json", f"it {problem}", source, is_mendable=head is not None)


ROWS: dict[str, Row] = {
    "config.json": Row(_settings, lambda run: recovery.recovered(run.path).head, files.write_json),
    "metrics.jsonl": Row(
        _lines("metrics.jsonl", artifacts.reports), lambda run: run.reports(), files.keep_lines
    ),
    "changes.jsonl": Row(
        _lines("changes.jsonl", control.changes),
        lambda run: [change._asdict() for change in run.changes()],
        files.keep_lines,
    ),
    "control.json": Row(
        _value("control.json", _is_control, "its valid requests hold"),
        lambda run: control.requests(run.path),
        files.write_json,
    ),
    "status.json": Row(
        _value("status.json", _is_status, "the run counts as interrupted"),
        _state,
        files.write_json,
    ),
    "notes.json": Row(
        _value("notes.json", _is_notes, "its valid fields hold"),
        lambda run: notes.read(run.path)._asdict(),
        files.write_json,
    ),
}


def faults(run: Run) -> list[Fault]:
    """Return the damaged files of a run, each with the reading in its place."""
    return _faults(run.path, run_key(run, files=(*ROWS, artifacts.LAST)))


@lru_cache(maxsize=64)
def _faults(path: Path, key: str) -> list[Fault]:
    return [fault for row in ROWS.values() if (fault := row.fault(path)) is not None]


def mend(run: Run) -> list[Path]:
    """Write the damaged files of a run anew, and return the copies of the damaged ones.

    Raises ValueError for a run in training, OSError if the folder cannot be written.
    """
    visitors.check_change()
    copies = []
    try:
        with locks.held(run.path, locks.STATUS, timeout=5), run.lock():
            if run.status().alive:
                raise Timeout(str(run.path))
            for fault in filter(lambda fault: fault.is_mendable, faults(run)):
                row, path = ROWS[fault.file], run.path / fault.file
                reading = row.valid(run)
                copies += [_copied(path)] if path.exists() else []
                row.write(path, reading)
            glance.mark(run.path)
    except Timeout:
        raise ValueError(f"{run.name} is at work: stop it before its files are mended.") from None
    return copies


def _copied(path: Path) -> Path:
    """Copy a file beside itself under the first free name."""
    target = next(
        free
        for number in count(1)
        if not (free := path.with_name(f"{path.name}.damaged-{number}")).exists()
    )
    shutil.copy2(path, target)
    return target
