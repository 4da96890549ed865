"""Pictures or series side by side as HTML, each with a caption below it and a text under the
pointer.

Each tile is a separate image, enlarged by a whole factor without smoothing, so that captions can
be read, selected and searched.
"""

import base64
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from vae.base.records import UNSCALED, Domain, Floats
from vae.figures.palette import CLASSES, COLOURS
from vae.imaging import curves
from vae.imaging.tiles import data_uri, tile_pngs

LEAST = 44  # smallest width of a tile, pixels

_STYLE = """<style>
.vae-gallery { display: grid; gap: 10px 4px; justify-content: start;
  grid-template-columns: repeat(auto-fill, %dpx); font-size: 11px; line-height: 1.25; }
.vae-gallery figure { margin: 0; text-align: center; }
.vae-gallery img { display: block; width: %dpx; height: %dpx; image-rendering: pixelated;
  margin-bottom: 1px; outline: 0.5px solid rgba(128, 128, 128, 0.44); }
.vae-gallery figcaption { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
</style>"""


class Caption(NamedTuple):
    """The texts of one tile."""

    name: str  # first line below it, "" for none
    numbers: tuple[tuple[str, str], ...]  # second line: (text, colour of the palette)
    title: str  # under the pointer


def colour(name: str) -> str:
    """Return a colour of the palette as CSS for the light and the dark theme."""
    light, dark = COLOURS[name]
    return f"light-dark({light}, {dark})"


def gallery(rows: Sequence[Floats], captions: Sequence[Caption], domain: Domain = UNSCALED) -> str:
    """Return HTML with a column of images for each caption; each of `rows` is (N, C, H, W). Series
    (N, C, T) lie over each other, the first of two paler, in the scale of the domain."""
    if rows[0].ndim == 3:
        return _curves([domain.rescale(row) for row in rows], captions)
    height, width = rows[0].shape[2:]
    scale = -(-LEAST // width)
    sources = [[data_uri(png) for png in tile_pngs(row)] for row in rows]
    tiles = [
        _figure([f'<img src="{source}" alt="">' for source in column], caption)
        for *column, caption in zip(*sources, captions, strict=True)
    ]
    style = _STYLE % (scale * width, scale * width, scale * height)
    return f'{style}<div class="vae-gallery">{"".join(tiles)}</div>'


def _curves(rows: Sequence[Floats], captions: Sequence[Caption]) -> str:
    """Return HTML of series."""
    width, ends = rows[0].shape[1], curves.ends_of(rows)
    names = ("text", "reconstruction")[-len(rows) :]
    inks = [curves.Ink([colour(name)]) for name in names]
    if width > 1:
        channels = [colour(f"class{k}") for k in range(CLASSES)]
        inks = [curves.Ink(channels, 0.4 if k + 1 < len(rows) else 1) for k in range(len(rows))]
    tiles = [
        _figure([f'<img src="{_uri(curves.curve_svg(layers, inks, ends))}" alt="">'], caption)
        for *layers, caption in zip(*rows, captions, strict=True)
    ]
    style = _STYLE % (curves.WIDTH, curves.WIDTH, curves.HEIGHT)
    return f'{style}<div class="vae-gallery">{"".join(tiles)}</div>'


def _uri(svg: str) -> str:
    """Return a drawing in SVG as a URL for HTML."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _figure(pictures: Sequence[str], caption: Caption) -> str:
    title = escape(caption.title)
    name = f"<b>{escape(caption.name)}</b><br>" if caption.name else ""
    numbers = " ".join(
        f'<span style="color:{colour(tint)}">{escape(text)}</span>'
        for text, tint in caption.numbers
    )
    drawn = "".join(pictures)
    return f'<figure title="{title}">{drawn}<figcaption>{name}{numbers}</figcaption></figure>'


def figures_line(values: Sequence[tuple[str, str, str]]) -> str:
    """HTML: quantities side by side, each (title, value with unit, colour of the palette)."""
    cells = "".join(
        f'<div><div style="font-size:12px;color:{colour("muted")}">{escape(title)}</div>'
        f'<div style="font-size:18px;font-weight:600;white-space:nowrap;'
        f'color:{colour(tint)}">{escape(value)}</div>'
        "</div>"
        for title, value, tint in values
    )
    return f'<div style="display:flex;gap:4px 20px;flex-wrap:wrap">{cells}</div>'


def counts_line(counts: Sequence[tuple[str, int, int, str]]) -> str:
    """HTML: classes and how many of each are selected, (name, count, number of all, colour of the
    palette)."""
    return " ".join(
        '<span style="display:inline-block;white-space:nowrap;margin-right:10px;font-size:13px">'
        '<span style="display:inline-block;width:9px;height:9px;border-radius:50%;'
        f'margin-right:4px;background:{colour(tint)}"></span>'
        f"{escape(name)} {count:,} / {total:,}</span>"
        for name, count, total, tint in counts
    )
