"""The chosen sweep: the field of its name, in the session."""

import streamlit as st

KEY = "sweep_chosen"  # of the field
NAME = "sweep_name"  # of the field for the name of a new sweep
NEW = ""
_CREATED = "sweep_created"


def created(name: str) -> None:
    """Show a sweep that was just created; the field itself is already drawn in this run."""
    st.session_state[_CREATED] = name


def prepare(given: str | None) -> None:
    """Choose the sweep that was just created, else the one `given` by a new address.

    Call it before the field is drawn.
    """
    if name := st.session_state.pop(_CREATED, None):
        st.session_state.pop(NAME, None)
    if (chosen := name or given) is not None:
        st.session_state[KEY] = chosen


def begin() -> None:
    """Choose a new sweep; for callbacks."""
    st.session_state[KEY] = NEW
