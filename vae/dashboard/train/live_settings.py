"""The settings of a run that may change while it trains, each with its field, and their undo."""

import math
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base.options import Field
from vae.config import fields
from vae.experiments.configurations import written
from vae.runs import Run, Status
from vae.runs.result_keys import run_key

MOVES = "live_moves"  # in the session: number of changes made by buttons


class LastChange(NamedTuple):
    """The last live change of a run."""

    field: Field
    before: float
    after: float


def live_fields(run: Run) -> list[Field]:
    """Return the settings that may change during the training of a run."""
    return [f for f in fields() if f.option.live and run.settings.get(f.name) is not None]


def short(field: Field) -> str:
    """Return a name of a setting for a button: "β", "lr"."""
    return "lr" if field.name == "lr" else field.label


def move(run: Run, name: str, value: float) -> None:
    """Change a live setting of a run, and the value in its field; for callbacks.

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
    key = _key(run, field.name)
    st.session_state.setdefault(key, value)
    place.number_input(
        field.label,
        field.option.low,
        field.option.high,
        key=key,
        format="%g",
        step=_step(float(run.settings[field.name])),
        disabled=not status.alive,
        on_change=_typed,
        args=(run, field.name),
        help=f"{field.label} of this run; it can change only while the run trains. A change takes "
        "effect within a tenth of a second and is marked on the curves. A schedule multiplies the "
        "new value.",
    )


def undo(run: Run) -> None:
    """Show the button that takes the last live change back, by a change to the value before."""
    last = last_change(run)
    if last is None:
        return
    change = f"{written(last.after)} → {written(last.before)}"
    name = last.field.label
    st.button(
        f"Undo {name} {change}" if len(name) < 3 else f"Undo {change}",
        key="undo",
        on_click=move,
        args=(run, last.field.name, last.before),
        help=f"Take the last change of {name} back: {change}. It is recorded as a change itself.",
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
    return f"live_{name}_{run_key(run)}_{st.session_state.get(MOVES, 0)}"


def _typed(run: Run, name: str) -> None:
    run.want(None, **{name: float(st.session_state[_key(run, name)])})


def _step(value: float) -> float:
    """Return a tenth of the largest power of ten up to the value."""
    return float(10.0 ** (math.floor(math.log10(abs(value) or 1.0)) - 1))
