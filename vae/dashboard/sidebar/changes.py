"""The settings of the sidebar that differ from the preset, and their marks.

The values are read from the session's state, before the widgets are drawn.
"""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from vae.base.numbers import typed
from vae.base.options import Field
from vae.components.schedules import SCHEDULES
from vae.config import fields
from vae.dashboard.shared.widgets import press


def changed(preset: Mapping[str, Any]) -> list[Field]:
    """Return the settings that apply and differ from the preset; the data never counts."""
    chosen = {
        f.name: _state(f.name, preset.get(f.name, f.default)) for f in fields() if not f.kind
    }
    present = [f for f in fields() if f.name != "data" and f.belongs_to(chosen)]
    return [f for f in present if _differs(f, preset.get(f.name, f.default_for(chosen)))]


def marks(changed: list[Field]) -> str:
    """Return a style sheet that puts a dot beside the labels of these settings."""
    labels = ", ".join(f".st-key-set_{field.name} label::after" for field in changed)
    return f'<style>{labels or "x"} {{content: "";}}</style>'


def offer_reset(changed: list[Field], reset: Callable[[list[str]], None]) -> None:
    """Name the settings that differ from the preset, and offer to take them back."""
    with st.container(key="settings_changed", horizontal=True):
        st.caption("Changed: " + ", ".join(field.label for field in changed))
        press(
            "Reset",
            "settings_reset",
            lambda: reset([field.name for field in changed]),
            "Give these settings the values of the preset again.",
        )


def _state(name: str, default: Any) -> Any:
    return st.session_state.get(f"set_{name}", default)


def _differs(field: Field, usual: Any) -> bool:
    """Whether a widget shows another value than the usual one."""
    value = _state(field.name, usual)
    if field.name.endswith("_schedule"):
        value = _schedule(field.name, value)
    if isinstance(usual, tuple) and isinstance(value, str):
        return value.replace(" ", "") != ",".join(map(str, usual))
    return bool(value != usual)


def _schedule(name: str, kind: str) -> str:
    """Return a schedule as the setting is written: "warmup:20"."""
    if ":" in kind or not SCHEDULES[kind].takes_epochs:
        return kind
    return f"{kind}:{typed(_state(f'{name}_epochs', 20.0))}"
