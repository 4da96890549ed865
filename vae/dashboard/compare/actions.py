"""What can be done to the selected runs: star, archive, name and describe, branch, export, delete,
bring back.

Whatever is refused is told in a sentence above the table, and nothing else changes.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from vae.base import files
from vae.dashboard import server
from vae.dashboard.compare.archive import bring, export
from vae.dashboard.compare.variant_form import branch
from vae.dashboard.shared import current_run, run_selection
from vae.experiments.configurations import Entry
from vae.runs import Run, listing
from vae.runs import notes as said
from vae.runs.status import ALIVE
from vae.runs.store import Deleted, delete, rename, restore, trash
from vae.worker.job import SUFFIXES, attempts

TOLD, UNDO = "compare_told", "compare_undo"
FORM, NOTES = 440, 84  # pixels: how wide a run's own words are edited, how high its notes
NAMED = 16  # letters of names that the row of actions has room for
LISTED = 8  # deleted runs that can be brought back from the page
HELP = {
    "favourite": "Mark with a star, or take it away where all selected runs have it.",
    "archive": "Hide from the table until archived runs are asked for; nothing else changes.",
    "edit": "Name, title, tags and notes of one run; of several, tags to add.",
    "delete": "Move to the trash, from where it can be brought back for a week. A run at work has "
    "to be stopped first.",
    "deleted": "Runs deleted in the last week.",
    "name": "Letters, digits, dots, dashes and underscores. It is the folder's name as well, and "
    "the one in the address and on the command line.",
    "title": "A name in words, for tables and charts.",
    "tags": "Separated by commas.",
    "notes": "Whatever is worth knowing of the run.",
}


def actions(selected: Sequence[Entry], hidden: int, summary: str) -> None:
    """One row: what is selected, what can be done to it, and how many runs there are."""
    if refused := st.session_state.pop(TOLD, ""):
        st.error(refused)
    with st.container(horizontal=True, vertical_alignment="center", key="compare_actions"):
        _count(selected, hidden)
        none = not selected
        starred = bool(selected) and all(entry.favourite for entry in selected)
        stowed = bool(selected) and all(entry.archived for entry in selected)
        _button("Unstar" if starred else "Star", "favourite", none, _note, selected, not starred)
        word = "Unarchive" if stowed else "Archive"
        _button(word, "archived", none, _note, selected, not stowed, about=HELP["archive"])
        with st.popover("Edit", disabled=none, help=HELP["edit"], key="compare_edit"):
            _edit(selected)
        branch(selected)
        export(selected)
        bring()
        _button("Delete", "delete", none, _delete, selected)
        bring_back(told=none)
        st.space("stretch")
        st.caption(summary, width="content")


def _count(selected: Sequence[Entry], hidden: int) -> None:
    more = f" ({hidden} hidden by the filters)" if hidden else ""
    if not selected and not _undoable():  # what was just deleted is said in the same row
        st.markdown("Tick runs to compare them.", width="content")
    if selected:
        st.markdown(f"**{len(selected)} selected**{more}", width="content")
        st.button(
            "Clear",
            type="tertiary",
            key="compare_clear",
            on_click=run_selection.select,
            args=([],),
        )


def _button(
    label: str,
    name: str,
    off: bool,
    act: Callable[..., None],
    selected: Sequence[Entry],
    *more: object,
    about: str = "",
) -> None:
    names = [entry.name for entry in selected]
    arguments = (names, name, *more) if more else (names,)
    st.button(
        label,
        key=f"compare_{name}",
        disabled=off,
        help=about or HELP[name],
        on_click=partial(_tell, partial(act, *arguments)),
    )


def _tell(act: Callable[[], None]) -> None:
    """Do it; keep the sentence of what was refused for the next redraw."""
    try:
        act()
    except OSError as error:
        st.session_state[TOLD] = files.sentence(error)
    except ValueError as error:
        st.session_state[TOLD] = str(error)


def _note(names: Sequence[str], field: str, value: bool) -> None:
    for name in names:
        said.change(server.ROOT / name, **{field: value})


def _delete(names: Sequence[str]) -> None:
    """Throw runs away, those that can be, and say which could not."""
    gone, refused = [], []
    for name in names:
        try:
            gone.append(delete(idle(Run(server.ROOT / name), "deleted")))
        except ValueError as error:
            refused.append(str(error))
    if gone:
        st.session_state[UNDO] = gone
        _forget({deleted.name for deleted in gone})
    if refused:
        raise ValueError(" ".join(refused))


def _forget(names: set[str]) -> None:
    """Runs that are gone are not selected, and not the one that other pages show."""
    run_selection.take_ticks([n for n in run_selection.selected() if n not in names])
    if current_run.name() in names:
        rest = listing(server.ROOT)
        current_run.choose(rest[0].name if rest else None)


def idle(run: Run, done: str) -> Run:
    """The run; raises ValueError if a job is at work on it, whose result would be lost."""
    if any(job.status()["state"] in ALIVE for kind in SUFFIXES for job in attempts(run, kind)):
        raise ValueError(
            f"{run.name} is being evaluated or projected: wait for that before it is {done}."
        )
    return run


def _edit(selected: Sequence[Entry]) -> None:
    if len(selected) == 1:
        _edit_one(selected[0])
    elif selected:
        with st.form("compare_add_tags", border=False):
            tags = st.text_input("Add tags", help=HELP["tags"], key="compare_more_tags")
            if st.form_submit_button("Add"):
                _tell(partial(_add, selected, _tags(tags)))
                st.rerun()


def _edit_one(entry: Entry) -> None:
    with st.form(f"compare_edit_{entry.name}", border=False, width=FORM):
        left, right = st.columns(2)
        title = left.text_input("Title", entry.title, help=HELP["title"])
        name = right.text_input("Name", entry.name, help=HELP["name"])
        tags = st.text_input("Tags", ", ".join(entry.tags), help=HELP["tags"])
        notes = st.text_area("Notes", entry.notes, height=NOTES, help=HELP["notes"])
        if st.form_submit_button("Save", type="primary"):
            _tell(partial(_save, entry, name.strip(), title, _tags(tags), notes))
            st.rerun()


def _tags(text: str) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in text.split(","))


def _add(selected: Sequence[Entry], tags: tuple[str, ...]) -> None:
    for entry in selected:
        said.change(server.ROOT / entry.name, tags=(*entry.tags, *tags))


def _save(entry: Entry, name: str, title: str, tags: tuple[str, ...], notes: str) -> None:
    run = Run(server.ROOT / entry.name)
    said.change(run.path, title=title, tags=tags, notes=notes)
    if name == entry.name:
        return
    rename(idle(run, "renamed"), name)
    run_selection.rename(entry.name, name)
    if current_run.name() == entry.name:
        current_run.choose(name)


def bring_back(told: bool = True) -> None:
    """Undo the last deletion, in words where it is to be told; or bring back what was deleted in
    the last week."""
    if undo := _undoable():
        names = ", ".join(deleted.name for deleted in undo)
        if told:
            many = "1 run" if len(undo) == 1 else f"{len(undo)} runs"
            what = names if len(names) <= NAMED else many
            st.markdown(f":small[Deleted {what}.]", width="content")
        st.button(
            "Undo",
            type="primary",
            key="compare_undo_button",
            on_click=partial(_tell, partial(_restore, undo)),
            help=f"Bring back what was deleted last: {names}.",
        )
    found = trash(server.ROOT)
    if not found:
        return
    with (
        st.popover(f"Deleted ({len(found)})", help=HELP["deleted"], key="compare_deleted"),
        st.container(width=FORM),
    ):
        for deleted in found[:LISTED]:
            ago = (time.time() - deleted.when) / 3600
            words = f"{ago:.0f} h ago" if ago >= 1 else f"{60 * ago:.0f} min ago"
            left, right = st.columns([7, 3], vertical_alignment="center")
            left.markdown(f"{deleted.name}, {words}")
            right.button(
                "Bring back",
                width="stretch",
                key=f"compare_back_{deleted.path.name}",
                on_click=partial(_tell, partial(_restore, [deleted])),
            )
        if len(found) > LISTED:
            st.caption(f"And {len(found) - LISTED} earlier ones in .trash of the runs' folder.")


def _undoable() -> list[Deleted]:
    """What was deleted last, if it can be brought back."""
    return [d for d in st.session_state.get(UNDO, []) if d.path.is_dir()]


def _restore(deleted: Sequence[Deleted]) -> None:
    st.session_state[UNDO], refused = [], []
    run_selection.select(run_selection.selected())
    for one in deleted:
        try:
            restore(one)
        except ValueError as error:
            refused.append(str(error))
    if refused:
        raise ValueError(" ".join(refused))
