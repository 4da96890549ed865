"""The run that every page shows: its name in the session and in the address, `?run=NAME`."""

import streamlit as st

from vae.dashboard import server
from vae.dashboard.shared import address, address_values
from vae.runs import names

_NAME = "run"  # of the session and of the address


def name() -> str | None:
    """Return the name of the chosen run; None if there is none."""
    found: str | None = st.session_state.get(_NAME)
    return found


def choose(chosen: str | None) -> None:
    """Make every page show this run; None if no run is left."""
    st.session_state[_NAME] = chosen
    address.put(_NAME, chosen)
    address.flush()  # before the page, which can take seconds


def sync_address() -> None:
    """Take the run from a new address, and write the chosen run into the address.

    An unknown name gives way to the chosen run, else to the newest one.
    """
    known = names(server.ROOT)
    usual = name() if name() in known else next(iter(known), None)
    choose(address.take(_NAME, address_values.same(known), usual) or usual)
