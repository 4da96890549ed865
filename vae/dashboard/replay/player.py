"""The player of the time machine: a slider over the saved frames, drawn in the browser.

    scene → bytes ──websocket, once──► canvas: map, pictures, curves ──► step, on release

The message holds all frames in one block of bytes (float32 coordinates, one byte per value of a
picture). It is sent again only after a new frame; playing needs no message from Python. The
browser remembers the position of the slider while its tab is open.
"""

from collections.abc import Sequence
from typing import Any

from vae.base.numbers import plural
from vae.dashboard.replay.message import (
    COLOURS_OF_ALL,
    Blobs,
    event,
    examples,
    framed,
    legend,
    numbers,
)
from vae.dashboard.replay.transport import bar, component, help_button, lesson_button
from vae.figures.palette import COLOURS
from vae.figures.replay import ReplayCurve, Scene

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
_UNALIGNED = f'<label><input type="checkbox" data-part="raw">Unaligned</label>{help_button(_RAW)}'
_HTML = f"""{bar(_UNALIGNED)}
<div class="status"><span data-part="when" role="status"></span><span data-part="which"></span>
<span data-part="now"></span>{help_button(_RESIDUAL)}</div>
<div class="body"><div><h4><span data-part="map_title"></span>{lesson_button(_MAP, "prior")}</h4>
<canvas data-part="map" role="img" aria-label="Latent map"></canvas>
<div class="legend" data-part="legend"></div></div>
<div class="pictures"><h4><span data-part="reconstructions_title"></span>{
    lesson_button(_RECONSTRUCTIONS, "terms")
}</h4>
<div><canvas data-part="reconstructions" role="img" aria-label="Reconstructions"></canvas></div>
<h4><span data-part="samples_title"></span>{lesson_button(_SAMPLES, "goals")}</h4>
<div><canvas data-part="samples" role="img" aria-label="Samples"></canvas></div></div></div>
<div class="curves">{
    lesson_button(_CURVES, "terms", "run")
}<canvas data-part="curves" role="img" aria-label="Curves"></canvas></div>"""
_component = component("vae_replay", "Time machine", _HTML, ["player.js"])


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
        "hue": legend(scene),
        "palette": scene.palette,
        "counts": {
            "reconstructions": record.reconstructions.shape[1],
            "samples": record.samples.shape[1],
        },
        "epochs": max(epochs, float(record.epoch[-1]), 1e-3),
        "curves": [_curve(k, curve) for k, curve in enumerate(curves)],
        "titles": _titles(scene, has_prior),
        **COLOURS_OF_ALL,
        **event(scene),
    }
    return framed(head, blobs)


def _titles(scene: Scene, has_prior: bool) -> dict[str, str]:
    """The titles above the canvases, by data-part."""
    count, total = len(scene.examples.index), scene.examples.total
    part = "all" if count == total else f"{count:,} of"
    several = scene.is_series and scene.examples.originals.shape[1] > 1
    inks = ("broad", "thin") if several else ("black or white", "blue")
    layers = f"Originals ({inks[0]}) and reconstructions ({inks[1]})"
    return {
        "map_title": f"Posterior means of {part} {plural(total, 'example')}",
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
    blobs = {name: numbers(array) for name, array in blobs.items()}
    blobs["originals"] = examples(scene, scene.examples.originals)
    blobs["decoded"] = examples(scene, scene.decoded)
    return blobs | {"hue": scene.colour}


def _curve(k: int, curve: ReplayCurve) -> dict[str, Any]:
    """Title, colours, range and array names of a term's curves."""
    return {
        "title": curve.title,
        "colour": COLOURS[curve.colour],
        "range": curve.range,
        "lines": [(split, f"epoch{k}{split}", f"value{k}{split}") for split in curve.lines],
    }
