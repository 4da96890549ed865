"""HTML of decoded paths: a strip of S tiles for each path, with its name and a number beside it.

A strip is one image of S tiles with thin lines between them, enlarged by an integer factor. A bar
below a tile marks the start of the path. A tile shows its position in latent space on hover.
Lengths are pixels of the screen.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from vae.base.records import Floats
from vae.dashboard.shared import html_grid
from vae.dashboard.shared.html_gallery import colour
from vae.imaging import tiles

STYLE = Path(__file__).with_name("traversals.css")
NAME = 112  # width of the names left of the strips
NUMBER = 84  # width of the numbers right of them
GAP = 10  # between these columns
BETWEEN = 7  # between two strips, for the bar
MOST = 112  # greatest width of a tile
READABLE = 32  # least width of a tile


class Strip(NamedTuple):
    """The decoded pictures of one path."""

    name: str  # in bold
    note: str  # in muted text after the name
    x: Floats  # (S, C, H, W)
    positions: Sequence[str]  # text of each tile on hover
    start: int | None = None  # index of the tile at the start
    number: str = ""  # right of the strip


def tile_scale(shape: tuple[int, ...], steps: int, rows: int, room: tuple[int, int]) -> int:
    """The integer factor that enlarges tiles (C, H, W) so that `rows` strips of `steps` tiles fit
    into the room (width, height). Tiles stay wide enough to be readable."""
    _, height, width = shape
    wide = ((room[0] + 1) // steps - 1) // width
    tall = (room[1] // max(rows, 1) - BETWEEN) // height
    least = -(-READABLE // width)
    return max(1, min(wide, max(least, min(tall, MOST // width))))


def width_of(shape: tuple[int, ...], steps: int, scale: int) -> int:
    """The width of a strip."""
    return steps * (shape[2] * scale + 1) - 1


def strips(
    rows: Sequence[Strip],
    scale: int,
    axis: Sequence[str] = (),
    title: str = "",
    heads: tuple[str, str] = ("", ""),
) -> str:
    """HTML of the strips below an axis: labels of the columns (S,) and a title.

    `heads` are the titles of the columns left and right of the strips.
    """
    pitch = rows[0].x.shape[3] * scale + 1
    width = pitch * len(rows[0].x) - 1
    before, behind = (f'<div class="head">{escape(head)}</div>' for head in heads)
    above = [before, _axis(axis, pitch, title), behind]
    parts = above * bool(axis or any(heads)) + [_row(row, scale) for row in rows]
    columns = f"{NAME}px {width}px {NUMBER}px"
    body = "".join(parts)
    return f'<div class="vae-strips" style="grid-template-columns:{columns}">{body}</div>'


def _row(row: Strip, scale: int) -> str:
    """Name, image and number of one strip."""
    tiled = tiles.tile(row.x, len(row.x), scale=scale)
    height, width = tiled.shape[:2]
    pitch = row.x.shape[3] * scale + 1
    muted = colour("muted")
    image = picture(tiles.png(tiled), (width, height), row.name)
    places = "".join(
        f'<i style="width:{pitch}px" title="{escape(text)}"></i>' for text in row.positions
    )
    bar = ""
    if row.start is not None:
        bar = f'<b style="left:{row.start * pitch}px;width:{pitch - 1}px" title="start"></b>'
    return (
        f'<div class="name"><b>{escape(row.name)}</b>'
        f'<span style="color:{muted}">{escape(row.note)}</span></div>'
        f'<div class="strip" style="height:{height + BETWEEN}px">{image}'
        f'<div class="places">{places}</div>{bar}</div>'
        f'<div class="after">{escape(row.number)}</div>'
    )


def _axis(labels: Sequence[str], pitch: int, title: str) -> str:
    """The labels above the columns, and the title above these."""
    ticks = "".join(
        f'<span style="left:{(k + 0.5) * pitch:.1f}px">{escape(labels[k])}</span>'
        for k in html_grid.labelled(len(labels), pitch)
    )
    words = f'<div style="color:{colour("muted")}">{escape(title)}</div>' if title else ""
    return f'<div class="head axis">{words}<div class="ticks">{ticks}</div></div>'


def picture(content: bytes, size: tuple[int, int], alt: str, kind: str = "png") -> str:
    """HTML of an image file of this kind and size (width, height)."""
    source = tiles.data_uri(content).replace("image/png", f"image/{kind}", 1)
    return (
        f'<img src="{source}" width="{size[0]}" height="{size[1]}" '
        f'style="width:{size[0]}px;height:{size[1]}px" alt="{escape(alt)}">'
    )


def captioned(x: Floats, words: Sequence[tuple[str, str]], scale: int, indent: int = 0) -> str:
    """HTML of pictures x (N, C, H, W) side by side, `indent` pixels from the left. `words` are the
    caption of each: a bold line and a plain line."""
    size = (x.shape[3] * scale, x.shape[2] * scale)
    figures = "".join(
        f"<figure>{picture(content, size, bold)}<figcaption><b>{escape(bold)}</b><br>"
        f"{escape(plain)}</figcaption></figure>"
        for content, (bold, plain) in zip(tiles.tile_pngs(x, scale), words, strict=True)
    )
    return f'<div class="vae-large" style="margin-left:{indent}px">{figures}</div>'
