"""Strips of decoded pictures on a page: a row a path, its name before it, a number behind it.

A strip is one picture of S tiles with hairlines, enlarged by a whole factor and shown pixel for
pixel; the place it starts from has a bar below its tile, so that no pixel is covered. Each tile
says under the pointer where it lies. Lengths are pixels of the screen.
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
NAME = 112  # width of the names before the strips
AFTER = 84  # and of the numbers behind them
GAP = 10  # between these columns
BETWEEN = 7  # between two rows, where the bar stands
MOST = 112  # a tile is so wide at most


class Row(NamedTuple):
    """One path."""

    name: str  # in bold
    about: str  # muted, behind or below the name
    x: Floats  # (S, C, H, W)
    words: Sequence[str]  # where each tile lies, for the pointer
    mark: int | None = None  # the tile that the path starts from
    after: str = ""


def tile_scale(shape: tuple[int, ...], steps: int, rows: int, room: tuple[int, int]) -> int:
    """By what whole number to enlarge tiles (C, H, W) so that so many rows of so many fit into
    the room (width, height), tiles never too small to be read."""
    _, height, width = shape
    wide = ((room[0] + 1) // steps - 1) // width
    tall = (room[1] // max(rows, 1) - BETWEEN) // height
    least = -(-32 // width)
    return max(1, min(wide, max(least, min(tall, MOST // width))))


def width_of(shape: tuple[int, ...], steps: int, scale: int) -> int:
    """How wide a strip is."""
    return steps * (shape[2] * scale + 1) - 1


def strips(
    rows: Sequence[Row],
    scale: int,
    axis: Sequence[str] = (),
    title: str = "",
    heads: tuple[str, str] = ("", ""),
) -> str:
    """HTML: the rows, and above them the places of the columns (S,) with a title, between what
    stands before and behind the rows."""
    pitch = rows[0].x.shape[3] * scale + 1
    width = pitch * len(rows[0].x) - 1
    before, behind = (f'<div class="head">{escape(head)}</div>' for head in heads)
    above = [before, _axis(axis, pitch, title), behind]
    parts = above * bool(axis or any(heads)) + [_row(row, scale) for row in rows]
    columns = f"{NAME}px {width}px {AFTER}px"
    body = "".join(parts)
    return f'<div class="vae-strips" style="grid-template-columns:{columns}">{body}</div>'


def _row(row: Row, scale: int) -> str:
    shown = tiles.tile(row.x, len(row.x), scale=scale)
    height, width = shown.shape[:2]
    pitch = row.x.shape[3] * scale + 1
    muted = colour("muted")
    image = picture(tiles.png(shown), (width, height), row.name)
    places = "".join(f'<i style="width:{pitch}px" title="{escape(w)}"></i>' for w in row.words)
    bar = ""
    if row.mark is not None:
        bar = f'<b style="left:{row.mark * pitch}px;width:{pitch - 1}px" title="start"></b>'
    return (
        f'<div class="name"><b>{escape(row.name)}</b>'
        f'<span style="color:{muted}">{escape(row.about)}</span></div>'
        f'<div class="strip" style="height:{height + BETWEEN}px">{image}'
        f'<div class="places">{places}</div>{bar}</div>'
        f'<div class="after">{escape(row.after)}</div>'
    )


def _axis(labels: Sequence[str], pitch: int, title: str) -> str:
    said = "".join(
        f'<span style="left:{(k + 0.5) * pitch:.1f}px">{escape(labels[k])}</span>'
        for k in html_grid.labelled(len(labels), pitch)
    )
    words = f'<div style="color:{colour("muted")}">{escape(title)}</div>' if title else ""
    return f'<div class="head axis">{words}<div class="ticks">{said}</div></div>'


def picture(content: bytes, size: tuple[int, int], alt: str, kind: str = "png") -> str:
    """HTML: a picture file of this kind and size (width, height), pixel for pixel."""
    source = tiles.data_uri(content).replace("image/png", f"image/{kind}", 1)
    return (
        f'<img src="{source}" width="{size[0]}" height="{size[1]}" '
        f'style="width:{size[0]}px;height:{size[1]}px" alt="{escape(alt)}">'
    )


def captioned(x: Floats, words: Sequence[tuple[str, str]], scale: int, indent: int = 0) -> str:
    """HTML: pictures x (N, C, H, W) side by side, each with words below it, the first of them in
    bold; `indent` pixels from the left."""
    size = (x.shape[3] * scale, x.shape[2] * scale)
    figures = "".join(
        f"<figure>{picture(content, size, bold)}<figcaption><b>{escape(bold)}</b><br>"
        f"{escape(plain)}</figcaption></figure>"
        for content, (bold, plain) in zip(tiles.tile_pngs(x, scale), words, strict=True)
    )
    return f'<div class="vae-large" style="margin-left:{indent}px">{figures}</div>'
