"""The configuration and the data of the sidebar, for the pages that start from them."""

from typing import NamedTuple

import streamlit as st

from vae.config import RunConfig
from vae.data import ChoiceError, Dataset

_CHOICE = "chosen"  # of the session


class Choice(NamedTuple):
    """The configuration and data of the sidebar; None where they are not valid."""

    config: RunConfig | None
    data: Dataset | None
    key: str  # names the data: equal keys, equal data
    problem: str  # why training cannot start; "" if Train is enabled
    offer: ChoiceError | None = None  # a problem that a choice of the user solves
    is_pressed: bool = False


def remember(choice: Choice) -> Choice:
    """Store the choice of this run of the script, and return it."""
    st.session_state[_CHOICE] = choice
    return choice


def last_key() -> str:
    """Return the key of the data of the last choice; "" before the first."""
    choice: Choice | None = st.session_state.get(_CHOICE)
    return choice.key if choice else ""


def last_problem() -> str:
    """Return the problem of the last choice; "" before the first."""
    choice: Choice | None = st.session_state.get(_CHOICE)
    return choice.problem if choice else ""


def current() -> Choice:
    """Return the choice of this run of the script."""
    choice: Choice = st.session_state[_CHOICE]
    return choice
