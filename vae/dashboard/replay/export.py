"""Export of a replay: an animation as GIF or WebP, and the arrays as .npz.

A thread draws the animation, which takes seconds to a minute, and reports its progress. The
session stores the thread, so that a person can leave the page meanwhile.
"""

from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

from vae.analysis.replay import npz
from vae.base.foreign import markdown
from vae.base.numbers import fixed, percent, plural
from vae.base.records import Hue
from vae.dashboard.replay.film import (
    DRAWING,
    AnimationJob,
    AnimationRequest,
    Film,
    picture_positions,
)
from vae.dashboard.replay.view import saved_frames, scene_of
from vae.dashboard.shared import widgets
from vae.figures.replay import Scene
from vae.figures.replay_frame import View, draw, size
from vae.runs import Run
from vae.runs.result_keys import run_key

POLL = 0.4  # seconds between two updates of the progress bar
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
    "width": "Width of the animation; its height follows. Larger is sharper and takes longer to "
    "draw.",
    "between": "Interpolated pictures between two saved frames. More give a smoother animation "
    "and a larger file.",
    "ms": "Duration of each picture in milliseconds. Larger is slower.",
    "dark": "Light text on a dark background, as in the dark theme.",
    "raw": "Draw the map of each frame without rotating, mirroring or shifting it onto the next.",
    "back": "Play forwards and then backwards, so that the animation repeats without a jump.",
}


class Arrays(NamedTuple):
    """The arrays of all frames as a file."""

    name: str
    make: Callable[[], bytes]


def export(film: Film, arrays: Arrays | None) -> None:
    """A popover with the choices of the animation and the downloads; without `arrays` the film is
    always aligned."""
    job = _job_of(film)
    busy = job is not None and job.is_alive()
    with st.popover("Export", key="replay_export"):
        if arrays is not None:
            widgets.download("Aligned frames (.npz)", arrays.make, arrays.name, ARRAYS)
        request = _choices(with_raw=arrays is not None)

        @st.fragment(run_every=POLL if busy else None)
        def animation_() -> None:
            _animation(film, request, busy)

        animation_()


def film_of(run: Run, scene: Scene) -> Film:
    """The film of one run."""
    return Film(
        f"{run.name}-training",
        run_key(run),
        len(scene.record.step),
        size,
        lambda place, request: draw(
            View(scene, place, request.dark, request.raw), request.width, run.name
        ),
    )


def export_of(run: Run, hue: Hue | None) -> None:
    """The exports of one run, if it has frames."""
    scene, found = scene_of(run, hue), saved_frames(run)
    if scene is not None and found is not None:
        name = f"{run.name}-frames.npz"
        arrays = Arrays(name, lambda: npz(scene.record, found.examples))
        export(film_of(run, scene), arrays)


def _job_of(film: Film) -> AnimationJob | None:
    """The last animation of this film in this session."""
    job = st.session_state.get("replay_job")
    return job if isinstance(job, AnimationJob) and job.film.key == film.key else None


def _choices(with_raw: bool) -> AnimationRequest:
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
    raw = with_raw and right.toggle(
        "Unaligned", key="replay_raw", help=HELP["raw"], persist_state="session"
    )
    back = left.toggle(
        "Forwards and back", key="replay_back", help=HELP["back"], persist_state="session"
    )
    return AnimationRequest(form, width, between, ms, dark, raw, back)


def _animation(film: Film, request: AnimationRequest, busy: bool) -> None:
    """Progress of the animation, or the button that starts one and the last result."""
    job = _job_of(film)
    if job is not None and job.is_alive():
        word = "Drawing" if job.share < DRAWING else "Encoding"
        st.progress(job.share, f"{word}… {percent(job.share, 0)}")
        widgets.press("Cancel", "replay_cancel", job.cancelled.set)
        return
    if busy:
        st.rerun()
    st.caption(_size(film, request))
    widgets.press(
        "Draw the animation", "replay_make", lambda: _start(film, request), width="stretch"
    )
    if job is not None and job.problem:
        st.error(markdown(job.problem))
    if job is not None and (content := job.content) is not None:
        widgets.download(
            f"Download {FORMATS[job.request.format]} ({len(content) / 1e6:.1f} MB)",
            lambda: content,
            f"{film.name}.{job.request.format}",
            "The animation that was drawn last.",
        )


def _start(film: Film, request: AnimationRequest) -> None:
    """Start the thread that draws the animation."""
    job = AnimationJob(film, request)
    st.session_state.replay_job = job
    job.start()


def _size(film: Film, request: AnimationRequest) -> str:
    """Number, size and duration of the pictures."""
    number, (width, height) = len(picture_positions(film, request)), film.size(request.width)
    played = max(2 * number - 2, 1) if request.back else number
    seconds = played * request.ms / 1000
    return f"{plural(number, 'picture')} of {width:,} × {height:,}, {fixed(seconds, 1)} s"
