"""The run that every page shows: its name in the session and in the address, `?run=NAME`."""

import streamlit as st

from vae.dashboard import server
from vae.runs import listing

_NAME, _ADDRESS = (
    "run",
    "_address",
)  # keys of the session: the run, and the last one in the address


def name() -> str | None:
    """Return the name of the chosen run; None if there is none."""
    found: str | None = st.session_state.get(_NAME)
    return found


def choose(chosen: str | None) -> None:
    """Make every page show this run; None if no run is left."""
    st.session_state[_NAME] = st.session_state[_ADDRESS] = chosen
    if chosen is None:
        st.query_params.pop("run", None)
    elif st.query_params.get("run") != chosen:
        st.query_params["run"] = chosen


def sync_address() -> None:
    """Take the run from a new address, and write the chosen run into the address.

    An unknown name gives way to the newest run.
    """
    given = st.query_params.get("run")
    is_new = bool(given) and given != st.session_state.get(_ADDRESS)
    wanted = given if is_new else name()
    names = [run.name for run in listing(server.ROOT)]
    if wanted not in names:
        if given and given == wanted:
            st.toast(f"There is no run {given!r}; here is the newest one.")
        wanted = names[0] if names else None
    choose(wanted)
