"""Requests to a run (`control.json`) and its live changes (`changes.jsonl`).

Any process may request pause, resume, stop or a new value of a live setting at any moment. Only
the worker turns a new value into a change: a line with the step from which it holds, written
before it takes effect, so that a resumed run replays it at that step.
"""

from pathlib import Path
from typing import Any

from vae.base import files, visitors
from vae.base.json_text import is_count, is_number
from vae.base.records import Change, Control
from vae.runs import locks

WANTED = ("run", "pause", "stop")


def requests(path: Path) -> dict[str, Any]:
    """Return the present requests: "wanted", and "knobs" (field → value)."""
    found = files.read_json(path / "control.json")
    found = found if isinstance(found, dict) else {}
    wanted, knobs = found.get("wanted"), found.get("knobs")
    knobs = knobs if isinstance(knobs, dict) else {}
    return {
        "wanted": wanted if wanted in WANTED else "run",
        "knobs": {k: v for k, v in knobs.items() if is_number(v)},
    }


def request(path: Path, wanted: str | None, knobs: dict[str, float]) -> None:
    """Add a request. Raises ValueError for an unknown one."""
    if wanted not in (None, *WANTED):
        raise ValueError(f"Unknown request {wanted!r}; one of {', '.join(WANTED)}.")
    visitors.check_change()
    with locks.held(path, "control.lock"):
        now = requests(path)
        now["wanted"] = wanted or now["wanted"]
        now["knobs"] |= knobs
        files.write_json(path / "control.json", now)


def checked_knobs(settings: dict[str, Any], knobs: dict[str, float]) -> dict[str, float]:
    """Return the values as they are stored. `epochs` can always change. Raises ValueError for a
    setting that is not live in this run or a value out of range."""
    from vae.base.options import check, coerce
    from vae.config import fields

    movable = {
        field.name: field
        for field in fields()
        if field.name == "epochs" or (field.option.live and settings.get(field.name) is not None)
    }
    for name, value in knobs.items():
        if name not in movable:
            raise ValueError(
                f"{name} cannot change in a run that has started. These settings can: "
                f"{', '.join(movable)}."
            )
        check(movable[name], coerce(movable[name], value))
    return {name: coerce(movable[name], value) for name, value in knobs.items()}


def is_valid(settings: dict[str, Any], field: str, value: float) -> bool:
    """Whether a live setting of the run can take a value."""
    try:
        checked_knobs(settings, {field: value})
    except ValueError:
        return False
    return True


def changes(path: Path) -> list[Change]:
    """Return every live change in order of time."""
    lines = files.read_lines(path / "changes.jsonl")
    return [Change(**{k: line[k] for k in Change._fields}) for line in lines if _is_change(line)]


def _is_change(line: dict[str, Any]) -> bool:
    step, field, value = (line.get(key) for key in Change._fields)
    return is_count(step) and isinstance(field, str) and is_number(value)


def control(path: Path, settings: dict[str, Any], step: int) -> Control:
    """Return the requests at this step; record a new live value before it takes effect.

    Values that the run cannot take are left out: anything can write the files.
    """
    now = requests(path)
    known = [c for c in changes(path) if is_valid(settings, c.field, c.value)]
    last = {change.field: change.value for change in known}
    wanted = {k: v for k, v in now["knobs"].items() if is_valid(settings, k, v)}
    for field, value in wanted.items():
        if last.get(field, settings.get(field)) != value:
            change = Change(step, field, value)
            files.append_line(path / "changes.jsonl", change._asdict())
            known.append(change)
    return Control(now["wanted"], tuple(known))


def mend(path: Path) -> None:
    """Remove half-written lines from the changes."""
    files.keep_lines(path / "changes.jsonl", (change._asdict() for change in changes(path)))
