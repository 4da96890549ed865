"""The one button on an empty page: it mends the state that the page explains."""

from collections.abc import Callable

import streamlit as st

from vae.dashboard import server
from vae.dashboard.shared import current_run
from vae.dashboard.shared.widgets import press
from vae.dashboard.sidebar import choice, sidebar
from vae.runs import Run, Status, listing

Remedy = Callable[[], None]


def to_train() -> None:
    """Show a link to the Train page, which shows the training of a run and its fixes."""
    st.page_link(server.PAGES / "train.py", label="Go to Train")


def train() -> None:
    """Show the sidebar's Train button once more."""
    chosen = choice.current()
    wrong = bool(chosen.problem)
    if st.button("Train", key="remedy_train", type="primary", disabled=wrong):
        sidebar.start(chosen)


def another_than(run: Run) -> Remedy:
    """Return the button that shows the newest run with valid settings; Train without one."""
    others = [other for other in listing(server.ROOT) if other.name != run.name]
    name = next((other.name for other in others if _is_valid(other)), None)
    if name is None:
        return train
    return lambda: press(f"Show {name}", "remedy_run", lambda: current_run.choose(name))


def _is_valid(run: Run) -> bool:
    try:
        _ = run.config
    except ValueError:
        return False
    return True


def go_on(run: Run, status: Status) -> Remedy:
    """Return the button that continues the training of a run; for one in training, or one whose
    failure a resume would repeat, the way to Train."""
    if status.resumable and not status.diverged:
        about = "Continue from the last saved state, or begin if nothing is saved."
        resume = server.launcher.resume
        return lambda: press(
            "Resume", "remedy_resume", lambda: resume(run), about, changes=True, type="primary"
        )
    return to_train if status.active or status.diverged else another_than(run)
