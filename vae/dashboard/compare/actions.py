"""Actions on the selected runs: star, archive, edit, branch, export, delete and restore.

An action that fails changes nothing and shows its error above the table.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from vae.base import files, visitors
from vae.base.foreign import markdown
from vae.dashboard import server
from vae.dashboard.compare.archive import export, import_menu
from vae.dashboard.compare.variant_form import branch
from vae.dashboard.shared import current_run, run_selection
from vae.dashboard.shared.widgets import act_first, key_of, press
from vae.experiments.configurations import Entry
from vae.runs import Run, listing
from vae.runs import notes as run_notes
from vae.runs.status import ALIVE
from vae.runs.store import Deleted, delete, rename, restore, trash
from vae.worker.job import SUFFIXES, attempts

ERROR, UNDO = "compare_error", "compare_undo"
FORM, NOTES = 440, 84  # pixels: width of the form, height of the notes
NAMED = 16  # letters of names that fit into the row of actions
LISTED = 8  # deleted runs that the page lists
HELP = {
    "favourite": "Mark the selected runs with a star, or remove it if all have one.",
    "archive": "Hide the selected runs from the table unless it shows archived runs.",
    "edit": "Change name, title, tags and notes of one run, or add tags to several.",
    "delete": "Move the selected runs to the trash. They can be restored for a week. Stop a run "
    "in training first.",
    "deleted": "Runs deleted in the last week, which can be restored.",
    "name": "Name of the run's folder, also in addresses and on the command line: letters, "
    "digits, dots, dashes and underscores.",
    "title": "Label of the run in tables and charts.",
    "tags": "Tags, separated by commas.",
    "notes": "Free text about the run.",
}


def actions(selected: Sequence[Entry], hidden: int, summary: str) -> None:
    """One row: the number of selected runs, the actions, and the number of all runs."""
    if refused := st.session_state.pop(ERROR, ""):
        st.error(markdown(refused))
    with st.container(horizontal=True, vertical_alignment="center", key="compare_actions"):
        _count(selected, hidden)
        none = not selected
        starred = bool(selected) and all(entry.favourite for entry in selected)
        stowed = bool(selected) and all(entry.archived for entry in selected)
        _button("Unstar" if starred else "Star", "favourite", none, _note, selected, not starred)
        word = "Unarchive" if stowed else "Archive"
        _button(word, "archived", none, _note, selected, not stowed, about=HELP["archive"])
        closed = none or visitors.is_read_only()
        with st.popover("Edit", disabled=closed, help=HELP["edit"], key="compare_edit"):
            _edit(selected)
        branch(selected)
        export(selected)
        import_menu()
        _button("Delete", "delete", none, _delete, selected)
        restore_menu(named=none)
        st.space("stretch")
        st.caption(summary, width="content")


def _count(selected: Sequence[Entry], hidden: int) -> None:
    more = f" ({hidden} not in the table)" if hidden else ""
    if not selected and not _undoable():  # otherwise the row names the deleted runs
        st.markdown("Tick runs to compare them.", width="content")
    if selected:
        st.markdown(f"**{len(selected)} selected**{more}", width="content")
        press("Clear", "compare_clear", lambda: run_selection.select([]), type="tertiary")


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
    run_it = partial(_with_error, partial(act, *arguments))
    press(label, f"compare_{name}", run_it, about or HELP[name], off, changes=True)


def _with_error(act: Callable[[], None]) -> None:
    """Run an action and store its error, which `actions` shows."""
    try:
        act()
    except OSError as error:
        st.session_state[ERROR] = files.sentence(error)
    except ValueError as error:
        st.session_state[ERROR] = str(error)


def _note(names: Sequence[str], field: str, value: bool) -> None:
    for name in names:
        run_notes.change(server.ROOT / name, **{field: value})


def _delete(names: Sequence[str]) -> None:
    """Delete runs; raises ValueError for those that could not be deleted."""
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


def _forget(gone: set[str]) -> None:
    """Remove deleted runs from the selection and from the other pages."""
    run_selection.take_ticks([n for n in run_selection.selected() if n not in gone])
    if current_run.name() in gone:
        current_run.choose(next((run.name for run in listing(server.ROOT, 1)), None))


def idle(run: Run, done: str) -> Run:
    """Return the run; raises ValueError if a job on it is running, whose result would be lost."""
    if any(job.status()["state"] in ALIVE for kind in SUFFIXES for job in attempts(run, kind)):
        raise ValueError(
            f"{run.name} cannot be {done} during an evaluation or projection: wait for its end."
        )
    return run


def _edit(selected: Sequence[Entry]) -> None:
    if len(selected) == 1:
        _edit_one(selected[0])
    elif selected:
        with st.form("compare_add_tags", border=False):
            tags = st.text_input("Add tags", help=HELP["tags"], key="compare_more_tags")
            if st.form_submit_button("Add"):
                act_first(partial(_with_error, partial(_add, selected, _tags(tags))))


def _edit_one(entry: Entry) -> None:
    with st.form(key_of("compare_edit", Run(server.ROOT / entry.name)), border=False, width=FORM):
        left, right = st.columns(2)
        title = left.text_input("Title", entry.title, help=HELP["title"])
        name = right.text_input("Name", entry.name, help=HELP["name"])
        tags = st.text_input("Tags", ", ".join(entry.tags), help=HELP["tags"])
        notes = st.text_area("Notes", entry.notes, height=NOTES, help=HELP["notes"])
        if st.form_submit_button("Save", type="primary"):
            save = partial(_save, entry, name.strip(), title, _tags(tags), notes)
            act_first(partial(_with_error, save))


def _tags(text: str) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in text.split(","))


def _add(selected: Sequence[Entry], tags: tuple[str, ...]) -> None:
    for entry in selected:
        run_notes.change(server.ROOT / entry.name, tags=(*entry.tags, *tags))


def _save(entry: Entry, name: str, title: str, tags: tuple[str, ...], notes: str) -> None:
    run = Run(server.ROOT / entry.name)
    run_notes.change(run.path, title=title, tags=tags, notes=notes)
    if name == entry.name:
        return
    rename(idle(run, "renamed"), name)
    run_selection.rename(entry.name, name)
    if current_run.name() == entry.name:
        current_run.choose(name)


def restore_menu(named: bool = True) -> None:
    """Undo the last deletion, with the deleted names if `named`; or restore a run deleted in the
    last week."""
    if undo := _undoable():
        names = ", ".join(deleted.name for deleted in undo)
        if named:
            many = "1 run" if len(undo) == 1 else f"{len(undo)} runs"
            what = names if len(names) <= NAMED else many
            st.markdown(f":small[Deleted {what}.]", width="content")
        press(
            "Undo",
            "compare_undo_button",
            partial(_with_error, partial(_restore, undo)),
            f"Restore the runs deleted last: {names}.",
            changes=True,
            type="primary",
        )
    found = trash(server.ROOT)
    if not found:
        return
    with (
        st.popover(f"Deleted ({len(found)})", help=HELP["deleted"], key="compare_deleted"),
        st.container(width=FORM),
    ):
        for deleted in found[:LISTED]:
            ago = max(time.time() - deleted.when, 0.0) / 3600  # a clock may jump back
            words = f"{ago:.0f} h ago" if ago >= 1 else f"{60 * ago:.0f} min ago"
            left, right = st.columns([7, 3], vertical_alignment="center")
            left.markdown(f"{deleted.name}, {words}")
            with right:
                press(
                    "Bring back",
                    f"compare_back_{deleted.path.name}",
                    partial(_with_error, partial(_restore, [deleted])),
                    changes=True,
                    width="stretch",
                )
        if len(found) > LISTED:
            st.caption(f"And {len(found) - LISTED} earlier ones in .trash of the runs' folder.")


def _undoable() -> list[Deleted]:
    """Return the runs deleted last, if they can be restored."""
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
