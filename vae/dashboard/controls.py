"""What can be done to a run: pause, resume, stop, add epochs, move a knob; and how far it is."""

import streamlit as st

from vae.config import fields
from vae.dashboard import server
from vae.runs import Run, Status


def draw(run: Run, status: Status) -> None:
    """One row: progress, buttons, live knobs."""
    progress, buttons, knobs = st.columns([5, 3, 5], vertical_alignment="bottom")
    with progress:
        _progress(run, status)
    with buttons, st.container(horizontal=True, gap="small"):
        _buttons(run, status)
    with knobs:
        _knobs(run, status)


def log_scale() -> bool:
    """Whether the curves are to be drawn on a log scale."""
    return bool(st.session_state.get("log_scale", False))


def _progress(run: Run, status: Status) -> None:
    done = status.step / status.steps if status.steps else 0.0
    st.progress(min(done, 1.0), text=_progress_words(status))
    if status.state in ("failed", "interrupted") or status.message:
        show = st.error if status.state == "failed" else st.warning
        show(status.message)


def _progress_words(status: Status) -> str:
    """Epoch, step, speed, time left."""
    if status.state == "queued":
        return "Waiting in the queue: another run holds the device."
    if not status.steps:
        return "Starting…"
    words = [
        f"epoch {status.epoch:.1f} of {status.epochs}",
        f"step {status.step:,} of {status.steps:,}",
    ]
    if status.state == "running" and status.seconds and status.step:
        left = (status.steps - status.step) * status.seconds / status.step
        words += [f"{_clock(left)} left", f"{status.images_per_second / 1000:.1f} k examples/s"]
    else:
        words.append(f"{_clock(status.seconds)} of training")
    return " · ".join(words)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _buttons(run: Run, status: Status) -> None:
    if status.alive:
        st.button(
            "Pause",
            on_click=run.want,
            args=("pause",),
            key="pause",
            help="Save the whole state and free the device; Resume goes on from there.",
        )
    elif status.resumable:
        st.button(
            "Resume",
            on_click=server.launcher.resume,
            args=(run,),
            key="resume",
            type="primary",
            help="Go on from the last saved state, in the queue of the device.",
        )
    if status.alive or status.state == "queued":
        st.button(
            "Stop",
            on_click=run.stop,
            key="stop",
            help="Save and end this run. It can be resumed later all the same.",
        )
    if status.state in ("finished", "stopped", "paused", "interrupted"):
        with st.popover("Add epochs", help="Train longer than was planned."):
            more = st.number_input(
                "More epochs",
                1,
                100_000,
                50,
                key="more_epochs",
                help="Schedules hold the last value that they had reached.",
            )
            st.button(
                "Train on",
                on_click=_add_epochs,
                args=(run, status, int(more)),
                key="train_on",
                type="primary",
            )


def _add_epochs(run: Run, status: Status, more: int) -> None:
    run.want(epochs=(status.epochs or run.settings["epochs"]) + more)
    server.launcher.resume(run)


def _knobs(run: Run, status: Status) -> None:
    """The settings that may be moved while the run trains, and the scale of the curves."""
    live = [f for f in fields() if f.option.live and run.settings.get(f.name) is not None]
    columns = st.columns([4] * len(live) + [3], vertical_alignment="bottom")
    moved = {c.field: c.value for c in run.changes()}
    for column, field in zip(columns, live, strict=False):
        key = f"live_{field.name}_{run.name}"
        st.session_state.setdefault(key, float(moved.get(field.name, run.settings[field.name])))
        column.number_input(
            field.label,
            field.option.low,
            field.option.high,
            key=key,
            format="%g",
            step=10.0**-1 if field.name == "beta" else 1e-4,
            disabled=not status.alive,
            on_change=_move,
            args=(run, field.name, key),
            help=f"{field.label} while it trains. Takes effect within a tenth of a second and is "
            "marked on the curves. A schedule goes on as a factor on it.",
        )
    columns[-1].checkbox(
        "log scale", key="log_scale", help="Logarithmic axes for reconstruction and KL."
    )


def _move(run: Run, name: str, key: str) -> None:
    run.want(None, **{name: float(st.session_state[key])})
