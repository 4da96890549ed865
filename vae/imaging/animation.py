"""Frames → an animated GIF or WebP file.

Notation: T frames, each uint8 (h, w, C) with C = 1 (grey) or 3 (red, green, blue), all of one
size. Each frame lasts a number of milliseconds, and the animation repeats for ever. Frames are
written without scaling: enlarge them first, by whole factors (`vae.imaging.tiles.factor`).

WebP is lossless. GIF stores times in hundredths of a second and at most 256 colours. Grey frames,
and coloured frames with at most 256 colours in total, are exact. Others use the nearest of 256
colours chosen for all frames together, without dithering, so static areas do not flicker.
"""

import io
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

COLOURS = 256  # of a GIF
LEAST = 20  # ms; browsers slow down a GIF with less to a tenth of a second per frame
SAMPLED = 8  # frames from which the 256 colours of a GIF are chosen


def animation(frames: Bytes, format: str, ms: int, back: bool = False) -> bytes:
    """Return frames uint8 (T, h, w, 1 or 3) as a file in one of `FORMATS`.

    Each frame lasts `ms` milliseconds, at least 20. With `back` the frames play forwards and then
    backwards, without repeating the first and last frame. Equal consecutive frames are merged into
    one longer frame. Raises ValueError for an unknown format, other arrays or a shorter time.
    """
    if format not in FORMATS:
        raise ValueError(f"Unknown animation format {format!r}; one of {', '.join(FORMATS)}.")
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] not in (1, 3):
        raise ValueError(
            "An animation needs frames (T, h, w, 1 or 3) of bytes, not an array of shape "
            f"{frames.shape} and type {frames.dtype}."
        )
    if not frames.size:
        raise ValueError("An animation needs at least one frame with at least one pixel.")
    if ms < LEAST:
        raise ValueError(f"A frame must last at least {LEAST} ms, not {ms} ms.")
    return FORMATS[format](frames, order(len(frames), back), ms)


def order(number: int, back: bool) -> list[int]:
    """Return the indices of `number` frames in the order of one repetition."""
    return [*range(number), *(range(number - 2, 0, -1) if back else ())]


def _gif(frames: Bytes, indices: list[int], ms: int) -> bytes:
    pictures = list(_indexed(frames))
    return _encode([pictures[k] for k in indices], "GIF", ms=10 * round(ms / 10), optimize=False)


def _webp(frames: Bytes, indices: list[int], ms: int) -> bytes:
    pictures = [_picture(np.broadcast_to(f, (*f.shape[:2], 3))) for f in frames]
    return _encode([pictures[k] for k in indices], "WEBP", ms=ms, lossless=True)


FORMATS: dict[str, Callable[[Bytes, list[int], int], bytes]] = {"gif": _gif, "webp": _webp}


def _encode(pictures: list[Image.Image], kind: str, ms: int, **options: bool) -> bytes:
    """Return the bytes of an endless animation in a format of Pillow."""
    buffer = io.BytesIO()
    first, *rest = pictures
    first.save(buffer, kind, save_all=True, append_images=rest, duration=ms, loop=0, **options)
    return buffer.getvalue()


def _indexed(frames: Bytes) -> Iterator[Image.Image]:
    """Yield the frames with one palette of at most 256 colours."""
    if frames.shape[3] == 1:
        yield from (_picture(frame[..., 0]) for frame in frames)
        return
    palette = _palette(frames)
    if palette is None:
        some = np.linspace(0, len(frames) - 1, min(SAMPLED, len(frames))).round().astype(int)
        chosen = _picture(np.concatenate(frames[some])).quantize(COLOURS)
        for frame in frames:
            yield _picture(frame).quantize(palette=chosen, dither=Image.Dither.NONE)
        return
    for frame in frames:
        image = Image.fromarray(np.searchsorted(palette, _packed(frame)).astype(np.uint8), "P")
        image.putpalette(
            np.stack([palette >> 16, palette >> 8, palette], 1).astype("u1").tobytes()
        )
        yield image


def _palette(frames: Bytes) -> NDArray[np.uint32] | None:
    """Return the packed colours of all frames, ascending; None if there are more than 256."""
    found = np.empty(0, np.uint32)
    for frame in frames:
        found = np.union1d(found, _packed(frame))
        if len(found) > COLOURS:
            return None
    return found


def _packed(frame: Bytes) -> NDArray[np.uint32]:
    """Return pixels (h, w, 3) as numbers (h, w): red · 2¹⁶ + green · 2⁸ + blue."""
    wide = frame.astype(np.uint32)
    return np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], np.uint32)


def _picture(array: Bytes) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(array))
