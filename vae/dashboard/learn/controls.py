"""The controls of a step as one component that answers while they move.

Streamlit's slider reports 200 ms after the last movement; this one reports at once, and again as
soon as the page has answered.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from vae.dashboard.learn.lesson import Control, Slider, Value, Values
from vae.dashboard.shared.html_gallery import colour

_HERE = Path(__file__)
_controls = st.components.v2.component(
    "vae_controls",
    html='<div class="vae-controls"></div>',
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


def moved(key: str, controls: Mapping[str, Control]) -> tuple[int, dict[str, Value]]:
    """Return the number of the browser's last movement and its values, each within range."""
    sent = (st.session_state.get(key) or {}).get("moved") or {"number": 0, "values": {}}
    known = {name: value for name, value in sent["values"].items() if name in controls}
    return sent["number"], {name: controls[name].accept(v) for name, v in known.items()}


def show(
    key: str,
    controls: Mapping[str, Control],
    values: Values,
    labels: Mapping[str, str],
    number: int,
    is_open: bool = False,
) -> None:
    """Show controls with their values; `labels` has "NAME" and, for a choice, "NAME.OPTION".

    The browser numbers its movements from `number` on, that of the last one taken: a step without
    controls makes it forget its own. While the page `is_open`, it asks for it again and again.
    """
    _controls(
        key=key,
        data={
            "controls": [_described(name, c, labels) for name, c in controls.items()],
            "values": {name: values[name] for name in controls},
            "number": number,
            "open": is_open,
        },
        default={"moved": None, "look": None},
        on_moved_change=lambda: None,
        on_look_change=lambda: None,
    )


def _described(name: str, control: Control, labels: Mapping[str, str]) -> dict[str, Any]:
    common = {"name": name, "label": labels[name], "symbol": control.symbol}
    common["colour"] = colour(control.colour)
    if isinstance(control, Slider):
        return {**common, "low": control.low, "high": control.high, "step": control.step}
    options: Sequence[list[str]] = [[o, labels[f"{name}.{o}"]] for o in control.options]
    return {**common, "options": options}
