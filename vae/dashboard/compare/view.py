"""The Compare page: the table of runs, actions, and the chosen view of the selected runs."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from vae.base.foreign import markdown
from vae.dashboard import server
from vae.dashboard.compare import charts, maps, pictures, verdict
from vae.dashboard.compare.actions import actions
from vae.dashboard.compare.table import filters, first, select
from vae.dashboard.replay.films import MOST, RunTile, films
from vae.dashboard.shared import run_selection, widgets
from vae.experiments import configurations
from vae.experiments.configurations import Entry
from vae.experiments.entries import entries
from vae.figures.replay_grid import KINDS
from vae.runs import Run, active

STYLE = Path(__file__).with_name("view.css")
FOLLOW = 2.0  # seconds between two updates while a run is queued or training
PROBLEMS = 3  # unusable runs with their reasons, at most
PLANE, CURVES, SETTINGS = "Rate–distortion", "Curves", "Settings"
MAPS, PICTURES, FILMS, VERDICT = "Latent maps", "Pictures", "Time machine", "Verdict"
VIEWS = (PLANE, CURVES, SETTINGS, MAPS, PICTURES, FILMS, VERDICT)
ACROSS = 6  # tiles of the time machine beside each other, at most
VIEW_HELP = (
    "Rate–distortion shows every run of the table, Verdict any two configurations; the other "
    "views show the selected runs."
)


def moving() -> bool:
    """Whether any run is queued or training."""
    return bool(active(server.ROOT))


def view() -> None:
    """Draw the page."""
    found = entries(server.ROOT)
    _problems(found)
    run_selection.link([entry.name for entry in found])
    visible = first(filters(found))
    selection = select(found, visible)
    names = {entry.name for entry in visible}
    hidden = sum(entry.name not in names for entry in selection.selected)
    actions(selection.selected, hidden, _summary(found))
    what = widgets.segments(st, "View", "compare_view", VIEWS, VIEW_HELP, "view")
    usable = [entry for entry in selection.selected if entry.settings]
    with st.container(key="compare_page"):
        _draw(what, visible, usable)


def _problems(found: Sequence[Entry]) -> None:
    """Show the errors of unusable runs."""
    broken = [entry for entry in found if entry.problem]
    for entry in broken[:PROBLEMS]:
        st.markdown(f":orange-badge[{entry.name}] :small[{markdown(entry.problem)}]")
    if len(broken) > PROBLEMS:
        st.caption(f"And {len(broken) - PROBLEMS} more that cannot be used.")


def _summary(found: Sequence[Entry]) -> str:
    """Return the number of runs in each state, as text."""
    states = Counter(entry.state for entry in found)
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    return f"{len(found):,} run{'s' * (len(found) != 1)}: {counts}"


def _draw(what: str, visible: Sequence[Entry], selected: Sequence[Entry]) -> None:
    if what == PLANE:
        charts.plane(visible, selected)
    elif what == VERDICT:
        every = {entry.name: entry for entry in [*selected, *visible] if entry.settings}
        picked = charts.chosen(selected, folding=True)
        verdict.show(list(every.values()), picked)
    elif not selected:
        with st.container(border=True, horizontal_alignment="center"):
            st.markdown("**Nothing is selected.**", text_alignment="center")
            st.caption("Tick runs in the table to see them here.", text_alignment="center")
    elif what == CURVES:
        charts.curves(selected)
    elif what == SETTINGS:
        charts.settings(selected)
    else:
        singles = configurations.unfold(configurations.fold(selected))
        labels = configurations.labels(singles)
        titles = {fold.runs[0].name: name for fold, name in zip(singles, labels, strict=True)}
        if what == FILMS:
            _films(titles)
            return
        draw = maps.maps if what == MAPS else pictures.pictures
        draw(selected, titles)


def _films(titles: dict[str, str]) -> None:
    """Play the training of the selected runs side by side."""
    with st.container(horizontal=True, vertical_alignment="center"):
        kinds = {title: kind for kind, title in KINDS.items()}
        kind = widgets.segments(st, "Pictures", "compare_films", list(kinds), "", "pictures")
        place = st.container(horizontal=True, vertical_alignment="center", width="content")
    if len(titles) > MOST:
        st.caption(f"The first {MOST} of {len(titles)} selected runs.")
    across = min(ACROSS, max(2, math.ceil(math.sqrt(1.5 * len(titles)))))
    tiles = [
        RunTile(Run(server.ROOT / name), title, divmod(k, across))
        for k, (name, title) in enumerate(titles.items())
    ]
    films("compare", tiles, kinds[kind], place)
