"""The settings of the user's file in the session. The Data page shows and changes them.

They belong to one file: another one starts with the guesses again. Keys are `set_<name>`, as those
of the sidebar's widgets.
"""

from typing import Any

import streamlit as st

from vae.base.options import FILE, Field
from vae.data.description import AUTO, SETTINGS

_FILE = "file_of_settings"  # in the session: the file that they describe
_ERROR = "file_error"  # in the session: the error of the last upload


def is_file_setting(field: Field) -> bool:
    """Whether a setting describes a user's file of data."""
    return field.kind == "data" and FILE in dict(field.specs)


def current() -> dict[str, str]:
    """Return the settings: name → value."""
    return {name: st.session_state.get(f"set_{name}", AUTO) for name in SETTINGS}


def put(name: str, value: str) -> None:
    """Change a setting, before the sidebar is drawn."""
    st.session_state[f"set_{name}"] = value


def forget() -> None:
    """Leave every setting to the guesses."""
    for name in SETTINGS:
        st.session_state.pop(f"set_{name}", None)


def begin(file: str) -> None:
    """Use the present settings for this file."""
    st.session_state[_FILE] = file


def belong_to(file: str) -> None:
    """Drop the settings of another file."""
    if st.session_state.get(_FILE, file) != file:
        forget()
    begin(file)


def note_error(error: Exception | None) -> None:
    """Store the error of the last upload; None if there was none."""
    st.session_state[_ERROR] = error


def last_error() -> Any:
    """Return the error of the last upload, or None."""
    return st.session_state.get(_ERROR)
