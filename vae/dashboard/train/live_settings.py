"""The settings of a run that may change while it trains, each with its field, and their undo."""

from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base import visitors
from vae.base.options import Field
from vae.config import fields
from vae.dashboard.shared.widgets import key_of, number, press, step_of
from vae.experiments.configurations import written
from vae.runs import Run, Status

MOVES = "live_moves"  # in the session: number of changes made by buttons


class LastChange(NamedTuple):
    """The last live change of a run."""

    field: Field
    before: float
    after: float


def live_fields(run: Run) -> list[Field]:
    """Return the settings that may change during the training of a run; none of a recorded run."""
    if run.is_recorded:
        return []
    return [f for f in fields() if f.option.live and run.settings.get(f.name) is not None]


def short(field: Field) -> str:
    """Return a name of a setting for a button: "β", "lr"."""
    return "lr" if field.name == "lr" else field.label


def move(run: Run, name: str, value: float) -> None:
    """Change a live setting of a run, and the value in its field, before it is drawn.

    The fields get new keys: a timer of the page that fires meanwhile still sends the old value,
    which would count as typed under the old key.
    """
    run.want(None, **{name: value})
    st.session_state[MOVES] = st.session_state.get(MOVES, 0) + 1
    st.session_state[_key(run, name)] = value


def draw_fields(run: Run, status: Status, places: list[DeltaGenerator]) -> None:
    """Show a field for each live setting, each in its place."""
    moved = {c.field: c.value for c in run.changes()}
    for place, field in zip(places, live_fields(run), strict=True):
        _field(place, run, field, float(moved.get(field.name, run.settings[field.name])), status)


def _field(place: DeltaGenerator, run: Run, field: Field, value: float, status: Status) -> None:
    number(
        place,
        field.label,
        _key(run, field.name),
        value,
        (field.option.low, field.option.high),
        f"{field.label} of this run; it can change only while the run trains. A change takes "
        "effect within a tenth of a second and is marked on the curves. A schedule multiplies the "
        "new value.",
        step_of(float(run.settings[field.name]) or 1.0),
        act=lambda typed: run.want(None, **{field.name: float(typed)}),
        disabled=not status.alive or visitors.is_read_only(),
        persist_state=None,  # after a change of page, the present value
    )


def undo(run: Run) -> None:
    """Show the button that takes the last live change back, by a change to the value before."""
    last = last_change(run)
    if last is None:
        return
    change = f"{written(last.after)} → {written(last.before)}"
    name = last.field.label
    press(
        f"Undo {name} {change}" if len(name) < 3 else f"Undo {change}",
        "undo",
        lambda: move(run, last.field.name, last.before),
        f"Take the last change of {name} back: {change}. It is recorded as a change itself.",
        changes=True,
    )


def last_change(run: Run) -> LastChange | None:
    """Return the last change of a live setting; None without one."""
    known = {field.name: field for field in live_fields(run)}
    moved = [change for change in run.changes() if change.field in known]
    if not moved:
        return None
    *earlier, last = moved
    values = [change.value for change in earlier if change.field == last.field]
    before = values[-1] if values else float(run.settings[last.field])
    return LastChange(known[last.field], before, last.value)


def _key(run: Run, name: str) -> str:
    return f"{key_of(f'live_{name}', run)}_{st.session_state.get(MOVES, 0)}"
