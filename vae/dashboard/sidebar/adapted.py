"""Settings of the sidebar that follow the data: other data, or another preset, set them once.

A setting returns to its former value where the next data do not need the change, unless a later
change by hand replaced it. Settings of a run, a lesson or an earlier session stay as they are.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import streamlit as st

from vae.config import RunConfig
from vae.config.adaptation import adaptations, sentences
from vae.data import Dataset

_STATE = "adapted"  # in the session
_CHOSEN = "adapted_chosen"  # in the session: names of settings that the next data leave alone


class Adapted(NamedTuple):
    """The data and the preset that the settings follow, and the changes that they needed."""

    key: tuple[str, str] = ("", "")
    former: dict[str, Any] = {}  # noqa: RUF012 (never changed) values before
    values: dict[str, Any] = {}  # noqa: RUF012 (never changed) values since
    words: tuple[str, ...] = ()
    pending: dict[str, Any] = {}  # noqa: RUF012 (never changed) to put into the widgets


def pending() -> dict[str, Any]:
    """Return the settings to put into the widgets, once, and announce them."""
    found = _state()
    if found.pending:
        st.session_state[_STATE] = found._replace(pending={})
        if found.words:
            st.toast(" ".join(found.words))
    return found.pending


def leave(names: Iterable[str]) -> None:
    """Leave these settings as they are when the data or the preset change next."""
    st.session_state[_CHOSEN] = frozenset(names)


def follow(config: RunConfig, data: Dataset, key: tuple[str, str]) -> None:
    """Adapt the settings to other data or another preset, and run the script again if any
    changes."""
    before, chosen = _state(), st.session_state.pop(_CHOSEN, frozenset())
    if before.key == key:
        return
    usual = {
        n: v
        for n, v in before.former.items()
        if config.get(n) == before.values[n] and n not in chosen
    }
    found = adaptations(config, data, usual)
    values = {n: v for n, v in found.items() if n not in chosen}
    former = {name: usual.get(name, config.get(name)) for name in values}
    changes = {n: v for n, v in (usual | values).items() if config.get(n) != v}
    words = tuple(sentences(values, config, data))
    st.session_state[_STATE] = Adapted(key, former, values, words, changes)
    if changes:
        st.rerun()


def note(config: RunConfig) -> str:
    """Return the sentences on the adapted settings that still have their adapted values."""
    found = _state()
    pairs = zip(found.values.items(), found.words, strict=True)
    return " ".join(words for (name, value), words in pairs if config.get(name) == value)


def _state() -> Adapted:
    found: Adapted = st.session_state.get(_STATE, Adapted())
    return found
