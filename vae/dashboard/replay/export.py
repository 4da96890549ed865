"""Export of a replay: an animation as GIF or WebP, and the arrays as .npz.

A thread draws the animation, which takes seconds to a minute, and reports its progress. The
session stores the thread, so that a person can leave the page meanwhile.
"""

import threading
from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.replay import npz
from vae.base.foreign import markdown
from vae.base.numbers import fixed, percent
from vae.base.records import Hue
from vae.dashboard.replay.view import saved_frames, scene_of
from vae.dashboard.shared import widgets
from vae.figures.replay import Scene
from vae.figures.replay_frame import View, draw, positions, size
from vae.imaging.animation import animation
from vae.runs import Run
from vae.runs.result_keys import run_key

MEMORY = 400e6  # bytes that the images of one animation may take
POLL = 0.4  # seconds between two updates of the progress bar
DRAWING = 0.8  # share of drawing in the progress; the rest is encoding
FORMATS = {"gif": "GIF", "webp": "WebP"}
WIDTHS = {640: "640 px", 960: "960 px", 1280: "1,280 px"}
BETWEEN = {0: "none", 1: "1", 3: "3", 7: "7"}
ARRAYS = (
    "Of all frames: step, epoch, and index and label of the examples; latents (T, N, Z) without "
    "alignment; aligned (T, N, Z) = latents @ rotation + offset; plane (T, N, 2), the coordinates "
    "on the map; residual (T,), the root mean square distance to the next frame in units of z."
)
HELP = {
    "format": "GIF opens everywhere and has 256 colours. WebP keeps all colours and is smaller.",
    "width": "Width of the animation; its height is 0.56 of the width. Larger is sharper and "
    "takes longer to draw.",
    "between": "Interpolated pictures between two saved frames. More give a smoother animation "
    "and a larger file.",
    "ms": "Duration of each picture in milliseconds. Larger is slower.",
    "dark": "Light text on a dark background, as in the dark theme.",
    "raw": "Draw the map of each frame without rotating, mirroring or shifting it onto the next.",
    "back": "Play forwards and then backwards, so that the animation repeats without a jump.",
}


class AnimationRequest(NamedTuple):
    """The chosen format, size and timing of an animation."""

    format: str  # "gif" or "webp"
    width: int  # px
    between: int  # interpolated pictures between two saved frames
    ms: int  # per picture
    dark: bool
    raw: bool  # without alignment
    back: bool  # forwards and backwards


class AnimationJob(threading.Thread):
    """A thread that draws and encodes an animation.

    `share` is its progress in [0, 1]; at the end `content` holds the file or `problem` the error.
    """

    def __init__(self, scene: Scene, run: Run, request: AnimationRequest) -> None:
        super().__init__(name=f"animation of {run.name}", daemon=True)
        self.scene, self.run_name, self.request = scene, run.name, request
        self.run_key = run_key(run)
        self.share, self.problem = 0.0, ""
        self.content: bytes | None = None
        self.cancelled = threading.Event()

    def run(self) -> None:
        """Draw all pictures, then encode them."""
        try:
            self.content = self._animation()
        except (ValueError, OSError, MemoryError) as error:
            self.problem = str(error) or "Not enough memory: choose a smaller width."

    def _animation(self) -> bytes | None:
        request, places = self.request, picture_positions(self.scene, self.request)
        width, height = size(request.width)
        pictures = np.empty((len(places), height, width, 3), np.uint8)
        for k, place in enumerate(places):
            if self.cancelled.is_set():
                return None
            view = View(self.scene, float(place), request.dark, request.raw)
            pictures[k] = draw(view, width, self.run_name)
            self.share = DRAWING * (k + 1) / len(places)
        return animation(pictures, request.format, request.ms, request.back)


def picture_positions(scene: Scene, request: AnimationRequest) -> np.ndarray:
    """Positions of the pictures in 0 … T - 1; fewer where they would take too much memory."""
    width, height = size(request.width)
    most = max(2, int(MEMORY // (3 * width * height)))
    return positions(len(scene.record.step), request.between, most)


def export(run: Run, hue: Hue | None) -> None:
    """A popover with the choices of the animation and the downloads."""
    job = _job_of(run)
    busy = job is not None and job.is_alive()
    with st.popover("Export", key="replay_export"):
        found = saved_frames(run)
        if found is not None and found.record is not None:
            record, examples = found.record, found.examples
            widgets.download(
                "Aligned frames (.npz)",
                lambda: npz(record, examples),
                f"{run.name}-frames.npz",
                ARRAYS,
            )
        request = _choices()

        @st.fragment(run_every=POLL if busy else None)
        def animation_() -> None:
            _animation(run, hue, request, busy)

        animation_()


def _job_of(run: Run) -> AnimationJob | None:
    """The last animation of this run in this session."""
    found = st.session_state.get("replay_job")
    return found if isinstance(found, AnimationJob) and found.run_key == run_key(run) else None


def _choices() -> AnimationRequest:
    """Widgets for format, size and timing."""
    st.markdown("**Animation**")
    left, right = st.columns(2)
    form = widgets.choose(left, "Format", "replay_format", FORMATS, "gif", HELP["format"])
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
        "Forwards and back", key="replay_back", help=HELP["back"], persist_state="session"
    )
    return AnimationRequest(form, width, between, ms, dark, raw, back)


def _animation(run: Run, hue: Hue | None, request: AnimationRequest, busy: bool) -> None:
    """Progress of the animation, or the button that starts one and the last result."""
    job = _job_of(run)
    if job is not None and job.is_alive():
        word = "Drawing" if job.share < DRAWING else "Encoding"
        st.progress(job.share, f"{word}… {percent(job.share, 0)}")
        widgets.press("Cancel", "replay_cancel", job.cancelled.set)
        return
    if busy:
        st.rerun()
    scene = scene_of(run, hue)
    if scene is None:
        return
    st.caption(_size(scene, request))
    widgets.press(
        "Draw the animation", "replay_make", lambda: _start(scene, run, request), width="stretch"
    )
    if job is not None and job.problem:
        st.error(markdown(job.problem))
    if job is not None and (content := job.content) is not None:
        widgets.download(
            f"Download {FORMATS[job.request.format]} ({len(content) / 1e6:.1f} MB)",
            lambda: content,
            f"{run.name}-training.{job.request.format}",
            "The animation that was drawn last.",
        )


def _start(scene: Scene, run: Run, request: AnimationRequest) -> None:
    """Start the thread that draws the animation."""
    job = AnimationJob(scene, run, request)
    st.session_state.replay_job = job
    job.start()


def _size(scene: Scene, request: AnimationRequest) -> str:
    """Number, size and duration of the pictures."""
    number, (width, height) = len(picture_positions(scene, request)), size(request.width)
    played = max(2 * number - 2, 1) if request.back else number
    seconds = played * request.ms / 1000
    return f"{number:,} pictures of {width:,} × {height:,}, {fixed(seconds, 1)} s"
