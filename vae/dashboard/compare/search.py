"""Search of runs: words, or a condition on their columns and settings (`vae.base.query`)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from vae.base.foreign import markdown
from vae.base.numbers import typed
from vae.base.query import QueryError, is_condition, positions
from vae.experiments.configurations import Entry

Row = Callable[[Entry], Mapping[str, Any]]  # of the table, by column


def search(entries: list[Entry], text: str, names: Sequence[str], row: Row) -> list[Entry]:
    """Return the runs that pass a search, all of them below a sentence after a mistake; `names`
    are the columns of the table."""
    if not is_condition(text):
        return [entry for entry in entries if matches(entry, text)]
    try:
        found = positions(columns(entries, names, row), text)
    except QueryError as error:
        st.warning(f"{markdown(error)} Until then the table has every run.")
        return entries
    return [entries[position] for position in found]


def columns(
    entries: Sequence[Entry], names: Sequence[str], row: Row
) -> dict[str, Callable[[], list[Any]]]:
    """Return the columns of a condition: those of the table, then notes and every setting. A name
    with the sign − can be typed with a hyphen."""
    found: dict[str, Callable[[], list[Any]]] = {}
    rows: list[Mapping[str, Any]] = []

    def column(name: str) -> list[Any]:
        rows.extend(map(row, entries[len(rows) :]))
        return [one[name] for one in rows]

    def setting(name: str) -> list[Any]:
        return [entry.settings.get(name) for entry in entries]

    for name in names:
        found[name] = partial(column, name)
        found.setdefault(name.replace("−", "-"), found[name])
    found["notes"] = lambda: [entry.notes for entry in entries]
    for name in dict.fromkeys(name for entry in entries for name in entry.settings):
        found.setdefault(name, partial(setting, name))
    return found


def matches(entry: Entry, words: str) -> bool:
    """Whether a run contains every word, ignoring case."""
    settings = [f"{name}={_plain(value)}" for name, value in entry.settings.items()]
    parts = [entry.name, entry.title, entry.notes, entry.state, entry.data, *entry.tags, *settings]
    text = "\n".join(parts).lower()
    return all(word in text for word in words.lower().split())


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return typed(value) if isinstance(value, float) else str(value)
