"""Grids of pictures as HTML, with captions, keys and axes.

There are three forms: cards (a stack of pictures with numbers below), a sheet (one picture of many
tiles) and a frame (a sheet with axes around it). The server enlarges every picture by a whole
factor, and `html_grid.css` shows it pixel for pixel.

Lengths are pixels of the screen; N pictures of one size, (C, H, W) each.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from vae.base.numbers import fixed
from vae.base.records import Floats
from vae.dashboard.shared.html_gallery import colour
from vae.imaging import tiles
from vae.imaging.tiles import Bytes

STYLE = Path(__file__).with_name("html_grid.css")
LEAST, MOST = 48, 160  # a card's pictures are so wide at least and at most
CARD = 64  # and the words below need this much
GAP = (8, 12)  # between cards, across and down, as in html_grid.css
LINE = 16  # height of a line of words
LONG = 10  # letters of full width that a name on one line may have; a longer one takes two
NARROW = frozenset("fijlrt/-. ")  # letters of half the width
LABEL = 46  # an axis has a label at most every so many pixels


class Card(NamedTuple):
    """The texts of one card."""

    title: str  # under the pointer
    name: str  # first line
    numbers: tuple[tuple[str, str], ...]  # (text, colour of the palette), a line each


def enlargement(
    shape: tuple[int, ...], layers: int, words: Sequence[Card], room: tuple[int, int]
) -> int:
    """Return the enlargement of images (C, H, W) at which cards with these texts and `layers`
    images each fit into the room (width, height); at least the one that stays readable."""
    _, height, width = shape
    least, most = -(-LEAST // width), max(-(-LEAST // width), MOST // width)
    below = _name_height(words) + max(len(word.numbers) for word in words) * LINE + 3 + GAP[1]
    for scale in range(most, least, -1):
        rows = -(-len(words) // columns(width * scale, room[0], len(words)))
        if rows * (layers * (height * scale + 1) + below) <= room[1]:
            return scale
    return least


def columns(width: int, room: int, number: int) -> int:
    """Return the columns of `number` cards with pictures of this width: as few rows as the room
    allows, all equally long."""
    most = max(1, (room + GAP[0]) // (max(width, CARD) + GAP[0]))
    return -(-number // -(-number // most)) if number else 1


def _letters(name: str) -> float:
    """Return the length of a name in letters of full width."""
    return sum(0.5 if letter in NARROW else 1.0 for letter in name)


def _name_height(words: Sequence[Card]) -> int:
    """Return the height of two lines for all names if one needs them: numbers then align."""
    return LINE * (1 + any(_letters(word.name) > LONG for word in words))


def tile_scale(shape: tuple[int, ...], across: int, down: int, room: tuple[int, int]) -> int:
    """Return the largest whole enlargement of images (C, H, W) at which a grid of them with
    hairlines fits into the room (width, height); at least 1."""
    _, height, width = shape
    return max(
        1, min(((room[0] + 1) // across - 1) // width, ((room[1] + 1) // down - 1) // height)
    )


def arranged(shape: tuple[int, ...], count: int, room: tuple[int, int]) -> tuple[int, int]:
    """Return columns and enlargement at which a grid of `count` images is largest in the room."""
    fits = {
        across: tile_scale(shape, across, -(-count // across), room)
        for across in range(1, count + 1)
        if across * (shape[2] + 1) <= room[0] + 1 or across == 1
    }
    square = (count * shape[1] / shape[2]) ** 0.5
    across = max(fits, key=lambda n: (fits[n], -(-count % n), -abs(n - square)))  # few spare
    return across, fits[across]


def best_side(shape: tuple[int, ...], room: tuple[int, int]) -> int:
    """Return the number of tiles a side, 9, 11, … 21, that fills the room best, the smallest of
    equals; an odd number has a tile in the middle."""

    def length(side: int) -> int:
        scale = tile_scale(shape, side, side, room)
        size = [side * (pixels * scale + 1) - 1 for pixels in shape[:0:-1]]
        return min(size) if size[0] <= room[0] and size[1] <= room[1] else -max(size)

    return max(range(9, 22, 2), key=length)


def cards(
    layers: Mapping[str, Bytes | Floats],
    words: Sequence[Card],
    lines: Sequence[tuple[str, str]],
    scale: int,
    room: int,
    limit: float | None = None,
) -> str:
    """Return HTML of N cards, each a stack with one image of every layer, and a key beside them.
    Where the window has the width `room` for the cards, their rows are equally long.

    `layers` maps a name to N images; `lines` names the lines of words, (text, colour). Where there
    are differences, the scale of their colours runs from -limit to +limit, in units of x.
    """
    stacks = [tiles.pixels(layer) for layer in layers.values()]
    height, width = stacks[0].shape[1] * scale, stacks[0].shape[2] * scale
    tall = _name_height(words)
    figures = "".join(
        _figure(tiles.strip([s[i : i + 1] for s in stacks], 1, scale=scale), word, tall)
        for i, word in enumerate(words)
    )
    heads = "".join(f'<div style="height:{height + 1}px">{escape(name)}</div>' for name in layers)
    names = "".join(
        f'<div class="line" style="height:{LINE if i else tall}px;color:{colour(tint)}">'
        f"{escape(text)}</div>"
        for i, (text, tint) in enumerate(lines)
    )
    cell = max(width, CARD)
    balanced = columns(width, room, len(words)) * (cell + GAP[0])
    style = f"grid-template-columns:repeat(auto-fill,{cell}px);max-width:{balanced}px"
    return (
        f'<div class="vae-cards"><div class="key">{heads}<div style="height:2px"></div>{names}'
        f'{_scale_key(limit)}</div><div class="all" style="{style}">{figures}</div></div>'
    )


def _scale_key(limit: float | None) -> str:
    """Return HTML of the colours of differences with the values at their ends."""
    if limit is None:
        return ""
    bar = _image(tiles.scale_bar(108, 8), (108, 8), "colours of the differences")
    ends = f"<span>{fixed(-limit)}</span><span>0</span><span>+{fixed(limit)}</span>"
    unit = f'<div style="color:{colour("muted")}">units of x</div>'
    return f'<div class="scale">difference{bar}<div class="ends">{ends}</div>{unit}</div>'


def _figure(stack: Bytes, word: Card, name_height: int) -> str:
    image = _image(tiles.png(stack), (stack.shape[1], stack.shape[0]), word.title)
    numbers = "".join(
        f'<span style="color:{colour(tint)}">{escape(text)}</span>' for text, tint in word.numbers
    )
    return (
        f'<figure title="{escape(word.title)}">{image}<figcaption style="width:'
        f'{max(stack.shape[1], CARD)}px"><b style="height:{name_height}px">{escape(word.name)}</b>'
        f"{numbers}</figcaption></figure>"
    )


def sheet(grid: Bytes, alt: str) -> str:
    """Return HTML of one picture (H, W, 4), pixel for pixel."""
    return f'<div class="vae-sheet">{_picture(grid, alt)}</div>'


def line(rows: Sequence[Bytes | Floats], side: int, alt: str) -> str:
    """Return HTML of columns of images, image i of every row in column i; the window shows as many
    whole columns as fit side by side. Each image is at most `side` pixels wide and high, or its
    own size."""
    stacks = [tiles.pixels(row) for row in rows]
    scale = max(1, side // max(stacks[0].shape[1:3]))
    columns = [
        tiles.strip([stack[i : i + 1] for stack in stacks], 1, scale=scale)
        for i in range(len(stacks[0]))
    ]
    height = columns[0].shape[0] if columns else 0
    pictures = "".join(_picture(column, "") for column in columns)
    return (
        f'<div class="vae-line" role="img" aria-label="{escape(alt)}" '
        f'style="height:{height + 2}px">{pictures}</div>'
    )


def said(words: str) -> str:
    """Return HTML of two muted lines above a picture."""
    return f'<div class="vae-said">{escape(words)}</div>'


def frame(grid: Bytes, axes: tuple[Floats, Floats], titles: tuple[str, str], alt: str) -> str:
    """Return HTML of a grid of tiles (H, W, 4) with axes: the values of the columns from left to
    right and of the rows from top to bottom, (C,) and (R,). One row has no axis."""
    height, width = grid.shape[:2]
    across = _labels(axes[0], width, "left")
    tall = len(axes[1]) > 1
    up = _labels(axes[1], height, "top") if tall else ""
    muted = f'style="color:{colour("muted")}"'
    return (
        f'<div class="vae-frame"><div class="up" {muted}>{escape(titles[1]) if tall else ""}</div>'
        f'<div class="rows">{up}</div>{_picture(grid, alt)}'
        f'<div class="columns" style="width:{width}px">{across}</div>'
        f'<div class="across" {muted}>{escape(titles[0])}</div></div>'
    )


def _labels(values: Floats, length: int, side: str) -> str:
    """Return labels at the middle of their tiles, as many as fit, ends and middle first."""
    pitch = (length + 1) / len(values)
    places = labelled(len(values), pitch)
    return "".join(
        f'<span style="{side}:{(i + 0.5) * pitch - 0.5:.1f}px">{fixed(values[i])}</span>'
        for i in places
    )


def labelled(count: int, pitch: float) -> list[int]:
    """Return which of `count` tiles, `pitch` pixels apart, get a label: at even steps, with both
    ends if a step allows it, else equally far from both ends."""
    least = max(1, math.ceil(LABEL / pitch))
    step = min(range(least, least + 3), key=lambda step: (count - 1) % step)
    return list(range((count - 1) % step // 2, count, step))


def _picture(grid: Bytes, alt: str) -> str:
    return _image(tiles.png(grid), (grid.shape[1], grid.shape[0]), alt)


def _image(png: bytes, size: tuple[int, int], alt: str) -> str:
    return (
        f'<img src="{tiles.data_uri(png)}" width="{size[0]}" height="{size[1]}" '
        f'style="width:{size[0]}px;height:{size[1]}px" alt="{escape(alt)}">'
    )
