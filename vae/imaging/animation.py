"""Pictures that follow each other → one file that plays: GIF or WebP.

Notation: T frames, each (h, w, C) of bytes, C 1 (grey) or 3 (red, green, blue), all of one size; a
frame is shown for a number of milliseconds, and the whole begins again for ever. Frames are
written pixel for pixel: enlarge them before, by whole factors (`vae.imaging.tiles.enlarge`).

WebP is lossless. GIF keeps time in hundredths of a second and has 256 colours: grey pictures, and
coloured ones with no more colours in all, are exact; others take the nearest of 256 colours chosen
for all frames together, without dithering, so that what stands still does not flicker.
"""

import io
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

COLOURS = 256  # of a GIF
LEAST = 20  # ms; browsers play a GIF with less at a tenth of a second
SAMPLED = 8  # frames that the colours of a GIF are chosen from, when there are too many


def animation(frames: Bytes, format: str, ms: int, back: bool = False) -> bytes:
    """Frames uint8 (T, h, w, 1 or 3) as a file of `FORMATS`, each shown for `ms` milliseconds,
    20 or more; `back` plays them forth and back, without showing either end twice.

    A frame that equals the one before it prolongs it. Raises ValueError for anything else.
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
        raise ValueError(f"A frame has to be shown for at least {LEAST} ms, not {ms}.")
    return FORMATS[format](frames, order(len(frames), back), ms)


def order(number: int, back: bool) -> list[int]:
    """Which of `number` frames follows which, until it begins again."""
    return [*range(number), *(range(number - 2, 0, -1) if back else ())]


def _gif(frames: Bytes, places: list[int], ms: int) -> bytes:
    pictures = list(_indexed(frames))
    return _saved([pictures[k] for k in places], "GIF", ms=10 * round(ms / 10), optimize=False)


def _webp(frames: Bytes, places: list[int], ms: int) -> bytes:
    pictures = [_picture(np.broadcast_to(f, (*f.shape[:2], 3))) for f in frames]
    return _saved([pictures[k] for k in places], "WEBP", ms=ms, lossless=True)


FORMATS: dict[str, Callable[[Bytes, list[int], int], bytes]] = {"gif": _gif, "webp": _webp}


def _saved(pictures: list[Image.Image], kind: str, ms: int, **how: bool) -> bytes:
    buffer = io.BytesIO()
    first, *rest = pictures
    first.save(buffer, kind, save_all=True, append_images=rest, duration=ms, loop=0, **how)
    return buffer.getvalue()


def _indexed(frames: Bytes) -> Iterator[Image.Image]:
    """Frames with at most 256 colours, the same ones for all."""
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
        shown = Image.fromarray(np.searchsorted(palette, _packed(frame)).astype(np.uint8), "P")
        shown.putpalette(
            np.stack([palette >> 16, palette >> 8, palette], 1).astype("u1").tobytes()
        )
        yield shown


def _palette(frames: Bytes) -> NDArray[np.uint32] | None:
    """The colours that occur, packed and ascending; None if they are more than a GIF has."""
    found = np.empty(0, np.uint32)
    for frame in frames:
        found = np.union1d(found, _packed(frame))
        if len(found) > COLOURS:
            return None
    return found


def _packed(frame: Bytes) -> NDArray[np.uint32]:
    """Each pixel (h, w, 3) as one number, red · 2¹⁶ + green · 2⁸ + blue."""
    wide = frame.astype(np.uint32)
    return np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], np.uint32)


def _picture(array: Bytes) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(array))
