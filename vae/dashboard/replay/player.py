"""The player: one scrubber over the kept frames, in the browser alone.

    scene → bytes ──websocket, once──► canvas: map, pictures, curves ──► step, when let go

All frames travel at once, as one block of bytes (float32 places, one byte a value of a picture),
and again only when there is another frame; playing asks Python for nothing. Where the scrubber is,
the browser remembers for as long as its tab is open. The JavaScript is one module, put together
from the three files here, and no file of its own, because it travels no more often than the data.
"""

import html
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from vae.figures.base import number
from vae.figures.palette import CLASSES, COLOURS
from vae.figures.replay import Scene, Strip, ends, vector_range
from vae.imaging import tiles

_HERE = Path(__file__).parent
_FILES = ("map.js", "pictures.js", "player.js")
_SPEEDS = {2: "slow", 4: "normal", 8: "fast", 16: "very fast"}

Blobs = dict[str, NDArray[Any]]


def _help(words: str) -> str:
    words = html.escape(words)
    return f'<button class="help" aria-label="Help: {words}">?<i>{words}</i></button>'


_SCRUBBER = (
    "Arrow keys go to the previous and the next frame, Home and End to the first and the last; "
    "the space bar plays and pauses. Between two kept frames points move straight from one place "
    "to the other, which is interpolation and not training; pictures switch half-way."
)
_RAW = (
    "Frames as they were. Without alignment the whole map may turn, mirror or shift although "
    "nothing has been learned: a round prior makes no difference between these."
)
_RESIDUAL = (
    "Each frame is rotated, mirrored where that fits better, and shifted, never scaled, onto the "
    "one after it (orthogonal Procrustes), from the last frame back. The residual is how far a "
    "point still is from its place in the next kept frame: the root mean square distance, in "
    "units of z, in all latent dimensions."
)
_CURVES = (
    "The numbers are those of the last report up to the frame: train as the mean over the batches "
    "since the report before, val on the validation examples. A press on a curve goes to the "
    "nearest kept frame."
)
_SPOTS = (
    "Where the mean of q(z|x) lies, for the same training and validation examples throughout: in "
    "the plane of two latents, or of the two principal components of the last frame."
)
_ABOVE = (
    "Above the original, below E[x|z] at z = mean of q(z|x), for the same examples throughout, "
    "held out where the run has validation data."
)
_BELOW = "E[x|z] at the same z throughout, drawn once: what the decoder makes of noise alone."
_HTML = f"""<div class="vae-replay" tabindex="0" role="group" aria-label="Time machine">
<div class="bar">
<button data-part="previous" title="Previous frame (left arrow)">◀</button>
<button data-part="play" title="Play or pause (space)">Play</button>
<button data-part="next" title="Next frame (right arrow)">▶</button>
<input data-part="scrubber" type="range" min="0" step="any" aria-label="Frame">{_help(_SCRUBBER)}
<label>Speed <select data-part="speed" aria-label="Speed, frames a second">{
    "".join(f'<option value="{k}">{k} frames/s</option>' for k in _SPEEDS)
}</select></label>
<label><input type="checkbox" data-part="raw">Unaligned</label>{_help(_RAW)}
<button data-part="follow" title="Show every new frame as it comes">Follow</button>
</div>
<div class="said"><span data-part="when" role="status"></span><span data-part="which"></span>
<span data-part="now"></span>{_help(_RESIDUAL)}</div>
<div class="body"><div><h4><span data-part="spots"></span>{_help(_SPOTS)}</h4>
<canvas data-part="map" role="img" aria-label="Latent map"></canvas>
<div class="legend" data-part="legend"></div></div>
<div class="pictures"><h4><span data-part="above"></span>{_help(_ABOVE)}</h4>
<div><canvas data-part="reconstructions" role="img" aria-label="Reconstructions"></canvas></div>
<h4><span data-part="below"></span>{_help(_BELOW)}</h4>
<div><canvas data-part="samples" role="img" aria-label="Samples"></canvas></div></div></div>
<div class="strips">{
    _help(_CURVES)
}<canvas data-part="curves" role="img" aria-label="Curves"></canvas></div>
</div>"""
_LIGHT_DARK = "".join(
    f"--vae-{name}: light-dark({COLOURS[name][0]}, {COLOURS[name][1]}); " for name in ("muted",)
)
_component = st.components.v2.component(
    "vae_replay",
    html=_HTML,
    css=f".vae-replay {{ {_LIGHT_DARK}}}\n" + (_HERE / "player.css").read_text("utf-8"),
    js="\n".join((_HERE / name).read_text("utf-8") for name in _FILES),
    isolate_styles=False,
)


