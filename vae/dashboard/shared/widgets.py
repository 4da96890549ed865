"""Widgets that several pages use: buttons, downloads, choices and whole numbers.

The value of a choice or a number lasts for the session, also over a change of page.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from vae.base import files, visitors
from vae.base.foreign import markdown
from vae.base.records import Floats
from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import SWITCH, one_of, real, same
from vae.dashboard.shared.address_values import whole as whole_number
from vae.runs import Run
from vae.runs.result_keys import run_key

Place = DeltaGenerator | ModuleType  # a container, or `st` for the present one
_ACT = "pressed"  # in the session: the act of a press until the app has run again


def npz(x: Floats, z: Floats) -> bytes:
    """Return x (N, *event) and z (N, Z) as a compressed .npz file; `--data` reads such files."""
    return packed({"x": x, "z": z})


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as a compressed .npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
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
    changes: bool = False,
    **looks: Any,
) -> None:
    """Show a button. A press reruns the app, which calls `act` before it draws anything.

    A button that `changes` a run is disabled on a read-only server.

    So `act` has the present values of all fields, and may set any field. A callback (`on_click`)
    would have the values of the last run of the script: a press can itself commit a value that is
    still being typed.
    """
    if changes and visitors.is_read_only():
        disabled, about = True, visitors.CLOSED
    if st.button(label, key=key, help=about, disabled=disabled, **looks) and not disabled:
        act_first(act)


def act_first(act: Callable[[], object]) -> NoReturn:
    """Rerun the app and call `act` before anything is drawn, as `press` does."""
    st.session_state[_ACT] = act
    st.rerun()


def call_pressed() -> None:
    """Call the act of the last press; for the main script, before it draws anything.

    The run may be gone, deleted in another window, and the disk full: a sentence tells.
    """
    if act := st.session_state.pop(_ACT, None):
        try:
            act()
        except ValueError as error:
            st.toast(markdown(error), duration="long")
        except OSError as error:
            st.toast(markdown(files.sentence(error)), duration="long")


def choose(
    place: Place,
    label: str,
    key: str,
    titles: Mapping[Any, str],
    default: Any,
    about: str,
    hide_label: bool = False,
    link: str = "",
    act: Callable[[Any], object] | None = None,
    **looks: Any,
) -> Any:
    """Return the chosen key of `titles`; `default` if the stored choice is not among them.

    `link` is its parameter of the address; `act` is called with a new choice of the user before
    anything is drawn.
    """
    if st.session_state.get(key) not in titles:
        st.session_state[key] = default
    if link:
        address.link(link, key, one_of(titles), default)
    return place.selectbox(
        label,
        list(titles),
        list(titles).index(st.session_state[key]),
        format_func=lambda value: titles.get(value, str(value)),
        key=key,
        help=about,
        disabled=len(titles) == 1,
        label_visibility="collapsed" if hide_label else "visible",
        persist_state="session",
        on_change=_with_value(key, act),
        **looks,
    )


def choose_some(
    place: Place,
    label: str,
    key: str,
    options: Sequence[str],
    value: Sequence[str],
    act: Callable[[Any], object],
) -> None:
    """Show a choice of several options; `act` is called with a new choice before anything is
    drawn."""
    st.session_state[key] = list(value)
    place.multiselect(
        label,
        options,
        key=key,
        label_visibility="collapsed",
        placeholder="none",
        on_change=_with_value(key, act),
    )


def typed(
    place: Place, label: str, key: str, value: str, hint: str, act: Callable[[Any], object]
) -> None:
    """Show a field of text, with a hint while it is empty; `act` is called with a new text before
    anything is drawn."""
    st.session_state[key] = "" if value == "auto" else value
    place.text_input(
        label,
        key=key,
        placeholder=f"auto · {hint}",
        label_visibility="collapsed",
        on_change=_with_value(key, act),
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
    on = bool(st.session_state[key])
    return bool(
        place.toggle(label, on, key=key, help=about, disabled=off, persist_state="session")
    )


def log_scale(
    place: Place, key: str, about: str, default: bool = False, off: bool = False
) -> bool:
    """Return the state of the box "log scale"; its parameter of the address is `log`."""
    address.link("log", key, SWITCH, default)
    on = bool(st.session_state[key])
    return bool(
        place.checkbox("log scale", on, key=key, help=about, disabled=off, persist_state="session")
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


def number(
    place: Place,
    label: str,
    key: str,
    start: float,
    ends: tuple[float | None, float | None],
    about: str,
    step: float | None,
    link: str = "",
    act: Callable[[Any], object] | None = None,
    **looks: Any,
) -> float:
    """Return a number typed by the user, whole if `start` is; `ends` are the lowest and highest.

    `link` is its parameter of the address; `act` is called with a new number of the user before
    anything is drawn.
    """
    kind = type(start)
    low, high = (None if end is None else kind(end) for end in ends)
    st.session_state.setdefault(key, start)
    if link:
        form = whole_number(low, high) if kind is int else real(low, high)
        address.link(link, key, form, start)
    settings = {"format": "%d" if kind is int else "%g", "persist_state": "session"} | looks
    value: float = place.number_input(
        label,
        low,
        high,
        _within(st.session_state[key], low, high),  # a field shows it before the stored value
        key=key,
        step=step and kind(step),
        help=about,
        on_change=_with_value(key, act),
        **settings,
    )
    return value


def _within(value: Any, low: float | None, high: float | None) -> Any:
    """Return the value, or the end that it lies beyond."""
    if low is not None and value < low:
        return low
    return high if high is not None and value > high else value


def step_of(value: float) -> float:
    """Return the step of a field: a tenth of the largest power of ten up to the value, not 0."""
    return float(10.0 ** (math.floor(math.log10(abs(value))) - 1))


def whole(
    place: Place,
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
    low, high, start = bounds
    return int(number(place, label, key, start, (low, high), about, step, link, disabled=off))


def seed(place: Place, key: str, about: str, off: bool = False) -> int:
    """Return the seed of random draws on a page, at first 0; its parameter is `seed`."""
    return whole(place, "Seed", key, (0, 2**31, 0), about, off=off, link="seed")


def _with_value(key: str, act: Callable[[Any], object] | None) -> Callable[[], None] | None:
    def changed() -> None:
        if act is not None:
            act(st.session_state[key])

    return changed if act else None


def key_of(name: str, run: Run) -> str:
    """Return the key of a field that belongs to one run; a new run of its name has another."""
    return f"{name}_{run_key(run)}"
