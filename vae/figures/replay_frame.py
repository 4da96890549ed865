"""Pictures of a replay without a browser, for animations.

The latent map, and beside it originals above reconstructions, and samples. Between two kept frames
points go straight from one to the next, pictures are those of the nearer frame. Written words are
plain ASCII: the font that travels with Pillow has no other signs.

Letters: T frames, N points, M reconstructed examples, S samples; H × W pixels.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vae.base.records import Floats
from vae.figures.palette import COLOURS
from vae.figures.replay import RINGS, Scene, rgb, vector_range
from vae.imaging import tiles
from vae.imaging.tiles import Bytes

Ranges = tuple[tuple[float, float], tuple[float, float]]  # of the axes across and up

_EDGE = 36  # px between the parts
_ROOM = 26  # px for a line of words


def positions(frames: int, between: int, most: int) -> Floats:
    """Where in 0 … T - 1 an animation stops: at every frame and `between` times before the next;
    at every k-th frame, and the last, where that would be more than `most` pictures."""
    stride = 1
    while len(range(0, frames - 1, stride)) * (between + 1) + 1 > most:
        stride += 1
    kept = [*range(0, frames - 1, stride), frames - 1]
    share = np.arange(between + 1) / (between + 1)
    steps = [a + (b - a) * share for a, b in pairwise(kept)]
    return np.concatenate([*steps, [kept[-1]]]).astype(np.float32)


def size(width: int) -> tuple[int, int]:
    """Width and height of a drawn picture, even numbers."""
    return width // 2 * 2, round(width * 0.56) // 2 * 2


def draw(
    scene: Scene, position: float, width: int, title: str, dark: bool = False, raw: bool = False
) -> Bytes:
    """One picture at a position in 0 … T - 1, uint8 (H, W, 3), with step and epoch on it.

    `title` is ASCII. The map has equal units along both axes unless its height means nothing.
    """
    wide, high = size(width)
    side = int(dark)
    page = Image.new("RGB", (wide, high), COLOURS["background"][side])
    pen = ImageDraw.Draw(page)
    height = high - 3 * _ROOM
    area = (_EDGE // 2, _ROOM + _ROOM // 2, round(wide * 0.56), height)
    ranges = _fitted(scene, area)
    canvas = np.array(page)
    left, top, across, down = area
    canvas[top : top + down, left : left + across] = _points(
        scene, position, (across, down), ranges, side, raw
    )
    page = Image.fromarray(canvas)
    pen = ImageDraw.Draw(page)
    pen.rectangle((left, top, left + across, top + down), outline=_soft(side))
    _write(pen, scene, position, title, area, ranges, side, raw)
    right = left + across + _EDGE // 2
    room = (wide - right - _EDGE // 2, down)
    _made(page, pen, scene, position, (right, top), room, side)
    return np.asarray(page)


def _fitted(scene: Scene, area: tuple[int, int, int, int]) -> Ranges:
    """Ranges of the axes, widened to equal units."""
    if scene.lanes:
        return scene.x, scene.y
    lengths = (scene.x[1] - scene.x[0], scene.y[1] - scene.y[0])
    unit = max(lengths[0] / area[2], lengths[1] / area[3])
    fitted = []
    for (low, high), pixels in zip((scene.x, scene.y), area[2:], strict=True):
        middle, half = (low + high) / 2, unit * pixels / 2
        fitted.append((middle - half, middle + half))
    return fitted[0], fitted[1]


def _between(values: NDArray[Any], position: float) -> Floats:
    """Values (T, …) at a position, straight from one frame to the next."""
    before = int(position)
    share = np.float32(position - before)
    after = min(before + 1, len(values) - 1)
    between: Floats = values[before] * (1 - share) + values[after] * share
    return between


def _points(
    scene: Scene,
    position: float,
    size: tuple[int, int],
    ranges: Ranges,
    side: int,
    raw: bool,
) -> Bytes:
    """The map alone, (h, w, 3): discs with soft edges, drawn twice as large and reduced."""
    wide, high = 2 * size[0], 2 * size[1]
    (x0, x1), (y0, y1) = ranges
    record = scene.record
    places = _between(record.raw if raw else record.aligned, position)
    across = np.rint((places[:, 0] - x0) / (x1 - x0) * wide).astype(np.int64)
    down = np.rint((y1 - places[:, 1]) / (y1 - y0) * high).astype(np.int64)
    radius = float(np.clip(9 * (64 / len(places)) ** 0.2, 2.5, 9)) * size[0] / 520
    reach = int(np.ceil(radius))
    page = Image.new("RGB", (wide, high), COLOURS["background"][side])
    if scene.rings:
        _rings(ImageDraw.Draw(page), scene, position, ranges, wide, side, raw)
    padded = np.pad(np.array(page), ((reach, reach), (reach, reach), (0, 0)))
    inside = (across >= 0) & (across < wide) & (down >= 0) & (down < high)
    inks = np.array([rgb(c) for c in scene.palette[side]], np.uint8)[scene.colour][inside]
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy <= radius * radius:
                padded[down[inside] + reach + dy, across[inside] + reach + dx] = inks
    disc = Image.fromarray(padded[reach : reach + high, reach : reach + wide])
    return np.asarray(disc.reduce(2))


def _rings(
    pen: ImageDraw.ImageDraw,
    scene: Scene,
    position: float,
    ranges: Ranges,
    wide: int,
    side: int,
    raw: bool,
) -> None:
    """Circles about the prior's origin."""
    (x0, x1), (_, y1) = ranges
    unit = wide / (x1 - x0)
    at = _between(scene.record.origin[int(raw)], position)
    x, y = (at[0] - x0) * unit, (y1 - at[1]) * unit
    for sigma in RINGS:
        box = (x - sigma * unit, y - sigma * unit, x + sigma * unit, y + sigma * unit)
        pen.ellipse(box, outline=COLOURS["prior"][side], width=2)


