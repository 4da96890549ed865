"""Widgets that several pages use: buttons, downloads, choices and whole numbers.

The value of a choice or a number lasts for the session, also over a change of page.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base.records import Floats, Ints
from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import SWITCH, one_of, same
from vae.dashboard.shared.address_values import whole as whole_number

Place = DeltaGenerator | ModuleType  # a container, or `st` for the present one


def npz(x: Floats, z: Floats) -> bytes:
    """Return x (N, *event) and z (N, Z) as a compressed .npz file; `--data` reads such files."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=x, z=z)
    return buffer.getvalue()


def download(label: str, make: Callable[[], bytes], name: str, about: str) -> None:
    """Show a button that calls `make` when pressed and downloads the result; no rerun."""
    mime = "image/png" if name.endswith(".png") else "application/octet-stream"
    st.download_button(
        label, make, name, mime, key=f"download_{name}", help=about, on_click="ignore"
    )


def press(
    label: str,
    key: str,
    act: Callable[[], object],
    about: str | None = None,
    disabled: bool = False,
    **looks: Any,
) -> None:
    """Show a button that calls `act` with the present values of all fields, then reruns the app.

    A callback (`on_click`) would use the values of the last run of the script: a press can itself
    commit a value that is still being typed.
    """
    if st.button(label, key=key, help=about, disabled=disabled, **looks) and not disabled:
        act()
        st.rerun()


def choose(
    place: DeltaGenerator,
    label: str,
    key: str,
    titles: Mapping[Any, str],
    default: Any,
    about: str,
    hide_label: bool = False,
    link: str = "",
) -> Any:
    """Return the chosen key of `titles`; `default` if the stored choice is not among them.

    `link` is its parameter of the address.
    """
    if st.session_state.get(key) not in titles:
        st.session_state[key] = default
    if link:
        address.link(link, key, one_of(titles), default)
    return place.selectbox(
        label,
        list(titles),
        format_func=lambda value: titles.get(value, str(value)),
        key=key,
        help=about,
        disabled=len(titles) == 1,
        label_visibility="collapsed" if hide_label else "visible",
        persist_state="session",
    )


def switch(
    place: Place,
    label: str,
    key: str,
    default: bool,
    about: str,
    link: str,
    off: bool = False,
) -> bool:
    """Return the state of a toggle; `link` is its parameter of the address."""
    address.link(link, key, SWITCH, default)
    return bool(place.toggle(label, key=key, help=about, disabled=off, persist_state="session"))


def log_scale(
    place: Place, key: str, about: str, default: bool = False, off: bool = False
) -> bool:
    """Return the state of the box "log scale"; its parameter of the address is `log`."""
    address.link("log", key, SWITCH, default)
    return bool(
        place.checkbox("log scale", key=key, help=about, disabled=off, persist_state="session")
    )


def segments(
    place: Place,
    label: str,
    key: str,
    options: Sequence[str],
    about: str,
    link: str,
    off: bool = False,
    hide_label: bool = True,
) -> str:
    """Return the chosen option of a row of buttons, at first the first one; `link` is its
    parameter of the address."""
    address.link(link, key, same(options), options[0])
    chosen = place.segmented_control(
        label,
        options,
        required=True,
        key=key,
        help=about or None,
        disabled=off,
        label_visibility="collapsed" if hide_label else "visible",
        persist_state="session",
    )
    return str(chosen or options[0])


def whole(
    place: DeltaGenerator,
    label: str,
    key: str,
    bounds: tuple[int, int, int],
    about: str,
    step: int = 1,
    off: bool = False,
    link: str = "",
) -> int:
    """Return a whole number typed by the user; `bounds` are lowest, highest and initial value.

    `link` is its parameter of the address.
    """
    st.session_state.setdefault(key, bounds[2])
    if link:
        address.link(link, key, whole_number(*bounds[:2]), bounds[2])
    value = place.number_input(
        label,
        bounds[0],
        bounds[1],
        key=key,
        step=step,
        help=about,
        disabled=off,
        persist_state="session",
    )
    return int(value)


def names_of(labels: Ints | None, classes: Sequence[str], rows: Ints) -> list[str]:
    """Return the class name of each row; "#row" where the data set has no classes."""
    if labels is None:
        return [f"#{row}" for row in rows]
    return [classes[k] if 0 <= k < len(classes) else "no class" for k in labels[rows]]
