"""What is wanted of a run (`control.json`) and what came of it (`changes.jsonl`).

Anyone may wish at any moment: go on, pause, stop, or move a knob. The worker alone turns a knob's
wish into a change: a line with the step from which it holds, on the disk before it takes effect,
so that a resumed run replays it there.
"""

from pathlib import Path
from typing import Any

from filelock import FileLock

from vae.base import files
from vae.base.records import Change, Control

WANTED = ("run", "pause", "stop")


def wishes(path: Path) -> dict[str, Any]:
    """The wishes as they stand: "wanted", and "knobs" (field → value)."""
    found = files.read_json(path / "control.json")
    found = found if isinstance(found, dict) else {}
    wanted, knobs = found.get("wanted"), found.get("knobs")
    knobs = knobs if isinstance(knobs, dict) else {}
    return {
        "wanted": wanted if wanted in WANTED else "run",
        "knobs": {k: v for k, v in knobs.items() if isinstance(v, int | float)},
    }


def wish(path: Path, wanted: str | None, knobs: dict[str, float]) -> None:
    """Add to the wishes. Raises ValueError for a wish that there is not."""
    if wanted not in (None, *WANTED):
        raise ValueError(f"Unknown wish {wanted!r}; one of {', '.join(WANTED)}.")
    with FileLock(path / "control.lock"):
        now = wishes(path)
        now["wanted"] = wanted or now["wanted"]
        now["knobs"] |= knobs
        files.write_json(path / "control.json", now)


def checked_knobs(settings: dict[str, Any], knobs: dict[str, float]) -> dict[str, float]:
    """The knobs, if each may be moved in a run of these settings and is within its range; else
    ValueError. `epochs` may always be."""
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
                f"{name} cannot be changed in a run that has begun; what can is "
                f"{', '.join(movable)}."
            )
        check(movable[name], coerce(movable[name], value))
    return {name: coerce(movable[name], value) for name, value in knobs.items()}


def changes(path: Path) -> list[Change]:
    """Every live change, in the order it was made."""
    lines = files.read_lines(path / "changes.jsonl")
    return [Change(**{k: line[k] for k in Change._fields}) for line in lines if _is_change(line)]


def _is_change(line: dict[str, Any]) -> bool:
    step, field, value = (line.get(key) for key in Change._fields)
    return isinstance(step, int) and isinstance(field, str) and isinstance(value, int | float)


def control(path: Path, settings: dict[str, Any], step: int) -> Control:
    """What is wanted at this step; a knob newly moved is recorded before it takes effect."""
    now, made = wishes(path), changes(path)
    last = {change.field: change.value for change in made}
    for field, value in now["knobs"].items():
        if last.get(field, settings.get(field)) != value:
            change = Change(step, field, value)
            files.append_line(path / "changes.jsonl", change._asdict())
            made.append(change)
    return Control(now["wanted"], tuple(made))


def mend(path: Path) -> None:
    """Drop what a killed or full disk left half-written among the changes."""
    files.keep_lines(path / "changes.jsonl", (change._asdict() for change in changes(path)))
