"""A place that draws nothing, for the settings in a closed box: their values are the session's."""

from typing import Any

import streamlit as st


class Unseen:
    """The methods of a Streamlit container that the sidebar's widgets call."""

    def selectbox(self, label: str, options: Any, index: int, *, key: str, **looks: Any) -> Any:
        """Return the stored choice."""
        return st.session_state[key]

    def number_input(
        self, label: str, low: Any, high: Any, value: Any, *, key: str, **looks: Any
    ) -> Any:
        """Return the number that the field would show at first."""
        return value

    def text_input(self, label: str, *, key: str, **looks: Any) -> str:
        """Return the stored text."""
        return str(st.session_state.get(key, ""))


UNSEEN: Any = Unseen()
