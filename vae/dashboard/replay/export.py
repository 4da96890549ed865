"""Export of a replay: an animation that is drawn beside the page while it goes on, and the arrays.

Drawing takes seconds to a minute, so a thread does it and says how far it is; it is kept in the
session, so one may leave the page meanwhile.
"""

import threading
from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.replay import npz
from vae.base.records import Hue
from vae.dashboard.replay.view import kept, scene_of
from vae.dashboard.shared import widgets
from vae.figures.replay import Scene
from vae.figures.replay_frame import draw, positions, size
from vae.imaging.animation import animation
from vae.runs import Run

MEMORY = 400e6  # bytes that the pictures of one animation may take
POLL = 0.4  # seconds between two looks at how far it is
DRAWING = 0.8  # the share of the work that is not packing
WIDTHS = {640: "640 px", 960: "960 px", 1280: "1,280 px"}
BETWEEN = {0: "none", 1: "1", 3: "3", 7: "7"}
KEPT = (
    "step, epoch and the data set's rows (index, label) of all frames; latents (T, N, Z) as they "
    "were; aligned (T, N, Z) = latents @ rotation + offset; plane (T, N, 2), the places on the "
    "map; residual (T,), the root mean square distance to the next frame in units of z."
)
HELP = {
    "format": "GIF opens everywhere and has 256 colours. WebP keeps all colours and is smaller.",
    "width": "Width of the picture; its height is 0.56 of it. Larger is sharper and slower to "
    "make.",
    "between": "Pictures between two kept frames, with points moved part of the way: more is "
    "smoother and a larger file.",
    "ms": "How long each picture is shown, in milliseconds. Larger is slower.",
    "dark": "Light letters on a dark ground, as in the dark colour scheme.",
    "raw": "The map of each frame as it was, not turned, mirrored and shifted onto the next.",
    "back": "Play it forth and back, so that it begins again without a jump.",
}


class Wanted(NamedTuple):
    """How an animation is to look."""

    format: str  # "gif" or "webp"
    width: int  # px
    between: int  # pictures between two kept frames
    ms: int  # per picture
    dark: bool
    raw: bool
    back: bool


class Making(threading.Thread):
    """An animation on its way; `content` is there when it is done, `problem` if it failed."""

    def __init__(self, scene: Scene, name: str, wanted: Wanted) -> None:
        super().__init__(name=f"animation of {name}", daemon=True)
        self.scene, self.run_name, self.wanted = scene, name, wanted
        self.share, self.problem = 0.0, ""
        self.content: bytes | None = None
        self.cancelled = threading.Event()

    def run(self) -> None:
        """Draw all pictures, then pack them."""
        try:
            self.content = self._made()
        except (ValueError, OSError, MemoryError) as error:
            self.problem = str(error) or "The memory is full: choose a smaller width."

    def _made(self) -> bytes | None:
        wanted, places = self.wanted, stops(self.scene, self.wanted)
        width, height = size(wanted.width)
        pictures = np.empty((len(places), height, width, 3), np.uint8)
        for k, place in enumerate(places):
            if self.cancelled.is_set():
                return None
            pictures[k] = draw(
                self.scene, float(place), width, self.run_name, wanted.dark, wanted.raw
            )
            self.share = DRAWING * (k + 1) / len(places)
        return animation(pictures, wanted.format, wanted.ms, wanted.back)


def stops(scene: Scene, wanted: Wanted) -> np.ndarray:
    """Where in the sequence the animation has a picture; fewer where they would take too much
    memory."""
    width, height = size(wanted.width)
    most = max(2, int(MEMORY // (3 * width * height)))
    return positions(len(scene.record.step), wanted.between, most)


def export(run: Run, hue: Hue | None) -> None:
    """A button that opens the choices, and what has been made."""
    working = _making(run)
    busy = working is not None and working.is_alive()
    with st.popover("Export", key="replay_export"):
        found = kept(run)
        if found is not None and found.record is not None:
            record, examples = found.record, found.examples
            widgets.download(
                "Aligned frames (.npz)",
                lambda: npz(record, examples),
                f"{run.name}-frames.npz",
                KEPT,
            )
        wanted = _choices(busy)

        @st.fragment(run_every=POLL if busy else None)
        def made() -> None:
            _made(run, hue, wanted, busy)

        made()


def _making(run: Run) -> Making | None:
    found = st.session_state.get("replay_making")
    return found if isinstance(found, Making) and found.run_name == run.name else None


def _choices(busy: bool) -> Wanted:
    st.markdown("**Animation**")
    left, right = st.columns(2)
    form = widgets.choose(
        left, "Format", "replay_format", {"gif": "GIF", "webp": "WebP"}, "gif", HELP["format"]
    )
    width = widgets.choose(right, "Width", "replay_width", WIDTHS, 960, HELP["width"])
    between = widgets.choose(
        left, "Pictures in between", "replay_between", BETWEEN, 3, HELP["between"]
    )
    ms = widgets.whole(
        right, "Time per picture, ms", "replay_ms", (20, 2000, 60), HELP["ms"], step=20
    )
    dark = left.toggle("Dark", key="replay_dark", help=HELP["dark"], persist_state="session")
    raw = right.toggle("Unaligned", key="replay_raw", help=HELP["raw"], persist_state="session")
    back = left.toggle(
        "Forth and back", key="replay_back", help=HELP["back"], persist_state="session"
    )
    return Wanted(form, width, between, ms, dark, raw, back)


def _made(run: Run, hue: Hue | None, wanted: Wanted, busy: bool) -> None:
    """How far it is, what there is, and the button that makes it."""
    making = _making(run)
    if making is not None and making.is_alive():
        word = "Drawing" if making.share < DRAWING else "Packing"
        st.progress(making.share, f"{word}… {100 * making.share:.0f} %")
        if st.button("Cancel", key="replay_cancel"):
            making.cancelled.set()
        return
    if busy:
        st.rerun()
    scene = scene_of(run, hue)
    if scene is None:
        return
    number, (width, height) = len(stops(scene, wanted)), size(wanted.width)
    shown = number if not wanted.back else max(2 * number - 2, 1)
    st.caption(f"{number:,} pictures of {width:,} × {height:,}, {shown * wanted.ms / 1000:.1f} s")
    if st.button("Make the animation", key="replay_make", width="stretch"):
        st.session_state.replay_making = Making(scene, run.name, wanted)
        st.session_state.replay_making.start()
        st.rerun()
    if making is not None and making.problem:
        st.error(making.problem)
    if making is not None and (content := making.content) is not None:
        widgets.download(
            f"Download {making.wanted.format.upper()} ({len(content) / 1e6:.1f} MB)",
            lambda: content,
            f"{run.name}-training.{making.wanted.format}",
            "The animation as it was last made.",
        )
