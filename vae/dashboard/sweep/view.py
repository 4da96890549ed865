"""An existing sweep: progress, actions and charts, all read from the run folders."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from vae.base.foreign import markdown
from vae.dashboard import server
from vae.dashboard.shared import address, run_selection, training_time, widgets
from vae.dashboard.shared.address_values import one_of
from vae.dashboard.sweep import chosen
from vae.dashboard.sweep.charts import multiples, summary
from vae.dashboard.sweep.films import play
from vae.dashboard.sweep.form import STARTING
from vae.experiments import configurations, sweeps
from vae.experiments.configurations import Entry, written
from vae.experiments.entries import entries
from vae.figures.replay_grid import KINDS
from vae.runs import Run
from vae.runs.status import ACTIVE, RESUMABLE

STYLE = Path(__file__).with_name("view.css")
FAILED = 3  # failed runs with their reasons, at most
FOLLOW = 2.0  # seconds between two updates while a run is queued or training
CURVES = "Curves"
FILMS = {title: kind for kind, title in KINDS.items()}
VIEWS = (CURVES, *FILMS)
HELP = {
    "view": "Curves: the bound of every run over training, and against the swept setting. The "
    "other views play the training of all runs side by side.",
    "sweep": "Start a new sweep, or show an existing one, also from the command line.",
    "new": "Choose settings and values for another sweep. This one stays in the list.",
    "cancel": "Remove the queued runs from the queue. Runs in training continue.",
    "again": "Queue the unfinished runs again. Each resumes from its last saved state.",
    "compare": "Select all runs of this sweep on the Compare page.",
}


def found() -> dict[str, list[Entry]]:
    """Return every sweep, the newest first, with its runs, the oldest first."""
    sweep: dict[str, list[Entry]] = {}
    for entry in entries(server.ROOT):
        for name in sweeps.names_of(entry.tags):
            sweep.setdefault(name, []).insert(0, entry)
    return sweep


def choose() -> str:
    """Draw the choice of a sweep and return its name; "" for a new one. The address has it as
    `?sweep=NAME`; the default is the newest sweep."""
    sweep = found()
    names = list(sweep)
    left, right = st.columns([4, 8], vertical_alignment="center")
    titles = {chosen.NEW: "New sweep"} | {name: name for name in names}
    first = names[0] if names else chosen.NEW
    chosen.prepare(address.take("sweep", one_of(titles), first))
    about = HELP["sweep"]
    name = str(widgets.choose(left, "Sweep", chosen.KEY, titles, first, about, hide_label=True))
    address.put("sweep", name)
    if name == chosen.NEW:
        right.caption(
            "Trains the sidebar's configuration at several values of one or two settings, with "
            "several seeds."
        )
    else:
        with right.container(horizontal=True, vertical_alignment="center"):
            widgets.press("New sweep", "sweep_new", chosen.begin, HELP["new"])
            st.caption(_alike(sweep.get(name, [])))
    return name


def _alike(runs: Sequence[Entry]) -> str:
    """Return the common settings of all runs of a sweep, as text."""
    usable = [entry for entry in runs if entry.settings]
    differ = sweeps.swept(configurations.fold(usable)) if usable else ()
    settings = usable[0].settings if usable else {}
    parts = {
        "data": "{}",
        "network": "{}",
        "latent_dim": "{} latents",
        "likelihood": "{}",
        "posterior": "{} q",
        "objective": "{}",
        "beta": "β {}",
        "epochs": "{} epochs",
    }
    words = [
        text.format(markdown(written(settings[name])))
        for name, text in parts.items()
        if name not in differ and settings.get(name) is not None
    ]
    return "In all runs: " * bool(words) + ", ".join(words)


def moving(name: str) -> bool:
    """Whether any run of a sweep is queued or training."""
    return any(entry.state in ACTIVE for entry in found().get(name, []))


def view(name: str) -> None:
    """Draw a sweep in its present state."""
    runs = found().get(name, [])
    usable = [entry for entry in runs if entry.settings]
    if not usable:
        st.info(
            "This sweep has no readable runs any more: they were deleted, or their tags removed."
        )
        return
    _progress(runs)
    with st.container(horizontal=True, vertical_alignment="center", key="sweep_views"):
        what = widgets.segments(st, "View", "sweep_view", VIEWS, HELP["view"], "view")
        controls = st.container(horizontal=True, vertical_alignment="center", width="content")
        st.space("stretch")
        _actions(runs)
    folds = configurations.fold(usable)
    differ = sweeps.swept(folds)
    if what != CURVES:
        play(name, folds, differ, FILMS[what], controls)
        return
    left, right = st.columns([7, 5], gap="medium")
    with left:
        multiples(name, folds, differ)
    with right:
        summary(name, folds, differ)


def _counts(runs: Sequence[Entry]) -> str:
    """Return the number of runs in each state, as text."""
    states = Counter(entry.state for entry in runs)
    words = ", ".join(f"{count} {state}" for state, count in states.most_common())
    return f"**{len(runs)} run{'s' * (len(runs) != 1)}**: {words}"


def _progress(runs: Sequence[Entry]) -> None:
    """Draw the progress until all runs are finished, and the errors of failed ones."""
    if _is_done(runs):
        return
    parts = [_counts(runs)]
    if left := _time_left(runs):
        parts.append(f"about {training_time.duration(left)} left")
    done = sum(_share(entry) for entry in runs) / len(runs)
    st.progress(min(done, 1.0), text=" · ".join(parts))
    for entry in [entry for entry in runs if entry.state == "failed"][:FAILED]:
        st.caption(f":red-badge[failed] {markdown(entry.label)}: {markdown(_message(entry))}")


def _is_done(runs: Sequence[Entry]) -> bool:
    return all(entry.state == "finished" for entry in runs)


def _actions(runs: Sequence[Entry]) -> None:
    """Draw the buttons for all runs."""
    if _is_done(runs):
        st.markdown(_counts(runs), width="content")
    queued = [entry.name for entry in runs if entry.state == "queued"]
    again = [e.name for e in runs if e.state in RESUMABLE]
    if queued:
        cancel = partial(_cancel, queued)
        widgets.press("Cancel the rest", "sweep_cancel", cancel, HELP["cancel"], changes=True)
    elif again:
        title, resume = f"Queue {len(again)} again", partial(_again, again)
        widgets.press(title, "sweep_again", resume, HELP["again"], changes=True)
    if st.button("Compare", key="sweep_compare", help=HELP["compare"]):
        run_selection.select([entry.name for entry in runs])
        st.switch_page(server.PAGES / "compare.py")


def _message(entry: Entry) -> str:
    return Run(server.ROOT / entry.name).status().message


def _share(entry: Entry) -> float:
    """Return the finished share of a run, 0 to 1."""
    if entry.state == "finished":
        return 1.0
    epochs = entry.settings.get("epochs") if entry.settings else None
    return min(entry.epochs / epochs, 1.0) if epochs else 0.0


def _time_left(runs: Sequence[Entry]) -> float:
    """Return the seconds that queued and training runs need, from the finished ones; 0 if
    unknown."""
    rest = sum(1 - _share(entry) for entry in runs if entry.state in ACTIVE)
    known = [(_share(e), e.seconds) for e in runs if e.seconds > 0 and _share(e) > 0]
    if not rest or not known:
        return 0.0
    whole = sum(seconds for _, seconds in known) / sum(share for share, _ in known)
    return rest * (whole + STARTING)


def _cancel(names: Sequence[str]) -> None:
    for name in names:
        taken_out = {"state": "stopped", "message": "Taken out of the queue."}
        Run(server.ROOT / name).take(("queued",), **taken_out)  # one that has begun goes on


def _again(names: Sequence[str]) -> None:
    for name in names:
        server.launcher.resume(Run(server.ROOT / name))
