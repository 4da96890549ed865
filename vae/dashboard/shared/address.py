"""The address of the page: a link opens the view, and the view is in the address.

A page links each of its choices to a parameter of the address with `link`, before it draws the
widget. A new address (the first of a session, another page, or the browser's Back) sets the
choices; afterwards the choices set the address. The address has only values that differ from the
default, so it stays short. A text without a value gives way to the default, and a notice names
both.

`page` surrounds a whole run of the script: the address is written once, at its end. A fragment
that runs alone writes at once.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx

from vae.dashboard.shared.address_values import LONGEST, Form

_FILES = ("address.js", "copy_link.js")
_SCRIPT = "\n".join(Path(__file__).with_name(name).read_text("utf-8") for name in _FILES)
_STATE = "_address"  # of the session
_RECENT = 8  # addresses that a delayed request of the browser may still carry
_QUOTED = 40  # characters of a wrong value in a sentence


@dataclass
class _Address:
    """The address of a session."""

    page: str | None = None
    is_back: bool = False  # the browser's Back or Forward: a missing parameter means the default
    is_open: bool = False  # a run of the whole script is at work
    unread: dict[str, str] = field(default_factory=dict)  # parameters of a new address
    current: dict[str, str] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)  # parameters of this run of the script
    recent: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=_RECENT))


def _address() -> _Address:
    found: _Address = st.session_state.setdefault(_STATE, _Address())
    return found


def copy_link() -> None:
    """Show a button that copies the address; choices then replace the entry of the browser's
    history."""
    about = "Copy the address of this view: the page, the run and the choices on it."
    button = f'<button type="button" class="vae-copy-link" title="{about}">Copy link</button>'
    st.html(f"{button}<script>{_SCRIPT}</script>", unsafe_allow_javascript=True)


@contextmanager
def page(name: str) -> Iterator[None]:
    """Read the address before the block, which draws the page `name`, and write it afterwards."""
    address = _address()
    _open(address, name)
    try:
        yield
        address.unread, address.is_back = {}, False
        address.current = {k: v for k, v in address.current.items() if k in address.linked}
    finally:
        address.is_open = False
        flush()


def end_page() -> NoReturn:
    """End the page here. `st.stop` refuses every later message, also that of the address."""
    raise StopException


def _open(address: _Address, name: str) -> None:
    """Begin a run of the script; take the parameters if the address is a new one.

    On the same page, a recent address comes with a request that was sent before the browser
    received the latest one.
    """
    given = st.query_params.to_dict()
    is_back = bool(getattr(get_script_run_ctx(), "is_history_navigation", False))
    if name != address.page or is_back or given not in address.recent:
        address.unread, address.is_back, address.current = dict(given), is_back, dict(given)
        address.recent.append(given)
    address.page, address.linked, address.is_open = name, set(), True


def link(parameter: str, key: str, form: Form, default: Any) -> None:
    """Link the choice `key` of the session to a parameter, before its widget is drawn.

    The choice starts with the value in a new address, else with the default.
    """
    found = take(parameter, form, default)
    if found is not None:
        st.session_state[key] = found
    value = st.session_state.setdefault(key, default)
    show(parameter, form, value, default)


def take(parameter: str, form: Form, default: Any) -> Any:
    """Return the value of a parameter in a new address, once; None without one.

    A value that is not allowed gives way to the nearest, or to the default.
    """
    address = _address()
    text = address.unread.pop(parameter, None)
    if text is None:
        return default if address.is_back else None
    try:
        value = form.read(text) if len(text) <= LONGEST else default
    except (ValueError, KeyError):
        value = default
    if form.write(value) != text and not _is_equal(form, value, text):
        say(parameter, text, form.title(value))
    return value


def _is_equal(form: Form, value: Any, text: str) -> bool:
    """Whether a text is another spelling of the value, such as 1.0 of 1."""
    try:
        return form.write(value) == form.write(float(text))
    except (ValueError, TypeError, OverflowError):
        return False


def is_of(name: str) -> bool:
    """Whether the address is that of the page `name`."""
    return _address().page == name


def take_texts(names: Iterable[str]) -> dict[str, str] | None:
    """Return the texts of parameters in a new address, once; None if it has none of them.

    After the browser's Back the address may have none: all take their defaults.
    """
    address = _address()
    found = {name: address.unread.pop(name) for name in names if name in address.unread}
    return found if found or address.is_back else None


def pending(parameter: str) -> str | None:
    """Return the text of a parameter in a new address that no choice has taken yet."""
    return _address().unread.get(parameter)


def say(parameter: str, text: str, title: str) -> None:
    """Show that the page differs from the request of a link."""
    wrong = "".join(c for c in text[:_QUOTED] if c.isprintable() and c != "`")
    wrong += "…" * (len(text) > _QUOTED)
    name = parameter.replace("_", " ")
    st.toast(f"The link asked for {name} `{wrong or ' '}`; showing {title}.", duration="long")


def show(parameter: str, form: Form, value: Any, default: Any) -> None:
    """Put a choice into the address, where it differs from the default and is not too long."""
    text, usual = form.write(value), form.write(default)
    put(parameter, text if text != usual and len(text) <= LONGEST else None)


def put(parameter: str, text: str | None) -> None:
    """Put a text into the address; None removes the parameter."""
    address = _address()
    address.linked.add(parameter)
    if text is None:
        address.current.pop(parameter, None)
    else:
        address.current[parameter] = text
    if not address.is_open:
        flush()


def flush() -> None:
    """Send the address to the browser, if it has another one.

    A request that was sent before the browser received the latest address carries an older one,
    so both must be the current one.
    """
    address = _address()
    known = (st.query_params.to_dict(), address.recent[-1] if address.recent else {})
    if any(found != address.current for found in known):
        st.query_params.from_dict(address.current)
        address.recent.append(dict(address.current))
