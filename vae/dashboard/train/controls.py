"""Controls of a run: progress, pause, resume, stop, more epochs, and the live settings."""

import streamlit as st

from vae.base import visitors
from vae.base.foreign import markdown
from vae.base.numbers import compact, plural, typed
from vae.base.records import Curves
from vae.dashboard import server
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.shared import smoothing, widgets
from vae.dashboard.shared.training_time import duration
from vae.dashboard.shared.widgets import choose, press, whole
from vae.dashboard.train import advice, live_settings
from vae.experiments.entries import saved_step
from vae.experiments.sweeps import field_of
from vae.runs import Run, Status, active

CURVES = ("ELBO and parts", "trained loss", "table of values")
CURVES_HELP = (
    "ELBO and parts: reconstruction = −E[ln p(x|z)], KL, and the ELBO, which is minus their sum "
    "for every β, so runs are comparable; a higher ELBO is better. Trained loss: the minimised "
    "value, and the further terms of objective and likelihood. Solid on training batches, dashed "
    "on validation data, in nats per example. Table of values: every report as a line."
)
LOG_HELP = "Logarithmic axes for positive quantities. The ELBO keeps its axis."
BESIDE = 2  # live settings in the row; with more, all go into a panel
PROGRESS = "train_progress"  # key of the epoch and its bar, also on the stage
MESSAGE = 72  # pixels of the line with the message of a run
YARDSTICK = ("reconstruction", "kl", "elbo", "loss", "beta", "lr")


def draw(run: Run, status: Status) -> None:
    """Show one row, which stays in sight: progress, buttons, live settings."""
    with st.container(key="train_controls"):
        progress, buttons, knobs = st.columns([3.7, 3.1, 8.4], vertical_alignment="bottom")
    with progress.container(key=PROGRESS):
        _progress(run, status)
    with buttons, st.container(horizontal=True, gap="small"):
        _buttons(run, status)
    with knobs:
        _knobs(run, status)
    if status.message:
        _message(run, status)


def log_scale() -> bool:
    """Whether the curves have logarithmic axes."""
    return bool(st.session_state.get("log_scale", False))


def is_table() -> bool:
    """Whether the values of the curves are shown in their place."""
    return bool(st.session_state.get("curves_of") == CURVES[2])


def quantities(run: Run, curves: Curves) -> tuple[str, ...]:
    """Return the names of the chosen curves."""
    if st.session_state.get("curves_of", CURVES[0]) == CURVES[0]:
        return ("reconstruction", "kl", "elbo")
    known = {name for _, name in curves.curves}
    return ("loss", *sorted(known - set(YARDSTICK)))


def _progress(run: Run, status: Status) -> None:
    at, end = (status.step, status.steps) if status.steps else (status.epoch, status.epochs)
    done = at / end if end else 0.0
    pace = advice.course(run, status).pace if status.state == "running" else None
    st.progress(min(done, 1.0), text=_progress_words(status, pace))


def _progress_words(status: Status, pace: float | None) -> str:
    """Return epoch, time left at the present pace (seconds a step) and speed; of a failed run its
    last step; of another ended run its steps and their time."""
    if status.state == "queued":
        return f"Waiting in the queue{_at_work()}."
    if status.state == "failed":
        place = f" at step {status.step:,} of {status.steps:,}" if status.steps else ""
        return f"Failed{place}"
    if not status.step and not status.steps:
        return "Starting…" if status.active else "Not begun"
    words = [f"**epoch {compact(round(status.epoch, 1), 6)}** of {status.epochs:,}"]
    is_planned = status.steps > status.step  # a recorded run need not have a planned length
    if status.state == "running" and status.seconds and status.step and is_planned:
        left = (status.steps - status.step) * (pace or status.seconds / status.step)
        words.append(f"{_unbroken(left)} left")
        if status.images_per_second:
            words.append(f"{status.images_per_second / 1000:.1f} k examples/s")
    else:
        words.append(f"{plural(status.step, 'step')} in {_unbroken(status.seconds)}")
    return " · ".join(words)