def _soft(side: int) -> str:
    return ("#d9d9de", "#3a3a44")[side]


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _write(
    pen: ImageDraw.ImageDraw,
    scene: Scene,
    position: float,
    title: str,
    area: tuple[int, int, int, int],
    ranges: Ranges,
    side: int,
    raw: bool,
) -> None:
    """Step and epoch above; below, what the axes are and how far they reach."""
    left, top, _, down = area
    record = scene.record
    epoch, step = _between(record.epoch, position), _between(record.step, position)
    ink, muted = COLOURS["text"][side], COLOURS["muted"][side]
    large, small = ImageFont.load_default(16), ImageFont.load_default(12)
    pen.text((left, 10), f"epoch {epoch:.1f}   step {step:,.0f}", ink, large)
    pen.text((left + 260, 13), _ascii(title), muted, small)
    names = [name or "height without meaning" for name in record.plane.axes]
    said = [
        name if scene.lanes and k else f"{name} from {low:.2f} to {high:.2f}"
        for k, (name, (low, high)) in enumerate(zip(names, ranges, strict=True))
    ]
    frames = "frames as they were" if raw else "frames aligned by rotation and shift"
    pen.text((left, top + down + 6), _ascii(",  ".join(said)), muted, small)
    pen.text((left, top + down + 22), frames, muted, small)


def _made(
    page: Image.Image,
    pen: ImageDraw.ImageDraw,
    scene: Scene,
    position: float,
    place: tuple[int, int],
    room: tuple[int, int],
    side: int,
) -> None:
    """Originals above reconstructions, and samples below, or the same as points or lines."""
    frame, small = round(position), ImageFont.load_default(12)
    record, originals = scene.record, scene.examples.originals
    blocks = {
        "originals above reconstructions": [originals, record.reconstructions[frame]],
        "samples of fixed z": [record.samples[frame]],
    }
    top = place[1]
    layers = sum(map(len, blocks.values()))
    for words, parts in blocks.items():
        pen.text((place[0], top), words, COLOURS["muted"][side], small)
        space = (room[0], round(room[1] * len(parts) / layers) - _ROOM)
        if scene.pictures:
            picture = Image.fromarray(_tiles(parts, space))
            page.paste(picture, (place[0], top + 18), picture)
            space = (picture.width, picture.height)
        else:
            _vectors(pen, scene, parts, (place[0], top + 18), space, side)
        top += space[1] + _ROOM


def _tiles(parts: list[Floats], room: tuple[int, int]) -> Bytes:
    """Layers of pictures as one, as large as the room allows."""
    count, (height, width) = len(parts[0]), parts[0].shape[2:]

    def scale(columns: int) -> int:
        rows = -(-count // columns)
        across = ((room[0] + 1) // columns - 1) // width
        return int(min(across, ((room[1] - 4 * (rows - 1)) // (rows * len(parts)) - 1) // height))

    columns = max(range(1, count + 1), key=lambda n: (scale(n), -(-count % n), n))
    return tiles.strip(parts, columns, space=4, scale=max(scale(columns), 1))


def _vectors(
    pen: ImageDraw.ImageDraw,
    scene: Scene,
    parts: list[Floats],
    place: tuple[int, int],
    room: tuple[int, int],
    side: int,
) -> None:
    """Vectors (N, D): points in the plane for D = 2, else a line over the features for each."""
    low, high = vector_range(scene)
    colours = [COLOURS["text"][side], COLOURS["reconstruction"][side]][-len(parts) :]
    pen.rectangle((*place, place[0] + room[0], place[1] + room[1]), outline=_soft(side))
    for values, colour in zip(parts, colours, strict=True):
        flat = np.nan_to_num(values.reshape(len(values), -1))
        if flat.shape[1] == 2:
            share = (flat - low) / (high - low)
        else:
            level = (flat - low.min()) / (high.max() - low.min())
            steps = np.linspace(0, 1, flat.shape[1])
            share = np.stack([np.broadcast_to(steps, level.shape), level], axis=2)
        spots = share * [room[0], -room[1]] + [place[0], place[1] + room[1]]
        for spot in spots:
            if flat.shape[1] == 2:
                x, y = spot.tolist()
                pen.ellipse((x - 3, y - 3, x + 3, y + 3), outline=colour)
            else:
                pen.line([tuple(s) for s in spot.tolist()], fill=colour)
