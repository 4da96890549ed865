"""The Branch popover: train the selected run again with the same seed and one change."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from vae.base import files, visitors
from vae.base.foreign import markdown
from vae.base.options import Field
from vae.config import RunConfig
from vae.dashboard import server
from vae.dashboard.shared import run_selection, widgets
from vae.dashboard.shared.setting_choices import setting_titles
from vae.experiments import variants
from vae.experiments.configurations import Entry, written
from vae.runs import Run, recorded

REFUSED = "compare_branch_refused"
ABOUT = (
    "Train one run again with a single change. The seed stays the same, and with it split, "
    "batches and noise, so every difference comes from the change."
)
HELP = {
    "field": "The one setting that changes.",
    "name": "Name of the new run.",
    "queue": "Put the new run into the queue and select both runs. Its notes name the run it was "
    "branched from.",
}


def branch(selected: Sequence[Entry]) -> None:
    """The popover; it needs exactly one run with readable settings."""
    one = len(selected) == 1 and bool(selected[0].settings)
    about = ABOUT if one else f"{ABOUT} Tick exactly one run."
    if one and recorded.is_recorded(selected[0].settings):
        one, about = False, recorded.no_network(selected[0].name)
    if visitors.is_read_only():
        one, about = False, visitors.CLOSED
    open_ = st.popover(
        "Branch", disabled=not one, help=about, key="compare_branch", on_change="rerun"
    )
    if one and open_.open:
        with open_:
            _form(selected[0])


def _form(entry: Entry) -> None:
    run = Run(server.ROOT / entry.name)
    known = {field.name: field for field in variants.settings(run.config)}
    first = "beta" if "beta" in known else next(iter(known))
    left, right = st.columns(2)
    titles = {name: field.label for name, field in known.items()}
    key = widgets.key_of("compare_branch_field", run)
    name = str(widgets.choose(left, "Setting", key, titles, first, HELP["field"]))
    with right:
        value = _value(known[name], run.config, widgets.key_of(f"compare_branch_{name}", run))
    if refused := st.session_state.pop(REFUSED, ""):
        st.error(markdown(refused))
    try:
        config = variants.changed(run, name, value)
    except ValueError as error:
        st.caption(markdown(error))
        return
    except OSError as error:
        st.caption(files.sentence(error))
        return
    _offer(entry, run, config, variants.free_name(run, name, config.get(name)))


def _value(field: Field, config: RunConfig, key: str) -> Any:
    """The widget of a setting, at its present value."""
    option, old = field.under(config.model_dump()), config.get(field.name)
    label = "New value"
    if titles := setting_titles(field):
        titles |= {old: titles.get(old, written(old))}
        return widgets.choose(st, label, key, titles, old, option.help)
    if field.type not in (int, float):
        return st.text_input(label, written(old), key=key, help=option.help)
    start, ends = field.type(old), (option.low, option.high)
    step = 1 if field.type is int else None
    return widgets.number(st, label, key, start, ends, option.help, step)


def _offer(entry: Entry, run: Run, config: RunConfig, free: str) -> None:
    """The name and changes of the new run, and the button."""
    given = st.text_input(
        "Name", placeholder=free, key=f"compare_branch_name_{free}", help=HELP["name"]
    )
    st.markdown(f"**{markdown(variants.format_changes(run.config, config))}**")
    st.caption(f"All else as in {entry.name}, seed {config.seed} included.")
    if entry.changes:
        moved = ", ".join(dict.fromkeys(change.field for change in entry.changes))
        st.caption(f"{entry.name} had {moved} moved while it trained; the branch has not.")
    widgets.press(
        "Queue the branch",
        "compare_branch_queue",
        lambda: _queue(run, config, given.strip() or free),
        HELP["queue"],
        changes=True,
        type="primary",
    )


def _queue(run: Run, config: RunConfig, name: str) -> None:
    try:
        variant = variants.create(run, config, name)
    except ValueError as error:
        st.session_state[REFUSED] = str(error)
        return
    except OSError as error:
        st.session_state[REFUSED] = files.sentence(error)
        return
    server.launcher.pump()
    run_selection.select([run.name, variant.name])
