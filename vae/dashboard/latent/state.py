"""Session state of the Latent space page: values that belong to one map.

Each value is stored with its owner (a run, its weights and a projection). Reading it for another
owner returns the default, so that nothing of one map appears on another.
"""

from typing import Any

import streamlit as st

PINS = "latent_pins"  # places, list of (x, y)
CHOICE = "latent_choice_rows"  # (number of the choice, rows of the data set)
MISSING = "latent_missing"  # rows of the last choice that the map does not show
TICKED = "latent_ticked"  # rows of the data set that are ticked in the table
PLACE = "latent_place"  # of the sliders
MIXTURES = "latent_mixtures"  # fitted mixtures

_NUMBER = "latent_choice_number"


def get(name: str, owner: object, default: Any) -> Any:
    """Return the value `name` of this owner, or the default."""
    stored, value = st.session_state.get(name, (None, default))
    return value if stored == owner else default


def put(name: str, owner: object, value: Any) -> None:
    """Store the value `name` for this owner; values of other owners are dropped."""
    st.session_state[name] = (owner, value)


def next_number() -> int:
    """Return 1, 2, … for the choices of a session, so that the browser knows a new one."""
    number: int = st.session_state.get(_NUMBER, 0) + 1
    st.session_state[_NUMBER] = number
    return number
