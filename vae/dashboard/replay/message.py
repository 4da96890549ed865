"""The message of frames to a player in the browser.

uint32 length of the header, JSON header, arrays (float32 or bytes, little-endian)
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vae.base.numbers import number
from vae.base.records import Floats
from vae.figures.palette import CLASSES, COLOURS
from vae.figures.replay import Scene, scale_ends, vector_range
from vae.imaging import tiles

Blobs = dict[str, NDArray[Any]]
CHANNELS = [COLOURS[f"class{k}"] for k in range(CLASSES)]  # of series
COLOURS_OF_ALL = {
    "muted": COLOURS["muted"],
    "prior": COLOURS["prior"],
    "decoded": COLOURS["reconstruction"],
    "accent": COLOURS["accent"],
}


def framed(head: Mapping[str, Any], blobs: Blobs) -> bytes:
    """The message of a header and of arrays, which the header lists as `blobs`."""
    listed = [(name, array.dtype.str[1:], array.size) for name, array in blobs.items()]
    text = json.dumps({**head, "blobs": listed}, ensure_ascii=False).encode()
    return b"".join([struct.pack("<I", len(text)), text, *(a.tobytes() for a in blobs.values())])


def numbers(array: NDArray[Any]) -> NDArray[np.float32]:
    """An array as little-endian float32."""
    return np.asarray(array, "<f4")


def examples(scene: Scene, values: Floats) -> NDArray[Any]:
    """Examples (…, *event): pictures as bytes (N, H, W, C), 0 black to 255 white, or vectors."""
    values = numbers(values)
    if not scene.is_image:
        return values
    pixels = tiles.pixels(values.reshape(-1, *values.shape[-3:]))
    return np.ascontiguousarray(pixels[..., : values.shape[-3]])


def event(scene: Scene) -> dict[str, Any]:
    """The shape of an example: of a picture, or of a vector or series with its ranges."""
    shape = scene.examples.originals.shape[1:]
    if scene.is_image:
        channels, height, width = shape
        return {"picture": {"height": height, "width": width, "channels": channels}}
    low, high = vector_range(scene)
    form: dict[str, Any] = {"size": len(low), "low": low.tolist(), "high": high.tolist()}
    if len(shape) == 2:
        form |= {"channels": shape[0], "steps": shape[1], "colours": CHANNELS}
    return {"vector": form}


def legend(scene: Scene) -> dict[str, Any]:
    """The legend: names with the index of their colour, or the ends of a colour scale."""
    hue = scene.hue
    if hue is None:
        return {"title": "", "names": []}
    if not hue.classes:
        return {"title": hue.title, "names": [], "ends": [number(end) for end in scale_ends(hue)]}
    names = [(name, k % CLASSES) for k, name in enumerate(hue.classes)]
    spare = [("no class", CLASSES)] if (scene.colour == CLASSES).any() else []
    return {"title": hue.title, "names": [*names, *spare]}
