"""Sliders of the latents beside a map: z → E[x|z], computed in the browser while a slider moves.

    message ──websocket──► sliders, canvas, ring on the map
    z (a state) ◄── when the sliders rest

`exact` describes a decoder that the browser computes: its `recipe` (`vae.analysis.portable`), the
address of its `weights` and the class `label`. Without one, the server decodes z when the sliders
rest and sends the address of E[x|z]. Both are float32 in one block, served by `plot.serve`.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from vae.base.records import Floats
from vae.dashboard.plot import MODULES_AT, again, filled, serve_again

_JS = f"""let sliders;
export default async (component) => {{
  sliders ??= import(new URL("{MODULES_AT}sliders.js", location.origin))
    .catch((error) => {{ sliders = null; throw error; }});
  return (await sliders).mount(component);
}};"""
_HTML = """<div class="vae-sliders"><div class="picture">
<canvas role="img" width="144" height="144"></canvas>
<button type="button">Reset</button></div>
<div class="rows"><details hidden><summary></summary><div></div></details></div></div>"""
_component = st.components.v2.component(
    "vae_sliders", html=_HTML, css=filled("sliders.css"), js=_JS, isolate_styles=False
)


class Slider(NamedTuple):
    """The slider of one latent: its name and its ends."""

    latent: int
    name: str
    low: float
    high: float


class Place(NamedTuple):
    """A place in latent space that the sliders have reported, the `turn`-th of their map."""

    turn: int
    z: Floats  # (Z,)


def sliders(
    latents: Sequence[Slider],
    *,
    chart: str,
    revision: str,
    start: Sequence[float],
    form: Mapping[str, Any],
    few: int,
    alt: str,
    turn: int = 0,
    set_to: tuple[int, Sequence[float]] | None = None,
    plane: Mapping[str, Any] | None = None,
    exact: Mapping[str, Any] | None = None,
    decoded: str = "",
) -> None:
    """Show the sliders beside the map `chart` while it shows `revision`.

    Args:
        latents: the sliders in their order; the first `few` in sight, the others folded.
        start: the latents (Z,) at first and after a reset.
        form: `shape` of an example, for vectors also `range` and `backdrop`.
        alt: a sentence about the picture, for screen readers.
        turn: number of the last place that the sliders have reported for this map.
        set_to: a number and latents (Z,) to move the sliders to, once for each number.
        plane: `origin`, `forward` and `back` of the map; None for a map without the place of z.
        exact: the decoder for the browser; without it, `decoded` is the address of E[x|z].
    """
    key = _key(chart)
    message = {
        "key": chart,
        "revision": revision,
        "latents": [slider._asdict() for slider in latents],
        "few": few,
        "start": list(start),
        "turn": turn,
        "set": set_to,
        "form": form,
        "alt": alt,
        "plane": plane,
        "exact": exact,
        "decoded": decoded,
        "again": again(key),
    }
    _component(
        key=key,
        data=json.dumps(message).encode(),
        default={"z": None},
        on_z_change=lambda: None,
        on_missing_change=partial(serve_again, key),
    )


def reported(chart: str, revision: str, size: int) -> Place | None:
    """Return the place that the sliders of this map have reported last, None without one."""
    sent = (st.session_state.get(_key(chart)) or {}).get("z")
    if not sent or sent["revision"] != revision or len(sent["z"]) != size:
        return None
    return Place(int(sent["turn"]), np.asarray(sent["z"], np.float32))


def _key(chart: str) -> str:
    return f"{chart}_sliders"
