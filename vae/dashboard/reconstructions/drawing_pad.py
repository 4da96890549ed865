"""A drawing pad with the resolution of the data.

The browser sends the picture as base64 when the pointer is released. The pad starts from a base
picture, and again whenever `revision` changes. While the pointer draws, the browser shows the
reconstruction, and a ring on the map, where it can compute the model.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from vae.dashboard.plot import MODULES_AT

SIDE = 280  # px, greatest width and height of the pad

_HTML = """<div class="vae-pad"><div class="paper">
<canvas tabindex="0" role="img" aria-label="Pad: draw with the pointer, or with the arrow keys
while the space bar is held"></canvas><div class="ring"></div></div>
<div class="tools"><button type="button" class="brush" aria-pressed="true">Brush</button>
<button type="button" class="eraser" aria-pressed="false">Eraser</button>
<button type="button" class="clear">Clear</button>
<input class="ink" type="color" value="#ffffff" aria-label="Colour" title="Colour of the brush">
<label title="Diameter of brush and eraser, in pixels of the data">size
<input class="size" type="range" min="1" step="0.5" aria-label="Brush size"></label></div>
<div class="seen" hidden><canvas role="img" aria-label="Reconstruction of the drawing"></canvas>
<span>Reconstruction while you draw; the ring on the map is its place.</span></div></div>"""
_CSS = """
.vae-pad { font: 13px var(--st-font); color: var(--st-text-color); }
.paper { position: relative; width: max-content; overflow: hidden; line-height: 0;
  border: 1px solid var(--st-border-color); }
canvas { image-rendering: pixelated; }
.paper canvas { cursor: crosshair; touch-action: none; }
.seen { display: flex; gap: 10px; align-items: center; margin-top: 10px; max-width: 280px; }
.seen[hidden] { display: none; }
.seen canvas { flex: none; outline: 1px solid var(--st-border-color); outline-offset: -1px; }
canvas:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
.ring { position: absolute; left: 0; top: 0; border-radius: 50%; pointer-events: none;
  box-sizing: border-box; border: 1px solid #fff; mix-blend-mode: difference; opacity: 0; }
.paper:hover .ring, canvas:focus-visible + .ring { opacity: 1; }
.tools { display: flex; align-items: center; gap: 6px; margin-top: 8px; }
button { font: inherit; color: inherit; padding: 3px 8px; cursor: pointer;
  background: transparent; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius, 6px); }
button:hover, button[aria-pressed=true] { border-color: var(--st-primary-color); }
button[aria-pressed=true] { color: var(--st-primary-color); }
button:focus-visible, input:focus-visible { outline: 2px solid var(--st-primary-color); }
label { display: flex; align-items: center; gap: 4px; }
.size { width: 56px; accent-color: var(--st-primary-color); }
.ink { width: 26px; height: 26px; padding: 0; border: 0; background: none; }
.ink[hidden] { display: none; }
"""
_pad = st.components.v2.component(
    "vae_pad",
    html=_HTML,
    css=_CSS,
    js=Path(__file__).with_suffix(".js").read_text("utf-8").replace("__MODULES__", MODULES_AT),
)


def drawing_pad(
    base: NDArray[np.uint8], key: str, revision: str, live: Mapping[str, Any] | None = None
) -> NDArray[np.uint8]:
    """Show the pad, starting from a picture (C, H, W), 0 black to 255 white, and return the
    picture that is on it now. `live` describes the model for the browser (plot/live.js)."""
    result = _pad(
        key=key,
        data={
            "shape": list(base.shape),
            "scale": max(1, SIDE // max(base.shape[1:])),
            "revision": revision,
            "live": None if live is None else dict(live),
            "pixels": base64.b64encode(base.tobytes()).decode(),
        },
        default={"drawn": None},
        on_drawn_change=lambda: None,
    )
    return received(result.drawn, base, revision)


def received(
    sent: dict[str, str] | None, base: NDArray[np.uint8], revision: str
) -> NDArray[np.uint8]:
    """The picture that the browser sent; `base` if it sent none or one of another revision."""
    if not sent or sent["revision"] != revision:
        return base
    pixels = np.frombuffer(base64.b64decode(sent["pixels"]), np.uint8)
    return pixels.reshape(base.shape) if pixels.size == base.size else base