def player(message: bytes, key: str) -> int | None:
    """Show a packed scene; the step at which the scrubber was let go, None before it was moved."""
    result = _component(key=key, data=message, default={"step": None}, on_step_change=lambda: None)
    return None if result.step is None else int(result.step)


def pack(
    scene: Scene, strips: Sequence[Strip], *, run: str, live: bool, epochs: float, noise: bool
) -> bytes:
    """All that the browser needs, as one block: uint32 length, JSON, arrays.

    `epochs` is where the curves end; `noise`: there is no prior to sample from.
    """
    record, blobs = scene.record, _blobs(scene, strips)
    head = {
        "run": run,
        "live": live,
        "step": record.step.tolist(),
        "epoch": record.epoch.tolist(),
        "residual": record.residual.tolist(),
        "count": len(scene.examples.index),
        "axes": record.plane.axes,
        "range": [scene.x, scene.y],
        "lanes": scene.lanes,
        "rings": scene.rings,
        "hue": _legend(scene),
        "palette": scene.palette,
        "muted": COLOURS["muted"],
        "prior": COLOURS["prior"],
        "made": COLOURS["reconstruction"],
        "accent": COLOURS["accent"],
        "made_of": {
            "reconstructions": record.reconstructions.shape[1],
            "samples": record.samples.shape[1],
        },
        "epochs": max(epochs, float(record.epoch[-1]), 1e-3),
        "strips": [_strip(k, strip) for k, strip in enumerate(strips)],
        "titles": {
            "spots": f"Posterior means of {_of(len(scene.examples.index), scene.examples.total)}",
            "above": "Originals above their reconstructions"
            if scene.pictures
            else "Originals (ink) and their reconstructions (blue)",
            "below": "Decoded noise" if noise else "Samples of fixed z from the prior",
        },
        "blobs": [(name, array.dtype.str[1:], array.size) for name, array in blobs.items()],
        **_event(scene),
    }
    text = json.dumps(head, ensure_ascii=False).encode()
    return b"".join([struct.pack("<I", len(text)), text, *(a.tobytes() for a in blobs.values())])


def _of(count: int, total: int) -> str:
    return f"all {total:,} examples" if count == total else f"{count:,} of {total:,} examples"


def _blobs(scene: Scene, strips: Sequence[Strip]) -> Blobs:
    """The arrays by name, little-endian."""
    record = scene.record
    blobs: Blobs = {"aligned": record.aligned, "raw": record.raw, "origin": record.origin}
    for k, strip in enumerate(strips):
        for split, (epoch, value) in strip.lines.items():
            blobs |= {f"epoch{k}{split}": epoch, f"value{k}{split}": value}
    blobs["originals"], blobs["made"] = scene.examples.originals, scene.made
    blobs = {name: np.asarray(array, "<f4") for name, array in blobs.items()}
    if scene.pictures:
        blobs["originals"] = _bytes(blobs["originals"])
        made = blobs["made"]
        blobs["made"] = _bytes(made.reshape(-1, *made.shape[2:]))
    return blobs | {"hue": scene.colour}


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Pictures (N, C, H, W) as they are shown, (N, H, W, C) bytes."""
    shown = tiles.pixels(values)
    return np.ascontiguousarray(shown[..., : values.shape[1]])


def _event(scene: Scene) -> dict[str, Any]:
    """What one example is: a picture or a vector."""
    shape = scene.examples.originals.shape[1:]
    if scene.pictures:
        channels, height, width = shape
        return {"picture": {"height": height, "width": width, "channels": channels}}
    low, high = vector_range(scene)
    return {"vector": {"size": len(low), "low": low.tolist(), "high": high.tolist()}}


def _strip(k: int, strip: Strip) -> dict[str, Any]:
    return {
        "title": strip.title,
        "colour": COLOURS[strip.colour],
        "range": strip.range,
        "lines": [(split, f"epoch{k}{split}", f"value{k}{split}") for split in strip.lines],
    }


def _legend(scene: Scene) -> dict[str, Any]:
    """What the colours mean: names and the number of their colour, or the ends of a scale."""
    hue = scene.hue
    if hue is None:
        return {"title": "", "names": []}
    if not hue.classes:
        return {"title": hue.title, "names": [], "ends": [number(end) for end in ends(hue)]}
    names = [(name, k % CLASSES) for k, name in enumerate(hue.classes)]
    spare = [("no class", CLASSES)] if (scene.colour == CLASSES).any() else []
    return {"title": hue.title, "names": [*names, *spare]}
