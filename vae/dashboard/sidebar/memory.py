"""The sidebar's settings in the browser: a reload, and a new tab, start with them.

They travel in a cookie, so that the first draw of a page has them and none is repeated. Each tab
writes its settings when they change, when it gets the focus and when it is left or reloaded: a
reload finds those of its tab, a new tab the last ones. The path of the cookie is that of
Streamlit's connection, the only request that needs it. The browser is not trusted.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import streamlit as st

from vae.base.options import Field, check, coerce
from vae.components import network_code, schedules
from vae.components.network_file import is_file
from vae.config import fields
from vae.config.presets import PRESETS

PRESET = "preset"  # among the settings
LONGEST = 3_800  # characters of the cookie; browsers refuse more than 4,096 with its name
_LARGEST = 2**53 - 1  # whole number in a field of the browser
_LEAST = 0.1  # epochs of a schedule
_SCRIPT = Path(__file__).with_name("memory.js").read_text("utf-8")
Settings = dict[str, Any]


def cookie() -> str:
    """Return the content of the cookie; "" without one."""
    found = st.context.cookies.get(_name())
    return found if isinstance(found, str) else ""


def _name() -> str:
    """Return the name of the cookie; servers on other ports of this machine have others."""
    return f"vae-lab-settings-{st.get_option('server.port')}"


def read(text: str) -> Settings | None:
    """Return the allowed settings in a cookie, and the preset; None if it cannot be read."""
    try:
        found = json.loads(unquote(text))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    known = fields(_network_in(found))
    given = {f.name: _allowed(f, found[f.name]) for f in known if f.name in found}
    preset = found.get(PRESET)
    named = {PRESET: preset} if isinstance(preset, str) and preset in PRESETS else {}
    return named | {name: value for name, value in given.items() if value is not None}


def _network_in(found: Settings) -> str:
    """Return the network of a cookie. That of a file counts only if this server has read the file
    from a path; else it is removed from the settings."""
    network = found.get("network")
    if not is_file(network):
        return ""
    if not network_code.is_chosen(str(network)):
        del found["network"]
        return ""
    return str(network)


def _allowed(field: Field, given: Any) -> Any:
    """Return a value in the type of its field; None if the field cannot hold it."""
    try:
        value = coerce(field, tuple(given) if isinstance(given, list) else given)
        check(field, value)
        if field.name.endswith("_schedule"):
            schedules.parse(value)
            return value if float(value.partition(":")[2] or 1) >= _LEAST else None
    except (ValueError, TypeError, OverflowError):
        return None
    return value if not isinstance(value, int) or abs(value) <= _LARGEST else None


def write(values: Settings, preset: str) -> str:
    """Return the content of the cookie: the preset, and the settings without the defaults."""
    known = fields(str(values.get("network", "")))
    chosen = {field.name: values.get(field.name, field.default) for field in known}
    changed = {
        field.name: values[field.name]
        for field in known
        if field.name in values and values[field.name] != field.default_for(chosen)
    }
    return quote(json.dumps({PRESET: preset} | changed, separators=(",", ":")), safe="")


def keep(values: Settings, preset: str) -> None:
    """Let the browser keep the settings; for the sidebar."""
    text = write(values, preset)
    if len(text) <= LONGEST:
        given = json.dumps([_name(), text])
        st.html(f"<script>{_SCRIPT}(...{given});</script>", unsafe_allow_javascript=True)
