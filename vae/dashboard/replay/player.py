"""The player of the time machine: a slider over the saved frames, drawn in the browser.

    scene → bytes ──websocket, once──► canvas: map, pictures, curves ──► step, on release

The message holds all frames in one block of bytes (float32 coordinates, one byte per value of a
picture). It is sent again only after a new frame; playing needs no message from Python. The
browser remembers the position of the slider while its tab is open. The JavaScript module is the
concatenation of the .js files of this folder.
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

from vae.base.numbers import number
from vae.figures.palette import CLASSES, COLOURS
from vae.figures.replay import ReplayCurve, Scene, scale_ends, vector_range
from vae.imaging import tiles

_HERE = Path(__file__).parent
_FILES = ("map.js", "pictures.js", "clock.js", "player.js")
_SPEEDS = (2, 4, 8, 16)  # frames per second

Blobs = dict[str, NDArray[Any]]


def _help(words: str) -> str:
    """A "?" button that shows a help text on hover."""
    words = html.escape(words)
    return f'<button class="help" aria-label="Help: {words}">?<i>{words}</i></button>'


_SCRUBBER = (
    "The arrow keys go to the previous and the next frame, Home and End to the first and the last "
    "frame; the space bar plays and pauses. Between two saved frames the points move on straight "
    "lines. This movement is interpolation, not training. Pictures switch half-way."
)
_RAW = (
    "Show the frames without alignment. The whole map may then rotate, mirror or shift although "
    "the model has learned nothing, because an isotropic prior does not fix the orientation."
)
_RESIDUAL = (
    "Each frame is rotated, mirrored if that fits better, and shifted, but never scaled, onto the "
    "next frame (orthogonal Procrustes), from the last frame backwards. The residual is the root "
    "mean square distance of the points to their position in the next saved frame, over all "
    "latent dimensions, in units of z. Lower means less change between the frames."
)
_CURVES = (
    "Values of the last report before the frame, in nats per example: train is the mean over the "
    "batches since the previous report, validation the mean over the validation examples. A click "
    "on a curve goes to the nearest saved frame."
)
_MAP = (
    "Means of q(z|x) of the same training and validation examples in all frames, in the plane of "
    "two latents or of the first two principal components of the last frame."
)
_RECONSTRUCTIONS = (
    "The original above its reconstruction E[x|z] at z = mean of q(z|x). The examples are the "
    "same in all frames: validation examples if the run has any."
)
_SAMPLES = "Decoded means E[x|z] of the same random z in all frames."
_HTML = f"""<div class="vae-replay" tabindex="0" role="group" aria-label="Time machine">
<div class="bar">
<button data-part="previous" title="Previous frame (left arrow)">◀</button>
<button data-part="play" title="Play or pause (space)">Play</button>
<button data-part="next" title="Next frame (right arrow)">▶</button>
<input data-part="scrubber" type="range" min="0" step="any" aria-label="Frame">{_help(_SCRUBBER)}
<label>Speed <select data-part="speed" aria-label="Speed, frames per second">{
    "".join(f'<option value="{k}">{k} frames/s</option>' for k in _SPEEDS)
}</select></label>
<label><input type="checkbox" data-part="raw">Unaligned</label>{_help(_RAW)}
<button data-part="follow" title="Show each new frame when it arrives">Follow</button>
</div>
<div class="status"><span data-part="when" role="status"></span><span data-part="which"></span>
<span data-part="now"></span>{_help(_RESIDUAL)}</div>
<div class="body"><div><h4><span data-part="map_title"></span>{_help(_MAP)}</h4>
<canvas data-part="map" role="img" aria-label="Latent map"></canvas>
<div class="legend" data-part="legend"></div></div>
<div class="pictures"><h4><span data-part="reconstructions_title"></span>{
    _help(_RECONSTRUCTIONS)
}</h4>
<div><canvas data-part="reconstructions" role="img" aria-label="Reconstructions"></canvas></div>
<h4><span data-part="samples_title"></span>{_help(_SAMPLES)}</h4>
<div><canvas data-part="samples" role="img" aria-label="Samples"></canvas></div></div></div>
<div class="curves">{
    _help(_CURVES)
}<canvas data-part="curves" role="img" aria-label="Curves"></canvas></div>
</div>"""
_MUTED = f"--vae-muted: light-dark({COLOURS['muted'][0]}, {COLOURS['muted'][1]});"
_component = st.components.v2.component(
    "vae_replay",
    html=_HTML,
    css=f".vae-replay {{ {_MUTED} }}\n" + (_HERE / "player.css").read_text("utf-8"),
    js="\n".join((_HERE / name).read_text("utf-8") for name in _FILES),
    isolate_styles=False,
)


def player(message: bytes, key: str) -> int | None:
    """Show a packed scene. Return the step of the slider at its last release, None before."""
    result = _component(key=key, data=message, default={"step": None}, on_step_change=lambda: None)
    return None if result.step is None else int(result.step)


def pack(
    scene: Scene,
    curves: Sequence[ReplayCurve],
    *,
    run: str,
    live: bool,
    epochs: float,
    has_prior: bool,
    start: int | None = None,
    pair: str = "",
) -> bytes:
    """The message to the browser: uint32 length of the JSON header, header, arrays.

    `epochs` is the end of the curves' time axis. Without a prior (`has_prior`) the samples are
    titled as decoded noise. `start` is the step of a link. The players called "first" and
    "second" in `pair` go to the same epoch.
    """
    record, blobs = scene.record, _blobs(scene, curves)
    head = {
        "run": run,
        "live": live,
        "start": start,
        "pair": pair,
        "step": record.step.tolist(),
        "epoch": record.epoch.tolist(),
        "residual": record.residual.tolist(),
        "count": len(scene.examples.index),
        "axes": record.plane.titles,
        "range": [scene.x, scene.y],
        "one_dimensional": scene.one_dimensional,
        "rings": scene.rings,
        "hue": _legend(scene),
        "palette": scene.palette,
        "muted": COLOURS["muted"],
        "prior": COLOURS["prior"],
        "decoded": COLOURS["reconstruction"],
        "accent": COLOURS["accent"],
        "counts": {
            "reconstructions": record.reconstructions.shape[1],
            "samples": record.samples.shape[1],
        },
        "epochs": max(epochs, float(record.epoch[-1]), 1e-3),
        "curves": [_curve(k, curve) for k, curve in enumerate(curves)],
        "titles": _titles(scene, has_prior),
        "blobs": [(name, array.dtype.str[1:], array.size) for name, array in blobs.items()],
        **_event(scene),
    }
    text = json.dumps(head, ensure_ascii=False).encode()
    return b"".join([struct.pack("<I", len(text)), text, *(a.tobytes() for a in blobs.values())])


def _titles(scene: Scene, has_prior: bool) -> dict[str, str]:
    """The titles above the canvases, by data-part."""
    count, total = len(scene.examples.index), scene.examples.total
    number = f"all {total:,}" if count == total else f"{count:,} of {total:,}"
    layers = "Originals (black or white) and reconstructions (blue)"
    return {
        "map_title": f"Posterior means of {number} examples",
        "reconstructions_title": "Originals above reconstructions" if scene.is_image else layers,
        "samples_title": "Samples of fixed z from the prior" if has_prior else "Decoded noise",
    }


def _blobs(scene: Scene, curves: Sequence[ReplayCurve]) -> Blobs:
    """The arrays of the message by name, little-endian."""
    record = scene.record
    blobs: Blobs = {"aligned": record.aligned, "raw": record.raw, "origin": record.origin}
    for k, curve in enumerate(curves):
        for split, (epoch, value) in curve.lines.items():
            blobs |= {f"epoch{k}{split}": epoch, f"value{k}{split}": value}
    blobs["originals"], blobs["decoded"] = scene.examples.originals, scene.decoded
    blobs = {name: np.asarray(array, "<f4") for name, array in blobs.items()}
    if scene.is_image:
        blobs["originals"] = _bytes(blobs["originals"])
        decoded = blobs["decoded"]
        blobs["decoded"] = _bytes(decoded.reshape(-1, *decoded.shape[2:]))
    return blobs | {"hue": scene.colour}


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Pictures (N, C, H, W) as bytes (N, H, W, C), 0 black to 255 white."""
    pixels = tiles.pixels(values)
    return np.ascontiguousarray(pixels[..., : values.shape[1]])