def _unbroken(seconds: float) -> str:
    """Return a time as text whose unit stays on the line of its number."""
    return duration(seconds).replace(" ", "\u00a0")


def _at_work() -> str:
    """Return a text that names the run in training; "" without one."""
    busy = next((run.name for run in active(server.ROOT) if run.status().alive), "")
    return f": {busy} is training" if busy else ""


def _buttons(run: Run, status: Status) -> None:
    if status.recorded:
        return
    if status.alive:
        press(
            "Pause",
            "pause",
            lambda: run.want("pause"),
            "Save the whole state and free the device. Resume continues from there.",
            changes=True,
        )
    elif status.diverged:
        _mend(run, status)
    elif status.resumable:
        press(
            "Resume",
            "resume",
            lambda: server.launcher.resume(run),
            "Continue from the last saved state, in the queue of the device.",
            changes=True,
            type="primary",
        )
    if status.active:
        about = "Save and end this run. It can be resumed later."
        press("Stop", "stop", run.stop, about, changes=True)
    if status.alive:
        live_settings.undo(run)
    most = int(field_of("epochs").option.high or 0) - _planned(run, status)
    if status.extendable and most:
        closed = visitors.is_read_only()
        about = visitors.CLOSED if closed else "Train longer than planned."
        with st.popover("Add epochs", help=about, disabled=closed, key="add_epochs"):
            about = "Schedules stay at their last value."
            more = whole(st, "More epochs", "more_epochs", (1, most, min(50, most)), about)
            act = lambda: _add_epochs(run, status, more)  # noqa: E731
            press("Train on", "train_on", act, changes=True, type="primary")


def _mend(run: Run, status: Status) -> None:
    """Offer the fix of a diverged run. Resume alone would repeat the failure, because it is
    exact."""
    found = advice.first_finding(run, status)
    fix = found[1].fix if found else None
    if fix is None:
        return
    advice.train_again(run, fix, is_main=True)


def _message(run: Run, status: Status) -> None:
    """Show the message of a run; beside that of a diverged run, its resume with a lower rate."""
    left, right = st.columns([11, 3], vertical_alignment="center")
    show = left.error if status.state == "failed" else left.warning
    show(markdown(status.message))
    found = advice.first_finding(run, status) if status.diverged else None
    fix, saved = found[1].fix if found else None, saved_step(run, "last")
    if fix is None or fix.field != "lr" or not saved:
        return
    with right:
        press(
            f"Resume with lr {typed(fix.value)}",
            "resume_lower",
            lambda: _resume_with(run, float(fix.value)),
            f"Continue from the last saved state, step {saved:,}, with the lower learning rate. "
            "The change is recorded and marked on the curves.",
            changes=True,
        )


def _resume_with(run: Run, lr: float) -> None:
    live_settings.move(run, "lr", lr)
    server.launcher.resume(run)


def _add_epochs(run: Run, status: Status, more: int) -> None:
    run.want(epochs=_planned(run, status) + more)
    server.launcher.resume(run)


def _planned(run: Run, status: Status) -> int:
    return int(status.epochs or run.settings["epochs"])


def _knobs(run: Run, status: Status) -> None:
    """Show the settings that may change during training, and the choice of curves."""
    live = live_settings.live_fields(run)
    aside = len(live) > BESIDE
    shares = [4.4] if aside else [2 + len(f.label) / 6 for f in live]
    widths = [*shares, 5.3, 3.8, 3.7]
    *knobs, curves, smooth, log = st.columns(widths, vertical_alignment="bottom", gap="xsmall")
    if aside:
        about = "Settings that may change during training."
        panel = knobs[0].popover("Live settings", width="stretch", help=about)
        knobs = [panel] * len(live)
    live_settings.draw_fields(run, status, knobs)
    titles = {name: name for name in CURVES}
    about = CURVES_HELP + lesson_link("terms")
    choose(curves, "Curves", "curves_of", titles, CURVES[0], about, link="curves")
    smoothing.smoothing(smooth)
    widgets.log_scale(log, "log_scale", LOG_HELP)
