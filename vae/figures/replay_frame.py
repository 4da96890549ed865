"""Images of a replay, drawn without a browser, for an exported animation.

An image shows the latent map, and beside it originals above reconstructions, and samples. Between
two saved frames the points move on straight lines; the pictures are those of the nearer frame.
Text is ASCII because the font included in Pillow has no other characters.

Letters: T frames, N points, M reconstructed examples, S samples; H × W pixels.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vae.base.records import Floats
from vae.data.series import after_end
from vae.figures.palette import CLASSES, COLOURS
from vae.figures.replay import CIRCLES, Scene, rgb, vector_range
from vae.figures.series import WIDE
from vae.imaging import tiles
from vae.imaging.tiles import Bytes

Box = tuple[int, int, int, int]  # left, top, width and height in px
Ranges = tuple[tuple[float, float], tuple[float, float]]  # of the x axis and the y axis

_EDGE = 36  # px between the parts
_ROOM = 26  # px for a line of text
_SPELLED = str.maketrans({"β": "beta", "−": "-", "·": "-", "–": "-", "σ": "sigma", "…": "..."})


def positions(frames: int, between: int, most: int) -> Floats:
    """Positions in 0 … T - 1 of the images of an animation: every frame, and `between` positions
    before the next frame. Frames are skipped evenly if there would be more than `most` images."""
    stride = 1
    while len(range(0, frames - 1, stride)) * (between + 1) + 1 > most:
        stride += 1
    stops = [*range(0, frames - 1, stride), frames - 1]
    share = np.arange(between + 1) / (between + 1)
    steps = [a + (b - a) * share for a, b in pairwise(stops)]
    return np.concatenate([*steps, [stops[-1]]]).astype(np.float32)


def size(width: int) -> tuple[int, int]:
    """Width and height of an image in px, both even."""
    return width // 2 * 2, round(width * 0.56) // 2 * 2


class View(NamedTuple):
    """A scene at a position in 0 … T - 1, in one theme."""

    scene: Scene
    position: float
    dark: bool = False
    raw: bool = False  # frames without alignment

    def colour(self, name: str) -> str:
        """A colour of the palette in this theme."""
        return COLOURS[name][int(self.dark)]

    @property
    def border(self) -> str:
        """The colour of frames around the map and the vectors."""
        return "#3a3a44" if self.dark else "#d9d9de"

    def at(self, values: NDArray[Any]) -> Floats:
        """Values (T, …) at the position, linear between two frames."""
        before = int(self.position)
        share = np.float32(self.position - before)
        after = min(before + 1, len(values) - 1)
        between: Floats = values[before] * (1 - share) + values[after] * share
        return between


def draw(view: View, width: int, title: str) -> Bytes:
    """The image of a view, uint8 (H, W, 3), with step, epoch and an ASCII `title`.

    The axes of the map have equal scales, unless the vertical coordinate has no meaning.
    """
    wide, high = size(width)
    area = (_EDGE // 2, _ROOM + _ROOM // 2, round(wide * 0.56), high - 3 * _ROOM)
    left, top, across, down = area
    ranges = equal_scales(view.scene, area)
    page = Image.new("RGB", (wide, high), view.colour("background"))
    page.paste(Image.fromarray(latent_picture(view, (across, down), ranges)), (left, top))
    pen = ImageDraw.Draw(page)
    pen.rectangle((left, top, left + across, top + down), outline=view.border)
    _text(pen, view, title, area, ranges)
    right = left + across + _EDGE // 2
    _decoded(page, pen, view, (right, top, wide - right - _EDGE // 2, down))
    return np.asarray(page)


def equal_scales(scene: Scene, area: Box) -> Ranges:
    """Ranges of the axes, widened to equal scales."""
    if scene.one_dimensional:
        return scene.x, scene.y
    lengths = (scene.x[1] - scene.x[0], scene.y[1] - scene.y[0])
    unit = max(lengths[0] / area[2], lengths[1] / area[3])
    fitted = []
    for (low, high), pixels in zip((scene.x, scene.y), area[2:], strict=True):
        middle, half = (low + high) / 2, unit * pixels / 2
        fitted.append((middle - half, middle + half))
    return fitted[0], fitted[1]


def latent_picture(view: View, size: tuple[int, int], ranges: Ranges) -> Bytes:
    """The map (h, w, 3): discs with smooth edges, drawn at twice the size and reduced."""
    wide, high = 2 * size[0], 2 * size[1]
    (x0, x1), (y0, y1) = ranges
    record = view.scene.record
    places = view.at(record.raw if view.raw else record.aligned)
    across = np.rint((places[:, 0] - x0) / (x1 - x0) * wide).astype(np.int64)
    down = np.rint((y1 - places[:, 1]) / (y1 - y0) * high).astype(np.int64)
    radius = float(np.clip(9 * (64 / len(places)) ** 0.2, 2.5, 9)) * size[0] / 520
    reach = int(np.ceil(radius))
    page = Image.new("RGB", (wide, high), view.colour("background"))
    if view.scene.rings:
        _circles(ImageDraw.Draw(page), view, ranges, wide)
    padded = np.pad(np.array(page), ((reach, reach), (reach, reach), (0, 0)))
    inside = (across >= 0) & (across < wide) & (down >= 0) & (down < high)
    palette = np.array([rgb(colour) for colour in view.scene.palette[int(view.dark)]], np.uint8)
    inks = palette[view.scene.colour][inside]
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy <= radius * radius:
                padded[down[inside] + reach + dy, across[inside] + reach + dx] = inks
    disc = Image.fromarray(padded[reach : reach + high, reach : reach + wide])
    return np.asarray(disc.reduce(2))


def _circles(pen: ImageDraw.ImageDraw, view: View, ranges: Ranges, wide: int) -> None:
    """Circles around the origin of the prior."""
    (x0, x1), (_, y1) = ranges
    unit = wide / (x1 - x0)
    origin = view.at(view.scene.record.origin[int(view.raw)])
    x, y = (origin[0] - x0) * unit, (y1 - origin[1]) * unit
    for sigma in CIRCLES:
        box = (x - sigma * unit, y - sigma * unit, x + sigma * unit, y + sigma * unit)
        pen.ellipse(box, outline=view.colour("prior"), width=2)


def _text(pen: ImageDraw.ImageDraw, view: View, title: str, area: Box, ranges: Ranges) -> None:
    """Epoch, step and title above the map; axes, their ranges and the alignment below."""
    left, top, _, down = area
    record, muted = view.scene.record, view.colour("muted")
    large, small = ImageFont.load_default(16), ImageFont.load_default(12)
    epoch, step = view.at(record.epoch), view.at(record.step)
    pen.text((left, 10), f"epoch {epoch:.1f}   step {step:,.0f}", view.colour("text"), large)
    pen.text((left + 260, 13), in_ascii(title), muted, small)
    names = [name or "vertical position without meaning" for name in record.plane.titles]
    axes = [
        name if view.scene.one_dimensional and k else f"{name} from {low:.2f} to {high:.2f}"
        for k, (name, (low, high)) in enumerate(zip(names, ranges, strict=True))
    ]
    frames = "frames not aligned" if view.raw else "frames aligned by rotation and shift"
    pen.text((left, top + down + 6), in_ascii(",  ".join(axes)), muted, small)
    pen.text((left, top + down + 22), frames, muted, small)


def in_ascii(text: str) -> str:
    """Text in the characters of the font: β becomes beta, and unknown ones question marks."""
    return text.translate(_SPELLED).encode("ascii", "replace").decode()


def _decoded(page: Image.Image, pen: ImageDraw.ImageDraw, view: View, area: Box) -> None:
    """Originals above reconstructions, and samples below; vectors as points or lines."""
    left, top, width, height = area
    frame, small = round(view.position), ImageFont.load_default(12)
    record, originals = view.scene.record, view.scene.examples.originals
    blocks = {
        "originals above reconstructions": [originals, record.reconstructions[frame]],
        "samples of fixed z": [record.samples[frame]],
    }
    layers = sum(map(len, blocks.values()))
    for title, parts in blocks.items():
        pen.text((left, top), title, view.colour("muted"), small)
        room = (width, round(height * len(parts) / layers) - _ROOM)
        if view.scene.is_image:
            picture = Image.fromarray(picture_tiles(parts, room))
            page.paste(picture, (left, top + 18), picture)
            room = (picture.width, picture.height)
        else:
            decoded_vectors(pen, view, parts, (left, top + 18, *room))
        top += room[1] + _ROOM


def picture_tiles(parts: list[Floats], room: tuple[int, int]) -> Bytes:
    """Layers of pictures (N, C, H, W) as one grid, as large as the room allows."""
    count, (height, width) = len(parts[0]), parts[0].shape[2:]

    def scale(columns: int) -> int:
        rows = -(-count // columns)
        across = ((room[0] + 1) // columns - 1) // width
        return int(min(across, ((room[1] - 4 * (rows - 1)) // (rows * len(parts)) - 1) // height))

    columns = max(range(1, count + 1), key=lambda n: (scale(n), -(-count % n), n))
    return tiles.strip(parts, columns, space=4, scale=max(scale(columns), 1))


def decoded_vectors(pen: ImageDraw.ImageDraw, view: View, parts: list[Floats], area: Box) -> None:
    """Vectors (N, D): points in the plane for D = 2, else a line over the features for each.
    Series stand in panels."""
    left, top, width, height = area
    if view.scene.is_series:
        _series(pen, view, parts, area)
        return
    pen.rectangle((left, top, left + width, top + height), outline=view.border)
    colours = [view.colour("text"), view.colour("reconstruction")][-len(parts) :]
    for values, colour in zip(parts, colours, strict=True):
        share = _shares(view.scene, np.nan_to_num(values.reshape(len(values), -1)))
        for place in share * [width, -height] + [left, top + height]:
            if values.shape[-1] == 2:
                x, y = place.tolist()
                pen.ellipse((x - 3, y - 3, x + 3, y + 3), outline=colour)
            else:
                pen.line([tuple(corner) for corner in place.tolist()], fill=colour)


def _series(pen: ImageDraw.ImageDraw, view: View, parts: list[Floats], area: Box) -> None:
    """Series (N, C, T): a panel for each, layers over each other, a colour for each of several
    channels. Reconstructions end where the originals do."""
    left, top, width, height = area
    count, channels, steps = parts[0].shape
    columns = min(max(round((count * width / max(height, 1) / WIDE) ** 0.5), 1), count)
    wide, tall = width / columns, height / -(-count // columns)
    low, high = (ends[k] for k, ends in enumerate(vector_range(view.scene)))
    low, high = float(low.min()), float(high.max())
    beyond = after_end(parts[0])
    t = np.arange(steps) / max(steps - 1, 1) * (wide - 6)
    inks = [view.colour("text"), view.colour("reconstruction")][-len(parts) :]
    for n in range(count):
        x0, floor = left + n % columns * wide + 3, top + (n // columns + 1) * tall - 3
        pen.line((x0, floor + 1, x0 + wide - 6, floor + 1), fill=view.border)
        for part, ink in zip(parts, inks, strict=True):
            for c in range(channels):
                values = np.where(beyond[n, c], np.nan, part[n, c])
                y = floor - (values - low) / (high - low) * (tall - 8)
                colour = ink if channels == 1 else view.colour(f"class{c % CLASSES}")
                for run in np.split(np.arange(steps), np.flatnonzero(np.isnan(y))):
                    present = run[~np.isnan(y[run])]
                    corners = list(
                        zip((x0 + t[present]).tolist(), y[present].tolist(), strict=True)
                    )
                    if len(corners) > 1:
                        pen.line(corners, fill=colour)


def _shares(scene: Scene, vectors: Floats) -> Floats:
    """Positions in [0, 1]² of vectors (N, D): (N, 2) for D = 2, else (N, D, 2)."""
    low, high = vector_range(scene)
    if vectors.shape[1] == 2:
        return (vectors - low) / (high - low)
    level = (vectors - low.min()) / (high.max() - low.min())
    steps = np.linspace(0, 1, vectors.shape[1])
    return np.stack([np.broadcast_to(steps, level.shape), level], axis=2)
