"""The sidebar's field for the network: a row of the table, or a function in a file of the user.

The file is read at each interaction, so that the fields of its options follow its text. Its code
runs only if the server was started with the permission; see `vae.components.network_code`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from vae.base import permission
from vae.base.options import Field
from vae.components import network_code
from vae.components.network_file import is_file
from vae.config import fields
from vae.dashboard.shared.setting_choices import setting_titles
from vae.dashboard.shared.widgets import Place, choose

FILE = "a file of your own"
NO_NETWORK = "Under Network, give the path of a file and the name of its function."
_ERROR = "network_error"  # in the session: the error of the last file
_ABOUT = (
    "FILE.py:FUNCTION on the machine that runs VAE Lab, such as /home/me/mine.py:resnet. The "
    "function has the signature of the built-in networks; its keyword options appear below. Its "
    f"code runs in this server only if the server was started with {permission.VARIABLE}=1."
)


def put(network: str) -> None:
    """Put a network into the field, before it is drawn."""
    st.session_state["set_network"] = FILE if is_file(network) else network
    if is_file(network):
        st.session_state["set_network_place"] = network_code.place_of(network)


def network_widget(at: Place, field: Field, about: str) -> str:
    """Show the choice of the network and return the setting; "" for a file that holds none."""
    titles = setting_titles(field) | {FILE: FILE}
    name = str(choose(at, field.label, "set_network", titles, field.default, about))
    if name != FILE:
        return name
    place = at.text_input(
        "File and function",
        key="set_network_place",
        persist_state="session",
        placeholder="/home/me/mine.py:resnet",
        help=_ABOUT,
    ).strip()
    st.session_state[_ERROR] = None
    try:
        if network_code.is_chosen(place):
            return place
        network = network_code.choose(place) if place else ""
        fields(network)  # raises ValueError for an option with the name of a setting
        return network
    except ValueError as error:
        st.session_state[_ERROR] = error
        return ""


def check(network: str) -> None:
    """Raise ValueError if the field holds no network."""
    if not network:
        raise st.session_state.get(_ERROR) or ValueError(NO_NETWORK)


def options(values: Mapping[str, Any]) -> Iterator[Field]:
    """Yield the options of the chosen file, which only its text declares."""
    network = values.get("network", "")
    if is_file(network):
        yield from (f for f in fields(network) if f.kind == "network")
