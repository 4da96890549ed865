"""The parts of every player: the bar with its buttons and slider, and its component.

A player draws frames in the browser. Its module is the concatenation of JavaScript files: the
charts' `write` and files of this folder.
"""

import html
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from vae.dashboard.learn.lessons import lesson_at
from vae.dashboard.plot import filled
from vae.figures.palette import COLOURS

_HERE = Path(__file__).parent
_FILES = ("map.js", "pictures.js", "clock.js", "transport.js")
_SPEEDS = (2, 4, 8, 16)  # frames per second
_MUTED = f"--vae-muted: light-dark({COLOURS['muted'][0]}, {COLOURS['muted'][1]});"
_SCRUBBER = (
    "The arrow keys go to the previous and the next frame, Home and End to the first and the last "
    "frame; the space bar plays and pauses. Between two saved frames the points move on straight "
    "lines. This movement is interpolation, not training. Pictures switch half-way."
)


def help_button(words: str) -> str:
    """A "?" button that shows a help text on hover."""
    words = html.escape(words)
    return f'<button class="help" aria-label="Help: {words}">?<i>{words}</i></button>'


def lesson_button(words: str, name: str, step: str = "") -> str:
    """A "?" that shows a help text on hover and leads to a lesson, or to one step of it."""
    words, (place, title) = html.escape(words), map(html.escape, lesson_at(name, step))
    return (
        f'<a class="help" href="{place}" target="_blank" rel="noopener" '
        f'aria-label="Help: {words} Lesson: {title}">?<i>{words}<br>Lesson: <u>{title}</u></i></a>'
    )


def bar(more: str = "") -> str:
    """HTML of the buttons, the slider and the speed, with `more` fields before the last button."""
    return f"""<div class="bar">
<button data-part="previous" title="Previous frame (left arrow)">◀</button>
<button data-part="play" title="Play or pause (space)">Play</button>
<button data-part="next" title="Next frame (right arrow)">▶</button>
<input data-part="scrubber" type="range" min="0" step="any" aria-label="Frame">{
        help_button(_SCRUBBER)
    }
<label>Speed <select data-part="speed" aria-label="Speed, frames per second">{
        "".join(f'<option value="{k}">{k} frames/s</option>' for k in _SPEEDS)
    }</select></label>
{more}<button data-part="follow" title="Show each new frame when it arrives">Follow</button>
</div>"""


def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


def component(name: str, label: str, content: str, files: Sequence[str]) -> ComponentRenderer:
    """A component for players with this HTML and these further files."""
    return st.components.v2.component(
        name,
        html=f'<div class="vae-replay" tabindex="0" role="group" aria-label="{label}">{content}'
        "</div>",
        css=f".vae-replay {{ {_MUTED} }}\n" + _read("player.css"),
        js="\n".join([filled("text.js"), *(_read(file) for file in (*_FILES, *files))]),
        isolate_styles=False,
    )