def _event(scene: Scene) -> dict[str, Any]:
    """The shape of an example: of a picture, or of a vector with its ranges."""
    shape = scene.examples.originals.shape[1:]
    if scene.is_image:
        channels, height, width = shape
        return {"picture": {"height": height, "width": width, "channels": channels}}
    low, high = vector_range(scene)
    return {"vector": {"size": len(low), "low": low.tolist(), "high": high.tolist()}}


def _curve(k: int, curve: ReplayCurve) -> dict[str, Any]:
    """Title, colours, range and array names of a term's curves."""
    return {
        "title": curve.title,
        "colour": COLOURS[curve.colour],
        "range": curve.range,
        "lines": [(split, f"epoch{k}{split}", f"value{k}{split}") for split in curve.lines],
    }


def _legend(scene: Scene) -> dict[str, Any]:
    """The legend: names with the index of their colour, or the ends of a colour scale."""
    hue = scene.hue
    if hue is None:
        return {"title": "", "names": []}
    if not hue.classes:
        return {"title": hue.title, "names": [], "ends": [number(end) for end in scale_ends(hue)]}
    names = [(name, k % CLASSES) for k, name in enumerate(hue.classes)]
    spare = [("no class", CLASSES)] if (scene.colour == CLASSES).any() else []
    return {"title": hue.title, "names": [*names, *spare]}
